//! A user who may only describe, on a broker that allows nothing else.

use std::collections::BTreeSet;

use rdkafka::consumer::BaseConsumer;
use serde_json::Value;

use crate::support::broker::{Broker, SETTLE_TIMEOUT, unique_name};
use crate::support::process::{Finished, Program};
use crate::support::server::Server;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

use super::{answered, commit, member, produce, row};

const ACLS: &str = "org.apache.kafka.tools.AclCommand";
const ADMIN_PASSWORD: &str = "admin-secret";
const READER: &str = "reader";
const READER_PASSWORD: &str = "reader-secret";

/// A broker on which only `admin` may do everything. Others may do what rules allow.
struct Closed {
    server: Server,
    admin: Broker,
}

impl Closed {
    fn start() -> Self {
        let users = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" \
             password=\"{ADMIN_PASSWORD}\" user_admin=\"{ADMIN_PASSWORD}\" user_{READER}=\"{READER_PASSWORD}\";"
        );
        let settings = [
            // The listener keeps its name, which the testkit has chosen.
            ("listener.security.protocol.map", "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT"),
            ("sasl.enabled.mechanisms", "PLAIN"),
            ("sasl.mechanism.inter.broker.protocol", "PLAIN"),
            ("listener.name.plaintext.plain.sasl.jaas.config", &users),
            ("allow.everyone.if.no.acl.found", "false"),
            // Requests to the controller, and those inside a container, have no user.
            ("super.users", "User:admin;User:ANONYMOUS"),
        ];
        let server = Server::start_with(&settings).unwrap_or_else(|error| panic!("{error}"));
        let admin = Broker::as_user(server.bootstrap(), &properties("admin", ADMIN_PASSWORD));
        // The broker creates its coordinator when it sees its first group.
        wait::until("broker", SETTLE_TIMEOUT, || admin.answers().then_some(()));
        admin.committed("warm-up", "none", 0);
        Self { server, admin }
    }

    /// Runs a tool as `admin`.
    fn tool(&self, class: &str, args: &[&str]) -> Finished {
        let login = match self.server {
            Server::Container(_) => "security.protocol=PLAINTEXT".to_owned(),
            Server::Local(_) => format!(
                "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=\
                 org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" \
                 password=\"{ADMIN_PASSWORD}\";"
            ),
        };
        let bootstrap = ["--bootstrap-server", self.server.tool_bootstrap(), "--command-config", "/dev/stdin"];
        self.server.tool(class, &[&bootstrap, args].concat(), login.as_bytes()).expect_success()
    }

    /// Allows `reader` to describe groups and topics.
    fn allow_describe(&self, groups: &[&str], topics: &[&str]) {
        let mut args = vec!["--add", "--allow-principal", "User:reader", "--operation", "DESCRIBE"];
        args.extend(groups.iter().flat_map(|group| ["--group", group]));
        args.extend(topics.iter().flat_map(|topic| ["--topic", topic]));
        self.tool(ACLS, &args);
        // The broker applies the rules a moment later: in order with other changes, and those of a batch after it has
        // shown the topics of the batch. So they are in force once a second topic is there.
        for _ in 0..2 {
            self.admin.topic("after-acl", 1);
        }
    }

    fn kreplay(&self, login: (&str, &str), args: &[&str]) -> Finished {
        self.kreplay_with("auto", login, args)
    }

    /// Runs a command that watches with a client.
    fn kreplay_with(&self, client: &str, (user, password): (&str, &str), args: &[&str]) -> Finished {
        let properties = properties(user, password).map(|(name, value)| format!("{name}={value}"));
        let properties = properties.iter().flat_map(|property| ["-X", property]);
        let program = Program::kreplay().args(args).args(["--bootstrap-server", self.server.bootstrap()]);
        program.args(properties).env("KREPLAY_WATCH_CLIENT", client).timeout(RUN_TIMEOUT).run()
    }

    /// The groups that `watch --once --json` shows to a user.
    fn watched(&self, login: (&str, &str), groups: &[&str]) -> Vec<Value> {
        let args = [&["watch", "--once", "--json"], groups].concat();
        let (_, snapshot) = answered(|| self.kreplay(login, &args));
        snapshot["groups"].as_array().unwrap().clone()
    }
}

