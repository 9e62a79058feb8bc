//! The notation of keys: `a`, `ctrl-x`, `alt-enter`, `shift-tab` and `f1` in the configuration, and `a`, `Ctrl-X`,
//! `Alt-Enter`, `Shift-Tab` and `F1` on the screen. Both can be parsed.

use std::{fmt, str::FromStr};

use crossterm::event::KeyCode;

use super::Key;

/// The accepted forms of a key, for messages.
pub const KEY_FORMS: &str = "a character such as p, P or +, or space, enter, esc, tab, shift-tab, backspace, delete, \
                             insert, up, down, left, right, home, end, pageup, pagedown, f1 to f12; with ctrl- or alt- \
                             before it, such as ctrl-x or alt-x";

/// The highest function key.
const MAX_FUNCTION_KEY: u8 = 12;

/// The keys that have a name, without function keys: the name in the configuration, and the name on the screen.
const NAMES: [(KeyCode, &str, &str); 16] = [
    (KeyCode::Char(' '), "space", "Space"),
    (KeyCode::Enter, "enter", "Enter"),
    (KeyCode::Esc, "esc", "Esc"),
    (KeyCode::Tab, "tab", "Tab"),
    (KeyCode::BackTab, "shift-tab", "Shift-Tab"),
    (KeyCode::Backspace, "backspace", "Backspace"),
    (KeyCode::Delete, "delete", "Del"),
    (KeyCode::Insert, "insert", "Ins"),
    (KeyCode::Up, "up", "↑"),
    (KeyCode::Down, "down", "↓"),
    (KeyCode::Left, "left", "←"),
    (KeyCode::Right, "right", "→"),
    (KeyCode::Home, "home", "Home"),
    (KeyCode::End, "end", "End"),
    (KeyCode::PageUp, "pageup", "PgUp"),
    (KeyCode::PageDown, "pagedown", "PgDn"),
];

/// Why a text is not a key that can be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text has none of the [`KEY_FORMS`].
    #[error("is not a key")]
    Unknown,
    /// Terminals send another key for it.
    #[error("is sent by terminals as {0}; use {0}")]
    SentAs(&'static str),
    /// Terminals do not send it, or not in a form of its own.
    #[error("cannot be distinguished from other keys in most terminals")]
    NotReported,
    /// Shift is part of the character.
    #[error("is written as the character that it types: {0}")]
    Shifted(char),
}

impl Key {
    /// The key in the notation of the configuration.
    #[must_use]
    pub fn notation(self) -> String {
        let modifiers = [(self.ctrl, "ctrl-"), (self.alt, "alt-")];
        let mut text: String = modifiers.into_iter().filter(|(held, _)| *held).map(|(_, name)| name).collect();
        match (named(self.code), self.code) {
            (Some((written, _)), _) => text.push_str(written),
            (None, KeyCode::Char(c)) => text.push(c),
            (None, other) => text.push_str(&other.to_string().to_lowercase()),
        }
        text
    }

    /// Why terminals do not report the key as itself; `None` if they do.
    fn unusual(self) -> Option<KeyError> {
        let ctrl = |code| match code {
            KeyCode::Char('i') => Some(KeyError::SentAs("tab")),
            KeyCode::Char('m') => Some(KeyError::SentAs("enter")),
            KeyCode::Char('[') => Some(KeyError::SentAs("esc")),
            KeyCode::Char(c) if c != ' ' && !c.is_ascii_lowercase() => Some(KeyError::NotReported),
            KeyCode::Enter | KeyCode::Esc | KeyCode::Tab | KeyCode::BackTab | KeyCode::Backspace => {
                Some(KeyError::NotReported)
            }
            _ => None,
        };
        // With Alt, terminals send ESC before the key. ESC [ and ESC O begin the codes of other keys.
        let alt = |code| {
            let ambiguous = matches!(code, KeyCode::Char('[' | 'O') | KeyCode::Esc | KeyCode::BackTab);
            ambiguous.then_some(KeyError::NotReported)
        };
        self.ctrl.then(|| ctrl(self.code)).flatten().or_else(|| self.alt.then(|| alt(self.code)).flatten())
    }
}

/// The names of a key in the configuration and on the screen.
fn named(code: KeyCode) -> Option<(&'static str, &'static str)> {
    NAMES.iter().find(|name| name.0 == code).map(|(_, written, shown)| (*written, *shown))
}

/// The key as it is shown on the screen.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.alt {
            f.write_str("Alt-")?;
        }
        match (named(self.code), self.code) {
            (Some((_, shown)), _) => f.write_str(shown),
            (None, KeyCode::Char(c)) if self.ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, other) => write!(f, "{other}"),
        }
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let mut rest = text;
        loop {
            let modifiers = [("ctrl-", &mut ctrl), ("alt-", &mut alt), ("shift-", &mut shift)];
            let held = modifiers.into_iter().find_map(|(name, held)| Some((without_prefix(rest, name)?, held)));
            match held {
                Some((after, held)) if !after.is_empty() && !*held => {
                    *held = true;
                    rest = after;
                }
                _ => break,
            }
        }
        let code = match (code(rest)?, shift) {
            (code, false) => code,
            (KeyCode::Tab, true) => KeyCode::BackTab,
            (KeyCode::Char(c), true) if c.is_alphabetic() && !ctrl => {
                return Err(KeyError::Shifted(c.to_uppercase().next().unwrap_or(c)));
            }
            (_, true) => return Err(KeyError::NotReported),
        };
        let code = match code {
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            code => code,
        };
        let key = Self { code, ctrl, alt };
        key.unusual().map_or(Ok(key), Err)
    }
}

