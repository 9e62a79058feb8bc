//! Headers whose names are any bytes.

use std::{ffi::c_char, ptr};

use rdkafka::message::OwnedHeaders;
use rdkafka_sys as sys;

/// Adds a header to the end of the list. rdkafka's own way takes no names but UTF-8, and Kafka keeps whatever bytes a client wrote.
pub fn add_header(headers: &OwnedHeaders, key: &[u8], value: Option<&[u8]>) {
    let length = |bytes: &[u8]| isize::try_from(bytes.len()).unwrap_or(isize::MAX);
    let (value, value_bytes) = value.map_or((ptr::null(), 0), |value| (value.as_ptr(), length(value)));
    // SAFETY: a borrowed list of headers is librdkafka's list itself (`OwnedHeaders::as_borrowed` casts the pointer), and this one
    // is alive and still the caller's own. Name and value are copied; a null value is one without bytes, and an empty one is not
    // null. The name's length is given, so it needs no end.
    unsafe {
        let native = ptr::from_ref(headers.as_borrowed()).cast_mut().cast::<sys::rd_kafka_headers_t>();
        let _ = sys::rd_kafka_header_add(native, key.as_ptr().cast::<c_char>(), length(key), value.cast(), value_bytes);
    }
}
