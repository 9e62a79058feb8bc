//! References in values: `${env:NAME}` and `${file:PATH}` keep secrets out of the configuration itself.

use std::{fs::File, io::Read};

use kreplay_model::domain::{Secret, SecretFormat};

use super::{
    Environment,
    input::{Input, quoted},
};

/// Maximum size of a referenced file. Certificates are far smaller.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Resolves the references in a value that may be secret, and keeps a masked form for display.
///
/// # Errors
/// As for [`resolve`]; a value that contains a NUL character.
pub(super) fn resolve_input(input: &Input, format: SecretFormat, environment: &Environment) -> Result<Input, String> {
    let secret = |text: &str| {
        let value = resolve(text, environment)?;
        if value.contains('\0') {
            return Err("the value contains a NUL character".to_owned());
        }
        Ok(Secret::new(format, value, text))
    };
    Ok(match input {
        // Split at commas before resolving, because a secret may contain commas.
        Input::Untyped(text) => Input::Secret {
            text: Some(secret(text)?),
            list: Some(input.list()?.iter().map(|item| secret(item)).collect::<Result<_, _>>()?),
        },
        Input::Text(text) => Input::Secret { text: Some(secret(text)?), list: None },
        Input::List(items) | Input::Flags(items) => {
            Input::Secret { text: None, list: Some(items.iter().map(|item| secret(item)).collect::<Result<_, _>>()?) }
        }
        other => other.clone(),
    })
}

/// Replaces every reference by its value; `$${` stands for a literal `${`.
///
/// # Errors
/// A reference is malformed or cannot be read. The message names the variable or file, but not its content.
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
        let (inner, after) = reference[2..]
            .split_once('}')
            .ok_or("a reference `${` has no closing `}`; use `$${` for a literal `${`")?;
        out.push_str(&look_up(inner, environment)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether a text contains a reference.
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
        // The text in the braces may be part of a password, so the message does not repeat it.
        _ => Err("a reference is `${env:NAME}` or `${file:PATH}`; use `$${` for a literal `${`".into()),
    }
}

/// Reads a file and removes the line break at its end, which editors add and which is not part of a password.
fn read(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err("the file is larger than 1 MiB".into());
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
    fn references_are_replaced_anywhere_in_a_text() {
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
    fn unresolvable_references_are_named_in_the_error() {
        for (text, part) in [
            ("${env:NO_SUCH}", "`NO_SUCH` is not set"),
            ("${file:/no/such/file}", "cannot read `/no/such/file`"),
            ("${env:USER_NAME", "has no closing `}`"),
            ("${ENV:USER_NAME}", "is `${env:NAME}` or `${file:PATH}`"),
        ] {
            let error = resolve(text, &environment()).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn files_larger_than_the_limit_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, vec![b'x'; (1 << 20) + 1]).unwrap();
        let error = resolve(&format!("${{file:{}}}", path.display()), &environment()).unwrap_err();
        assert!(error.contains("larger than 1 MiB"), "{error}");
    }
}
