//! A rebuild in a schema beside the one that is in use. It takes its place by renaming both in one transaction.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, types::Type};

use super::{Found, Mark, Stage, goes_on};
use crate::handler::{
    HandlerContext, HandlerError,
    projection::{
        definition::Definition,
        postgres::{Connection, Place, Trouble, bounded, is_wrong_usage, quoted, reach},
        store::{settings_error, target_error},
    },
};

/// The longest name that PostgreSQL has.
const LONGEST: usize = 63;

/// A rebuild of a PostgreSQL schema.
pub(super) struct PostgresShadow {
    live: String,
    shadow: String,
    shown: String,
    mark: Mark,
    place: Place,
    /// Its connection is held as long as this lives: one rebuild of a schema at a time.
    held: Mutex<(Runtime, Client)>,
}

impl PostgresShadow {
    pub(super) fn begin(
        url: &str,
        definition: &Definition,
        mark: Mark,
        context: &HandlerContext,
    ) -> Result<(Self, Stage), HandlerError> {
        let Some(live) = context.settings.projection.schema.clone().filter(|schema| schema != "public") else {
            return Err(settings_error(
                "a shadow rebuild exchanges whole schemas, so the projection needs one of its own; set projection.schema, to something else than public",
            ));
        };
        let shadow = format!("{live}_shadow");
        if old_name(&live, &mark.run_id).len() > LONGEST {
            return Err(settings_error(format!(
                "projection.schema is too long by {}",
                old_name(&live, &mark.run_id).len() - LONGEST
            )));
        }
        let shown = definition.target.to_string();
        let (place, runtime) = reach(url, &Arc::new(definition.clone()), None)?;
        let error = |trouble: &Trouble| {
            let reason = format!("{shown}: a rebuild cannot begin: {}", trouble.sentence());
            if is_wrong_usage(trouble) { settings_error(reason) } else { target_error(reason) }
        };
        let begun = runtime.block_on(async {
            let held = place.connect().await.map_err(|trouble| error(&trouble))?;
            if !is_alone(&held, &live).await.map_err(|trouble| error(&trouble))? {
                return Err(settings_error(format!(
                    "{live} is being rebuilt by another process; wait for it, or end it"
                )));
            }
            let client = place.connect().await.map_err(|trouble| error(&trouble))?.client;
            if look(&client, &live).await.map_err(|trouble| error(&trouble))? == Found::Mark(mark.clone()) {
                return Ok((held.client, Stage::InPlace));
            }
            let found = look(&client, &shadow).await.map_err(|trouble| error(&trouble))?;
            if !goes_on(&found, &mark, &format!("the schema {shadow}"))? {
                begin_anew(&client, &shadow, &mark).await.map_err(|trouble| error(&trouble))?;
            }
            Ok((held.client, Stage::Building))
        });
        let (client, stage) = begun?;
        Ok((Self { live, shadow, shown, mark, place, held: Mutex::new((runtime, client)) }, stage))
    }

    /// Where records are applied.
    pub(super) fn schema(&self, building: bool) -> String {
        if building { self.shadow.clone() } else { self.live.clone() }
    }

    /// Puts the rebuild in place. Answers what the old one is called, and how it is removed.
    pub(super) fn put_in_place(&self, keep_old: bool) -> Result<Option<(String, String)>, HandlerError> {
        let old = old_name(&self.live, &self.mark.run_id);
        let failed = |trouble: &Trouble| {
            target_error(format!(
                "{}: the rebuild is complete and verified, and cannot be put in the place of {}: {}; resume the run",
                self.shown,
                self.live,
                trouble.sentence()
            ))
        };
        let held = self.held.lock();
        held.0.block_on(async {
            // What was held may be lost since.
            let client = self.place.connect().await.map_err(|trouble| failed(&trouble))?.client;
            let exchanged = exchange(&client, &self.live, &self.shadow, &old).await;
            let had_old = match exchanged {
                Ok(had_old) => had_old,
                // Whether it was the end that was not heard of, the mark tells.
                Err(trouble) => {
                    let client = self.place.connect().await.map_err(|_| failed(&trouble))?.client;
                    if look(&client, &self.live).await.map_err(|_| failed(&trouble))? != Found::Mark(self.mark.clone())
                    {
                        return Err(failed(&trouble));
                    }
                    exists(&client, &old).await.map_err(|_| failed(&trouble))?
                }
            };
            let remove = format!("DROP SCHEMA {} CASCADE", quoted(&old));
            if had_old && !keep_old {
                bounded(client.batch_execute(&remove)).await.map_err(|trouble| {
                    target_error(format!(
                        "the rebuild is in place; the old one cannot be removed: {}; {remove}",
                        trouble.sentence()
                    ))
                })?;
            }
            Ok((had_old && keep_old).then_some((format!("the schema {old}"), remove)))
        })
    }
}

