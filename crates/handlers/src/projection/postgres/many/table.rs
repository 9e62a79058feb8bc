//! The properties of a table that decide whether rows of several records may be inserted together.

use std::collections::BTreeSet;

use tokio_postgres::{Client, types::Type};

use super::super::connection::{PostgresError, with_timeout};

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    /// The OID of its type.
    pub type_oid: u32,
    /// The modifier of its type, such as the length of a varchar plus 4; -1 for none.
    pub type_modifier: i32,
    pub is_not_null: bool,
}

/// The properties of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the properties are independent of each other")]
pub struct TableInfo {
    /// Its OID.
    pub oid: u32,
    pub columns: Vec<TableColumn>,
    /// Why the effect of a row may depend on the rows before it; `None` if it cannot.
    pub obstacle: Option<String>,
    /// Whether it has exactly one unique index.
    pub has_one_unique_index: bool,
    /// Whether something is computed for each row that differs from call to call, such as a number of a sequence.
    pub numbers_rows: bool,
    /// Whether a value can be rejected for other reasons than its type or a null.
    pub checks_rows: bool,
    /// Whether it has a foreign key, or a foreign key references it.
    pub has_foreign_keys: bool,
}

/// The table itself: its OID, the obstacle, and the other properties.
const TABLE_QUERY: &str = "
SELECT c.oid,
    CASE
        WHEN c.relkind <> 'r' THEN 'it inserts into something else than a plain table'
        WHEN c.relhasrules THEN 'its table has rules'
        WHEN c.relrowsecurity THEN 'its table has row-level security'
        WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)
            THEN 'its table has a trigger'
        WHEN EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.contype = 'f' AND k.confrelid = c.oid AND k.conrelid = c.oid)
            THEN 'a foreign key of its table points to the table itself'
        WHEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND (i.indisexclusion OR NOT i.indimmediate))
            THEN 'its table has an exclusion constraint, or a unique one that is deferrable'
        WHEN EXISTS (SELECT FROM pg_catalog.pg_cast WHERE castfunc IN
                (SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.oid >= 16384 AND p.provolatile <> 'i'))
            THEN 'the database has casts of its own that are not immutable'
    END,
    (SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique),
    EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity <> ''),
    EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f'))
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '')
        OR (SELECT count(*) > 1 OR bool_or(i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
            FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)
        OR c.relispartition OR current_setting('server_encoding') <> 'UTF8',
    EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND c.oid IN (k.conrelid, k.confrelid))
FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1)";

const COLUMNS_QUERY: &str = "
SELECT a.attname::text, a.atttypid, a.atttypmod, a.attnotnull
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// The functions that an insert calls implicitly: for defaults, generated columns, constraints, indexes, and
/// constraints of domains. The stored form of an expression contains their OIDs.
const IMPLICIT_FUNCTIONS_QUERY: &str = "
WITH expressions(tree) AS (
    SELECT d.adbin::text FROM pg_catalog.pg_attrdef d WHERE d.adrelid = $1
    UNION ALL SELECT k.conbin::text FROM pg_catalog.pg_constraint k WHERE k.conrelid = $1 OR k.contypid >= 16384
    UNION ALL SELECT i.indexprs::text FROM pg_catalog.pg_index i WHERE i.indrelid = $1
    UNION ALL SELECT i.indpred::text FROM pg_catalog.pg_index i WHERE i.indrelid = $1
), numbers(oid) AS (
    SELECT DISTINCT (regexp_matches(tree, ':(?:opfuncid|funcid) (\\d+)', 'g'))[1]::oid FROM expressions
)
SELECT p.proname::text, p.provolatile::text, p.oid < 16384, p.proretset FROM numbers JOIN pg_catalog.pg_proc p USING (oid)";

/// All functions with the given names.
const NAMED_FUNCTIONS_QUERY: &str = "
SELECT p.proname::text, p.provolatile::text, p.oid < 16384, p.proretset
FROM pg_catalog.pg_proc p WHERE p.proname = ANY($1)";

