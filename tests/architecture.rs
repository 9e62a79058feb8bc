//! The table of folders in docs/architecture.md equals what the sources import.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// The folders that each folder of `src` imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The first name of each path of a `use` group, such as `a` and `b` of `a::{x, y}, b`.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut name) = (0_u32, Vec::new(), String::new());
    for c in group.chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut name)),
            _ if depth == 0 => name.push(c),
            _ => {}
        }
    }
    names.push(name);
    let first = |path: &String| path.trim().split("::").next().unwrap_or_default().trim().to_owned();
    names.iter().map(first).filter(|name| !name.is_empty()).collect()
}

/// What a source imports from its own crate, without comments and tests.
fn imports(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String =
        source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let single = Regex::new(r"\bcrate::(\w+)").unwrap();
    let mut names: BTreeSet<String> = single.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    for (start, opening) in code.match_indices("crate::{") {
        names.extend(first_names(&code[start + opening.len()..]));
    }
    names
}

fn imports_of_sources(root: &Path) -> Imports {
    let (mut files, mut found) = (Vec::new(), Imports::new());
    sources(&root.join("src"), &mut files);
    for file in files {
        let inside = file.strip_prefix(root.join("src")).unwrap();
        let parts: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        let [folder, .., name] = parts.as_slice() else { continue };
        if name.ends_with("_test.rs") {
            continue;
        }
        let folder = (*folder).to_owned();
        let mut names = imports(&std::fs::read_to_string(&file).unwrap());
        names.remove(&folder);
        found.entry(folder).or_default().extend(names);
    }
    found
}

fn documented(root: &Path) -> Imports {
    let text = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let table = text.split("| folder | contents | knows |").nth(1).expect("the table of folders").lines().skip(2);
    let quoted = Regex::new(r"`(\w+)`").unwrap();
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [folder, _, knows] = cells.as_slice() else { panic!("three columns: {line}") };
        let names = |cell: &str| quoted.captures_iter(cell).map(|found| found[1].to_owned()).collect::<Vec<_>>();
        (names(folder).remove(0), names(knows).into_iter().collect())
    });
    rows.collect()
}

#[test]
fn each_folder_imports_what_the_architecture_page_lists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (found, listed) = (imports_of_sources(root), documented(root));
    let differs = |folder: &&String| found.get(*folder) != listed.get(*folder);
    let folders: BTreeSet<&String> = found.keys().chain(listed.keys()).collect();
    let differences: Vec<String> = folders
        .into_iter()
        .filter(differs)
        .map(|folder| format!("{folder}: imports {:?}, listed {:?}", found.get(folder), listed.get(folder)))
        .collect();
    assert!(differences.is_empty(), "docs/architecture.md and the sources differ:\n{}", differences.join("\n"));
}

#[test]
fn imports_are_found_in_groups_and_single_paths() {
    let source = "use crate::{\n    a::{x, y},\n    b,\n};\n// crate::no\nfn f() { crate::c::g() }\n#[cfg(test)]\nmod tests { use crate::d; }";
    assert_eq!(imports(source), ["a", "b", "c"].map(str::to_owned).into());
}
