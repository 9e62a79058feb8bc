//! Finds the secrets in a text.

use super::{
    MASK, is_secret,
    reference::{REFERENCE_CHARS, as_reference, extract_references, is_reference_char, mask, restore_references},
    url::mask_url,
};

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
            Self::Address => mask_address(&text),
            Self::Header => mask_named(&text, ':'),
            Self::Variable => mask_named(&text, '='),
            Self::Secret => as_reference(&text).map_or_else(|| MASK.to_owned(), str::to_owned),
        };
        restore_references(&shown, &references)
    }
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

fn mask_address(text: &str) -> String {
    match text.split_once("://") {
        // A value may contain `://` as well.
        Some((scheme, rest)) if !scheme.contains('=') => mask_url(scheme, rest),
        _ => mask_pairs(text),
    }
}

/// `name=value` pairs separated by white space. A quoted value may contain white space, and a backslash escapes a
/// quote. A value that is not secret may be a URL, or contain pairs itself.
fn mask_pairs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let before = rest.split('=').next().unwrap_or_default();
        if let Some(at) = before.find("://") {
            let begin = rest[..at].trim_end_matches(|c: char| !c.is_whitespace()).len();
            let end = rest[at..].find(char::is_whitespace).map_or(rest.len(), |length| at + length);
            out.extend([&rest[..begin], &mask_url(&rest[begin..at], &rest[at + 3..end])]);
            rest = &rest[end..];
            continue;
        }
        let Some((before, after)) = rest.split_once('=') else { return out + rest };
        let name = before.rsplit(char::is_whitespace).find(|name| !name.is_empty()).unwrap_or_default();
        let blank = after.len() - after.trim_start().len();
        out.extend([before, "=", &after[..blank]]);
        rest = &after[blank..];
        if is_secret(name) {
            let (value, others) = rest.split_at(value_length(rest));
            out.push_str(mask(value));
            rest = others;
        }
    }
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
            ("host=db password=ab://cd", "host=db password=***"),
            ("user=o'brien password=hunter2 dbname='a b'", "user=o'brien password=*** dbname='a b'"),
            ("http=https://ada:hunter2@h/x", "http=https://ada:***@h/x"),
            ("exec:get --to=x https://ada:hunter2@h/x", "exec:get --to=x https://ada:***@h/x"),
            ("/login?next=1&token=hunter2", "/login?next=1&token=***"),
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