fn properties<'a>(user: &'a str, password: &'a str) -> [(&'static str, &'a str); 4] {
    [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", user),
        ("sasl.password", password),
    ]
}

const ADMIN: (&str, &str) = ("admin", ADMIN_PASSWORD);
const ONLY_DESCRIBES: (&str, &str) = (READER, READER_PASSWORD);

/// Two groups with the same topic, one with a member and another topic, which the reader may not describe.
struct Scene {
    closed: Closed,
    topic: String,
    hidden_topic: String,
    open: String,
    refused: String,
    half: String,
    _member: BaseConsumer,
}

impl Scene {
    fn new() -> Self {
        let closed = Closed::start();
        let admin = &closed.admin;
        let topic = admin.topic_with("watch-open", 2, &[("retention.ms", "-1")]);
        let hidden_topic = admin.topic_with("watch-hidden", 1, &[("retention.ms", "-1")]);
        produce(admin, &topic, 0, 6);
        produce(admin, &topic, 1, 3);
        produce(admin, &hidden_topic, 0, 5);
        let [open, refused, half] = ["watch-open", "watch-refused", "watch-half"].map(unique_name);
        commit(admin, &open, &topic, &[(0, 2), (1, 3)]);
        commit(admin, &refused, &topic, &[(0, 2), (1, 3)]);
        let member = member(admin, &half, &hidden_topic, "consumer");
        commit(admin, &open, &hidden_topic, &[(0, 1)]);
        closed.allow_describe(&[&open, &half], &[&topic]);
        Self { topic, hidden_topic, open, refused, half, _member: member, closed }
    }
}

fn same_figures(one: &Value, other: &Value) {
    for (mine, theirs) in one["partitions"].as_array().unwrap().iter().zip(other["partitions"].as_array().unwrap()) {
        for figure in
            ["topic", "partition", "committed", "end", "lag", "lost", "readable", "held_back", "ahead", "age_exactness"]
        {
            assert_eq!(mine[figure], theirs[figure], "{figure}");
        }
        // The ages are those of the same record, a few seconds apart.
        let ages = [mine, theirs].map(|row| row["age_s"]["value"].as_f64());
        let [Some(mine), Some(theirs)] = ages else {
            assert_eq!(ages, [None; 2]);
            continue;
        };
        assert!((mine - theirs).abs() <= (mine * 0.01).max(60.0), "{mine} {theirs}");
    }
}

