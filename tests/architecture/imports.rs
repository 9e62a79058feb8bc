//! What a source imports from its own crate.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// The segments of a path, such as `crate`, `plan`, `Plan`.
pub type Segments = Vec<String>;

static PATH_START: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?:^|[^:\w])((?:crate|self|super)::)").unwrap());

/// All paths of a source that begin with `crate`, `self` or `super`, in `use` declarations and elsewhere, without
/// comments and tests.
pub fn paths(source: &str) -> BTreeSet<Segments> {
    let code = code(source);
    let mut found = BTreeSet::new();
    // A `super` within `super::super` follows `::`, so each path is found once, from its first segment.
    for path in PATH_START.captures_iter(&code) {
        read_path(&code[path.get(1).unwrap().start()..], &[], &mut found);
    }
    found
}

/// A source without comments and without its tests, which come last.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Reads a path, or a tree of paths such as `a::{b, c::d}`, at the start of `text`. Adds each with `prefix` in front to
/// `found`. Returns the rest of the text.
fn read_path<'a>(mut text: &'a str, prefix: &[String], found: &mut BTreeSet<Segments>) -> &'a str {
    let mut path = prefix.to_vec();
    loop {
        text = text.trim_start();
        if let Some(group) = text.strip_prefix('{') {
            return read_group(group, &path, found);
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        if end > 0 {
            path.push(text[..end].to_owned());
        }
        text = &text[end..];
        let Some(rest) = text.strip_prefix("::") else { break };
        text = rest;
    }
    found.insert(path);
    text
}

/// Reads the paths of a group after its `{`.
fn read_group<'a>(mut text: &'a str, prefix: &[String], found: &mut BTreeSet<Segments>) -> &'a str {
    loop {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if text.is_empty() {
            return text;
        }
        if let Some(rest) = text.strip_prefix('}') {
            return rest;
        }
        text = read_path(text, prefix, found);
        // What may follow a path: a new name, or the rest of `*`.
        text = &text[text.find([',', '}']).unwrap_or(text.len())..];
    }
}

#[test]
fn paths_are_found_in_groups_and_single_paths() {
    let source = "use crate::{\n    a::{self, x as y},\n    b::*,\n};\npub(super) use super::super::e::F;\n// crate::no\n\
                  fn f() { crate::c::g::<self::h::I>(self::J { k }) }\n#[cfg(test)]\nmod tests { use crate::d; }";
    let found: Vec<String> = paths(source).iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        ["crate::a::self", "crate::a::x", "crate::b", "crate::c::g", "self::J", "self::h::I", "super::super::e::F"]
    );
}