/// The text after a prefix of ASCII letters in upper or lower case.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The key with a name, a function key, or a character.
fn code(text: &str) -> Result<KeyCode, KeyError> {
    let is_named = |(_, written, shown): &&(KeyCode, &str, &str)| {
        text.eq_ignore_ascii_case(written) || text.eq_ignore_ascii_case(shown)
    };
    if let Some((code, ..)) = NAMES.iter().find(is_named) {
        return Ok(*code);
    }
    let mut characters = text.chars();
    match (characters.next(), characters.as_str()) {
        (Some(' '), "") => Ok(KeyCode::Char(' ')),
        (Some(c), "") if !c.is_control() && !c.is_whitespace() => Ok(KeyCode::Char(c)),
        (Some('f' | 'F'), number) if !number.starts_with(['0', '+']) => match number.parse() {
            Ok(number) if number <= MAX_FUNCTION_KEY => Ok(KeyCode::F(number)),
            _ => Err(KeyError::Unknown),
        },
        _ => Err(KeyError::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any key that can be bound.
    fn key() -> impl Strategy<Value = Key> {
        let named = prop::sample::select(NAMES.map(|(code, ..)| code).to_vec());
        let character = any::<char>().prop_filter("visible", |c| !c.is_control() && !c.is_whitespace());
        let character = prop_oneof![character, "[!-~]".prop_map(|text| text.chars().next().unwrap())];
        let code = prop_oneof![named, (1..=MAX_FUNCTION_KEY).prop_map(KeyCode::F), character.prop_map(KeyCode::Char)];
        (code, any::<bool>(), any::<bool>())
            .prop_map(|(code, ctrl, alt)| Key { code, ctrl, alt })
            // These characters are the notation of the arrow keys.
            .prop_filter("no arrow", |key| !matches!(key.code, KeyCode::Char('↑' | '↓' | '←' | '→')))
            .prop_filter("reported", |key| key.unusual().is_none())
    }

    proptest! {
        #[test]
        fn both_notations_can_be_parsed(key in key()) {
            prop_assert_eq!(key.notation().parse(), Ok(key));
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn every_accepted_text_has_a_notation(text in "(ctrl-|Alt-|shift-){0,3}(.{0,3}|[Ff][0-9]{0,3}|Tab|PageUp)") {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.notation().parse(), Ok(key));
            }
        }
    }

    #[test]
    fn names_are_accepted_in_upper_and_lower_case() {
        for (text, key) in [
            ("a", Key::char('a')),
            ("A", Key::char('A')),
            ("-", Key::char('-')),
            ("SPACE", Key::char(' ')),
            (" ", Key::char(' ')),
            ("ctrl-x", Key::ctrl('x')),
            ("Ctrl-X", Key::ctrl('x')),
            ("alt-x", Key { alt: true, ..Key::char('x') }),
            ("alt-X", Key { alt: true, ..Key::char('X') }),
            ("alt--", Key { alt: true, ..Key::char('-') }),
            ("alt-ctrl-x", Key { alt: true, ..Key::ctrl('x') }),
            ("shift-tab", Key::code(KeyCode::BackTab)),
            ("F1", Key::code(KeyCode::F(1))),
            ("f", Key::char('f')),
            ("PageUp", Key::code(KeyCode::PageUp)),
            ("PgUp", Key::code(KeyCode::PageUp)),
            ("Esc", Key::code(KeyCode::Esc)),
            ("ctrl-up", Key { ctrl: true, ..Key::code(KeyCode::Up) }),
        ] {
            assert_eq!(text.parse(), Ok(key), "{text}");
        }
    }

    #[test]
    fn keys_that_terminals_do_not_report_are_refused() {
        for (text, error) in [
            ("", KeyError::Unknown),
            ("ab", KeyError::Unknown),
            ("ctrl-", KeyError::Unknown),
            ("ctrl-ctrl-x", KeyError::Unknown),
            ("super-x", KeyError::Unknown),
            ("f0", KeyError::Unknown),
            ("f01", KeyError::Unknown),
            ("f13", KeyError::Unknown),
            ("\u{1b}", KeyError::Unknown),
            ("\u{a0}", KeyError::Unknown),
            ("ctrl-i", KeyError::SentAs("tab")),
            ("ctrl-m", KeyError::SentAs("enter")),
            ("ctrl-[", KeyError::SentAs("esc")),
            ("ctrl-1", KeyError::NotReported),
            ("ctrl-enter", KeyError::NotReported),
            ("alt-[", KeyError::NotReported),
            ("alt-esc", KeyError::NotReported),
            ("shift-up", KeyError::NotReported),
            ("shift-x", KeyError::Shifted('X')),
        ] {
            assert_eq!(text.parse::<Key>(), Err(error), "{text}");
        }
    }
}