/// Operators that are not built in and may read more than their operands.
const CUSTOM_OPERATORS_QUERY: &str = "
SELECT o.oprname::text FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
WHERE o.oid >= 16384 AND p.provolatile <> 'i' AND o.oprname = ANY($1) LIMIT 1";

/// Volatile functions that read no tables.
const TABLE_FREE_FUNCTIONS: [&str; 8] =
    ["nextval", "random", "gen_random_uuid", "uuidv4", "uuidv7", "clock_timestamp", "timeofday", "uuid_generate_v4"];

/// How the called functions affect rows that are inserted together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionEffects {
    /// A function or operator that may read tables.
    table_reader: Option<String>,
    /// Whether a function is volatile.
    is_volatile: bool,
}

impl FunctionEffects {
    fn add(&mut self, name: &str, volatility: &str, is_builtin: bool, returns_set: bool) {
        let is_table_free = TABLE_FREE_FUNCTIONS.contains(&name);
        let is_harmless = match volatility {
            "i" => true,
            // Some of these read whole tables to make XML.
            "s" => is_builtin && !name.contains("_to_xml"),
            _ => is_table_free && (is_builtin || name == "uuid_generate_v4"),
        };
        if !is_harmless || returns_set {
            self.table_reader = Some(name.to_owned());
        }
        self.is_volatile |= volatility == "v";
    }
}

impl TableInfo {
    /// Loads the properties of a table, with those of the functions and operators that a statement uses. `None` if
    /// there is no such table.
    pub async fn load(
        client: &Client,
        name: &str,
        functions: &BTreeSet<String>,
        operators: &BTreeSet<String>,
    ) -> Result<Option<Self>, PostgresError> {
        let Some(row) = with_timeout(client.query_typed(TABLE_QUERY, &[(&name, Type::TEXT)])).await?.into_iter().next()
        else {
            return Ok(None);
        };
        let oid: u32 = row.try_get(0)?;
        let mut obstacle: Option<String> = row.try_get::<_, Option<&str>>(1)?.map(str::to_owned);
        let (unique, has_identity, checks_rows): (i64, bool, bool) =
            (row.try_get(2)?, row.try_get(3)?, row.try_get::<_, Option<bool>>(4)?.unwrap_or_default());
        let has_foreign_keys = row.try_get(5)?;
        let mut columns = Vec::new();
        for row in &with_timeout(client.query_typed(COLUMNS_QUERY, &[(&oid, Type::OID)])).await? {
            columns.push(TableColumn {
                name: row.try_get(0)?,
                type_oid: row.try_get(1)?,
                type_modifier: row.try_get(2)?,
                is_not_null: row.try_get(3)?,
            });
        }
        let mut effects = FunctionEffects::default();
        let names: Vec<&str> = functions.iter().map(String::as_str).collect();
        let mut rows = with_timeout(client.query_typed(IMPLICIT_FUNCTIONS_QUERY, &[(&oid, Type::OID)])).await?;
        rows.extend(with_timeout(client.query_typed(NAMED_FUNCTIONS_QUERY, &[(&names, Type::TEXT_ARRAY)])).await?);
        for row in &rows {
            effects.add(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        }
        let symbols: Vec<&str> = operators.iter().map(String::as_str).collect();
        let operator =
            with_timeout(client.query_typed(CUSTOM_OPERATORS_QUERY, &[(&symbols, Type::TEXT_ARRAY)])).await?;
        if let Some(row) = operator.first() {
            effects.table_reader = Some(format!("operator {}", row.try_get::<_, &str>(0)?));
        }
        if obstacle.is_none() {
            obstacle = effects.table_reader.map(|name| format!("{name} may read tables"));
        }
        Ok(Some(Self {
            oid,
            columns,
            obstacle,
            has_one_unique_index: unique == 1,
            numbers_rows: has_identity || effects.is_volatile,
            checks_rows,
            has_foreign_keys,
        }))
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}
