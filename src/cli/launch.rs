//! The launch form of a process: what it can choose, and what reads its requests.

use std::{path::Path, sync::Arc};

use kreplay_console::state::{LaunchAccess, LaunchOptions};
use kreplay_engine::{
    plan::{Scope, Selection},
    replay::{RequestReader, RequestedRun},
    settings::Settings,
};
use kreplay_handlers::DryRunMode;
use kreplay_model::control::{FieldProblem, RunField, RunRequest};

use super::{ReportArgs, work};
use crate::config::{Config, Environment, Overrides, RunTable, floor};

/// The launch form of a process, and what reads its requests.
pub(super) struct Launch {
    /// Whether the console has the form.
    pub(super) access: LaunchAccess,
    /// What reads the requests; `None` if there is no form.
    pub(super) requests: Option<RequestReader>,
}

impl Launch {
    /// No form, for this reason.
    pub(super) fn unavailable(reason: &'static str) -> Self {
        Self { access: LaunchAccess::Unavailable(reason.into()), requests: None }
    }

    /// The form over a configuration and the command line that it was loaded with.
    pub(super) fn over(
        config: &Config,
        table: RunTable,
        overrides: &Overrides,
        environment: &Environment,
        directory: &Path,
    ) -> Self {
        if config.kafka.read_only && table == RunTable::Run {
            return Self::unavailable(
                "this configuration is read-only (kafka.read_only); runs cannot be started from the form",
            );
        }
        let floor = match floor(overrides, table, environment, directory) {
            Ok(floor) => floor,
            Err(error) => {
                let reason = format!("without the flags of the run, the configuration is not valid: {error}");
                return Self { access: LaunchAccess::Unavailable(reason.into()), requests: None };
            }
        };
        let options = options(config, table, overrides, floor);
        let (config, environment) = (config.clone(), environment.clone());
        let requests = RequestReader::new(move |request| read(&config, table, &environment, request));
        Self { access: LaunchAccess::Available(Arc::new(options)), requests: Some(requests) }
    }
}

fn options(config: &Config, table: RunTable, overrides: &Overrides, floor: RunRequest) -> LaunchOptions {
    let flags = overrides.other_flags(table);
    let command = if table == RunTable::Run { "run" } else { "demo" };
    let mut words = vec!["kreplay".to_owned(), command.to_owned()];
    words.extend(flags.words);
    LaunchOptions {
        fields: table.fields(),
        defaults: config.request(table),
        floor,
        command: words,
        left_out: flags.left_out,
        topics_regex: overrides.flag_value("run.topics_regex"),
        without_flag: if table == RunTable::Run { Vec::new() } else { vec![RunField::Topics] },
    }
}

/// Reads a request over the configuration of the process.
fn read(
    config: &Config,
    table: RunTable,
    environment: &Environment,
    request: &RunRequest,
) -> Result<RequestedRun, Vec<FieldProblem>> {
    let config = &config.with_request(request, table)?;
    match table {
        RunTable::Run => of_run(config, environment, request),
        RunTable::Demo => of_demo(config, request),
    }
}

fn of_run(config: &Config, environment: &Environment, request: &RunRequest) -> Result<RequestedRun, Vec<FieldProblem>> {
    let selection = config.run.selection().ok_or_else(|| problem(RunField::Topics, &"no topics given"))?;
    let mut settings = config.run_settings();
    settings.dry_run = settings.dry_run.or(request.dry_run.then_some(DryRunMode::Single));
    check(&settings, &selection.scope)?;
    let journal = config.run.journal.enabled.then(|| config.journal_options(environment));
    Ok(RequestedRun { selection, settings, journal })
}

fn of_demo(config: &Config, request: &RunRequest) -> Result<RequestedRun, Vec<FieldProblem>> {
    let scope = config.demo.scope.clone();
    let mut settings = config.demo_settings();
    settings.dry_run = request.dry_run.then_some(DryRunMode::Single);
    if settings.dead_letters() && !config.run.settings.dead_letters() {
        return Err(problem(RunField::OnFailure, &"the demo has no dead-letter topics"));
    }
    let topics = request.value(RunField::Topics).split(',').filter(|name| !name.is_empty());
    let selection = Selection::topics(topics).map_err(|error| problem(RunField::Topics, &error))?.within(scope);
    check(&settings, &selection.scope)?;
    Ok(RequestedRun { selection, settings, journal: None })
}

