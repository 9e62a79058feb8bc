use ratatui::style::{Color, Modifier};

use super::*;

#[test]
fn a_theme_takes_missing_roles_from_its_parent() {
    let own = Theme::parse("own", "parent = \"nord\"\n[roles]\nbad = { fg = \"#010203\" }").unwrap();
    let nord = Theme::load(&ThemeChoice::BuiltIn("nord")).unwrap();
    assert_eq!(own.bad.fg, Some(Color::Rgb(1, 2, 3)));
    assert_eq!(own, Theme { bad: own.bad, ..nord });
}

#[test]
fn a_theme_without_a_parent_has_that_of_the_dark_theme() {
    assert_eq!(Theme::parse("own", "").unwrap(), Theme::load(&ThemeChoice::DARK).unwrap());
}

#[test]
fn an_unknown_parent_is_an_error_that_lists_the_themes() {
    let error = Theme::parse("own", "parent = \"drak\"").unwrap_err().to_string();
    assert!(error.contains("unknown parent `drak`; use none, dark, light, mono, high-contrast"), "{error}");
}

#[test]
fn the_name_of_a_theme_cannot_control_the_terminal() {
    let error = "a\u{1b}[2J".parse::<ThemeChoice>().unwrap_err().to_string();
    assert!(error.contains("a\\u{1b}[2J"), "{error}");
}

#[test]
fn a_terminal_with_16_colours_gets_only_those() {
    for built_in in BUILT_IN {
        let theme = Theme::load_for(&ThemeChoice::BuiltIn(built_in.name), ColorDepth::Ansi).unwrap();
        for (role, style) in theme.roles() {
            for colour in [style.fg, style.bg].into_iter().flatten() {
                assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{}: {role}", built_in.name);
            }
        }
        // The selected row and the states must be recognisable whatever the terminal's colours are.
        assert!(theme.selected.add_modifier.contains(Modifier::REVERSED), "{}", built_in.name);
        assert!(theme.bad.add_modifier.contains(Modifier::BOLD), "{}", built_in.name);
    }
}

#[test]
fn a_file_can_define_the_roles_for_16_colours() {
    let text = "parent = \"none\"\n[roles]\nbad = { fg = \"#fe0000\" }\n[ansi]\ngood = { fg = \"green\" }";
    let ansi = variants("own", text).unwrap().at(ColorDepth::Ansi);
    assert_eq!((ansi.bad.fg, ansi.good.fg), (Some(Color::LightRed), Some(Color::Green)));
}

#[test]
fn names_and_paths_are_told_apart() {
    assert_eq!("auto".parse::<ThemeChoice>().unwrap(), ThemeChoice::Auto);
    assert_eq!("tokyo-night".parse::<ThemeChoice>().unwrap(), ThemeChoice::BuiltIn("tokyo-night"));
    for path in ["own.toml", "./own", "/etc/own"] {
        assert_eq!(path.parse::<ThemeChoice>().unwrap(), ThemeChoice::File(path.into()));
    }
    for built_in in BUILT_IN {
        assert_eq!(built_in.name.parse::<ThemeChoice>().unwrap().to_string(), built_in.name);
        assert!(built_in.about().ends_with(['.', ')']), "{}", built_in.about());
    }
}
