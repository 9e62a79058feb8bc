//! Modules that import each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::imports::{Segments, paths};
use crate::sources;

/// Names, and the names that each of them knows.
pub type Knows = BTreeMap<String, BTreeSet<String>>;

/// A name that reaches itself, with the way there.
pub fn circle(knows: &Knows) -> Option<Vec<&str>> {
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

/// The modules of a crate, by their path below its root, with their sources. Tests in files of their own are left out.
pub fn modules(source_dir: &Path) -> BTreeMap<Segments, String> {
    let mut files = Vec::new();
    sources(source_dir, &mut files);
    files.retain(|file| !file.file_stem().unwrap().to_str().unwrap().ends_with("_test"));
    let module = |file: &std::path::PathBuf| {
        let inside = file.strip_prefix(source_dir).unwrap().with_extension("");
        let mut path: Segments = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let is_root = path == ["lib"] || path == ["main"];
        path.pop_if(|last| last == "mod" || is_root);
        (path, std::fs::read_to_string(file).unwrap())
    };
    files.iter().map(module).collect()
}

/// The modules that each module imports. An import of an item counts as one of the module that has the item.
pub fn imports(modules: &BTreeMap<Segments, String>) -> BTreeMap<&Segments, BTreeSet<Segments>> {
    let module_of = |importer: &Segments, path: &Segments| {
        let mut target = if path[0] == "crate" { Segments::new() } else { importer.clone() };
        for segment in path {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(target.pop()),
                name => target.push(name.to_owned()),
            }
        }
        while !target.is_empty() && !modules.contains_key(&target) {
            target.pop();
        }
        target
    };
    let imports = |(module, source): (_, &String)| {
        (module, paths(source).iter().map(|path| module_of(module, path)).collect::<BTreeSet<_>>())
    };
    modules.iter().map(imports).collect()
}

/// The circles between modules with the same parent, at every level. An import counts for the siblings that contain the
/// importing and the imported module; one between a module and its own parts counts for none.
pub fn circles_of_siblings(modules: &BTreeMap<Segments, String>) -> Vec<String> {
    let mut siblings: BTreeMap<&[String], Knows> = BTreeMap::new();
    let mut examples: BTreeMap<(&[String], String, String), String> = BTreeMap::new();
    for (importer, imported) in imports(modules) {
        for target in imported {
            let depth = importer.iter().zip(&target).take_while(|(a, b)| a == b).count();
            let (Some(from), Some(to)) = (importer.get(depth), target.get(depth)) else { continue };
            let parent = &importer[..depth];
            siblings.entry(parent).or_default().entry(from.clone()).or_default().insert(to.clone());
            let example = format!("{} imports {}", importer.join("::"), target.join("::"));
            examples.insert((parent, from.clone(), to.clone()), example);
        }
    }
    let describe = |(parent, knows): (&&[String], &Knows)| {
        let names = circle(knows)?;
        // The way into the circle is not part of it.
        let begin = names.iter().position(|name| Some(name) == names.last())?;
        let step = |pair: &[&str]| examples[&(*parent, pair[0].to_owned(), pair[1].to_owned())].clone();
        Some(names[begin..].windows(2).map(step).collect::<Vec<_>>().join(", "))
    };
    siblings.iter().filter_map(describe).collect()
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
fn circles_are_found_between_siblings_and_not_between_a_module_and_its_parts() {
    let modules = |list: &[(&str, &str)]| {
        let module = |(path, source): &(&str, &str)| {
            (path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect(), (*source).to_owned())
        };
        list.iter().map(module).collect::<BTreeMap<Segments, String>>()
    };
    let parts = modules(&[("", "mod a; use a::B;"), ("a", "use self::b::C;"), ("a::b", "use super::D; use crate::E;")]);
    assert_eq!(circles_of_siblings(&parts), Vec::<String>::new());
    let direct = modules(&[("a", ""), ("a::b", "use super::c::C;"), ("a::c", "fn f() { crate::a::b::g() }")]);
    assert_eq!(circles_of_siblings(&direct), ["a::b imports a::c, a::c imports a::b"]);
    let through_parts = modules(&[("a", ""), ("a::x", "use crate::b::B;"), ("b", "mod y;"), ("b::y", "use crate::a;")]);
    assert_eq!(circles_of_siblings(&through_parts), ["a::x imports b, b::y imports a"]);
}
