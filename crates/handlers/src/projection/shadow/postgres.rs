//! A rebuild in a schema beside the one that is in use. Both are renamed in one transaction to swap them.

use std::sync::Arc;

use kreplay_model::domain::number::counted;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, types::Type};

use super::{ExistingRebuild, RebuildMark, RebuildStage, can_resume};
use crate::setup::HandlerSetup;
use crate::{
    HandlerError,
    projection::{
        definition::Definition,
        postgres::{
            Connection, PostgresError, PostgresTarget, handler_error, quoted, target_and_runtime, with_timeout,
        },
        store::{settings_error, target_error},
    },
};

/// The maximum length of an identifier in PostgreSQL, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// A rebuild of a PostgreSQL schema.
pub(super) struct PostgresShadow {
    live: String,
    shadow: String,
    target_label: String,
    mark: RebuildMark,
    target: PostgresTarget,
    /// The connection that holds an advisory lock, so that only one process rebuilds a schema at a time; and its
    /// runtime.
    lock_holder: Mutex<(Runtime, Client)>,
}

impl PostgresShadow {
    pub(super) fn begin(
        url: &str,
        definition: &Definition,
        mark: RebuildMark,
        context: &HandlerSetup,
    ) -> Result<(Self, RebuildStage), HandlerError> {
        let Some(live) = context.settings.projection.schema.clone().filter(|schema| schema != "public") else {
            return Err(settings_error(
                "a shadow rebuild swaps whole schemas, so the projection needs a separate one; set projection.schema to a \
                 schema other than public",
            ));
        };
        let shadow = format!("{live}_shadow");
        if old_name(&live, &mark.run_id).len() > MAX_IDENTIFIER_BYTES {
            return Err(settings_error(format!(
                "projection.schema is {} too long",
                counted(old_name(&live, &mark.run_id).len() - MAX_IDENTIFIER_BYTES, "byte")
            )));
        }
        let target_label = definition.target.to_string();
        let (target, runtime) = target_and_runtime(url, &Arc::new(definition.clone()), None)?;
        let classified = |error: &PostgresError| {
            handler_error(error, format!("{target_label}: cannot begin a rebuild: {}", error.message()))
        };
        let begun = runtime.block_on(async {
            let lock_holder = target.connect().await.map_err(|error| classified(&error))?;
            if !try_lock(&lock_holder, &live).await.map_err(|error| classified(&error))? {
                return Err(settings_error(format!(
                    "{live} is being rebuilt by another process; wait for it or stop it"
                )));
            }
            let client = target.connect().await.map_err(|error| classified(&error))?.client;
            if inspect(&client, &live).await.map_err(|error| classified(&error))?
                == ExistingRebuild::Marked(mark.clone())
            {
                return Ok((lock_holder.client, RebuildStage::InPlace));
            }
            let found = inspect(&client, &shadow).await.map_err(|error| classified(&error))?;
            if !can_resume(&found, &mark, &format!("the schema {shadow}"))? {
                create_shadow(&client, &shadow, &mark).await.map_err(|error| classified(&error))?;
            }
            Ok((lock_holder.client, RebuildStage::Building))
        });
        let (client, stage) = begun?;
        Ok((Self { live, shadow, target_label, mark, target, lock_holder: Mutex::new((runtime, client)) }, stage))
    }

    /// The schema to which records are applied.
    pub(super) fn schema(&self, building: bool) -> String {
        if building { self.shadow.clone() } else { self.live.clone() }
    }

