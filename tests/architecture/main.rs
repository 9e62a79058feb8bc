//! The tables of docs/architecture.md equal what the crates depend on and what their modules import, and no module
//! imports itself through others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// What each part knows: crates by their dependencies, modules by their imports.
type Knows = BTreeMap<String, BTreeSet<String>>;

/// The crates whose modules have a table.
const CRATES_WITH_MODULES: [(&str, &str); 2] = [("kreplay-engine", "crates/engine/src"), ("kreplay", "src")];

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

/// What a source imports from its own crate, without comments and tests. `parent` is the path of the crate's root as
/// this source writes it, besides `crate`.
fn imports(source: &str, parent: Option<&str>) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String =
        source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for base in ["crate"].into_iter().chain(parent) {
        let single = Regex::new(&format!(r"(?:^|[^:\w]){base}::(\w+)")).unwrap();
        names.extend(single.captures_iter(&code).map(|found| found[1].to_owned()));
        let group = Regex::new(&format!(r"(?:^|[^:\w]){base}::\{{")).unwrap();
        for opening in group.find_iter(&code) {
            names.extend(first_names(&code[opening.end()..]));
        }
    }
    names
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The other modules below a crate's root that each of them imports. A module is a folder or a file.
fn imports_of_modules(source_dir: &Path) -> Knows {
    let (mut files, mut found) = (Vec::new(), Knows::new());
    sources(source_dir, &mut files);
    let module_of = |file: &PathBuf| {
        let inside = file.strip_prefix(source_dir).unwrap().with_extension("");
        let parts: Vec<String> = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let is_top = parts.len() == 1 || (parts.len() == 2 && parts[1] == "mod");
        (parts[0].clone(), is_top)
    };
    let modules: BTreeSet<String> = files.iter().map(|file| module_of(file).0).collect();
    for file in &files {
        let (module, is_top) = module_of(file);
        let is_test = file.file_stem().is_some_and(|stem| stem.to_str().unwrap().ends_with("_test"));
        if is_test || module == "lib" || module == "main" {
            continue;
        }
        let source = std::fs::read_to_string(file).unwrap();
        // In a module of the root, `super` is the root. In its `mod tests`, it is the module.
        let mut names = imports(&source, is_top.then_some("super"));
        names.remove(&module);
        found.entry(module).or_default().extend(names.intersection(&modules).cloned());
    }
    found
}

/// The crates of this workspace that each crate depends on, without its tests.
fn dependencies_of_crates() -> Knows {
    let mut manifests = vec![root().join("Cargo.toml")];
    let folders = std::fs::read_dir(root().join("crates")).unwrap();
    manifests.extend(folders.map(|folder| folder.unwrap().path().join("Cargo.toml")));
    let read = |path: &PathBuf| {
        let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        let dependencies = manifest["dependencies"].as_table().unwrap().keys();
        (name, dependencies.filter(|dependency| dependency.starts_with("kreplay-")).cloned().collect())
    };
    manifests.iter().map(read).collect()
}

/// The rows of the table below a heading: the name in the first column, and the names in the last.
fn documented(heading: &str) -> Knows {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let below = text.split(&format!("## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no heading {heading}"));
    let table = below.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let quoted = Regex::new(r"`([\w-]+)`").unwrap();
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [name, .., knows] = cells.as_slice() else { panic!("columns: {line}") };
        let names = |cell: &str| quoted.captures_iter(cell).map(|found| found[1].to_owned()).collect::<Vec<_>>();
        (names(name).remove(0), names(knows).into_iter().collect())
    });
    rows.collect()
}

fn differences(found: &Knows, listed: &Knows) -> Vec<String> {
    let names: BTreeSet<&String> = found.keys().chain(listed.keys()).collect();
    names
        .into_iter()
        .filter(|name| found.get(*name) != listed.get(*name))
        .map(|name| format!("{name}: found {:?}, listed {:?}", found.get(name), listed.get(name)))
        .collect()
}

/// A name that reaches itself, with the way there.
fn circle(knows: &Knows) -> Option<Vec<&str>> {
    fn visit<'a>(knows: &'a Knows, path: &mut Vec<&'a str>, done: &mut BTreeSet<&'a str>) -> bool {
        let Some(&last) = path.last() else { return false };
        for next in knows.get(last).into_iter().flatten() {
            let is_circle = path.contains(&next.as_str());
            path.push(next);
            if is_circle || (!done.contains(next.as_str()) && visit(knows, path, done)) {
                return true;
            }
            path.pop();
        }
        done.insert(last);
        false
    }
    let mut done = BTreeSet::new();
    knows.keys().find_map(|name| {
        let mut path = vec![name.as_str()];
        visit(knows, &mut path, &mut done).then_some(path)
    })
}

#[test]
fn crates_depend_on_what_the_architecture_page_lists() {
    let differences = differences(&dependencies_of_crates(), &documented("Crates"));
    assert!(differences.is_empty(), "docs/architecture.md and Cargo.toml differ:\n{}", differences.join("\n"));
}

#[test]
fn modules_import_what_the_architecture_page_lists() {
    for (name, source_dir) in CRATES_WITH_MODULES {
        let differences =
            differences(&imports_of_modules(&root().join(source_dir)), &documented(&format!("Modules of `{name}`")));
        assert!(differences.is_empty(), "docs/architecture.md and {source_dir} differ:\n{}", differences.join("\n"));
    }
}

#[test]
fn no_module_imports_itself_through_others() {
    for (name, source_dir) in CRATES_WITH_MODULES {
        assert_eq!(circle(&imports_of_modules(&root().join(source_dir))), None, "in {name}");
    }
}

#[test]
fn circles_are_found() {
    let knows = |pairs: &[(&str, &[&str])]| -> Knows {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        pairs.iter().map(|(name, list)| ((*name).to_owned(), names(list))).collect()
    };
    assert_eq!(circle(&knows(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
    assert_eq!(circle(&knows(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])), Some(vec!["a", "b", "c", "b"]));
}

#[test]
fn imports_are_found_in_groups_and_single_paths() {
    let source = "use crate::{\n    a::{x, y},\n    b,\n};\n// crate::no\nfn f() { crate::c::g() }\n\
                  #[cfg(test)]\nmod tests { use crate::d; }";
    assert_eq!(imports(source, None), ["a", "b", "c"].map(str::to_owned).into());
}
