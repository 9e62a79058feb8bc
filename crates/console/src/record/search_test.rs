use proptest::prelude::*;

use super::*;
use crate::record::{Folding, Format, JsonTree, LineContent, lines::tests::record};

const JSON: &str = r#"{"Name":"Smith","list":["smith",{"x":"SMITH"}]}"#;

fn with_shown<T>(json: &str, format: Format, check: impl FnOnce(&Shown<'_>, &mut Folding, &JsonTree) -> T) -> T {
    let tree = JsonTree::parse(&json.into()).unwrap();
    let mut folding = Folding::of(&tree);
    let copy = folding.clone();
    let record = record(Some(json.as_bytes()), Some(json));
    let shown = Shown { record: &record, tree: Some(&tree), folding: &copy, format, failure: None, room: (60, 50) };
    check(&shown, &mut folding, &tree)
}

#[test]
fn a_lower_case_text_is_found_in_any_case() {
    with_shown(JSON, Format::Decoded, |shown, _, _| {
        assert_eq!(shown.find("smith"), [Hit::Node(1), Hit::Node(3), Hit::Node(5)]);
        assert_eq!(shown.find("Smith"), [Hit::Node(1)]);
        assert_eq!(shown.find("name"), [Hit::Node(1)]);
        assert_eq!(shown.find("x"), [Hit::Node(5)], "a value that contains others is found by its name");
        assert_eq!(shown.find(""), []);
        assert_eq!(shown.find("none"), []);
    });
    with_shown(JSON, Format::Hex, |shown, _, _| {
        assert_eq!(shown.find("smith").len(), 3);
        assert_eq!(shown.find("SMITH"), [Hit::Byte(JSON.find("SMITH").unwrap())]);
    });
}

#[test]
fn the_search_continues_at_the_other_end() {
    with_shown(JSON, Format::Decoded, |shown, _, _| {
        let hits = shown.find("smith");
        let lines = shown.lines();
        let line = |index| lines.iter().find(|line| line.node() == Some(index));
        assert_eq!(Shown::step(&hits, None, SearchStep::Next), Some(Hit::Node(1)));
        assert_eq!(Shown::step(&hits, line(1), SearchStep::Next), Some(Hit::Node(3)));
        assert_eq!(Shown::step(&hits, line(3), SearchStep::FromHere), Some(Hit::Node(3)));
        assert_eq!(Shown::step(&hits, line(5), SearchStep::Next), Some(Hit::Node(1)));
        assert_eq!(Shown::step(&hits, line(1), SearchStep::Previous), Some(Hit::Node(5)));
        assert_eq!(Shown::step(&[], line(1), SearchStep::Next), None);
    });
}

proptest! {
    #[test]
    fn bytes_are_found_where_a_plain_search_finds_them(text in "[abA]{0,40}", wanted in "[abA]{1,3}") {
        let is_exact = wanted.contains('A');
        let same = |part: &str| if is_exact { part == wanted } else { part.eq_ignore_ascii_case(&wanted) };
        let expected: Vec<usize> = (0..text.len()).filter(|at| text.get(*at..*at + wanted.len()).is_some_and(same)).collect();
        prop_assert_eq!(places(text.as_bytes(), wanted.as_bytes(), !is_exact, usize::MAX), expected);
    }

    #[test]
    fn every_hit_can_be_revealed_and_shown(format in prop::sample::select(vec![Format::Decoded, Format::Hex])) {
        with_shown(JSON, format, |shown, folding, tree| {
            for hit in shown.find("i") {
                folding.step_level(tree, false);
                if let Hit::Node(index) = hit {
                    folding.reveal(tree, index);
                }
                let lines = Shown { folding, ..*shown }.lines();
                let at = Shown::line_of(&lines, hit);
                assert!(at.is_some_and(|at| !matches!(lines[at].content, LineContent::Text(_))), "{hit:?}");
            }
        });
    }
}
