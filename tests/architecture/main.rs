//! The tables of docs/architecture.md equal what the crates depend on and what their modules import, and no module
//! imports itself through others.
//!
//! [`CRATES_WITHOUT_CIRCLES`] lists the crates whose modules are checked at every level.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

mod circles;
mod imports;

use circles::{Knows, circle, circles_of_siblings, imports, modules};

/// The crates whose modules have a table.
const CRATES_WITH_MODULES: [(&str, &str); 2] = [("kreplay-engine", "crates/engine/src"), ("kreplay", "src")];

/// The crates in which no modules with the same parent import each other in a circle.
const CRATES_WITHOUT_CIRCLES: [(&str, &str); 18] = [
    ("kreplay", "src"),
    ("kreplay-alerts", "crates/alerts/src"),
    ("kreplay-audit", "crates/audit/src"),
    ("kreplay-console", "crates/console/src"),
    ("kreplay-engine", "crates/engine/src"),
    ("kreplay-groups", "crates/groups/src"),
    ("kreplay-handlers", "crates/handlers/src"),
    ("kreplay-kafka", "crates/kafka/src"),
    ("kreplay-metrics", "crates/metrics/src"),
    ("kreplay-model", "crates/model/src"),
    ("kreplay-monitor", "crates/monitor/src"),
    ("kreplay-page", "crates/page/src"),
    ("kreplay-recording", "crates/recording/src"),
    ("kreplay-testkit", "crates/testkit/src"),
    ("kreplay-tls", "crates/tls/src"),
    ("kreplay-topics", "crates/topics/src"),
    ("kreplay-watcher", "crates/watcher/src"),
    ("kreplay-wire", "crates/wire/src"),
];

/// All sources below a folder.
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The other modules below a crate's root that each of them imports.
fn imports_of_modules(source_dir: &Path) -> Knows {
    let all = modules(source_dir);
    let names: BTreeSet<&String> = all.keys().filter_map(|module| module.first()).collect();
    let mut found = Knows::new();
    for (module, imported) in imports(&all) {
        let Some(module) = module.first() else { continue };
        let imported = imported.into_iter().filter_map(|target| target.into_iter().next());
        let others = imported.filter(|name| name != module && names.contains(name));
        found.entry(module.clone()).or_default().extend(others);
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
fn no_siblings_import_each_other_in_a_circle() {
    let circles_of = |(name, source_dir): &(&str, &str)| {
        let circles = circles_of_siblings(&modules(&root().join(source_dir)));
        circles.into_iter().map(|circle| format!("{name}: {circle}")).collect::<Vec<_>>()
    };
    let circles: Vec<String> = CRATES_WITHOUT_CIRCLES.iter().flat_map(circles_of).collect();
    assert!(circles.is_empty(), "modules import each other in a circle:\n{}", circles.join("\n"));
}
