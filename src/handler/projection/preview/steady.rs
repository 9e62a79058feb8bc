//! SQLite's functions that answer differently each time: the current time, and random numbers.
//!
//! Two versions of a projection would differ by them with nearly every record, although nobody wrote anything else. In a
//! scratch database the current time is one moment, and random numbers are made of the record's place: the same calls get
//! the same answers.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use chrono::DateTime;
use parking_lot::Mutex;
use rusqlite::{
    Connection, Error, ffi,
    functions::{Context, FunctionFlags},
    params_from_iter,
    types::{Value, ValueRef},
};

use crate::domain::Record;

/// Functions of time, with the index of their first argument that is a time, and how many are.
const OF_TIME: [(&str, usize, usize); 7] = [
    ("date", 0, 1),
    ("time", 0, 1),
    ("datetime", 0, 1),
    ("julianday", 0, 1),
    ("unixepoch", 0, 1),
    ("strftime", 1, 1),
    ("timediff", 0, 2),
];
/// SQLite's own bound of a value, in bytes.
const LONGEST: i64 = 1_000_000_000;
/// The step of `SplitMix64` (Steele, Lea and Flood, 2014).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The functions of one scratch database.
pub(super) struct Steady {
    random: Arc<AtomicU64>,
}

impl Steady {
    /// Puts them in the place of SQLite's. To be called before the schema is made, which may name them.
    pub(super) fn install(connection: &Connection, now_ms: i64) -> rusqlite::Result<Self> {
        let now = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        let (always, changing) = (
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS | FunctionFlags::SQLITE_DETERMINISTIC,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS,
        );
        for (name, form) in
            [("current_timestamp", "%Y-%m-%d %H:%M:%S"), ("current_date", "%Y-%m-%d"), ("current_time", "%H:%M:%S")]
        {
            let text = now.format(form).to_string();
            connection.create_scalar_function(name, 0, always, move |_| Ok(text.clone()))?;
        }
        // What is asked of them is answered by SQLite itself, told the moment.
        let sqlite = Arc::new(Mutex::new(Connection::open_in_memory()?));
        let text = now.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
        for (name, first, times) in OF_TIME {
            let (sqlite, now) = (Arc::clone(&sqlite), Value::Text(text.clone()));
            connection.create_scalar_function(name, -1, always, move |context| {
                let argument = |at: usize| match said(context, at).as_deref() {
                    Some(b"now") if (first..first + times).contains(&at) => now.clone(),
                    _ => owned(context.get_raw(at)),
                };
                let mut arguments: Vec<Value> = (0..context.len()).map(argument).collect();
                if arguments.len() == first || matches!(said(context, first).as_deref(), Some(b"subsec" | b"subsecond"))
                {
                    // Without a time they take the current one.
                    arguments.insert(first, now.clone());
                }
                let marks = vec!["?"; arguments.len()].join(",");
                let sqlite = sqlite.lock();
                let mut query = sqlite.prepare_cached(&format!("SELECT {name}({marks})"))?;
                query.query_row(params_from_iter(arguments), |row| row.get::<_, Value>(0))
            })?;
        }
        let random = Arc::new(AtomicU64::new(0));
        let numbers = Arc::clone(&random);
        connection.create_scalar_function("random", 0, changing, move |_| Ok(next(&numbers).cast_signed()))?;
        let numbers = Arc::clone(&random);
        connection.create_scalar_function("randomblob", 1, changing, move |context| {
            // As SQLite reads a number from anything.
            let length = match context.get_raw(0) {
                ValueRef::Integer(length) => length,
                _ => 1,
            };
            if length > LONGEST {
                return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None));
            }
            let length = usize::try_from(length.max(1)).unwrap_or(1);
            let mut bytes = Vec::with_capacity(length + 8);
            while bytes.len() < length {
                bytes.extend(next(&numbers).to_le_bytes());
            }
            bytes.truncate(length);
            Ok(bytes)
        })?;
        Ok(Self { random })
    }

    /// From here on it is this record's random numbers, whatever came before.
    pub(super) fn begin(&self, record: &Record) {
        let place = mixed(u64::from(record.partition)) ^ record.offset.cast_unsigned();
        self.random.store(mixed(place), Relaxed);
    }
}

/// An argument that is text, in lower case.
fn said(context: &Context<'_>, at: usize) -> Option<Vec<u8>> {
    match (at < context.len()).then(|| context.get_raw(at))? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_ascii_lowercase()),
        _ => None,
    }
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        // What is no text is no time either.
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

fn next(state: &AtomicU64) -> u64 {
    mixed(state.fetch_add(STEP, Relaxed).wrapping_add(STEP))
}

/// The mixing of `SplitMix64`.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
