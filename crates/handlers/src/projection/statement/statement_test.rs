//! Statements are split at parameters, and nowhere else.

use proptest::prelude::*;

use super::{Dialect, Dialect::*, Statement};

fn one(text: &str, dialect: Dialect) -> Statement {
    let mut all = Statement::parse_all(text, dialect).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn shown(statement: &Statement) -> Vec<String> {
    statement.parameters().iter().map(ToString::to_string).collect()
}

#[test]
fn parameters_become_placeholders_of_the_database() {
    let text = "INSERT INTO t VALUES (:key, :json.a.b[0].c, :header.event-type, :key, :offset-1, :json.x-:json.y)";
    let statement = one(text, Sqlite);
    assert_eq!(shown(&statement), [":key", ":json.a.b[0].c", ":header.event-type", ":offset", ":json.x", ":json.y"]);
    assert_eq!(statement.text(Sqlite), "INSERT INTO t VALUES (?1, ?2, ?3, ?1, ?4-1, ?5-?6)");
    assert_eq!(statement.text(Postgres), "INSERT INTO t VALUES ($1, $2, $3, $1, $4-1, $5-$6)");
    assert_eq!(statement.render(|_, parameter| parameter.to_string()), text);
}

#[test]
fn names_with_special_characters_can_be_quoted() {
    let statement = one(r#"SELECT :json.["a b"]["c"].d, :header."x, y", :json[0], :json."#, Postgres);
    assert_eq!(shown(&statement), [r#":json.["a b"].c.d"#, ":header.x, y", ":json"]);
    assert_eq!(statement.text(Postgres), "SELECT $1, $2, $3[0], $3.");
}

#[test]
fn strings_names_comments_and_casts_contain_no_parameters() {
    for (text, dialect) in [
        ("SELECT ':key', 'it''s :key', x'00', \":key\"", Sqlite),
        ("SELECT `:key`, [:key] -- :key\n /* :key */ FROM t", Sqlite),
        ("SELECT 'a\\', ':key'", Sqlite),
        ("SELECT E'\\':key', e'\\\\', '\\'", Postgres),
        ("SELECT $$:key$$, $a$ $$ :key $b$ $a$, a$b", Postgres),
        ("SELECT a::text, b::timestamp, f(x := 1), c[1:2], d[:2] /* a /* :key */ :key */", Postgres),
        ("SELECT a ? 'b', a @> b", Postgres),
    ] {
        let statement = one(text, dialect);
        assert_eq!(shown(&statement), [""; 0], "{text}");
        assert_eq!(statement.text(dialect), text);
    }
    assert_eq!(one("SELECT :key::text", Postgres).text(Postgres), "SELECT $1::text");
}

#[test]
fn statements_are_separated_by_semicolons() {
    let text = "\n-- first; \nINSERT INTO a VALUES (';', :key);; /* ; */ UPDATE b SET x = :value;\n -- the end";
    let all = Statement::parse_all(text, Sqlite).unwrap();
    let texts: Vec<_> = all.iter().map(|statement| statement.text(Sqlite)).collect();
    assert_eq!(texts, ["INSERT INTO a VALUES (';', ?1)", "UPDATE b SET x = ?1"]);
    assert_eq!((all[0].at, all[1].at), (text.find("INSERT").unwrap(), text.find("UPDATE").unwrap()));
    assert_eq!(Statement::parse_all(" ; -- nothing\n", Sqlite), Ok(Vec::new()));
}

#[test]
fn the_table_is_determined() {
    for (text, table) in [
        ("INSERT INTO orders VALUES (1)", Some("orders")),
        ("insert or replace into main.\"the orders\" (a) select x from y", Some("the orders")),
        ("REPLACE INTO [a] VALUES (1)", Some("a")),
        ("UPDATE OR IGNORE a.b SET c = 1", Some("b")),
        ("UPDATE ONLY b SET c = 1", Some("b")),
        ("DELETE FROM b WHERE 1", Some("b")),
        ("WITH x AS (DELETE FROM y RETURNING *) INSERT INTO z SELECT * FROM x", Some("z")),
        ("SELECT 1", None),
        ("INSERT", None),
    ] {
        assert_eq!(one(text, Postgres.or_sqlite_for(text)).table(), table, "{text}");
    }
}

impl Dialect {
    /// SQLite for a text with brackets, which quote names only there.
    fn or_sqlite_for(self, text: &str) -> Self {
        if text.contains('[') { Sqlite } else { self }
    }
}

#[test]
fn errors_have_their_byte_offset() {
    for (text, dialect, at, part) in [
        ("SELECT :kye", Sqlite, 7, "did you mean :key?"),
        ("SELECT :somebody", Sqlite, 7, "the parameters are :key, :value"),
        ("SELECT :key.id", Sqlite, 7, ":key has no parts"),
        ("SELECT :header", Sqlite, 7, ":header needs a name"),
        ("SELECT :header.\"a", Sqlite, 7, "closing quote"),
        ("SELECT ?", Sqlite, 7, "placeholder"),
        ("SELECT @a", Sqlite, 7, "placeholder"),
        ("SELECT $a", Sqlite, 7, "placeholder"),
        ("SELECT :1", Sqlite, 7, "placeholder"),
        ("SELECT $1", Postgres, 7, "placeholder"),
        ("SELECT 'a", Sqlite, 7, "no end"),
        ("SELECT \"a", Postgres, 7, "no end"),
        ("SELECT $a$ $b$", Postgres, 7, "no end"),
        ("SELECT 1 /* /* */", Postgres, 9, "no end"),
    ] {
        let error = Statement::parse_all(text, dialect).unwrap_err();
        assert!(error.message.contains(part), "{text}: {error:?}");
        assert_eq!(error.at, at, "{text}");
    }
}

proptest! {
    /// Random statements of unambiguous pieces: rendering the parsed statement returns the original text.
    #[test]
    fn text_between_parameters_is_unchanged(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "'it''s :key ; '", "\":value;\"", " -- :key;\n", "/* :key; */", "::text", " a.b ", ", (", ") ", " <> 1.5e3 ",
            ":key", ":json.a_b[1].c", ":header.a-b", ":offset", " ü ",
        ]), 0..20),
        dialect in prop::sample::select(vec![Sqlite, Postgres]),
    ) {
        let text = format!("SELECT {} x", pieces.join(" "));
        let statement = one(&text, dialect);
        prop_assert_eq!(statement.render(|_, parameter| parameter.to_string()), text);
        let expected: std::collections::BTreeSet<_> = pieces.iter().filter(|piece| piece.starts_with(':') && !piece.starts_with("::")).collect();
        prop_assert_eq!(statement.parameters().len(), expected.len());
    }

    #[test]
    fn parsing_any_text_does_not_panic(text in "\\PC{0,60}", odd in "[:a\\[\\]\"'`$;./*-]{0,30}") {
        for dialect in [Sqlite, Postgres] {
            let _ = Statement::parse_all(&text, dialect);
            let _ = Statement::parse_all(&odd, dialect);
        }
    }
}
