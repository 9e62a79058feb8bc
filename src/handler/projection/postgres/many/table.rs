//! What a table is like, as far as it matters to rows that are inserted together.

use std::collections::BTreeSet;

use tokio_postgres::{Client, types::Type};

use super::super::link::{Trouble, bounded};

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The number of its type.
    pub kind: u32,
    /// What its type is limited to, such as the length of a varchar; -1 for nothing.
    pub limit: i32,
    pub is_never_null: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Table {
    /// Its number.
    pub oid: u32,
    pub columns: Vec<Column>,
    /// Why rows may have effects that depend on the rows before them; `None` where they cannot.
    pub obstacle: Option<String>,
    /// Rows are told apart by the one unique index that there is.
    pub has_one_unique_index: bool,
    /// Something is computed for each row whose result depends on when it is, such as a number of a sequence.
    pub numbers_rows: bool,
    /// A value can be refused for more than its type and its being null.
    pub checks_rows: bool,
    /// A foreign key leads from it or to it.
    pub has_foreign_keys: bool,
}

/// The table itself, and why it may be special.
const TABLE: &str = "
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

const COLUMNS: &str = "
SELECT a.attname::text, a.atttypid, a.atttypmod, a.attnotnull
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// The functions that are called by themselves: for defaults, generated columns, constraints, indexes, and constraints of
/// domains. What is kept of an expression names them by number.
const CALLED: &str = "
WITH expressions(tree) AS (
    SELECT d.adbin::text FROM pg_catalog.pg_attrdef d WHERE d.adrelid = $1
    UNION ALL SELECT k.conbin::text FROM pg_catalog.pg_constraint k WHERE k.conrelid = $1 OR k.contypid >= 16384
    UNION ALL SELECT i.indexprs::text FROM pg_catalog.pg_index i WHERE i.indrelid = $1
    UNION ALL SELECT i.indpred::text FROM pg_catalog.pg_index i WHERE i.indrelid = $1
), numbers(oid) AS (
    SELECT DISTINCT (regexp_matches(tree, ':(?:opfuncid|funcid) (\\d+)', 'g'))[1]::oid FROM expressions
)
SELECT p.proname::text, p.provolatile::text, p.oid < 16384, p.proretset FROM numbers JOIN pg_catalog.pg_proc p USING (oid)";

/// The functions that a statement may mean by some names.
const NAMED: &str = "
SELECT p.proname::text, p.provolatile::text, p.oid < 16384, p.proretset
FROM pg_catalog.pg_proc p WHERE p.proname = ANY($1)";

/// Operators that are not PostgreSQL's own, and may look at more than their operands.
const OPERATORS: &str = "
SELECT o.oprname::text FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
WHERE o.oid >= 16384 AND p.provolatile <> 'i' AND o.oprname = ANY($1) LIMIT 1";

/// Functions whose result depends on nothing that is in tables, though it is another one each time.
const FREE: [&str; 8] =
    ["nextval", "random", "gen_random_uuid", "uuidv4", "uuidv7", "clock_timestamp", "timeofday", "uuid_generate_v4"];

/// What functions do to rows that are inserted together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// One that may look at tables.
    looks: Option<String>,
    /// One whose result is another one each time.
    varies: bool,
}

impl Called {
    fn add(&mut self, name: &str, volatility: &str, is_own: bool, gives_rows: bool) {
        let is_free = FREE.contains(&name);
        let is_harmless = match volatility {
            "i" => true,
            // Some make XML of whole tables.
            "s" => is_own && !name.contains("_to_xml"),
            _ => is_free && (is_own || name == "uuid_generate_v4"),
        };
        if !is_harmless || gives_rows {
            self.looks = Some(name.to_owned());
        }
        self.varies |= volatility == "v";
    }
}

impl Table {
    /// Looks at a table by its name, and at what a statement calls. `None` where there is no such table.
    pub async fn look(
        client: &Client,
        name: &str,
        functions: &BTreeSet<String>,
        operators: &BTreeSet<String>,
    ) -> Result<Option<Self>, Trouble> {
        let Some(row) = bounded(client.query_typed(TABLE, &[(&name, Type::TEXT)])).await?.into_iter().next() else {
            return Ok(None);
        };
        let oid: u32 = row.try_get(0)?;
        let mut obstacle: Option<String> = row.try_get::<_, Option<&str>>(1)?.map(str::to_owned);
        let (unique, has_identity, checks_rows): (i64, bool, bool) =
            (row.try_get(2)?, row.try_get(3)?, row.try_get::<_, Option<bool>>(4)?.unwrap_or_default());
        let has_foreign_keys = row.try_get(5)?;
        let mut columns = Vec::new();
        for row in &bounded(client.query_typed(COLUMNS, &[(&oid, Type::OID)])).await? {
            columns.push(Column {
                name: row.try_get(0)?,
                kind: row.try_get(1)?,
                limit: row.try_get(2)?,
                is_never_null: row.try_get(3)?,
            });
        }
        let mut called = Called::default();
        let names: Vec<&str> = functions.iter().map(String::as_str).collect();
        let mut rows = bounded(client.query_typed(CALLED, &[(&oid, Type::OID)])).await?;
        rows.extend(bounded(client.query_typed(NAMED, &[(&names, Type::TEXT_ARRAY)])).await?);
        for row in &rows {
            called.add(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        }
        let symbols: Vec<&str> = operators.iter().map(String::as_str).collect();
        let operator = bounded(client.query_typed(OPERATORS, &[(&symbols, Type::TEXT_ARRAY)])).await?;
        if let Some(row) = operator.first() {
            called.looks = Some(format!("operator {}", row.try_get::<_, &str>(0)?));
        }
        if obstacle.is_none() {
            obstacle = called.looks.map(|name| format!("{name} may look at tables"));
        }
        Ok(Some(Self {
            oid,
            columns,
            obstacle,
            has_one_unique_index: unique == 1,
            numbers_rows: has_identity || called.varies,
            checks_rows,
            has_foreign_keys,
        }))
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
