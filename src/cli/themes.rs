//! `kreplay themes`: lists the colour themes of the console, and checks their contrast.

use std::{fmt::Write as _, path::Path};

use clap::Args;
use kreplay_console::theme::{BUILT_IN, BuiltIn, Contrast, Theme, ThemeChoice, measure};
use kreplay_model::feed::{
    cells::{padding, width},
    report::printable_json,
};
use serde::Serialize;

use super::{
    CliError, Exit,
    args::{FileArgs, format::FormatArgs},
    console_options::theme_choice,
    print,
};
use crate::config::{Config, Environment, Overrides};

/// The flags of `themes`.
#[derive(Args, Clone)]
pub struct ThemesArgs {
    /// Themes: names or paths of theme files [default: all built-in themes]
    themes: Vec<String>,
    /// Measure the contrast of all text and graphics against their backgrounds
    ///
    /// Text needs a ratio of at least 4.5, graphics 3 (WCAG 2.1, level AA). The exit code is 1 if a theme falls short.
    /// Colours that the terminal defines, such as blue, cannot be measured.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// A theme, as JSON.
#[derive(Serialize)]
struct Row {
    theme: String,
    /// What the theme is for; only of built-in themes.
    about: Option<&'static str>,
    /// Whether the configuration chooses it.
    configured: bool,
    /// The smallest contrast of text; `null` without `--check`, or if no colour can be measured.
    lowest_text_ratio: Option<f64>,
    /// The contrasts that are too small; `null` without `--check`.
    too_low: Option<Vec<TooLow>>,
}

/// A contrast that is too small, as JSON.
#[derive(Serialize)]
struct TooLow {
    role: &'static str,
    on: &'static str,
    ratio: f64,
    required: f64,
}

pub(super) fn execute(args: &ThemesArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let rows = rows(args, configured(args, environment, directory)?.as_ref())?;
    let fails = rows.iter().any(|row| row.too_low.as_ref().is_some_and(|all| !all.is_empty()));
    let text = if args.format.is_json() {
        printable_json(&rows).map_err(|error| CliError::Failed(format!("the list cannot be written: {error}")))?
    } else if args.check {
        rows.iter().map(checked).collect()
    } else {
        list(&rows)
    };
    print(&text)?;
    Ok(if fails { Exit::Failed } else { Exit::Done })
}

/// The theme of the configuration. A configuration with problems chooses none, unless `--config` names it: the list is
/// then shown all the same.
fn configured(args: &ThemesArgs, environment: &Environment, directory: &Path) -> Result<Option<ThemeChoice>, CliError> {
    let overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    match Config::load(&overrides, environment, directory) {
        Ok(config) if args.file.config.is_some() => theme_choice(&config).map(Some),
        Ok(config) => Ok(theme_choice(&config).ok().filter(|choice| Theme::load(choice).is_ok())),
        Err(error) if args.file.config.is_some() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The themes to show: the named ones, or the built-in ones and a theme file of the configuration.
fn rows(args: &ThemesArgs, configured: Option<&ThemeChoice>) -> Result<Vec<Row>, CliError> {
    let usage = |error: kreplay_console::theme::ThemeError| CliError::Usage(error.to_string());
    let choices: Vec<ThemeChoice> = if args.themes.is_empty() {
        let file = configured.filter(|choice| matches!(choice, ThemeChoice::File(_))).cloned();
        BUILT_IN.iter().map(|theme| ThemeChoice::BuiltIn(theme.name)).chain(file).collect()
    } else {
        args.themes.iter().map(|name| name.parse()).collect::<Result<_, _>>().map_err(usage)?
    };
    let row = |choice: ThemeChoice| {
        let theme = Theme::load(&choice)?;
        let name = choice.to_string();
        let about = BUILT_IN.iter().find(|theme| theme.name == name).map(BuiltIn::about);
        let contrasts = args.check.then(|| measure(&theme));
        Ok(Row {
            lowest_text_ratio: contrasts.as_deref().and_then(lowest_of_text).map(rounded),
            too_low: contrasts.map(|all| all.iter().filter(|contrast| !contrast.suffices()).map(too_low).collect()),
            configured: configured == Some(&choice),
            theme: name,
            about,
        })
    };
    choices.into_iter().map(row).collect::<Result<_, _>>().map_err(usage)
}

fn lowest_of_text(contrasts: &[Contrast]) -> Option<f64> {
    let text = contrasts.iter().filter(|contrast| contrast.required >= kreplay_console::theme::TEXT_MIN_RATIO);
    text.map(|contrast| contrast.ratio).min_by(f64::total_cmp)
}

fn too_low(contrast: &Contrast) -> TooLow {
    let &Contrast { role, on, ratio, required } = contrast;
    TooLow { role, on, ratio: rounded(ratio), required }
}

/// Two digits, towards 0: a ratio just below the limit must not look like the limit.
fn rounded(ratio: f64) -> f64 {
    (ratio * 100.0).floor() / 100.0
}

fn list(rows: &[Row]) -> String {
    let widest = rows.iter().map(|row| width(&row.theme)).max().unwrap_or_default();
    let line = |row: &Row| {
        let about = row.about.unwrap_or("A theme file.");
        let configured = if row.configured { " (chosen by the configuration)" } else { "" };
        format!("{}{}  {about}{configured}\n", row.theme, padding(&row.theme, widest))
    };
    rows.iter().map(line).collect()
}

fn checked(row: &Row) -> String {
    let mut text = match row.lowest_text_ratio {
        Some(ratio) => format!("{}: lowest contrast of text {ratio}\n", row.theme),
        None => format!("{}: no measurable colours\n", row.theme),
    };
    for TooLow { role, on, ratio, required } in row.too_low.iter().flatten() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {role} on {on}: {ratio}, but {required} is required");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn args(themes: &[&str], check: bool) -> ThemesArgs {
        let themes = themes.iter().map(ToString::to_string).collect();
        ThemesArgs { themes, check, file: FileArgs::default(), format: FormatArgs::default() }
    }

    #[test]
    fn the_list_has_a_line_for_each_theme() {
        let text = list(&rows(&args(&[], false), None).unwrap());
        assert_eq!(text.lines().count(), BUILT_IN.len());
        assert!(text.starts_with("dark              Light text on a dark background.\n"), "{text}");
    }

    #[test]
    fn a_contrast_that_is_too_low_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pale.toml");
        std::fs::write(&file, "parent = 'light'\n[roles]\nmuted = { fg = '#bbbbbb' }\n").unwrap();
        let found = rows(&args(&[file.to_str().unwrap()], true), None).unwrap();
        let text = checked(&found[0]);
        assert!(text.contains("\n  muted on base: 1.8"), "{text}");
        assert!(text.contains(", but 4.5 is required\n"), "{text}");
    }

    #[test]
    fn an_unknown_theme_is_a_usage_error() {
        assert!(matches!(rows(&args(&["blue"], true), None), Err(CliError::Usage(_))));
    }

    #[test]
    fn the_theme_of_the_configuration_is_marked() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.toml"), "parent = 'light'\n").unwrap();
        let theme_file = dir.path().join("mine.toml").display().to_string();
        let config = dir.path().join("kreplay.toml");
        let listed = |theme: &str, file: Option<PathBuf>| {
            std::fs::write(&config, format!("[console]\ntheme = '{theme}'\n")).unwrap();
            let args = ThemesArgs { file: FileArgs { config: file }, ..args(&[], false) };
            let chosen = configured(&args, &Environment::default(), dir.path())?;
            rows(&args, chosen.as_ref()).map(|rows| list(&rows))
        };
        let text = listed("nord", None).unwrap();
        let marked: Vec<_> = text.lines().filter(|line| line.ends_with("(chosen by the configuration)")).collect();
        assert!(marked.len() == 1 && marked[0].starts_with("nord "), "{text}");
        let text = listed(&theme_file, Some(config.clone())).unwrap();
        assert!(text.ends_with("A theme file. (chosen by the configuration)\n"), "{text}");
        assert!(matches!(listed("blue", Some(config.clone())), Err(CliError::Config(_))));
        assert_eq!(listed("blue", None).unwrap().lines().count(), BUILT_IN.len(), "the list is there all the same");
    }
}
