//! Projections through a real PgBouncer in transaction mode: each transaction may use another connection to the server.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::fixtures::orders::{self, PARTITIONS, ROWS_QUERY, SCHEMA, STATEMENT, Workspace};
use crate::support::broker;
use crate::support::pooler::Pooler;
use crate::support::postgres;

/// Several workers, small transactions and few connections: no session state would survive.
#[test]
fn every_record_is_applied_once_through_pgbouncer() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("pooled", PARTITIONS), postgres::shared().database());
    let expected = orders::fill(workspace.broker, &topic, &mut StdRng::seed_from_u64(5), 6000, 200);
    let pooler = Pooler::in_front_of(&database, "");
    // The second statement has to be sent for each record, and it uses the user's own types.
    let schema = format!(
        "{SCHEMA} DO $$ BEGIN CREATE TYPE kind AS ENUM ('order'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         CREATE TABLE IF NOT EXISTS notes (key text, kind kind);"
    );
    let statement =
        format!("{STATEMENT};\nINSERT INTO notes SELECT :key, CAST(:header.kind AS kind) WHERE :json.n % 10 = 0;");
    for schema_name in ["orders", "orders_too"] {
        let definition = workspace.define(schema_name, pooler.database().url(), &schema, &statement, "");
        let config = workspace.dir.path().join("kreplay.toml");
        std::fs::write(&config, format!("[projection]\nschema = \"{schema_name}\"\n")).unwrap();
        let args = ["--config", config.to_str().unwrap(), "--batch", "5", "--concurrency", "8", "--no-journal"];
        let handler = format!("projection:{}", definition.display());
        let ended =
            workspace.start(&[&["run", "--topics", &topic, "--handler", &handler][..], &args].concat()).finish();
        let ended = ended.expect_success();
        assert!(ended.stderr.contains("a pooler is between kreplay and the server"), "{}", ended.stderr);
        database.execute(&format!("ALTER DATABASE {} SET search_path TO {schema_name}", database.name()));
        orders::expect_equal(&orders::parse(database.rows(ROWS_QUERY)), &expected);
        assert_eq!(database.value("SELECT count(*) FROM notes"), "600");
    }
    assert_eq!(workspace.report()["totals"]["retried"], 0);
}

#[test]
fn unsupported_pooler_settings_are_named() {
    let workspace = Workspace::new(broker::shared());
    let (topic, database) = (workspace.broker.topic("pooling", 1), postgres::shared().database());
    orders::fill(workspace.broker, &topic, &mut StdRng::seed_from_u64(5), 10, 5);
    let statements = Pooler::in_front_of(&database, "pool_mode = statement");
    let options = Pooler::in_front_of(&database, "");
    for (name, target, part) in [
        ("statements", statements.database().url().to_owned(), "set the pooler's pool_mode"),
        ("options", format!("{}?options=-csearch_path%3Dx", options.database().url()), "ignore_startup_parameters"),
    ] {
        let definition = workspace.define(name, &target, SCHEMA, STATEMENT, "");
        let ended = workspace.run(&topic, &definition, &["--no-journal"]);
        assert_ne!(ended.code(), Some(0), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{name}: {}", ended.stderr);
    }
}