    /// Swaps the rebuild in. Returns the name of the old projection, if it is kept, and the command that removes it.
    pub(super) fn put_in_place(&self, keep_old: bool) -> Result<Option<(String, String)>, HandlerError> {
        let old = old_name(&self.live, &self.mark.run_id);
        let failed = |error: &PostgresError| {
            target_error(format!(
                "{}: the rebuild is complete and verified, but cannot replace {}: {}; resume the run",
                self.target_label,
                self.live,
                error.message()
            ))
        };
        let lock_holder = self.lock_holder.lock();
        lock_holder.0.block_on(async {
            // The connection that holds the lock may be lost by now.
            let client = self.target.connect().await.map_err(|error| failed(&error))?.client;
            let swapped = swap(&client, &self.live, &self.shadow, &old).await;
            let had_old = match swapped {
                Ok(had_old) => had_old,
                // If only the reply to the commit was lost, the mark is already in the live schema.
                Err(error) => {
                    let client = self.target.connect().await.map_err(|_| failed(&error))?.client;
                    let live = inspect(&client, &self.live).await.map_err(|_| failed(&error))?;
                    if live != ExistingRebuild::Marked(self.mark.clone()) {
                        return Err(failed(&error));
                    }
                    exists(&client, &old).await.map_err(|_| failed(&error))?
                }
            };
            let remove = format!("DROP SCHEMA {} CASCADE", quoted(&old));
            if had_old && !keep_old {
                with_timeout(client.batch_execute(&remove)).await.map_err(|error| {
                    target_error(format!(
                        "the rebuild is in place, but the old projection cannot be removed: {}; use: {remove}",
                        error.message()
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

/// Locks a schema for a rebuild; `false` if another process holds the lock. Through a pooler only an open transaction
/// can hold a lock.
async fn try_lock(connection: &Connection, schema: &str) -> Result<bool, PostgresError> {
    let client = &connection.client;
    let mut query = "SELECT pg_try_advisory_lock(hashtextextended('kreplay rebuild ' || $1, 0))";
    if connection.is_pooled {
        query = "SELECT pg_try_advisory_xact_lock(hashtextextended('kreplay rebuild ' || $1, 0))";
        with_timeout(client.batch_execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")).await?;
    }
    let rows = with_timeout(client.query_typed(query, &[(&schema, Type::TEXT)])).await?;
    Ok(rows.first().is_some_and(|row| row.try_get::<_, bool>(0).unwrap_or_default()))
}

async fn exists(client: &Client, schema: &str) -> Result<bool, PostgresError> {
    let query = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    Ok(!with_timeout(client.query_typed(query, &[(&schema, Type::TEXT)])).await?.is_empty())
}

/// What a schema contains.
async fn inspect(client: &Client, schema: &str) -> Result<ExistingRebuild, PostgresError> {
    if !exists(client, schema).await? {
        return Ok(ExistingRebuild::Nothing);
    }
    let table = format!("{}.kreplay_rebuild", quoted(schema));
    let has_mark =
        with_timeout(client.query_typed("SELECT to_regclass($1) IS NOT NULL", &[(&table, Type::TEXT)])).await?;
    if !has_mark.first().is_some_and(|row| row.try_get::<_, bool>(0).unwrap_or_default()) {
        return Ok(ExistingRebuild::Foreign);
    }
    let rows = with_timeout(client.query_typed(&format!("SELECT run_id, definition FROM {table}"), &[])).await?;
    Ok(match rows.first() {
        Some(row) => ExistingRebuild::Marked(RebuildMark { run_id: row.try_get(0)?, definition: row.try_get(1)? }),
        None => ExistingRebuild::Foreign,
    })
}

async fn create_shadow(client: &Client, shadow: &str, mark: &RebuildMark) -> Result<(), PostgresError> {
    let name = quoted(shadow);
    with_timeout(client.batch_execute(&format!(
        "BEGIN; DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}; \
         CREATE TABLE {name}.kreplay_rebuild (run_id text NOT NULL, definition text NOT NULL)"
    )))
    .await?;
    let insert = format!("INSERT INTO {name}.kreplay_rebuild VALUES ($1, $2)");
    with_timeout(client.execute_typed(&insert, &[(&mark.run_id, Type::TEXT), (&mark.definition, Type::TEXT)])).await?;
    with_timeout(client.batch_execute("COMMIT")).await
}

/// Renames both schemas in one transaction, after granting the privileges of the old one on the new one. Returns
/// whether there was an old one.
async fn swap(client: &Client, live: &str, shadow: &str, old: &str) -> Result<bool, PostgresError> {
    with_timeout(client.batch_execute("BEGIN")).await?;
    let had_old = exists(client, live).await?;
    if had_old {
        let grants = with_timeout(client.query_typed(
            "SELECT format('GRANT %s ON SCHEMA %I TO %s%s', acl.privilege_type, $2::text, \
                CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END, \
                CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) \
             FROM pg_namespace, aclexplode(nspacl) AS acl WHERE nspname = $1::text AND acl.grantee <> nspowner",
            &[(&live, Type::TEXT), (&shadow, Type::TEXT)],
        ))
        .await?;
        for grant in grants {
            with_timeout(client.batch_execute(grant.try_get::<_, &str>(0)?)).await?;
        }
        with_timeout(client.batch_execute(&format!("ALTER SCHEMA {} RENAME TO {}", quoted(live), quoted(old)))).await?;
    }
    with_timeout(client.batch_execute(&format!("ALTER SCHEMA {} RENAME TO {}", quoted(shadow), quoted(live)))).await?;
    with_timeout(client.batch_execute("COMMIT")).await?;
    Ok(had_old)
}
