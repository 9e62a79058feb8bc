//! `kreplay keys`: lists the keys of the console that are in force.

use std::path::Path;

use clap::Args;
use kreplay_console::{
    action::{Action, CATALOGUE, Group},
    key::{Key, Mode},
    keymap::{Keymap, ModeKeys},
};
use kreplay_model::feed::cells::{padding, width};
use serde::Serialize;

use super::{
    CliError,
    args::{FileArgs, format::FormatArgs},
};
use crate::config::{Config, Environment, Overrides};

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
}

/// Returns the text for standard output.
pub(super) fn execute(args: &KeysArgs, environment: &Environment, directory: &Path) -> Result<String, CliError> {
    let overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    let rows = rows(&Config::load(&overrides, environment, directory)?.console.keymap);
    if !args.format.is_json() {
        return Ok(table(&rows));
    }
    let text = serde_json::to_string_pretty(&rows);
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the list cannot be written: {error}")))
}

/// The keys of all actions, in the order of the help.
fn rows(keymap: &Keymap) -> Vec<Row> {
    let of_group = |group| CATALOGUE.iter().filter(move |entry| entry.group == group);
    let actions = Group::ALL.into_iter().flat_map(of_group).map(|entry| entry.action);
    actions.flat_map(|action| keymap.by_mode(action).into_iter().map(move |bound| row(action, &bound))).collect()
}

fn row(action: Action, bound: &ModeKeys) -> Row {
    let notations = |keys: &[Key]| keys.iter().map(|key| key.notation()).collect();
    Row {
        action: action.name(),
        keys: notations(&bound.keys),
        modes: bound.modes.iter().map(|mode| mode.name()).collect(),
        about: action.entry().about,
        default: notations(&bound.default),
    }
}

const TITLES: [&str; 4] = ["ACTION", "KEYS", "WHERE", "WHAT IT DOES"];

fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let keys = if row.keys.is_empty() { "unbound".into() } else { row.keys.join(" ") };
        let modes = if row.modes.len() == Mode::ALL.len() { "everywhere".into() } else { row.modes.join(", ") };
        [row.action.clone(), keys, modes, row.about.to_owned()]
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
