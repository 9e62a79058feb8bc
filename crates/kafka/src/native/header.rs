//! Headers with arbitrary bytes as names.

use std::{ffi::c_char, ptr};

use rdkafka::message::OwnedHeaders;
use rdkafka_sys as sys;

/// Appends a header to the list. rdkafka's own function accepts only UTF-8 names, whereas Kafka accepts any bytes.
pub fn add_header(headers: &OwnedHeaders, key: &[u8], value: Option<&[u8]>) {
    let length = |bytes: &[u8]| isize::try_from(bytes.len()).unwrap_or(isize::MAX);
    let (value, value_bytes) = value.map_or((ptr::null(), 0), |value| (value.as_ptr(), length(value)));
    // SAFETY: a borrowed list of headers is librdkafka's list itself (`OwnedHeaders::as_borrowed` casts the pointer),
    // and this one is alive and owned by the caller. Name and value are copied; a null value is a value without bytes,
    // and an empty one is not null. The name's length is given, so it needs no terminator.
    unsafe {
        let native = ptr::from_ref(headers.as_borrowed()).cast_mut().cast::<sys::rd_kafka_headers_t>();
        let _ = sys::rd_kafka_header_add(native, key.as_ptr().cast::<c_char>(), length(key), value.cast(), value_bytes);
    }
}
