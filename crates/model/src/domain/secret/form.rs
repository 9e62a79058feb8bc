//! Finds the secrets in a text.

use super::{MASK, is_secret};

/// The format of a text, which determines which of its parts are secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFormat {
    /// An address: `scheme://user:PASSWORD@host/path?name=value`, or `name=value` pairs separated by spaces, as
    /// `PostgreSQL` accepts them. The password and values with secret names are masked, and the user of an HTTP address
    /// without a password, because it may be a token.
    Address,
    /// A header, `Name: value`. Its name determines whether the value is secret.
    Header,
    /// A variable, `NAME=value`. Its name determines whether the value is secret.
    Variable,
    /// The whole text is secret.
    Secret,
}

impl SecretFormat {
    /// The masked text. A reference that is a whole value is shown: it names a secret but does not contain it.
    pub(super) fn shown(self, written: &str) -> String {
        let (text, references) = extract_references(written);
        let shown = match self {
            Self::Address => match text.split_once("://") {
                Some((scheme, rest)) => format!("{scheme}://{}", mask_url(rest, is_http(scheme))),
                None => mask_pairs(&text),
            },
            Self::Header => mask_named(&text, ':'),
            Self::Variable => mask_named(&text, '='),
            Self::Secret => as_reference(&text).map_or_else(|| MASK.to_owned(), str::to_owned),
        };
        restore_references(&shown, &references)
    }
}

/// Private-use characters that replace references during parsing, so that the content of their braces is not parsed as
/// part of the text.
const REFERENCE_CHARS: std::ops::Range<u32> = 0xe000..0xf8ff;

fn extract_references(written: &str) -> (String, Vec<&str>) {
    let (mut text, mut references, mut rest) = (String::with_capacity(written.len()), Vec::new(), written);
    let mut reference_chars = REFERENCE_CHARS.filter_map(char::from_u32);
    while let Some(at) = rest.find("${") {
        // `$${` is a literal `${`.
        if rest[..at].ends_with('$') {
            text.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        }
        let end = rest[at..].find('}').map(|end| at + end + 1);
        let (Some(end), Some(reference_char)) = (end, reference_chars.next()) else { break };
        text.push_str(&rest[..at]);
        text.push(reference_char);
        references.push(&rest[at..end]);
        rest = &rest[end..];
    }
    text.push_str(rest);
    (text, references)
}

fn restore_references(shown: &str, references: &[&str]) -> String {
    let reference = |c: char| references.get(u32::from(c).checked_sub(REFERENCE_CHARS.start)? as usize);
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        match reference(c) {
            Some(reference) => out.push_str(reference),
            None => out.push(c),
        }
    }
    out
}

/// The parts of a value that are masked in `shown`.
pub(super) fn hidden_parts<'a>(value: &'a str, shown: &str) -> Vec<&'a str> {
    let (text, references) = extract_references(shown);
    // References hide parts of the value like masks do, and a literal `${` is escaped in `shown`.
    let text: String = text.replace(MASK, "\u{f8ff}").replace("$${", "${");
    let hides = |c: char| {
        c == '\u{f8ff}'
            || (is_reference_char(c) && ((u32::from(c) - REFERENCE_CHARS.start) as usize) < references.len())
    };
    let mut literals = text.split(hides);
    let Some(mut rest) = literals.next().and_then(|first| value.strip_prefix(first)) else { return vec![value] };
    let mut parts = Vec::new();
    for literal in literals {
        // A literal that is not found counts as hidden.
        let end = if literal.is_empty() { rest.len() } else { rest.find(literal).unwrap_or(rest.len()) };
        parts.push(&rest[..end]);
        rest = rest.get(end + literal.len()..).unwrap_or_default();
    }
    parts
}

fn is_reference_char(c: char) -> bool {
    REFERENCE_CHARS.contains(&u32::from(c))
}

/// The text, if it is only a reference, optionally after the name of an authorization scheme.
fn as_reference(text: &str) -> Option<&str> {
    let value = text.trim();
    let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
    let known = scheme.is_empty() || is_scheme(scheme);
    let mut chars = credentials.chars();
    (known && chars.next().is_some_and(is_reference_char) && chars.next().is_none()).then_some(text)
}

/// Whether a word is the name of an authorization scheme, and so not a secret.
pub(super) fn is_scheme(word: &str) -> bool {
    ["basic", "bearer", "token", "apikey"].contains(&word.to_lowercase().as_str())
}

fn mask(text: &str) -> &str {
    if text.is_empty() { text } else { as_reference(text).unwrap_or(MASK) }
}

/// `name: value` or `name=value`.
fn mask_named(text: &str, separator: char) -> String {
    let Some((name, value)) = text.split_once(separator) else {
        // Without the separator, the whole text may be a secret.
        return mask(text).to_owned();
    };
    // A text around a reference may itself be a secret.
    if !is_secret(name) && (as_reference(value).is_some() || !value.contains(is_reference_char)) {
        return text.to_owned();
    }
    let space = if value.starts_with(' ') { " " } else { "" };
    format!("{name}{separator}{space}{}", mask(value.trim_start()))
}

