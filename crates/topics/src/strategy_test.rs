use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

use super::*;

fn strategy(groups: &[&str], default_topic: Option<&str>) -> Strategy {
    Strategy {
        groups: groups.iter().map(|text| text.parse().unwrap()).collect(),
        default_topic: default_topic.map(|text| text.parse().unwrap()),
        ..Strategy::default()
    }
}

fn at(strategy: &Strategy, channel: &str) -> Result<(String, u32), StrategyError> {
    strategy.destination(channel.as_bytes()).map(|it| (it.topic.into_owned(), it.partitions.get()))
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with results")]
fn to(topic: &str, partitions: u32) -> Result<(String, u32), StrategyError> {
    Ok((topic.to_owned(), partitions))
}

#[test]
fn channels_are_grouped_by_pattern_and_the_rest_share_the_default_topic() {
    let grouped = strategy(&["user.*=realtime.user:10", "public.*=realtime.public:3"], Some("realtime:10"));
    assert_eq!(at(&grouped, "user.17"), to("realtime.user", 10));
    assert_eq!(at(&grouped, "public.news"), to("realtime.public", 3));
    assert_eq!(at(&grouped, "users"), to("realtime", 10));
    assert_eq!(grouped.destination(b"\xff").unwrap().topic, "realtime");
    let named: Vec<_> = grouped.named_topics().iter().map(|one| (one.topic.clone(), one.partitions.get())).collect();
    assert_eq!(named, [("realtime.user".into(), 10), ("realtime.public".into(), 3), ("realtime".into(), 10)]);
}

#[test]
fn without_groups_each_channel_has_its_own_topic() {
    let plain = Strategy::default();
    assert_eq!(at(&plain, "user.17"), to("user.17", 6));
    assert!(plain.named_topics().is_empty());
    for wrong in ["", "..", "a b", &"x".repeat(250)] {
        assert!(matches!(at(&plain, wrong), Err(StrategyError::NotAName(_))), "{wrong}");
    }
    let renamed = strategy(&["audit.*=audit2.{channel}:1"], Some("v2.{channel}"));
    assert_eq!(at(&renamed, "audit.x"), to("audit2.audit.x", 1));
    assert_eq!(at(&renamed, "user.17"), to("v2.user.17", 6));
    let error = plain.destination(b"a\x1b[2J").unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error}");
}

#[test]
fn a_channel_that_matches_no_group_is_an_error() {
    let error = at(&strategy(&["user.*=realtime.user"], None), "payments").unwrap_err().to_string();
    assert!(error.contains("no group matches channel `payments`") && error.contains("default_topic"), "{error}");
}

#[test]
fn partition_counts_come_from_the_rule_then_the_name_then_the_default() {
    let mut all = strategy(&["a.*=one:10", "b.*=two"], Some("three"));
    all.overrides = ["t*=12", "*=99"].map(|text| text.parse().unwrap()).into();
    assert_eq!(at(&all, "a.1"), to("one", 10));
    assert_eq!(at(&all, "b.1"), to("two", 12));
    assert_eq!((all.partitions_of("one").get(), all.partitions_of("other").get()), (10, 99));
    assert_eq!(all.contradiction(), None);
    let twice = strategy(&["a.*=one:10", "b.*=one", "c.*=one:11"], None);
    assert!(twice.contradiction().unwrap().contains("both 10 and 11 partitions"));
    assert_eq!(at(&twice, "b.1"), to("one", 10), "a topic has one number of partitions");
}

#[test]
fn invalid_rules_are_errors() {
    for (text, part) in [
        ("a*=t:0", "1 to 100, not 0"),
        ("a*=t:101", "1 to 100, not 101"),
        ("a*=t:x", "whole number from 1 to 100"),
        ("a*=", "does not name a topic"),
        ("a*=a/b:3", "does not name a topic"),
        ("=t:3", "is not of the form"),
        ("t:3", "is not of the form"),
        ("[=t:3", "is not a pattern"),
    ] {
        let error = text.parse::<TopicGroup>().unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!("t*=101".parse::<PartitionOverride>().unwrap_err().contains("1 to 100, not 101"));
    assert!("t*".parse::<PartitionOverride>().unwrap_err().contains("PATTERN=PARTITIONS"));
    assert_eq!("3".parse(), Ok(Replication::Copies(3)));
    assert_eq!("default".parse(), Ok(Replication::Broker));
    for wrong in ["0", "101", "-1", "", "x"] {
        assert!(wrong.parse::<Replication>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn displayed_rules_parse_back(channels in "[a-z.*?=]{1,8}", topic in "[a-z._-]{3,8}", count in 0..=101_u32) {
        let text = format!("{channels}={topic}:{count}");
        match text.parse::<TopicGroup>() {
            Ok(group) => {
                prop_assert!((1..=100).contains(&count));
                prop_assert_eq!(group.to_string(), text);
            }
            Err(_) => prop_assert!(count == 0 || count == 101),
        }
    }

    /// The first matching prefix wins, and every channel gets a valid topic name.
    #[test]
    fn the_first_matching_group_wins(prefixes in prop::collection::vec("[ab]{0,3}", 0..5), channel in "[ab]{1,6}") {
        let groups: Vec<String> = prefixes.iter().enumerate().map(|(at, prefix)| format!("{prefix}*=topic{at}")).collect();
        let all = strategy(&groups.iter().map(String::as_str).collect::<Vec<_>>(), Some("rest.{channel}"));
        let expected = prefixes.iter().position(|prefix| channel.starts_with(prefix));
        let found = all.destination(channel.as_bytes()).unwrap().topic.into_owned();
        prop_assert!(is_topic_name(&found));
        prop_assert_eq!(found, expected.map_or(format!("rest.{channel}"), |at| format!("topic{at}")));
    }
}
