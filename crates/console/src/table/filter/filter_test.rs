//! The filter language, compared with a simple model.

use proptest::prelude::*;

use super::{
    FilterProblem,
    parse::FieldName,
    quantity::Quantity,
    syntax::{Clause, Comparison, Filter, Term, Test},
};
use crate::table::{
    Kind, TableState, arrange, field_names,
    test_row::{Group, groups},
};

fn fields() -> Vec<FieldName> {
    field_names::<Group>()
}

fn parse(text: &str) -> Filter {
    Filter::parse(text, &fields()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn rows() -> Vec<Group> {
    let row = |name: &str, state, lag, p95_s| Group { state, lag, p95_s, ..Group::named(name) };
    vec![
        row("Orders", "stable", Some(2000), Some(0.05)),
        row("payments", "empty", Some(10), None),
        row("order items", "failed", None, Some(0.01)),
        row("a|b", "stable", Some(0), Some(0.02)),
    ]
}

fn shown(text: &str) -> Vec<String> {
    let mut state = TableState::default();
    state.set_filter::<Group>(text.into());
    assert_eq!(state.filter.error(), None, "{text}");
    let rows = rows();
    arrange(&state, &rows).shown.iter().map(|at| rows[*at].name.clone()).collect()
}

#[test]
fn terms_select_rows() {
    for (text, expected) in [
        ("", &["Orders", "payments", "order items", "a|b"][..]),
        ("order", &["Orders", "order items"]),
        ("STABLE", &["Orders", "a|b"]),
        ("!order", &["payments", "a|b"]),
        ("order stable", &["Orders"]),
        ("\"order items\"", &["order items"]),
        ("\"a|b\"", &["a|b"]),
        ("lag>1000", &["Orders"]),
        ("lag>=2k", &["Orders"]),
        ("lag<=10", &["payments", "a|b"]),
        ("lag=10", &["payments"]),
        ("lag!=10", &["Orders", "order items", "a|b"]),
        ("lag=?", &["order items"]),
        ("!lag:?", &["Orders", "payments", "a|b"]),
        ("p95>20ms", &["Orders"]),
        ("p95>=20ms", &["Orders", "a|b"]),
        ("state:failed", &["order items"]),
        ("state:fail|lag<5", &["order items", "a|b"]),
        ("name=orders", &["Orders"]),
        ("name:items", &["order items"]),
        ("name!=orders", &["payments", "order items", "a|b"]),
        ("NAME:items", &["order items"]),
        ("order lag>1k|state:failed", &["Orders", "order items"]),
        ("payments | order  stable", &["Orders"]),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn an_alternative_binds_more_tightly_than_a_space() {
    assert_eq!(parse("a b|c d").to_string(), "a b|c d");
    assert_eq!(parse("a b|c d").clauses.len(), 3);
}

#[test]
fn errors_have_a_position_and_the_nearest_name() {
    for (text, expected) in [
        ("lga>5", "character 1: no column `lga`; did you mean `lag`?"),
        ("ü sta:failed", "character 3: no column `sta`; did you mean `state`?"),
        ("user:17", "character 1: no column `user`; quote it to search for the text"),
        ("ok lag>1x", "character 8: `1x` is not a number; use 1000, 1.5k or 2M"),
        ("p95<20", "character 5: `20` is not a duration; use 250us, 20ms, 1.5s, 5m, 2h or 1d"),
        ("name>a", "character 1: `name` is text: use `name:` (contains) or `name=` (equals)"),
        ("lag>", "character 5: a value is missing"),
        ("lag> 5", "character 5: a value is missing"),
        ("a |", "character 4: a term is missing"),
        ("| a", "character 1: a term is missing"),
        ("a ! b", "character 4: a term is missing"),
        ("a \"b", "character 3: the closing quote is missing"),
        ("\"a\"b", "character 4: a space is missing after the quote"),
    ] {
        let error = Filter::parse(text, &fields()).map_err(|error| error.to_string());
        assert_eq!(error, Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn a_value_that_looks_like_a_name_needs_no_quotes() {
    assert_eq!(parse("vc.orders:1").to_string(), "\"vc.orders:1\"");
    assert_eq!(parse("orders-0").to_string(), "orders-0");
}

fn column_test() -> impl Strategy<Value = Test> {
    let number = prop_oneof![(0..6000_u64).prop_map(|n| n.to_string()), (0..50_u64).prop_map(|n| format!("{n}.5k"))];
    let comparison = prop::sample::select(Comparison::ALL.to_vec());
    let compare = |column, kind| {
        move |(comparison, text): (Comparison, String)| {
            Test::Compare(column, comparison, Quantity::parse(&text, kind).expect("a number"))
        }
    };
    let text_column = || prop::sample::select(vec!["name", "state"]);
    prop_oneof![
        "[a-cA-C -]{1,3}|[|!\"\\\\:=<> a]{1,4}|\\PC{1,4}".prop_map(Test::Word),
        (text_column(), "[a-eA-E]{1,2}|\\PC{0,3}").prop_map(|(column, text)| Test::Contains(column, text)),
        (text_column(), "stable|EMPTY|a-0|\\?").prop_map(|(column, text)| Test::Is(column, text)),
        (comparison.clone(), number).prop_map(compare("lag", Kind::Count)),
        (comparison, (0..2000_u64).prop_map(|n| format!("{n}ms"))).prop_map(compare("p95", Kind::Duration)),
        prop::sample::select(vec!["lag", "p95", "name"]).prop_map(Test::IsUnknown),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let term = (any::<bool>(), column_test()).prop_map(|(negated, test)| Term { negated, test });
    let clause = prop::collection::vec(term, 1..4).prop_map(|alternatives| Clause { alternatives });
    prop::collection::vec(clause, 0..4).prop_map(|clauses| Filter { clauses })
}

/// The meaning of a test, written for the columns of the test table alone.
#[allow(clippy::cast_precision_loss, clippy::float_cmp, reason = "small numbers, compared as the filter does")]
fn model(row: &Group, condition: &Test) -> bool {
    let lower = |text: &str| text.to_lowercase();
    let text = |column: &str| lower(if column == "name" { &row.name } else { row.state });
    let number = |column: &str| if column == "lag" { row.lag.map(|lag| lag as f64) } else { row.p95_s };
    match condition {
        Test::Word(word) => lower(&row.name).contains(&lower(word)) || lower(row.state).contains(&lower(word)),
        Test::Contains(column, part) => text(column).contains(&lower(part)),
        Test::Is(column, other) => text(column) == lower(other),
        Test::IsUnknown(column) => *column != "name" && number(column).is_none(),
        Test::Compare(column, comparison, quantity) => number(column).is_some_and(|number| match comparison {
            Comparison::Equal => number == quantity.value,
            Comparison::Greater => number > quantity.value,
            Comparison::AtLeast => number >= quantity.value,
            Comparison::Less => number < quantity.value,
            Comparison::AtMost => number <= quantity.value,
        }),
    }
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(text in "[a-z0-9|!\"\\\\:=<>? .k]{0,24}|\\PC{0,24}|.{0,24}") {
        match Filter::parse(&text, &fields()) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string(), &fields()), Ok(filter)),
            Err(error) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.position));
                prop_assert!(!error.problem.to_string().is_empty());
            }
        }
    }

    #[test]
    fn the_text_of_a_filter_is_parsed_to_the_same_filter(filter in filter()) {
        prop_assert_eq!(Filter::parse(&filter.to_string(), &fields()), Ok(filter));
    }

    #[test]
    fn a_filter_shows_the_rows_that_the_model_shows(filter in filter(), rows in groups()) {
        let mut state = TableState::default();
        state.set_filter::<Group>(filter.to_string());
        let passes = |row: &Group| {
            filter.clauses.iter().all(|clause| clause.alternatives.iter().any(|term| model(row, &term.test) ^ term.negated))
        };
        let expected: Vec<usize> = (0..rows.len()).filter(|at| passes(&rows[*at])).collect();
        prop_assert_eq!(arrange(&state, &rows).shown, expected);
    }

    #[test]
    fn plain_words_find_what_a_search_for_the_text_finds(word in "[a-zA-Z0-9._-]{1,6}", rows in groups()) {
        let mut state = TableState::default();
        state.set_filter::<Group>(word.clone());
        let found = |row: &Group| [row.name.as_str(), row.state].iter().any(|text| text.to_lowercase().contains(&word.to_lowercase()));
        let expected: Vec<usize> = (0..rows.len()).filter(|at| found(&rows[*at])).collect();
        prop_assert_eq!(arrange(&state, &rows).shown, expected);
    }

    #[test]
    fn an_unknown_value_is_neither_small_nor_large(limit in 0..10_000_u64, comparison in prop::sample::select(Comparison::ALL.to_vec())) {
        let rows = vec![Group { lag: None, ..Group::named("a") }];
        let mut state = TableState::default();
        state.set_filter::<Group>(format!("lag{}{limit}", comparison.symbol()));
        prop_assert!(arrange(&state, &rows).shown.is_empty());
    }
}

#[test]
fn an_unknown_column_is_reported_as_such() {
    let problem = Filter::parse("sign:x", &fields()).map_err(|error| error.problem);
    assert_eq!(problem, Err(FilterProblem::UnknownColumn { name: "sign".into(), nearest: None }), "it has no values");
}
