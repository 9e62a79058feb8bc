//! Deterministic replacements for SQLite's functions of the current time and random numbers.
//!
//! With the original functions nearly every record would differ between two equal definitions. In a scratch database
//! the current time is fixed, and random numbers are derived from the record's partition and offset, so the same calls
//! return the same values.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use chrono::DateTime;
use kreplay_model::domain::Record;
use parking_lot::Mutex;
use rusqlite::{
    Connection, Error, ffi,
    functions::{Context, FunctionFlags},
    params_from_iter,
    types::{Value, ValueRef},
};

/// The functions of time: name, index of the first time argument, and number of time arguments.
const TIME_FUNCTIONS: [(&str, usize, usize); 7] = [
    ("date", 0, 1),
    ("time", 0, 1),
    ("datetime", 0, 1),
    ("julianday", 0, 1),
    ("unixepoch", 0, 1),
    ("strftime", 1, 1),
    ("timediff", 0, 2),
];
/// SQLite's maximum size of a value, in bytes.
const MAX_BLOB_BYTES: i64 = 1_000_000_000;
/// The increment of `SplitMix64` (Steele, Lea and Flood, 2014).
const SPLITMIX_INCREMENT: u64 = 0x9E37_79B9_7F4A_7C15;

/// The deterministic functions of one scratch database.
pub(super) struct DeterministicFunctions {
    random: Arc<AtomicU64>,
}

impl DeterministicFunctions {
    /// Replaces SQLite's functions. Must be called before the schema is run, which may use them.
    pub(super) fn install(connection: &Connection, now_ms: i64) -> rusqlite::Result<Self> {
        let now = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        let (deterministic, nondeterministic) = (
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS | FunctionFlags::SQLITE_DETERMINISTIC,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS,
        );
        for (name, format) in
            [("current_timestamp", "%Y-%m-%d %H:%M:%S"), ("current_date", "%Y-%m-%d"), ("current_time", "%H:%M:%S")]
        {
            let text = now.format(format).to_string();
            connection.create_scalar_function(name, 0, deterministic, move |_| Ok(text.clone()))?;
        }
        // SQLite itself computes the results, with the fixed time as an argument.
        let sqlite = Arc::new(Mutex::new(Connection::open_in_memory()?));
        let text = now.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
        for (name, first_time, time_arguments) in TIME_FUNCTIONS {
            let (sqlite, now) = (Arc::clone(&sqlite), Value::Text(text.clone()));
            connection.create_scalar_function(name, -1, deterministic, move |context| {
                let argument = |at: usize| match text_argument(context, at).as_deref() {
                    Some(b"now") if (first_time..first_time + time_arguments).contains(&at) => now.clone(),
                    _ => owned_value(context.get_raw(at)),
                };
                let mut arguments: Vec<Value> = (0..context.len()).map(argument).collect();
                if arguments.len() == first_time
                    || matches!(text_argument(context, first_time).as_deref(), Some(b"subsec" | b"subsecond"))
                {
                    // Without a time argument they use the current time.
                    arguments.insert(first_time, now.clone());
                }
                let placeholders = vec!["?"; arguments.len()].join(",");
                let sqlite = sqlite.lock();
                let mut query = sqlite.prepare_cached(&format!("SELECT {name}({placeholders})"))?;
                query.query_row(params_from_iter(arguments), |row| row.get::<_, Value>(0))
            })?;
        }
        let random = Arc::new(AtomicU64::new(0));
        let numbers = Arc::clone(&random);
        connection
            .create_scalar_function("random", 0, nondeterministic, move |_| Ok(next_random(&numbers).cast_signed()))?;
        let numbers = Arc::clone(&random);
        connection.create_scalar_function("randomblob", 1, nondeterministic, move |context| {
            // SQLite would convert any value to a number; other values are treated as 1 here.
            let length = match context.get_raw(0) {
                ValueRef::Integer(length) => length,
                _ => 1,
            };
            if length > MAX_BLOB_BYTES {
                return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None));
            }
            let length = usize::try_from(length.max(1)).unwrap_or(1);
            let mut bytes = Vec::with_capacity(length + 8);
            while bytes.len() < length {
                bytes.extend(next_random(&numbers).to_le_bytes());
            }
            bytes.truncate(length);
            Ok(bytes)
        })?;
        Ok(Self { random })
    }

    /// Seeds the random numbers with a record's partition and offset.
    pub(super) fn begin(&self, record: &Record) {
        let seed = mix(u64::from(record.partition)) ^ record.offset.cast_unsigned();
        self.random.store(mix(seed), Relaxed);
    }
}

/// A text or blob argument in lower case; `None` if it is missing or has another type.
fn text_argument(context: &Context<'_>, at: usize) -> Option<Vec<u8>> {
    match (at < context.len()).then(|| context.get_raw(at))? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_ascii_lowercase()),
        _ => None,
    }
}

fn owned_value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        // Invalid UTF-8 is not a valid time either.
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

fn next_random(state: &AtomicU64) -> u64 {
    mix(state.fetch_add(SPLITMIX_INCREMENT, Relaxed).wrapping_add(SPLITMIX_INCREMENT))
}

/// The mixing function of `SplitMix64`.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
