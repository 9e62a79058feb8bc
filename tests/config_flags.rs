//! The command line: accepted and rejected flags, and the help.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use clap::{CommandFactory, Parser};
use kreplay::{
    cli::{Cli, CliError, Command, Exit},
    config::{Config, Environment},
};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("kreplay").chain(line.split_whitespace()))
}

fn load(line: &str) -> Result<Config, CliError> {
    let nowhere = tempfile::tempdir().unwrap();
    let (cli, environment, directory) = (parse(line).unwrap(), Environment::default(), nowhere.path());
    match &cli.command {
        None => cli.console.load(&environment, directory),
        Some(Command::Run(args)) => args.load(&environment, directory),
        Some(Command::Demo(args)) => args.load(&environment, directory),
        Some(_) => panic!("not a command with settings for a run"),
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_of_every_command() {
    for path in [&[][..], &["run"], &["demo"], &["bench"], &["config"], &["config", "show"]] {
        let mut command = Cli::command().term_width(100);
        command.build();
        let leaf = path.iter().fold(&mut command, |command, name| command.find_subcommand_mut(name).unwrap());
        let name = if path.is_empty() { "top".into() } else { path.join("-") };
        insta::with_settings!({ snapshot_suffix => name, omit_expression => true }, {
            insta::assert_snapshot!(leaf.render_long_help());
        });
    }
}

#[test]
fn a_simulated_watch_refuses_flags_without_effect() {
    assert!(parse("demo --watch --once").is_ok() && parse("demo --watch --plain --record w.krec").is_ok());
    for flags in [
        "--once --record w.krec",
        "--once --plain",
        "--once --silence r",
        "--concurrency 8",
        "--single-threaded",
        "--handler ndjson:x",
        "--from latest",
        "--keys a",
        "--group g",
        "--rate 5/s",
        "--no-journal",
    ] {
        let error = parse(&format!("demo --watch {flags}")).err().unwrap();
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict, "{flags}");
    }
}

#[test]
fn run_settings_are_set_by_flags() {
    let config = load(
        "run --bootstrap-server a:1 --topics x y --concurrency 3 --ordering none --batch 5 --tier stream --handler ndjson:f --group g \
         -X client.id=i -X fetch.wait.max.ms=5 --theme light",
    )
    .unwrap();
    let settings = &config.run.settings;
    assert_eq!((settings.concurrency.get(), settings.ordering.as_str(), settings.batch.get()), (3, "none", 5));
    assert_eq!((config.run.handler.to_string(), settings.group.as_deref()), ("ndjson:f".into(), Some("g")));
    assert_eq!(settings.tier, kreplay::domain::Tier::Stream);
    assert_eq!(config.kafka.properties.to_map().len(), 2);
    assert_eq!(config.console.theme, "light");
    assert_eq!(config.demo_settings().concurrency.get(), 1);
}

/// Values may start with a hyphen, and repeated flags add to a list.
#[test]
fn ranges_and_filters_are_set_by_flags() {
    let config = load(
        "run --bootstrap-server a:1 --topics x --from -2h --to 2026-01-31 --partition x:3=100..200 --partition 0=..-1m \
         --keys order-* a{b,c} --header k=v --header k=w --json a.b=1 --event-type *Merged --event-type-field json.kind \
         --key-template team:{team_id}",
    )
    .unwrap();
    let scope = &config.run.scope;
    assert_eq!(
        scope.to_string(),
        "from -2h to 2026-01-31T00:00:00Z, partition x:3=100..200, partition 0=..-1m, key team:{team_id}, only key order-* or \
         a{b,c}, header k=v or k=w, json a.b=1, type *Merged"
    );
    assert_eq!(scope.rules.event_type.len(), 1);
    assert_eq!(config.demo.scope.to_string(), "from earliest to latest");
    assert_eq!(
        load("run --bootstrap-server a:1 --topics x --last 5").unwrap().run.scope.range.from.to_string(),
        "last:5"
    );
    let demo = load("demo --from 5 --to never --keys dataset1 --key-template {author}").unwrap();
    assert_eq!(demo.demo.scope.to_string(), "from 5 to never, key {author}, only key dataset1");
    assert_eq!(demo.run.scope.to_string(), "from earliest to latest");
}

#[test]
fn lists_accept_commas_and_common_flags_have_short_names() {
    let config = load(
        "run -b a:1,b:2 -t x,y -g g -H k=v,w -H a=1,b=2 --keys ds1*,customer* a{b,c} --json a=1,b=x,y --event-type A,B \
         --event-type-field header.t,key --partition x:0=1..2,1=..3 --barrier type=M,json.a=1,2",
    )
    .unwrap();
    let run = &config.run;
    assert_eq!(
        (config.kafka.bootstrap_servers.as_deref(), run.settings.group.as_deref()),
        (Some("a:1,b:2"), Some("g"))
    );
    assert_eq!(
        run.scope.to_string(),
        "from earliest to latest, partition x:0=1..2, partition 1=..3, only key ds1* or customer* or a{b,c}, header k=v,w or a=1 or \
         b=2, json a=1 or b=x,y, type A or B"
    );
    assert_eq!(run.scope.rules.event_type.len(), 2);
    let barriers: Vec<_> = run.scope.rules.barriers.iter().map(ToString::to_string).collect();
    assert_eq!(barriers, ["type=M", "json.a=1,2"]);
}

#[test]
fn protected_topics_may_be_patterns_with_commas_in_braces() {
    let line = "run -b a:1 -t x --protect-group g --max-lag 5 --protect-topics a.{b,c},d --protect-topics e";
    let topics = load(line).unwrap().run.settings.protect_topics;
    assert_eq!(topics.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a.{b,c}", "d", "e"]);
}

#[test]
fn a_single_threaded_run_with_more_workers_is_refused() {
    for line in ["run -b a:1 -t x --single-threaded --concurrency 4", "demo --single-threaded --concurrency auto"] {
        let error = load(line).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--concurrency: a single-threaded run (--single-threaded) has one worker; remove one of the two settings"
        );
    }
    assert!(load("run -b a:1 -t x --single-threaded --concurrency 1").is_ok());
    assert!(load("run -b a:1 -t x --single-threaded").is_ok());
}

#[test]
fn output_format_and_its_old_names_are_accepted() {
    for line in [
        "run -t x --output-format json",
        "run -t x --report json",
        "plan -t x --output-format json",
        "audit -t x --scan --sequence json.seq --rehearse-partitions 24 --fail-on spread,order --output-format json",
        "plan -t x --report text",
        "bench --output-format json",
        "compare -t x --left null --right null --output-format json",
        "runs --output-format json",
        "runs --json",
        "keys --json",
        "keys --output-format text --config c.toml",
        "dlq list -t x --output-format json",
        "dlq show -t x --json",
        "topics create x --output-format json",
        "topics migrate -t x --json",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).err().unwrap());
    }
    assert!(parse("runs --json --output-format text").is_err());
}

