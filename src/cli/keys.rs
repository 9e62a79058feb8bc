//! `kreplay keys`: lists the keys of the console that are in force.

use std::path::Path;

use clap::Args;
use kreplay_console::{
    action::{Action, CATALOGUE, Group},
    key::{Key, Mode},
    keymap::{Keymap, ModeKeys},
};
use kreplay_model::{
    domain::printable,
    feed::{
        cells::{padding, width},
        report::printable_json,
    },
};
use serde::Serialize;

use super::{
    CliError,
    args::{FileArgs, format::FormatArgs},
};
use crate::config::{ConfigError, Environment, LoadedKeymap, Problem};

/// The flags of `keys`.
#[derive(Args, Clone)]
pub struct KeysArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// The keys of an action in some modes, as JSON.
#[derive(Serialize)]
struct Row {
    /// The name of the action in `[console.keys]`.
    action: String,
    /// The keys in force.
    keys: Vec<String>,
    /// The modes in which these keys are bound.
    modes: Vec<&'static str>,
    /// What the action does.
    about: &'static str,
    /// The keys without changes by the configuration.
    default: Vec<String>,
    /// Why the keys of the configuration cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// The list, and what is wrong with `[console.keys]`.
pub(super) struct Listed {
    /// The text for standard output.
    pub(super) text: String,
    /// The problems, with which the console would not start. The list then has the keys that remain.
    pub(super) problems: Option<ConfigError>,
}

/// Lists the keys. An action that a problem concerns is marked.
pub(super) fn execute(args: &KeysArgs, environment: &Environment, directory: &Path) -> Result<Listed, CliError> {
    let LoadedKeymap { keymap, problems } = LoadedKeymap::load(args.file.config.as_deref(), environment, directory)?;
    let rows = rows(&keymap, &problems);
    let text = if args.format.is_json() {
        printable_json(&rows).map_err(|error| CliError::Failed(format!("the list cannot be written: {error}")))?
    } else {
        table(&rows)
    };
    Ok(Listed { text, problems: (!problems.is_empty()).then_some(ConfigError::Invalid(problems)) })
}

/// The keys of all actions, in the order of the help.
fn rows(keymap: &Keymap, problems: &[Problem]) -> Vec<Row> {
    let of_group = |group| CATALOGUE.iter().filter(move |entry| entry.group == group);
    let actions = Group::ALL.into_iter().flat_map(of_group).map(|entry| entry.action);
    let rows = |action: Action| {
        let key = format!("console.keys.{}", action.name());
        let problem = problems.iter().find(|problem| problem.key.as_ref() == Some(&key));
        let problem = problem.map(|problem| problem.message.clone());
        let with_problem = move |bound: ModeKeys| Row { problem: problem.clone(), ..row(action, &bound) };
        keymap.by_mode(action).into_iter().map(with_problem)
    };
    actions.flat_map(rows).collect()
}

fn row(action: Action, bound: &ModeKeys) -> Row {
    let notations = |keys: &[Key]| keys.iter().map(|key| key.notation()).collect();
    Row {
        action: action.name(),
        keys: notations(&bound.keys),
        modes: bound.modes.iter().map(|mode| mode.name()).collect(),
        about: action.entry().about,
        default: notations(&bound.default),
        problem: None,
    }
}

const TITLES: [&str; 4] = ["ACTION", "KEYS", "WHERE", "WHAT IT DOES"];

fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let keys = if row.keys.is_empty() { "unbound".into() } else { row.keys.join(" ") };
        let modes = if row.modes.len() == Mode::ALL.len() { "everywhere".into() } else { row.modes.join(", ") };
        let about = match &row.problem {
            Some(problem) => format!("{} (! {})", row.about, printable(problem)),
            None => row.about.to_owned(),
        };
        [row.action.clone(), keys, modes, about]
    };
    let lines: Vec<[String; 4]> = std::iter::once(TITLES.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let widths: [usize; 4] =
        std::array::from_fn(|column| lines.iter().map(|line| width(&line[column])).max().unwrap_or_default());
    let mut text = String::new();
    for [action, keys, modes, about] in lines {
        for (cell, cells) in [action, keys, modes].iter().zip(widths) {
            text.extend([cell, padding(cell, cells).as_str(), "  "]);
        }
        text.extend([about.as_str(), "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn run(flags: &[&str], file: &str) -> Result<String, CliError> {
        listed(flags, file).map(|listed| listed.text)
    }

    fn listed(flags: &[&str], file: &str) -> Result<Listed, CliError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kreplay.toml"), file).unwrap();
        let cli = Cli::try_parse_from([&["kreplay", "keys"], flags].concat()).unwrap();
        let Some(Command::Keys(args)) = cli.command else { panic!("another command") };
        execute(&args, &Environment::default(), dir.path())
    }

    fn line<'a>(table: &'a str, action: &str) -> Vec<&'a str> {
        let lines: Vec<&str> = table.lines().filter(|line| line.split(' ').next() == Some(action)).collect();
        let [line] = lines[..] else { panic!("{action}: {lines:?}") };
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
    }

    #[test]
    fn the_table_has_all_actions_and_follows_the_configuration() {
        let table = run(&[], "[console.keys]\nstop = 'alt-x'\nrestart = []\n").unwrap();
        assert_eq!(line(&table, "ACTION"), TITLES);
        assert_eq!(line(&table, "toggle-pause"), ["toggle-pause", "p space", "dashboard", "Pause or resume"]);
        assert_eq!(line(&table, "stop")[..3], ["stop", "alt-x", "dashboard"]);
        assert_eq!(line(&table, "restart")[..3], ["restart", "unbound", "dashboard"]);
        assert_eq!(line(&table, "interrupt")[..3], ["interrupt", "ctrl-c", "everywhere"]);
        for entry in CATALOGUE {
            let name = entry.action.name();
            assert!(table.lines().any(|line| line.split(' ').next() == Some(name.as_str())), "{name}");
        }
    }

    #[test]
    fn json_has_keys_modes_and_defaults() {
        let json = run(&["--json"], "[console.keys]\nstop = ['alt-x', 'f9']\n").unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        let of = |action: &str| rows.iter().filter(|row| row["action"] == action).cloned().collect::<Vec<_>>();
        assert_eq!(
            of("stop"),
            [serde_json::json!({
                "action": "stop",
                "keys": ["alt-x", "f9"],
                "modes": ["dashboard"],
                "about": "Stop the run; records in flight are finished",
                "default": ["x"],
            })]
        );
        let auto = of("toggle-auto");
        assert_eq!(
            (&auto[0]["keys"][0], &auto[1]["keys"][0]),
            (&"a".into(), &"A".into()),
            "keys differ from place to place"
        );
    }

    #[test]
    fn keys_that_cannot_be_used_are_marked_and_all_others_are_listed() {
        let file = "[console.keys]\nstop = 'p'\nno-such-action = 'x'\nrestart = 'f9'\n[run]\nbatch = 'many'\n";
        let found = listed(&[], file).unwrap();
        assert_eq!(line(&found.text, "stop")[..3], ["stop", "x", "dashboard"]);
        assert!(line(&found.text, "stop")[3].contains("(! the key p is also bound to toggle-pause"), "{}", found.text);
        assert_eq!(line(&found.text, "restart")[..3], ["restart", "f9", "dashboard"]);
        let problems = found.problems.unwrap().to_string();
        let [first, second] = problems.lines().collect::<Vec<_>>()[..] else { panic!("{problems}") };
        assert!(first.ends_with("or set console.keys.toggle-pause to other keys"), "{first}");
        assert!(second.contains("console.keys.no-such-action: unknown action"), "{second}");
        assert!(listed(&[], "[run]\nbatch = 'many'\n").unwrap().problems.is_none(), "other settings do not matter");
    }

    #[test]
    fn a_file_that_cannot_be_parsed_is_a_problem() {
        let found = listed(&[], "[console.keys\n").unwrap();
        assert!(found.text.contains("toggle-pause"), "{}", found.text);
        assert!(found.problems.unwrap().to_string().contains("not valid TOML"));
    }
}
