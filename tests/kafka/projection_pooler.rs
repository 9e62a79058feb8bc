//! Projections through a real PgBouncer in transaction mode: each transaction may have another connection to the server.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::orders::{self, PARTITIONS, Place, ROWS, SCHEMA, STATEMENT};
use crate::support::broker;
use crate::support::pooler::Pooler;
use crate::support::postgres;

/// Several workers, small transactions, few connections: nothing that belongs to a session would survive.
#[test]
fn every_record_is_applied_once_through_a_pooler() {
    let place = Place::new(broker::shared());
    let (topic, database) = (place.broker.topic("pooled", PARTITIONS), postgres::shared().database());
    let expected = orders::fill(place.broker, &topic, &mut StdRng::seed_from_u64(5), 6000, 200);
    let pooler = Pooler::before(&database, "");
    // The second is of a form that has to be sent for each record, and has types of the user's own.
    let schema = format!(
        "{SCHEMA} DO $$ BEGIN CREATE TYPE kind AS ENUM ('order'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         CREATE TABLE IF NOT EXISTS notes (key text, kind kind);"
    );
    let statement =
        format!("{STATEMENT};\nINSERT INTO notes SELECT :key, CAST(:header.kind AS kind) WHERE :json.n % 10 = 0;");
    for schema_name in ["orders", "orders_too"] {
        let definition = place.define(schema_name, pooler.database().url(), &schema, &statement, "");
        let config = place.dir.path().join("kreplay.toml");
        std::fs::write(&config, format!("[projection]\nschema = \"{schema_name}\"\n")).unwrap();
        let args = ["--config", config.to_str().unwrap(), "--batch", "5", "--concurrency", "8", "--no-journal"];
        let handler = format!("projection:{}", definition.display());
        let ended = place.start(&[&["run", "--topics", &topic, "--handler", &handler][..], &args].concat()).finish();
        let ended = ended.expect_success();
        assert!(ended.stderr.contains("a pooler stands before the server"), "{}", ended.stderr);
        database.execute(&format!("ALTER DATABASE {} SET search_path TO {schema_name}", database.name()));
        orders::expect_equal(&orders::read(database.rows(ROWS)), &expected);
        assert_eq!(database.value("SELECT count(*) FROM notes"), "600");
    }
    assert_eq!(place.report()["totals"]["retried"], 0);
}

#[test]
fn what_a_pooler_cannot_do_is_said_with_its_setting() {
    let place = Place::new(broker::shared());
    let (topic, database) = (place.broker.topic("pooling", 1), postgres::shared().database());
    orders::fill(place.broker, &topic, &mut StdRng::seed_from_u64(5), 10, 5);
    let statements = Pooler::before(&database, "pool_mode = statement");
    let options = Pooler::before(&database, "");
    for (name, target, part) in [
        ("statements", statements.database().url().to_owned(), "set the pooler's pool_mode"),
        ("options", format!("{}?options=-csearch_path%3Dx", options.database().url()), "ignore_startup_parameters"),
    ] {
        let definition = place.define(name, &target, SCHEMA, STATEMENT, "");
        let ended = place.run(&topic, &definition, &["--no-journal"]);
        assert_ne!(ended.code(), Some(0), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{name}: {}", ended.stderr);
    }
}
