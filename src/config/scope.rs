//! Values of ranges, filters and key templates.

use std::{fmt::Display, fs::File, io::Read, str::FromStr, sync::Arc};

use kreplay_engine::{
    plan::{RangeStart, Scope},
    rules::{KeyList, Rules},
};
use kreplay_model::domain::printable;
use toml::Value;

use super::input::{Input, quoted};

/// Maximum size of a key list file.
const MAX_KEY_LIST_BYTES: u64 = 64 << 20;

/// Mutable access to the rules of a scope.
pub(super) fn rules(scope: &mut Scope) -> &mut Rules {
    Arc::make_mut(&mut scope.rules)
}

/// Parses a value of a type with its own error messages.
pub(super) fn parsed<T: FromStr<Err = String>>(input: &Input) -> Result<T, String> {
    let parse = |text: &str| text.parse().map_err(|reason: String| printable(&reason).into_owned());
    match input {
        // Offsets can be written without quotes in a file.
        Input::Integer(number) => parse(&number.to_string()),
        other => parse(other.text()?),
    }
}

/// Parses a list of values of a type with its own error messages.
pub(super) fn list<T: FromStr<Err = String>>(input: &Input) -> Result<Vec<T>, String> {
    parse_each(&input.list()?)
}

/// Parses a list of `NAME=VALUE` of a type with its own error messages.
pub(super) fn pairs<T: FromStr<Err = String>>(input: &Input) -> Result<Vec<T>, String> {
    parse_each(&input.pairs()?)
}

fn parse_each<T: FromStr<Err = String>>(items: &[String]) -> Result<Vec<T>, String> {
    items.iter().map(|item| item.parse().map_err(|reason: String| printable(&reason).into_owned())).collect()
}

pub(super) fn show_list<T: Display>(items: &[T]) -> Option<Value> {
    (!items.is_empty()).then(|| Value::from(items.iter().map(ToString::to_string).collect::<Vec<_>>()))
}

pub(super) fn last(input: &Input) -> Result<RangeStart, String> {
    input.whole().map(RangeStart::Last)
}

pub(super) fn show_last(scope: &Scope) -> Option<Value> {
    match scope.range.from {
        RangeStart::Last(count) => i64::try_from(count).ok().map(Value::Integer),
        _ => None,
    }
}

/// Reads a key list file, and stores the list and the file's name.
pub(super) fn set_keys_from(scope: &mut Scope, name: &mut Option<String>, input: &Input) -> Result<(), String> {
    let path = input.text()?;
    let list = read(path).map_err(|reason| format!("cannot read {}: {reason}", quoted(path)))?;
    rules(scope).filter.key_list = Some(list);
    *name = Some(path.to_owned());
    Ok(())
}

fn read(path: &str) -> Result<KeyList, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_KEY_LIST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_KEY_LIST_BYTES {
        return Err("the file is larger than 64 MiB".into());
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => KeyList::from_lines(text),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            Err(format!("line {line} is not UTF-8"))
        }
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Offset;

    use super::*;

    #[test]
    fn keys_are_read_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys").display().to_string();
        let read_bytes = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let (mut scope, mut name) = (Scope::default(), None);
            set_keys_from(&mut scope, &mut name, &Input::Untyped(path.clone()))?;
            assert_eq!(name.as_deref(), Some(path.as_str()));
            Ok::<_, String>(scope.rules.filter.key_list.as_ref().unwrap().to_string())
        };
        assert_eq!(read_bytes(b"b\r\na\n"), Ok(r#"["a","b"]"#.into()));
        assert!(read_bytes(b"\n").unwrap_err().contains("it has no keys"));
        assert!(read_bytes(b"a\nb\n\xff\n").unwrap_err().contains("line 3 is not UTF-8"));
        let missing = set_keys_from(&mut Scope::default(), &mut None, &Input::Text("/nowhere/keys".into()));
        assert!(missing.unwrap_err().contains("No such file"));
    }

    #[test]
    fn offsets_are_accepted_without_quotes() {
        assert_eq!(parsed(&Input::Integer(17)), Ok(RangeStart::Offset(Offset::new(17).unwrap())));
        assert!(parsed::<RangeStart>(&Input::Integer(-17)).is_err());
        assert_eq!(last(&Input::Untyped("5".into())), Ok(RangeStart::Last(5)));
        let error = parsed::<RangeStart>(&Input::Text("\u{1b}[2J".into())).unwrap_err();
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}
