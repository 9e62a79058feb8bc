//! Where in a text its secrets stand.

use super::{MASK, is_secret};

/// Where in a text its secrets stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An address: `scheme://user:PASSWORD@host/path?name=value`, or `name=value` pairs with spaces between them, as
    /// `PostgreSQL` takes them. The password, and values whose names say secret, are masked.
    Address,
    /// A header, `Name: value`, whose name says whether the value is secret.
    Header,
    /// A variable, `NAME=value`, whose name says whether the value is secret.
    Variable,
    /// All of it is a secret.
    Secret,
}

impl Form {
    /// What may be shown of a text. References stay where they are all of a value: they name a secret and hold none.
    pub(super) fn shown(self, written: &str) -> String {
        let (text, references) = take_out(written);
        let shown = match self {
            Self::Address => match text.split_once("://") {
                Some((scheme, rest)) => format!("{scheme}://{}", url(rest)),
                None => pairs(&text),
            },
            Self::Header => named(&text, ':'),
            Self::Variable => named(&text, '='),
            Self::Secret => keep(&text).map_or_else(|| MASK.to_owned(), str::to_owned),
        };
        put_back(&shown, &references)
    }
}

/// Private characters stand for references while a text is looked at, so that what is in their braces is not taken for a
/// part of the text.
const PLACES: std::ops::Range<u32> = 0xe000..0xf8ff;

fn take_out(written: &str) -> (String, Vec<&str>) {
    let (mut text, mut references, mut rest) = (String::with_capacity(written.len()), Vec::new(), written);
    let mut places = PLACES.filter_map(char::from_u32);
    while let Some(at) = rest.find("${") {
        // `$${` is a plain `${`.
        if rest[..at].ends_with('$') {
            text.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        }
        let end = rest[at..].find('}').map(|end| at + end + 1);
        let (Some(end), Some(place)) = (end, places.next()) else { break };
        text.push_str(&rest[..at]);
        text.push(place);
        references.push(&rest[at..end]);
        rest = &rest[end..];
    }
    text.push_str(rest);
    (text, references)
}

fn put_back(shown: &str, references: &[&str]) -> String {
    let reference = |c: char| references.get(u32::from(c).checked_sub(PLACES.start)? as usize);
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        match reference(c) {
            Some(reference) => out.push_str(reference),
            None => out.push(c),
        }
    }
    out
}

/// The parts of a value that are not shown.
pub(super) fn hidden<'a>(value: &'a str, shown: &str) -> Vec<&'a str> {
    let (text, references) = take_out(shown);
    // References hide as masks do, and a plain `${` is written with one more sign.
    let text: String = text.replace(MASK, "\u{f8ff}").replace("$${", "${");
    let hides =
        |c: char| c == '\u{f8ff}' || (is_place(c) && ((u32::from(c) - PLACES.start) as usize) < references.len());
    let mut literals = text.split(hides);
    let Some(mut rest) = literals.next().and_then(|first| value.strip_prefix(first)) else { return vec![value] };
    let mut parts = Vec::new();
    for literal in literals {
        // What is not found is not shown either, as far as anyone knows.
        let end = if literal.is_empty() { rest.len() } else { rest.find(literal).unwrap_or(rest.len()) };
        parts.push(&rest[..end]);
        rest = rest.get(end + literal.len()..).unwrap_or_default();
    }
    parts
}

fn is_place(c: char) -> bool {
    PLACES.contains(&u32::from(c))
}

/// The text, where it is a reference and nothing else; behind the name of a scheme of authorization, too.
fn keep(text: &str) -> Option<&str> {
    let value = text.trim();
    let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
    let known = scheme.is_empty() || is_scheme(scheme);
    let mut chars = credentials.chars();
    (known && chars.next().is_some_and(is_place) && chars.next().is_none()).then_some(text)
}

