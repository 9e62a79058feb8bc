//! `[projection]`, `[exec]`, `[http]` and `[export]`: the settings of handlers.

use kreplay_model::domain::{Secret, SecretFormat};
use toml::Value;

use super::{Kind, codec, millis, minutes, seconds, table::settings};
use crate::config::{
    export::{columns, file_age, file_name},
    limits,
    value::{headers, http_url, projection_target, schema, shown_list, store, text, time, variables},
};

const TARGET: Kind = Kind::Text("sqlite:FILE, or postgres://USER@HOST/DATABASE");
const SCHEMA: &str = "a schema name of 1 to 63 bytes that does not begin with pg_";
const URL: Kind = Kind::Text("a URL that begins with http:// or https://");
const PEM: &str = "the path of a PEM file";
const FILE_AGE: Kind = Kind::Duration(millis(100)..=minutes(60), "10m");
const COMPRESSION: Kind = Kind::Word(&["auto", "none", "gzip", "zstd", "snappy"]);
const FILE_NAME: &str = "text with {number}, and optionally {series} and {run}, such as {series}-{run}-{number}";
const COLUMNS: &str = "a list of columns [NAME=]PART[:KIND], such as key, team=json.team.id:long";

settings! { PROJECTION:
    /// The target; overrides the one in the definition.
    "projection.target": Secret(SecretFormat::Address, &TARGET) => {
        |c, i| store(&mut c.run.handlers.projection.target, i.secret().and_then(projection_target).map(Some)),
        |c| c.run.handlers.projection.target.as_ref().map(|target| text(&Secret::shown(target))),
    };
    /// The definition, if `handler` does not name one.
    "projection.definition": Path("the path of a projection definition") => run.handlers.projection.definition;
    /// What a commit to SQLite survives: only a crash of the process, or a power failure as well.
    "projection.durability": Word(&["process", "power"]) => run.handlers.projection.durability;
    /// SQLite: how long to wait for a file that another process has locked.
    "projection.busy_timeout": Duration(seconds(0)..=minutes(10), "5s") => run.handlers.projection.busy_timeout;
    /// PostgreSQL: the schema for unqualified names.
    "projection.schema": Text(SCHEMA) => {
        |c, i| store(&mut c.run.handlers.projection.schema, schema(i).map(Some)),
        |c| c.run.handlers.projection.schema.clone().map(Value::from),
    };
    /// PostgreSQL: how long to try to restore a lost connection before records fail.
    "projection.reconnect_timeout": Duration(seconds(0)..=minutes(10), "") => run.handlers.projection.reconnect_timeout;
    /// Rebuild the projection alongside the current one, verify it, then swap the two.
    "projection.shadow": Bool => run.handlers.projection.shadow;
    /// Keep the replaced projection after the swap.
    "projection.keep_old": Bool => run.handlers.projection.keep_old;
}

settings! { EXEC:
    /// The program and its arguments, if `handler` does not include them.
    "exec.command": List("a list: a program and its arguments") => {
        |c, i| store(&mut c.run.handlers.exec.command, i.list()),
        |c| Some(&c.run.handlers.exec.command).filter(|command| !command.is_empty()).cloned().map(Value::from),
    };
    /// Working directory of the children.
    "exec.directory": Path("the path of a directory") => run.handlers.exec.directory;
    /// Environment variables in addition to those of kreplay.
    "exec.environment": Secret(SecretFormat::Variable, &Kind::List("a list of NAME=value")) => {
        |c, i| store(&mut c.run.handlers.exec.environment, i.secret_list().and_then(variables)),
        |c| shown_list(&c.run.handlers.exec.environment),
    };
    /// Maximum time between two acknowledgements while a child has records in flight.
    "exec.timeout": Duration(millis(100)..=minutes(60), "") => run.handlers.exec.timeout;
    /// How long a child may take to exit after its input ends, before it is terminated.
    "exec.stop_timeout": Duration(seconds(0)..=minutes(5), "") => run.handlers.exec.stop_timeout;
    /// Send the records of a lane without waiting for the acknowledgements of earlier ones.
    "exec.pipeline": Bool => run.handlers.exec.pipeline;
}