fn old_name(live: &str, run_id: &str) -> String {
    format!("{live}_old_{run_id}")
}

/// Whether no other process rebuilds a schema. Through a pooler only an open transaction holds a lock.
async fn is_alone(connection: &Connection, schema: &str) -> Result<bool, Trouble> {
    let client = &connection.client;
    let mut number = "SELECT pg_try_advisory_lock(hashtextextended('kreplay rebuild ' || $1, 0))";
    if connection.is_pooled {
        number = "SELECT pg_try_advisory_xact_lock(hashtextextended('kreplay rebuild ' || $1, 0))";
        bounded(client.batch_execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")).await?;
    }
    let rows = bounded(client.query_typed(number, &[(&schema, Type::TEXT)])).await?;
    Ok(rows.first().is_some_and(|row| row.try_get::<_, bool>(0).unwrap_or_default()))
}

async fn exists(client: &Client, schema: &str) -> Result<bool, Trouble> {
    let query = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    Ok(!bounded(client.query_typed(query, &[(&schema, Type::TEXT)])).await?.is_empty())
}

/// What a schema is to us.
async fn look(client: &Client, schema: &str) -> Result<Found, Trouble> {
    if !exists(client, schema).await? {
        return Ok(Found::Nothing);
    }
    let table = format!("{}.kreplay_rebuild", quoted(schema));
    let there = bounded(client.query_typed("SELECT to_regclass($1) IS NOT NULL", &[(&table, Type::TEXT)])).await?;
    if !there.first().is_some_and(|row| row.try_get::<_, bool>(0).unwrap_or_default()) {
        return Ok(Found::Foreign);
    }
    let rows = bounded(client.query_typed(&format!("SELECT run_id, definition FROM {table}"), &[])).await?;
    Ok(match rows.first() {
        Some(row) => Found::Mark(Mark { run_id: row.try_get(0)?, definition: row.try_get(1)? }),
        None => Found::Foreign,
    })
}

async fn begin_anew(client: &Client, shadow: &str, mark: &Mark) -> Result<(), Trouble> {
    let name = quoted(shadow);
    bounded(client.batch_execute(&format!(
        "BEGIN; DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}; \
         CREATE TABLE {name}.kreplay_rebuild (run_id text NOT NULL, definition text NOT NULL)"
    )))
    .await?;
    let insert = format!("INSERT INTO {name}.kreplay_rebuild VALUES ($1, $2)");
    bounded(client.execute_typed(&insert, &[(&mark.run_id, Type::TEXT), (&mark.definition, Type::TEXT)])).await?;
    bounded(client.batch_execute("COMMIT")).await
}

/// Both names change hands in one transaction, and with them who may use the schema. Answers whether there was an old one.
async fn exchange(client: &Client, live: &str, shadow: &str, old: &str) -> Result<bool, Trouble> {
    bounded(client.batch_execute("BEGIN")).await?;
    let had_old = exists(client, live).await?;
    if had_old {
        let grants = bounded(client.query_typed(
            "SELECT format('GRANT %s ON SCHEMA %I TO %s%s', acl.privilege_type, $2::text, \
                CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END, \
                CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) \
             FROM pg_namespace, aclexplode(nspacl) AS acl WHERE nspname = $1::text AND acl.grantee <> nspowner",
            &[(&live, Type::TEXT), (&shadow, Type::TEXT)],
        ))
        .await?;
        for grant in grants {
            bounded(client.batch_execute(grant.try_get::<_, &str>(0)?)).await?;
        }
        bounded(client.batch_execute(&format!("ALTER SCHEMA {} RENAME TO {}", quoted(live), quoted(old)))).await?;
    }
    bounded(client.batch_execute(&format!("ALTER SCHEMA {} RENAME TO {}", quoted(shadow), quoted(live)))).await?;
    bounded(client.batch_execute("COMMIT")).await?;
    Ok(had_old)
}