/// Whether the part before `://` is that of an HTTP address, possibly after the name of a handler.
fn is_http(scheme: &str) -> bool {
    let scheme = scheme.rsplit(':').next().unwrap_or(scheme);
    ["http", "https"].iter().any(|one| scheme.eq_ignore_ascii_case(one))
}

/// The part after `scheme://`.
fn mask_url(rest: &str, is_http: bool) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@').or_else(|| {
        // The password contains a character that should be escaped, such as `/` as %2F: the part before the `@` is not
        // a host.
        let port = rest[..end].rsplit_once(':')?.1;
        if port.chars().all(|c| c.is_ascii_digit()) { None } else { rest.rfind('@') }
    });
    let (user, rest) = at.map_or((None, rest), |at| (Some(&rest[..at]), &rest[at..]));
    let mut out = String::new();
    if let Some(user) = user {
        let (name, colon, password) =
            user.split_once(':').map_or((user, "", ""), |(name, password)| (name, ":", password));
        let is_token = is_http && password.is_empty();
        out.extend([if is_token { mask(name) } else { name }, colon, mask(password)]);
    }
    let Some((path, query)) = rest.split_once('?') else { return out + rest };
    let (query, fragment) = query.find('#').map_or((query, ""), |at| query.split_at(at));
    out.push_str(path);
    for (index, pair) in query.split('&').enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, value)) if is_secret(name) => {
                out.extend([name, "=", mask(value)]);
            }
            _ => out.push_str(pair),
        }
    }
    out + fragment
}

/// `name=value` pairs separated by white space. A quoted value may contain white space, and a backslash escapes a
/// quote.
fn mask_pairs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit(char::is_whitespace).find(|name| !name.is_empty()).unwrap_or_default();
        let blank = after.len() - after.trim_start().len();
        let end = blank + value_length(&after[blank..]);
        out.extend([before, "=", &after[..blank]]);
        let value = &after[blank..end];
        out.push_str(if is_secret(name) { mask(value) } else { value });
        rest = &after[end..];
    }
    out + rest
}

fn value_length(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices()
        .find(|&(_, c)| {
            if escaped {
                escaped = false;
                return false;
            }
            match c {
                '\\' => escaped = true,
                '\'' => quoted = !quoted,
                _ => return !quoted && c.is_whitespace(),
            }
            false
        })
        .map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_addresses_are_masked_and_references_stay() {
        for (written, shown) in [
            ("postgres://ada:hunter2@db:5432/app?sslmode=require", "postgres://ada:***@db:5432/app?sslmode=require"),
            ("postgres://ada:${file:/run/pw}@db/app", "postgres://ada:${file:/run/pw}@db/app"),
            ("postgres://ada:x${env:PW}@db/app", "postgres://ada:***@db/app"),
            ("postgres://ada:hun/ter2@db/app", "postgres://ada:***@db/app"),
            ("https://host:8080/a@b", "https://host:8080/a@b"),
            ("https://h/x?a=1&access_token=hunter2&b=2#f", "https://h/x?a=1&access_token=***&b=2#f"),
            ("https://t0ken@h/x", "https://***@h/x"),
            ("https://t0ken:@h/x", "https://***:@h/x"),
            ("http:HTTP://t0ken@h/x", "http:HTTP://***@h/x"),
            ("https://${env:TOKEN}@h/x", "https://${env:TOKEN}@h/x"),
            ("postgres://ada@db/app", "postgres://ada@db/app"),
            ("${env:DATABASE}", "${env:DATABASE}"),
            ("host=db user=ada password=hunter2 dbname=app", "host=db user=ada password=*** dbname=app"),
            ("password = 'hun ter\\'2' host=db", "password = *** host=db"),
            ("host=db password=${env:PW}", "host=db password=${env:PW}"),
            ("models/users.db", "models/users.db"),
        ] {
            assert_eq!(SecretFormat::Address.shown(written), shown);
        }
    }

    #[test]
    fn headers_and_variables_are_masked_by_their_names() {
        for (format, written, shown) in [
            (SecretFormat::Header, "Content-Type: a/b; c=d", "Content-Type: a/b; c=d"),
            (SecretFormat::Header, "Authorization: Bearer hunter2", "Authorization: ***"),
            (SecretFormat::Header, "Authorization: Bearer ${env:TOKEN}", "Authorization: Bearer ${env:TOKEN}"),
            (SecretFormat::Header, "X-Trace: pre-${env:TOKEN}", "X-Trace: ***"),
            (SecretFormat::Header, "hunter2", "***"),
            (SecretFormat::Variable, "PGPASSWORD=hunter2", "PGPASSWORD=***"),
            (SecretFormat::Variable, "PGPASSWORD=${file:/p}", "PGPASSWORD=${file:/p}"),
            (SecretFormat::Variable, "LANG=$${x}", "LANG=$${x}"),
            (SecretFormat::Secret, "hunter2", "***"),
            (SecretFormat::Secret, "${env:A}", "${env:A}"),
            (SecretFormat::Secret, "${env:A}${env:B}", "***"),
        ] {
            assert_eq!(format.shown(written), shown);
        }
    }
}