settings! { HTTP:
    /// The URL, if `handler` is just "http".
    "http.url": Secret(SecretFormat::Address, &URL) => {
        |c, i| store(&mut c.run.handlers.http.url, i.secret().and_then(http_url).map(Some)),
        |c| c.run.handlers.http.url.as_ref().map(text),
    };
    /// The method of each request.
    "http.method": Word(&["POST", "PUT", "PATCH"]) => run.handlers.http.method;
    /// Headers of each request.
    "http.headers": Secret(SecretFormat::Header, &Kind::List("a list of `Name: value`")) => {
        |c, i| store(&mut c.run.handlers.http.headers, i.secret_list().and_then(headers)),
        |c| shown_list(&c.run.handlers.http.headers),
    };
    /// What a request contains: one record, its value, or several records as a JSON array or as lines.
    "http.body": Word(&["record", "value", "array", "ndjson"]) => run.handlers.http.body;
    /// Record headers to send with a value.
    "http.record_headers": List("a list of header names or patterns, such as trace-*; it may be empty") => {
        |c, i| store(&mut c.run.handlers.http.record_headers, limits::patterns(i)),
        |c| Some(limits::show_patterns(&c.run.handlers.http.record_headers)),
    };
    /// Maximum number of records per request, if the body can hold several.
    "http.batch": Integer(1..=10_000) => run.handlers.http.batch;
    /// Maximum size of the body, unless a single record is larger.
    "http.max_body": Bytes(1 << 10..=1 << 30, "1MiB") => run.handlers.http.max_body;
    /// Expect one result per record in the response to a request with several records.
    "http.per_record": Bool => run.handlers.http.per_record;
    /// Timeout of a request, from the DNS lookup to the end of the response.
    "http.timeout": Duration(millis(100)..=minutes(10), "") => run.handlers.http.timeout;
    /// Timeout of the connection.
    "http.connect_timeout": Duration(millis(100)..=minutes(10), "") => run.handlers.http.connect_timeout;
    /// What to do after a 401 or 403 response.
    "http.on_denied": Word(&["stop", "retry", "give-up"]) => run.handlers.http.on_denied;
    /// Certificate authorities to trust instead of the system's.
    "http.ca": Path(PEM) => run.handlers.http.ca;
    /// Client certificate.
    "http.client_certificate": Path(PEM) => run.handlers.http.client_certificate;
    /// Private key of the client certificate.
    "http.client_key": Path(PEM) => run.handlers.http.client_key;
}

settings! { EXPORT:
    /// Complete a file when its rows reach this size before compression.
    "export.file_size": Bytes(1 << 10..=1 << 40, "128MiB") => run.handlers.export.file_size;
    /// Complete a file when it reaches this age.
    "export.file_age": Either(&[FILE_AGE, Kind::Word(&["off"])]) => {
        |c, i| store(&mut c.run.handlers.export.file_age, file_age(i, &FILE_AGE)),
        |c| Some(c.run.handlers.export.file_age.map_or_else(|| text(&"off"), time)),
    };
    /// Compression of files; "auto" is zstd inside Parquet, and none for CSV and NDJSON.
    "export.compression": Described(&COMPRESSION, "auto, none, gzip, zstd, or snappy (Parquet only)") =>
        run.handlers.export.compression as codec::Word;
    /// File names without extension.
    "export.name": Text(FILE_NAME) => {
        |c, i| store(&mut c.run.handlers.export.name, file_name(i)),
        |c| Some(text(&c.run.handlers.export.name)),
    };
    /// Which records share a file: those of the process, of each worker or of each topic.
    "export.series": Word(&["shared", "worker", "topic"]) => run.handlers.export.series;
    /// Columns of CSV and Parquet.
    "export.columns": List(COLUMNS) => {
        |c, i| store(&mut c.run.handlers.export.columns, columns(i)),
        |c| Some(Value::Array(c.run.handlers.export.columns.iter().map(text).collect())),
    };
    /// Flush every batch to disk.
    "export.sync": Bool => run.handlers.export.sync;
}