#[test]
fn a_user_who_may_only_describe_sees_the_same_figures_and_is_told_what_is_closed() {
    let scene = Scene::new();
    let (closed, open) = (&scene.closed, scene.open.as_str());
    let seen = |login, groups: &[&str]| closed.watched(login, groups);
    let of = |groups: &[Value], name: &str| {
        groups
            .iter()
            .find(|group| group["group"].as_str() == Some(name))
            .unwrap_or_else(|| panic!("{groups:?}"))
            .clone()
    };
    let by_admin = of(&seen(ADMIN, &[open]), open);
    let by_reader = of(&seen(ONLY_DESCRIBES, &[open]), open);
    // Kafka does not mention committed offsets of a topic that the user may not describe.
    let mut visible = by_admin.clone();
    visible["partitions"].as_array_mut().unwrap().retain(|row| row["topic"].as_str() == Some(&scene.topic));
    assert_eq!(by_reader["partitions"].as_array().unwrap().len(), 2, "{by_reader}");
    same_figures(&by_reader, &visible);
    assert_eq!(by_reader["verdict"]["kind"], by_admin["verdict"]["kind"]);
    assert_eq!((by_reader["state"].as_str(), row(&by_reader, 0)["lag"].as_i64()), (Some("Empty"), Some(4)));

    // A group that is named, and that the user may not describe, is shown as that.
    let both = seen(ONLY_DESCRIBES, &[open, &scene.refused]);
    let refused = of(&both, &scene.refused);
    let missing = serde_json::json!({ "operation": "DESCRIBE", "resource": format!("group {}", scene.refused) });
    assert_eq!(refused["why_unknown"]["not_authorized"], missing, "{refused}");
    assert!(refused["lag"]["total"].is_null() && refused["partitions"] == serde_json::json!([]), "{refused}");
    assert_eq!(refused["verdict"]["kind"].as_str(), Some("unknown"), "{refused}");
    same_figures(&of(&both, open), &by_reader);
    let text = closed.kreplay(ONLY_DESCRIBES, &["watch", "--once", &scene.refused]).expect_success().stdout;
    assert!(text.contains(&format!("not authorized: DESCRIBE on group {} is required", scene.refused)), "{text}");

    // Kafka does not list it, so that a pattern does not find it.
    let listed: BTreeSet<String> =
        seen(ONLY_DESCRIBES, &["watch-*"]).iter().map(|group| group["group"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, [open.to_owned(), scene.half.clone()].into());

    // The coordinator does not describe a group with a member that reads a topic that the user may not describe.
    let half = of(&seen(ONLY_DESCRIBES, &[&scene.half, open]), &scene.half);
    let why = half["why_unknown"]["not_authorized"].clone();
    let resource = why["resource"].as_str().unwrap_or_default();
    assert!(why["operation"].as_str() == Some("DESCRIBE") && resource.contains("topic"), "{half}");
    assert!(half["lag"]["total"].is_null(), "{half}");
    assert!(!half.to_string().contains(&scene.hidden_topic), "{half}");
}

#[test]
fn librdkafka_takes_over_where_a_property_is_only_its_own() {
    let scene = Scene::new();
    let (closed, open) = (&scene.closed, scene.open.as_str());
    // It changes nothing with the mechanism PLAIN, but kreplay's own client cannot know that.
    let args = [
        "watch",
        "--once",
        "--json",
        open,
        &scene.refused,
        &scene.half,
        "-X",
        "sasl.oauthbearer.config=principal=nobody",
    ];
    let (finished, snapshot) = answered(|| closed.kreplay(ONLY_DESCRIBES, &args));
    let warnings = finished.stderr.matches("watching groups with librdkafka").count();
    assert!(warnings == 1 && finished.stderr.contains("sasl.oauthbearer.config"), "{finished:?}");
    assert!(snapshot["librdkafka_because"].as_str().unwrap().contains("sasl.oauthbearer.config"), "{snapshot}");
    let groups = snapshot["groups"].as_array().unwrap();
    let of = |name: &str| groups.iter().find(|group| group["group"].as_str() == Some(name)).unwrap();
    let by_wire = closed.watched(ONLY_DESCRIBES, &[open]);
    same_figures(of(open), &by_wire[0]);
    assert_eq!(of(open)["seen_by"].as_str(), Some("librdkafka"));
    // What the user may not see is unknown for the same reason.
    let refused = of(&scene.refused);
    let missing = serde_json::json!({ "operation": "DESCRIBE", "resource": format!("group {}", scene.refused) });
    assert_eq!(refused["why_unknown"]["not_authorized"], missing, "{refused}");
    assert!(refused["lag"]["total"].is_null(), "{refused}");
    let half = of(&scene.half);
    assert!(half["why_unknown"]["not_authorized"].is_object() && half["lag"]["total"].is_null(), "{half}");

    let finished = closed.kreplay_with("wire", ONLY_DESCRIBES, &args);
    assert_eq!(finished.code(), Some(2), "{finished:?}");
    let said = finished.stderr.contains("does not support sasl.oauthbearer.config");
    assert!(said && finished.stderr.contains("watch.client to auto"), "{finished:?}");
}
