//! `${env:NAME}` and `${file:PATH}` in values: secrets need not stand in the configuration itself.

use std::{fs::File, io::Read};

use super::{
    Environment,
    input::{Input, quoted},
};
use crate::domain::{Form, Masked};

/// The longest file that a reference reads, in bytes: certificates are far shorter.
const LONGEST_FILE: u64 = 1 << 20;

/// Resolves what a setting that may hold secrets was given, and keeps what may be shown of it.
///
/// # Errors
/// As [`resolve`].
pub(super) fn resolve_input(input: &Input, form: Form, environment: &Environment) -> Result<Input, String> {
    let masked = |text: &str| {
        let value = resolve(text, environment)?;
        if value.contains('\0') {
            return Err("the value holds a NUL character".to_owned());
        }
        Ok(Masked::new(form, value, text))
    };
    Ok(match input {
        // Where commas are is seen before anything is resolved: a secret may hold some.
        Input::Untyped(text) => Input::Masked {
            text: Some(masked(text)?),
            list: Some(input.list()?.iter().map(|item| masked(item)).collect::<Result<_, _>>()?),
        },
        Input::Text(text) => Input::Masked { text: Some(masked(text)?), list: None },
        Input::List(items) | Input::Flags(items) => {
            Input::Masked { text: None, list: Some(items.iter().map(|item| masked(item)).collect::<Result<_, _>>()?) }
        }
        other => other.clone(),
    })
}

/// Replaces every reference by what it stands for; `$${` is a plain `${`.
///
/// # Errors
/// One sentence that names the variable or file, and never what it holds.
pub(super) fn resolve(text: &str, environment: &Environment) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let (inner, after) =
            reference[2..].split_once('}').ok_or("a reference `${` has no `}`; write `$${` where none is meant")?;
        out.push_str(&look_up(inner, environment)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether there is anything to resolve.
pub(super) fn has_reference(text: &str) -> bool {
    text.replace("$${", "").contains("${")
}

fn look_up(reference: &str, environment: &Environment) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("env", name)) => match environment.get(name) {
            Some(Ok(value)) => Ok(value.to_owned()),
            Some(Err(_)) => Err(format!("the environment variable {} is not UTF-8", quoted(name))),
            None => Err(format!("the environment variable {} is not set", quoted(name))),
        },
        Some(("file", path)) => read(path).map_err(|error| format!("cannot read {}: {error}", quoted(path))),
        // What is in the braces may be half a password: it is not repeated.
        _ => Err("a reference is `${env:NAME}` or `${file:PATH}`; write `$${` where none is meant".into()),
    }
}

/// A file's text without the line feed at its end, which editors leave there and no password has.
fn read(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST_FILE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LONGEST_FILE {
        return Err("it is larger than 1 MiB".into());
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::from_pairs([("USER_NAME", "ada"), ("EMPTY", "")])
    }

    #[test]
    fn references_are_replaced_wherever_they_stand() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "s3cret\r\n").unwrap();
        let text = format!("a${{env:USER_NAME}}-${{file:{}}}${{env:EMPTY}}!", path.display());
        assert_eq!(resolve(&text, &environment()), Ok("aada-s3cret!".into()));
        assert_eq!(resolve("plain $ { }", &environment()), Ok("plain $ { }".into()));
        assert_eq!(resolve("$${env:USER_NAME}", &environment()), Ok("${env:USER_NAME}".into()));
        assert!(has_reference("x${env:A}") && !has_reference("$${x}") && !has_reference("$x"));
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_named() {
        for (text, part) in [
            ("${env:NO_SUCH}", "`NO_SUCH` is not set"),
            ("${file:/no/such/file}", "cannot read `/no/such/file`"),
            ("${env:USER_NAME", "has no `}`"),
            ("${ENV:USER_NAME}", "is `${env:NAME}` or `${file:PATH}`"),
        ] {
            let error = resolve(text, &environment()).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn files_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, vec![b'x'; (1 << 20) + 1]).unwrap();
        let error = resolve(&format!("${{file:{}}}", path.display()), &environment()).unwrap_err();
        assert!(error.contains("larger than 1 MiB"), "{error}");
    }
}
