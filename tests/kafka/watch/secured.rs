//! Groups and topics that the user may not describe.

use serde_json::Value;

use crate::support::broker::unique_name;
use crate::support::process::Program;
use crate::support::server::Server;
use crate::support::timeouts::RUN_TIMEOUT;

/// A broker that grants its users nothing, except that the broker itself may do everything.
fn closed_broker() -> Server {
    // The controller and the broker's own listener are trusted by their principal; clients have the same one without
    // authentication, so that only a superuser named otherwise makes a difference.
    let settings = [
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("sasl.enabled.mechanisms", "PLAIN"),
        ("listener.security.protocol.map", "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT"),
        ("sasl.mechanism.inter.broker.protocol", "PLAIN"),
        (
            "listener.name.plaintext.plain.sasl.jaas.config",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"secret\" \
             user_admin=\"secret\" user_ada=\"hunter2\";",
        ),
        ("super.users", "User:admin;User:ANONYMOUS"),
    ];
    Server::start_with(&settings).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_group_that_the_user_may_not_describe_is_shown_with_the_missing_permission() {
    let server = closed_broker();
    let group = unique_name("watch-secret");
    let properties =
        ["security.protocol=sasl_plaintext", "sasl.mechanism=PLAIN", "sasl.username=ada", "sasl.password=hunter2"];
    let flags = properties.iter().flat_map(|property| ["-X", property]);
    let args = ["watch", &group, "--once", "--json", "--bootstrap-server", server.bootstrap()];
    let finished = Program::kreplay().args(args.into_iter().chain(flags)).timeout(RUN_TIMEOUT).run().expect_success();
    let snapshot: Value = serde_json::from_str(&finished.stdout).unwrap();
    let found = &snapshot["groups"][0];
    assert_eq!(found["group"].as_str(), Some(group.as_str()), "{snapshot}");
    let reason = &found["why_unknown"]["not_authorized"];
    assert_eq!(reason["operation"].as_str(), Some("DESCRIBE"), "{found}");
    assert_eq!(reason["resource"].as_str(), Some(format!("group {group}").as_str()));
    assert!(found["lag"]["total"].is_null());
}