#[test]
fn a_wrong_range_names_the_flag_and_what_is_allowed() {
    let error = load("run --bootstrap-server a:1 --topics x --from -2 --partition 3 --key-template team").unwrap_err();
    let text = error.to_string();
    for part in ["--from: `-2` is not", "-DURATION such as -2h", "--partition: `3`", "uses no part of the record"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_demo_has_separate_settings() {
    let config =
        load("demo --datasets 2 --events 10 --partitions 3 --work 2ms --skew zipf:1 --concurrency 4 --group g")
            .unwrap();
    let settings = config.demo_settings();
    assert_eq!((settings.handler.to_string(), settings.concurrency.get()), ("simulate:2ms".into(), 4));
    assert_eq!(settings.group.as_deref(), Some("g"));
    let datasets = config.demo.datasets;
    assert_eq!((datasets.count.get(), datasets.events.get(), datasets.partitions.get()), (2, 10, 3));
    assert_eq!(datasets.skew.to_string(), "zipf:1");
    assert_eq!(load("demo --handler null").unwrap().demo_settings().handler.to_string(), "null");
    assert_eq!(load("demo").unwrap().demo_settings().handler.to_string(), "simulate:1ms");
}

#[test]
fn a_flag_replaces_an_equivalent_setting_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("kreplay.toml"), "[demo]\nhandler = 'null'\n").unwrap();
    let Some(Command::Demo(args)) = parse("demo --work 3ms").unwrap().command else { panic!() };
    let config = args.load(&Environment::default(), dir.path()).unwrap();
    assert_eq!(config.demo_settings().handler.to_string(), "simulate:3ms");
    assert!(config.show(false).contains("work = \"3ms\"  # --work\n"), "{}", config.show(false));
}

#[test]
fn the_console_without_a_cluster_is_the_demo() {
    let config = load("--concurrency 7").unwrap();
    assert_eq!((config.demo_settings().concurrency.get(), config.run.settings.concurrency.get()), (7, 6));
    let config = load("--concurrency 7 --bootstrap-server a:1").unwrap();
    assert_eq!((config.demo_settings().concurrency.get(), config.run.settings.concurrency.get()), (1, 7));
}

#[test]
fn flags_that_need_a_cluster_or_topics_are_refused_without() {
    for (line, part) in [
        ("--topics a", "--topics needs a cluster"),
        ("--topics-regex a", "--topics-regex needs a cluster"),
        ("-X client.id=i", "-X needs a cluster"),
        ("--header a=b", "--header needs a cluster"),
        ("--last 5", "--last needs a cluster"),
        ("run --topics a", "no cluster given"),
        ("run --bootstrap-server a:1", "no topics given"),
    ] {
        let error = load(line).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.exit(), Exit::Usage);
    }
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    for line in [
        "run --topics a --topics-regex b",
        "demo --work 1ms --handler null",
        "demo --topics a",
        "run --last 5 --from 3",
        "demo --header a=b",
        "demo --bootstrap-server a:1",
        "run --output f",
        "run --report xml",
        "run --ordering keys",
        "--concurrency 3 run",
        "run --headles",
        "replay",
    ] {
        let error = parse(line).err().unwrap_or_else(|| panic!("{line}"));
        assert!(error.use_stderr() && error.exit_code() == 2, "{line}");
    }
}

#[test]
fn a_wrong_value_of_a_flag_names_the_flag_and_what_is_allowed() {
    let error = load("demo --concurrency 1001 --skew odd").unwrap_err();
    assert_eq!(
        error.to_string(),
        "--skew: `odd` is not a valid value; allowed: even, or zipf:S with S from 0 to 10\n\
         --concurrency: 1001 is out of range; allowed: auto, or a whole number from 1 to 1000"
    );
}
