//! `kreplay themes`: lists the colour themes of the console, and checks their contrast.

use std::fmt::Write as _;

use clap::Args;
use kreplay_console::theme::{BUILT_IN, BuiltIn, Contrast, Theme, ThemeChoice, measure};
use kreplay_model::feed::cells::{padding, width};
use serde::Serialize;

use super::{CliError, Exit, args::format::FormatArgs, print};

/// The flags of `themes`.
#[derive(Args, Clone)]
pub struct ThemesArgs {
    /// Themes: names or paths of theme files [default: all built-in themes]
    themes: Vec<String>,
    /// Measure the contrast of all text and graphics with their backgrounds
    ///
    /// Text needs a ratio of at least 4.5, graphics 3 (WCAG 2.1, level AA). The exit code is 1 if a theme has less.
    /// Colours that the terminal defines, such as blue, cannot be measured.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// A theme, as JSON.
#[derive(Serialize)]
struct Row {
    theme: String,
    /// What the theme is for; only of built-in themes.
    about: Option<&'static str>,
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

pub(super) fn execute(args: &ThemesArgs) -> Result<Exit, CliError> {
    let rows = rows(args)?;
    let fails = rows.iter().any(|row| row.too_low.as_ref().is_some_and(|all| !all.is_empty()));
    let text = if args.format.is_json() {
        let json = serde_json::to_string_pretty(&rows);
        json.map_err(|error| CliError::Failed(format!("the list cannot be written: {error}")))? + "\n"
    } else if args.check {
        rows.iter().map(checked).collect()
    } else {
        list(&rows)
    };
    print(&text)?;
    Ok(if fails { Exit::Failed } else { Exit::Done })
}

fn rows(args: &ThemesArgs) -> Result<Vec<Row>, CliError> {
    let usage = |error: kreplay_console::theme::ThemeError| CliError::Usage(error.to_string());
    let choices: Vec<ThemeChoice> = if args.themes.is_empty() {
        BUILT_IN.iter().map(|theme| ThemeChoice::BuiltIn(theme.name)).collect()
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
        format!("{}{}  {about}\n", row.theme, padding(&row.theme, widest))
    };
    rows.iter().map(line).collect()
}

fn checked(row: &Row) -> String {
    let mut text = match row.lowest_text_ratio {
        Some(ratio) => format!("{}: lowest contrast of text {ratio}\n", row.theme),
        None => format!("{}: no colour that can be measured\n", row.theme),
    };
    for TooLow { role, on, ratio, required } in row.too_low.iter().flatten() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {role} on {on}: {ratio}, but {required} is required");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(themes: &[&str], check: bool) -> ThemesArgs {
        let themes = themes.iter().map(ToString::to_string).collect();
        ThemesArgs { themes, check, format: FormatArgs::default() }
    }

    #[test]
    fn the_list_has_a_line_for_each_theme() {
        let text = list(&rows(&args(&[], false)).unwrap());
        assert_eq!(text.lines().count(), BUILT_IN.len());
        assert!(text.starts_with("dark              Light text on a dark background.\n"), "{text}");
    }

    #[test]
    fn a_contrast_that_is_too_low_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pale.toml");
        std::fs::write(&file, "parent = 'light'\n[roles]\nmuted = { fg = '#bbbbbb' }\n").unwrap();
        let found = rows(&args(&[file.to_str().unwrap()], true)).unwrap();
        let text = checked(&found[0]);
        assert!(text.contains("\n  muted on base: 1.8"), "{text}");
        assert!(text.contains(", but 4.5 is required\n"), "{text}");
    }

    #[test]
    fn an_unknown_theme_is_a_usage_error() {
        assert!(matches!(rows(&args(&["blue"], true)), Err(CliError::Usage(_))));
    }
}