/// Whether a word is the name of a scheme of authorization, and no secret.
pub(super) fn is_scheme(word: &str) -> bool {
    ["basic", "bearer", "token", "apikey"].contains(&word.to_lowercase().as_str())
}

fn masked(text: &str) -> &str {
    if text.is_empty() { text } else { keep(text).unwrap_or(MASK) }
}

/// `name: value` or `name=value`.
fn named(text: &str, separator: char) -> String {
    let Some((name, value)) = text.split_once(separator) else {
        // Half of something that nobody knows.
        return masked(text).to_owned();
    };
    // A text around a reference may be a secret of its own.
    if !is_secret(name) && (keep(value).is_some() || !value.contains(is_place)) {
        return text.to_owned();
    }
    let space = if value.starts_with(' ') { " " } else { "" };
    format!("{name}{separator}{space}{}", masked(value.trim_start()))
}

/// What comes behind `scheme://`.
fn url(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@').or_else(|| {
        // Somebody's password holds a character that should have been written as %2F: what is before the `@` is no host.
        let port = rest[..end].rsplit_once(':')?.1;
        if port.chars().all(|c| c.is_ascii_digit()) { None } else { rest.rfind('@') }
    });
    let (user, rest) = at.map_or((None, rest), |at| (Some(&rest[..at]), &rest[at..]));
    let mut out = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        None => String::new(),
        Some((name, "")) => name.to_owned(),
        Some((name, password)) => format!("{name}:{}", masked(password)),
    };
    let Some((path, query)) = rest.split_once('?') else { return out + rest };
    let (query, fragment) = query.find('#').map_or((query, ""), |at| query.split_at(at));
    out.push_str(path);
    for (index, pair) in query.split('&').enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, value)) if is_secret(name) => {
                out.extend([name, "=", masked(value)]);
            }
            _ => out.push_str(pair),
        }
    }
    out + fragment
}

/// `name=value` pairs with white space between them; a value in quotes may hold some, and a backslash hides a quote.
fn pairs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit(char::is_whitespace).find(|name| !name.is_empty()).unwrap_or_default();
        let blank = after.len() - after.trim_start().len();
        let end = blank + value_length(&after[blank..]);
        out.extend([before, "=", &after[..blank]]);
        let value = &after[blank..end];
        out.push_str(if is_secret(name) { masked(value) } else { value });
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
            ("https://token@h/x", "https://token@h/x"),
            ("${env:DATABASE}", "${env:DATABASE}"),
            ("host=db user=ada password=hunter2 dbname=app", "host=db user=ada password=*** dbname=app"),
            ("password = 'hun ter\\'2' host=db", "password = *** host=db"),
            ("host=db password=${env:PW}", "host=db password=${env:PW}"),
            ("models/users.db", "models/users.db"),
        ] {
            assert_eq!(Form::Address.shown(written), shown);
        }
    }

    #[test]
    fn headers_and_variables_are_masked_by_their_names() {
        for (form, written, shown) in [
            (Form::Header, "Content-Type: a/b; c=d", "Content-Type: a/b; c=d"),
            (Form::Header, "Authorization: Bearer hunter2", "Authorization: ***"),
            (Form::Header, "Authorization: Bearer ${env:TOKEN}", "Authorization: Bearer ${env:TOKEN}"),
            (Form::Header, "X-Trace: pre-${env:TOKEN}", "X-Trace: ***"),
            (Form::Header, "hunter2", "***"),
            (Form::Variable, "PGPASSWORD=hunter2", "PGPASSWORD=***"),
            (Form::Variable, "PGPASSWORD=${file:/p}", "PGPASSWORD=${file:/p}"),
            (Form::Variable, "LANG=$${x}", "LANG=$${x}"),
            (Form::Secret, "hunter2", "***"),
            (Form::Secret, "${env:A}", "${env:A}"),
            (Form::Secret, "${env:A}${env:B}", "***"),
        ] {
            assert_eq!(form.shown(written), shown);
        }
    }
}
