//! Tests of the rules, against a simple model.

use kreplay_model::domain::{Format, Formats, Glob, LaneKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::decode::DecodeSettings;

/// A record for tests.
#[derive(Clone, Debug, Default)]
struct TestRecord {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Fields for TestRecord {
    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name)?.1.as_deref()
    }
}

fn record(key: &str, value: &Value) -> TestRecord {
    TestRecord { key: Some(key.into()), value: Some(value.to_string().into_bytes()), headers: Vec::new() }
}

fn templated_key(template: &str, record: &TestRecord) -> Option<Vec<u8>> {
    let rules = Rules { template: Some(template.parse().unwrap()), ..Rules::default() };
    rules.lane_key(record).map(Cow::into_owned)
}

#[test]
fn templates_use_keys_headers_and_json() {
    let mut record =
        record("task:9", &json!({"team_id": 7, "a": {"b": ["x", true, null, {}]}, "key": "k", "x y": 1.50}));
    record.headers =
        vec![("team".into(), Some(b"red\xff".to_vec())), ("none".into(), None), ("a.b".into(), Some(vec![]))];
    for (template, key) in [
        ("team:{team_id}", Some(&b"team:7"[..])),
        ("{key}", Some(b"task:9")),
        ("{header.team}", Some(b"red\xff")),
        ("{header.a.b}!", Some(b"!")),
        ("{a.b[0]}/{json.a.b[1]}", Some(b"x/true")),
        ("{json.key}", Some(b"k")),
        ("{{{key}}}", Some(b"{task:9}")),
        (r#"{["x y"]}"#, Some(b"1.5")),
        ("{a.b[2]}", None),
        ("{a.b[3]}", None),
        ("{a}", None),
        ("{header.none}", None),
        ("{header.absent}", None),
        ("team:{team}", None),
    ] {
        assert_eq!(templated_key(template, &record).as_deref(), key, "{template}");
    }
}

#[test]
fn numbers_are_compared_by_value_with_all_digits() {
    let met = |rule: &str, value: &str| {
        let record = TestRecord { value: Some(value.into()), ..TestRecord::default() };
        let rules = Rules { barriers: vec![rule.parse().unwrap()], ..Rules::default() };
        rules.route(&record).unwrap().barrier
    };
    for (rule, value, expected) in [
        ("json.id=23958446825181076828", r#"{"id":23958446825181076828}"#, true),
        ("json.id=23958446825181076828", r#"{"id":23958446825181076829}"#, false),
        ("json.id=23958446825181076828", r#"{"id":2.3958446825181076828e19}"#, true),
        ("json.id=-0", r#"{"id":0.00}"#, true),
        ("json.id=1e400", r#"{"id":10e399}"#, true),
        ("json.id=1e400", r#"{"id":1e401}"#, false),
        ("json.id=1", r#"{"id":2,"id":1}"#, true),
        ("json.id=2", r#"{"id":2,"id":1}"#, false),
        ("json.id=01", r#"{"id":1}"#, false),
    ] {
        assert_eq!(met(rule, value), expected, "{rule} on {value}");
    }
    let templated_key = |value: &str| {
        templated_key("{id}", &TestRecord { value: Some(value.into()), ..TestRecord::default() }).unwrap()
    };
    assert_eq!(templated_key(r#"{"id":23958446825181076828}"#), b"23958446825181076828");
    assert_eq!(templated_key(r#"{"id":117.63331139400017}"#), b"117.63331139400017");
    assert_eq!(templated_key(r#"{"id":1.50}"#), b"1.50");
}

#[test]
fn values_that_common_parsers_accept_are_read() {
    let deep = format!(r#"{{"k":"EUR","d":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let rules =
        Rules { filter: Filter { json: vec!["k=EUR".parse().unwrap()], ..Filter::default() }, ..Rules::default() };
    for value in [
        "\u{feff}{\"k\":\"EUR\"}",
        r#"{"k":"EUR","x":1e400}"#,
        r#"{"k":"EUR","n":"\ud800"}"#,
        " {\"k\":\"\\u0045UR\"}\n",
        &deep,
    ] {
        let record = TestRecord { value: Some(value.into()), ..TestRecord::default() };
        assert!(!rules.route(&record).unwrap().filtered, "{}", &value[..value.len().min(40)]);
    }
    for (value, reason) in [
        (r#"{"k":"EUR","x":NaN}"#, "JSON has no NaN (line 1 column 16)"),
        (r#"{"k":"EUR","x":-Infinity}"#, "JSON has no -Infinity"),
        (r#"{"k":"EUR"} {"k":"EUR"}"#, "unexpected data after the first value (line 1 column 13)"),
        ("", "EOF while parsing a value"),
    ] {
        let record = TestRecord { value: Some(value.into()), ..TestRecord::default() };
        let error = rules.examine(&record).document().unwrap_err().to_string();
        assert!(
            error.starts_with("the value cannot be decoded: it is not JSON: ") && error.contains(reason),
            "{error}"
        );
    }
    let halves = TestRecord { value: Some(r#"{"n":"\ud800"}"#.into()), ..TestRecord::default() };
    assert_eq!(templated_key("{n}", &halves), None);
    let rules =
        Rules { filter: Filter { json: vec!["n=x".parse().unwrap()], ..Filter::default() }, ..Rules::default() };
    let route = rules.route(&halves).unwrap();
    assert!(route.unjudged && route.filtered);
    let reason = rules.why_unjudged(&halves).unwrap();
    assert!(reason.contains("json.n") && reason.contains("lone surrogate"), "{reason}");
}

#[test]
fn malformed_values_have_no_json_fields() {
    let deep = "[".repeat(100_000);
    for value in [&b"\xff\xfe"[..], b"", b"{\"team_id\":", b"{\"team_id\":1} x", b"nul", deep.as_bytes()] {
        let record = TestRecord { value: Some(value.to_vec()), ..TestRecord::default() };
        assert_eq!(templated_key("{team_id}", &record), None);
        let rules = Rules { template: Some("{team_id}".parse().unwrap()), ..Rules::default() };
        let route = rules.route(&record).unwrap();
        assert_eq!((route.lane, route.unkeyed, route.filtered), (LaneKey::Keyless, true, false));
    }
    assert_eq!(templated_key("{team_id}", &TestRecord::default()), None, "a tombstone");
    assert_eq!(
        templated_key("{key}", &TestRecord { key: Some(vec![0, 255, b'\n']), ..TestRecord::default() }),
        Some(vec![0, 255, b'\n'])
    );
}

#[test]
fn invalid_templates_are_errors() {
    for (text, part) in [
        ("", "uses no part of the record"),
        ("team", "uses no part of the record"),
        ("{{key}}", "uses no part of the record"),
        ("{", "not a JSON path"),
        ("{team_id", "has no `}`"),
        ("team}", "has no `{`"),
        ("{}", "not a JSON path"),
        ("{header.}", "needs a header name"),
        ("{header}", "{header.NAME}"),
        ("{json}", "{json.json}"),
        ("{key.id}", "{json.key}"),
        ("{a b}", "has no `}`"),
    ] {
        let error = text.parse::<KeyTemplate>().unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_filtered_record_is_not_a_barrier() {
    let mut rules = Rules { barriers: vec!["type=*Merged".parse().unwrap()], ..Rules::default() };
    let merged = record("a", &json!({"type": "BranchMerged"}));
    assert!(rules.route(&merged).unwrap().barrier);
    assert!(!rules.route(&record("a", &json!({"type": "BranchCreated"}))).unwrap().barrier);
    rules.filter.keys = vec!["b".parse().unwrap()];
    let route = rules.route(&merged).unwrap();
    assert!(route.filtered && !route.barrier);
}

#[test]
fn the_policy_decides_about_unjudged_records() {
    let broken = TestRecord { key: Some(b"k".to_vec()), value: Some(b"{\"k\":NaN}".to_vec()), ..TestRecord::default() };
    let json =
        DecodeSettings { formats: Formats { value: Format::Json, ..Formats::default() }, ..DecodeSettings::default() };
    for (policy, asked, expected) in [
        // Excluded, counted as unjudged, and failing.
        (None, false, (true, true, false)),
        (None, true, (false, false, true)),
        (Some(OnUnjudged::Drop), false, (true, true, false)),
        (Some(OnUnjudged::Drop), true, (true, true, false)),
        (Some(OnUnjudged::Pass), false, (false, true, false)),
        (Some(OnUnjudged::Pass), true, (false, false, true)),
        (Some(OnUnjudged::Fail), false, (false, false, true)),
    ] {
        let mut rules = Rules { on_unjudged: policy, ..Rules::default() };
        if asked {
            rules.decoding = json.clone().into();
        }
        rules.filter.json = vec!["k=1".parse().unwrap()];
        let route = rules.route(&broken).unwrap();
        assert_eq!((route.filtered, route.unjudged, route.undecodable), expected, "{policy:?} {asked}");
        // A condition that is definitely not met decides without the value.
        rules.filter.keys = vec!["another".parse().unwrap()];
        let route = rules.route(&broken).unwrap();
        assert!(route.filtered && !route.unjudged && !route.undecodable, "{policy:?} {asked}");
        // A record that may be a barrier is handled alone and never excluded.
        let barriers = vec!["json.k=1".parse().unwrap()];
        let rules = Rules { on_unjudged: policy, barriers, decoding: rules.decoding.clone(), ..Rules::default() };
        let route = rules.route(&broken).unwrap();
        let fails = asked || policy == Some(OnUnjudged::Fail);
        assert_eq!((route.filtered, route.barrier, route.unjudged, route.undecodable), (false, true, !fails, fails));
    }
    assert!(Rules::default().why_unjudged(&broken).unwrap().contains("the value cannot be decoded"));
}

#[test]
fn the_first_event_type_field_wins() {
    let rules = Rules::default();
    let named = |headers: &[(&str, &str)], value: Value| {
        let mut record = record("k", &value);
        record.headers = headers.iter().map(|(name, value)| ((*name).into(), Some((*value).into()))).collect();
        rules.examine(&record).event_type().map(|name| String::from_utf8(name.into_owned()).unwrap())
    };
    assert_eq!(named(&[("type", "b"), ("event-type", "a")], json!({"type": "c"})).as_deref(), Some("a"));
    assert_eq!(named(&[("ce_type", "x")], json!({"type": "c"})).as_deref(), Some("x"));
    assert_eq!(named(&[], json!({"type": "c"})).as_deref(), Some("c"));
    assert_eq!(named(&[], json!({"event_type": "d", "type": null})).as_deref(), Some("d"));
    assert_eq!(named(&[], json!([])), None);
}

#[test]
fn displayed_rules_parse_back() {
    for text in [
        "key=order-*",
        r#"keys=["a","b,c \"d\""]"#,
        "header.kind=a=b",
        "json.a.b[0]=x=y",
        r#"json.["x=y"]="#,
        "type=Dataset{Merged,Split}",
    ] {
        assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
    }
    for wrong in
        ["", "key", "key:a", "header.=x", "header.x", "json.a", "json.=x", "keys=[]", "keys=a", "key=[", "value=x"]
    {
        assert!(wrong.parse::<Rule>().is_err(), "{wrong}");
    }
    let list = KeyList::from_lines("b\r\n\n a \nb\n").unwrap();
    assert_eq!(list.to_string(), r#"[" a ","b"]"#);
    assert!(KeyList::from_lines("\n\n").is_err());
}

#[test]
fn json_values_are_compared_as_text() {
    let value = json!({"n": 1, "s": "1", "t": true, "z": null, "o": {}, "big": u64::MAX});
    for (text, met) in [
        ("json.n=1", true),
        ("json.s=1", true),
        ("json.n=1.0", true),
        ("json.n=10e-1", true),
        ("json.n=1.01", false),
        ("json.s=1.0", false),
        ("json.s=\"1\"", false),
        ("json.t=true", true),
        ("json.z=null", true),
        ("json.z=", false),
        ("json.o={}", false),
        ("json.big=18446744073709551615", true),
        ("json.none=null", false),
    ] {
        let rules = Rules { barriers: vec![text.parse().unwrap()], ..Rules::default() };
        assert_eq!(rules.route(&record("k", &value)).unwrap().barrier, met, "{text}");
    }
}

fn word() -> impl Strategy<Value = String> {
    "[ab]{1,2}"
}

prop_compose! {
    fn plain()(
        key in prop::option::of(word()),
        team in prop::option::of(word()),
        kind in prop::option::of(word()),
        header in prop::option::of(prop::option::of(word())),
        broken in prop::bool::weighted(0.1),
    ) -> (TestRecord, Option<String>, Option<String>) {
        let mut value = json!({});
        if let Some(team) = &team {
            value["team"] = json!(team);
        }
        if let Some(kind) = &kind {
            value["type"] = json!(kind);
        }
        let mut text = value.to_string();
        if broken {
            text.push('!');
        }
        let record = TestRecord {
            key: key.map(String::into_bytes),
            value: Some(text.into_bytes()),
            headers: header.map(|value| ("h".into(), value.map(String::into_bytes))).into_iter().collect(),
        };
        if broken { (record, None, None) } else { (record, team, kind) }
    }
}

proptest! {
    /// Kinds are combined with "and", alternatives of a kind with "or".
    #[test]
    fn the_filter_agrees_with_its_definition(
        (record, team, kind) in plain(),
        by_team in any::<bool>(),
        keys in prop::collection::vec(word(), 0..3),
        listed in prop::collection::vec(word(), 0..3),
        headers in prop::collection::vec(word(), 0..3),
        teams in prop::collection::vec(word(), 0..3),
        kinds in prop::collection::vec(word(), 0..3),
    ) {
        let globs = |words: &[String]| words.iter().map(|word| word.parse().unwrap()).collect::<Vec<Glob>>();
        let rules = Rules {
            template: by_team.then(|| "team:{team}".parse().unwrap()),
            filter: Filter {
                keys: globs(&keys.iter().map(|key| if by_team { format!("team:{key}") } else { key.clone() }).collect::<Vec<_>>()),
                key_list: KeyList::from_lines(&listed.join("\n")).ok(),
                headers: headers.iter().map(|value| HeaderIs { name: "h".into(), value: value.clone() }).collect(),
                json: teams.iter().map(|team| format!("team={team}").parse().unwrap()).collect(),
                event_types: globs(&kinds),
            },
            ..Rules::default()
        };
        let key = if by_team {
            team.as_ref().map(|team| format!("team:{team}"))
        } else {
            record.key.clone().map(|key| String::from_utf8(key).unwrap())
        };
        let within = |wanted: &[String], is: Option<&String>| is.is_some_and(|is| wanted.contains(is));
        let short = key.as_ref().map(|key| key.trim_start_matches("team:").to_owned());
        let by_key = within(&keys, short.as_ref()) || within(&listed, key.as_ref());
        let header = record.header("h").map(|value| String::from_utf8(value.to_vec()).unwrap());
        let passes = (keys.is_empty() && listed.is_empty() || by_key)
            && (headers.is_empty() || within(&headers, header.as_ref()))
            && (teams.is_empty() || within(&teams, team.as_ref()))
            && (kinds.is_empty() || within(&kinds, kind.as_ref()));
        let route = rules.route(&record).unwrap();
        prop_assert_eq!(route.filtered, !passes);
        let has_key_conditions = !keys.is_empty() || !listed.is_empty();
        let is_broken = serde_json::from_slice::<Value>(record.value.as_ref().unwrap()).is_err();
        let surely_unmet = (!headers.is_empty() && !within(&headers, header.as_ref())) || (has_key_conditions && !by_team && !by_key);
        let needs_value = by_team || !teams.is_empty() || !kinds.is_empty();
        prop_assert_eq!(route.unjudged, is_broken && needs_value && !surely_unmet);
        prop_assert_eq!(route.lane, key.as_ref().map_or(LaneKey::Keyless, |key| LaneKey::Keyed(hash_key(key.as_bytes()))));
        prop_assert_eq!(route.unkeyed, by_team && key.is_none());
        prop_assert_eq!(rules.lane_key(&record).map(Cow::into_owned), key.map(String::into_bytes));
    }

    #[test]
    fn displayed_templates_parse_back(
        parts in prop::collection::vec(prop_oneof![
            "[a{}:]{0,3}".prop_map(|text| text.replace('{', "{{").replace('}', "}}")),
            Just("{key}".to_owned()),
            "\\{header\\.[a.=\\[ ]{1,3}\\}",
            "\\{[b-d](\\.[a-c]){0,2}(\\[[0-9]\\])?\\}",
            "\\{json\\.(key|header|json|x)(\\.[a-c]){0,2}\\}",
        ], 0..5),
    ) {
        let text = parts.concat() + "{key}";
        // Adjacent braces may parse differently than the parts. The displayed template must still parse back.
        if let Ok(template) = text.parse::<KeyTemplate>() {
            prop_assert_eq!(template.to_string().parse::<KeyTemplate>(), Ok(template));
        }
    }

    #[test]
    fn any_text_parses_or_fails(text in any::<String>()) {
        drop(text.parse::<KeyTemplate>());
        drop(text.parse::<Rule>());
        drop(text.parse::<Field>());
    }
}