/// Checks what concerns several settings, as before the start of a process.
fn check(settings: &Settings, scope: &Scope) -> Result<(), Vec<FieldProblem>> {
    if let Some(text) = work::contradiction(settings, scope) {
        return Err(vec![FieldProblem { field: None, text }]);
    }
    if settings.dry_run.is_none() {
        let printed = ReportArgs::default().check_standard_output(&settings.handler, true);
        printed.map_err(|error| problem(RunField::Handler, &error))?;
    }
    Ok(())
}

fn problem(field: RunField, text: &impl ToString) -> Vec<FieldProblem> {
    vec![FieldProblem { field: Some(field), text: text.to_string() }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser as _;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::{Cli, Command};

    fn nowhere() -> &'static Path {
        Path::new("/nowhere")
    }

    /// The configuration of a command line, and its form.
    fn started(words: &[String], environment: &Environment) -> (Config, Launch) {
        let cli = Cli::try_parse_from(words).unwrap();
        match &cli.command {
            Some(Command::Run(args)) => {
                let config = args.load(environment, nowhere()).unwrap();
                let launch = Launch::over(&config, RunTable::Run, &args.settings.overrides(), environment, nowhere());
                (config, launch)
            }
            Some(Command::Demo(args)) => {
                let config = args.load(environment, nowhere()).unwrap();
                let launch = Launch::over(&config, RunTable::Demo, &args.overrides(), environment, nowhere());
                (config, launch)
            }
            _ => panic!("{words:?}"),
        }
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn options(launch: &Launch) -> &LaunchOptions {
        match &launch.access {
            LaunchAccess::Available(options) => options,
            LaunchAccess::Unavailable(reason) => panic!("{reason}"),
        }
    }

    fn value(field: RunField) -> BoxedStrategy<String> {
        let fixed = |words: &'static [&'static str]| prop::sample::select(words).prop_map(str::to_owned).boxed();
        match field {
            RunField::Topics => "[a-z]{2,5}(,[a-z]{1,3}){0,2}".boxed(),
            RunField::Partitions => fixed(&["", "a:0=5..9", "1=..latest,b:2=-1h.."]),
            RunField::From => {
                fixed(&["earliest", "latest", "-90s", "17", "last:5", "2026-01-31T10:00:00Z", "committed:g"])
            }
            RunField::To => fixed(&["latest", "never", "-1s", "99", "2026-01-31T10:00:00.123Z"]),
            RunField::Keys => fixed(&["", "a*", "-x*", r"a\,b,c d", "{a,b}*", "o'clock"]),
            RunField::KeyTemplate => fixed(&["", "team:{team_id}", "{header.a}"]),
            RunField::Headers => fixed(&["", "a=b", "accept=x,y", "a=b c,d=e"]),
            RunField::Json => fixed(&["", "order.currency=EUR", "a=-1"]),
            RunField::EventTypes => fixed(&["", "Order*", "-a,b?"]),
            RunField::Ordering => fixed(&["key", "partition", "none"]),
            RunField::Workers => fixed(&["1", "6", "1000", "auto"]),
            RunField::Rate => fixed(&["off", "5000/s", "10MiB/s"]),
            RunField::Group => fixed(&["", "g 1", "-g"]),
            RunField::OnFailure => fixed(&["fail", "skip", "pause", "dead-letter"]),
            RunField::Handler => {
                fixed(&["null", "simulate:2ms", "csv:out dir", "topic:a.copy", "exec:cat -n 'x y'", "http:http://h/x"])
            }
        }
    }

    /// Settings in which the start of the range has one form: `run.last` is an abbreviation.
    fn with_range_start(mut settings: BTreeMap<String, String>) -> BTreeMap<String, String> {
        if let Some(count) = settings.remove("run.last") {
            settings.insert("run.from".to_owned(), format!("\"last:{count}\""));
        }
        settings
    }

    fn request() -> impl Strategy<Value = RunRequest> {
        let values: Vec<_> = RunField::ALL.iter().map(|field| value(*field)).collect();
        values.prop_map(|values| {
            let values = RunField::ALL.iter().zip(values);
            values.fold(RunRequest::default(), |request, (field, value)| request.with(*field, value))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The command line of a form, parsed by the real parser, has the settings of the run that the form starts.
        #[test]
        fn the_command_line_of_a_form_gives_the_same_run(
            request in request(),
            line in prop::sample::select(&[
                "kreplay run -b h:1 --topics a --batch 7",
                "kreplay run -b h:1 --topics-regex a.* --keys k* --concurrency 3 --group g --handler csv:x",
                "kreplay run -b h:1 --topics a --last 5 --rate 1/s --key-template {id} -H a=b",
            ][..]),
        ) {
            let environment = Environment::default();
            let (base, launch) = started(&words(line), &environment);
            let copied = kreplay_console::state::CommandLine::of(options(&launch), &request);
            prop_assert_eq!(&copied.missing, &Vec::<String>::new());
            let typed = shell_words::split(&copied.text()).unwrap();
            let (config, again) = started(&typed, &environment);
            let chosen = base.with_request(&request, RunTable::Run).unwrap();
            prop_assert_eq!(config.request(RunTable::Run), chosen.request(RunTable::Run));
            // What contradicts itself is refused by both in the same words.
            match launch.requests.unwrap().read(&request) {
                Ok(run) => {
                    let same = again.requests.unwrap().read(&config.request(RunTable::Run)).unwrap();
                    prop_assert_eq!(&run.settings, &config.run_settings());
                    prop_assert_eq!(&run.settings, &same.settings);
                    prop_assert_eq!(run.selection.scope.to_string(), config.run.scope.to_string());
                    let (form, typed) = (run.journal.unwrap().settings, config.journal_options(&environment).settings);
                    prop_assert_eq!(with_range_start(form), with_range_start(typed));
                }
                Err(problems) => {
                    let text = work::contradiction(&config.run_settings(), &config.run.scope);
                    prop_assert_eq!(Some(&problems[0].text), text.as_ref());
                }
            }
        }
    }

    #[test]
    fn what_a_file_or_variable_sets_cannot_be_removed_by_the_command_line() {
        let environment = Environment::from_pairs([("KREPLAY_RUN_GROUP", "g"), ("KREPLAY_RUN_RATE", "9/s")]);
        let (_, launch) = started(&words("kreplay run -b h:1 --topics a"), &environment);
        let options = options(&launch);
        assert_eq!(options.defaults.value(RunField::Group), "g");
        let request = options.defaults.clone().with(RunField::Group, "").with(RunField::Rate, "");
        let line = kreplay_console::state::CommandLine::of(options, &request);
        assert_eq!(line.text(), "kreplay run --bootstrap-server h:1 --topics a --rate off");
        assert_eq!(line.missing, ["group"]);
        let run = launch.requests.as_ref().unwrap().read(&request).unwrap();
        assert_eq!((run.settings.group, run.settings.rate), (None, None));
    }

    #[test]
    fn the_demo_has_its_own_settings() {
        let (config, launch) = started(&words("kreplay demo --datasets 2 --work 2ms"), &Environment::default());
        let request = options(&launch).defaults.clone();
        assert_eq!(request.value(RunField::Topics), "vc.dataset1.events,vc.dataset2.events");
        let read = |request: &RunRequest| launch.requests.as_ref().unwrap().read(request);
        assert_eq!(read(&request).unwrap().settings, config.demo_settings());
        let request = request.with(RunField::Workers, "8").with(RunField::Topics, "vc.dataset2.events");
        let line = kreplay_console::state::CommandLine::of(options(&launch), &request);
        assert_eq!(line.text(), "kreplay demo --datasets 2 --concurrency 8 --handler simulate:2ms");
        assert_eq!(line.missing, ["topics"]);
        let request = request.with(RunField::From, "2026-01-01T00:00:00Z");
        assert!(
            read(&request).unwrap().selection.scope.range.has_times(),
            "they are replaced once the events are known"
        );
    }

    #[test]
    fn contradictions_and_printing_handlers_are_refused_before_a_run_starts() {
        let (_, launch) = started(&words("kreplay run -b h:1 --topics a"), &Environment::default());
        let read = |request: &RunRequest| launch.requests.as_ref().unwrap().read(request).map(drop).unwrap_err();
        let topics = RunRequest::default().with(RunField::Topics, "a");
        assert_eq!(read(&RunRequest::default())[0].field, Some(RunField::Topics));
        let printing = read(&topics.with(RunField::Handler, "ndjson"));
        assert_eq!(printing[0].field, Some(RunField::Handler));
        assert!(printing[0].text.contains("standard output"), "{printing:?}");
    }
}
