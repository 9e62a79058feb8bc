//! Events read from a queue: records, partition ends, and errors.

use std::{ffi::CStr, marker::PhantomData, ptr};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

/// An event read from a queue.
pub enum Fetched<'a> {
    /// A record.
    Record(RawRecord<'a>),
    /// The current end of a partition was reached.
    End {
        /// The topic's name.
        topic: &'a str,
        /// The partition's number.
        partition: i32,
        /// The offset of the next record, or a lower bound of it.
        offset: i64,
    },
    /// A partition cannot be read.
    Error {
        /// The topic's name; empty if the error concerns no topic.
        topic: &'a str,
        /// The partition's number, or -1.
        partition: i32,
        /// librdkafka's code.
        code: RDKafkaErrorCode,
        /// librdkafka's message.
        text: &'a str,
    },
}

/// A record in librdkafka's memory, valid as long as the batch it came with.
pub struct RawRecord<'a> {
    message: &'a sys::rd_kafka_message_t,
}

impl<'a> RawRecord<'a> {
    /// The topic as a number that is stable within one call of `RecordQueue::read`.
    #[must_use]
    #[inline]
    pub fn topic_token(&self) -> usize {
        self.message.rkt as usize
    }

    /// The topic's name.
    #[must_use]
    #[inline]
    pub fn topic(&self) -> &'a str {
        topic_name(self.message)
    }

    /// The partition's number.
    #[must_use]
    #[inline]
    pub fn partition(&self) -> i32 {
        self.message.partition
    }

    /// The record's offset.
    #[must_use]
    #[inline]
    pub fn offset(&self) -> i64 {
        self.message.offset
    }

    /// Milliseconds since 1970, or -1.
    #[must_use]
    #[inline]
    pub fn timestamp_ms(&self) -> i64 {
        // SAFETY: the message is alive; a null pointer means that the timestamp type is not requested.
        unsafe { sys::rd_kafka_message_timestamp(self.message, ptr::null_mut()) }
    }

    /// The key; `None` differs from an empty key.
    #[must_use]
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka provides a pointer and its length, alive as long as the message.
        unsafe { slice(self.message.key, self.message.key_len) }
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the key.
        unsafe { slice(self.message.payload, self.message.len) }
    }

    /// Calls `each` with every header, in order.
    pub fn headers(&self, mut each: impl FnMut(&'a [u8], Option<&'a [u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive, and keeps the parsed headers as long as it lives.
        let code = unsafe { sys::rd_kafka_message_headers(self.message, &raw mut headers) };
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: `headers` is alive; the call fills the three variables, or reports that there is no such header.
            let code =
                unsafe { sys::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut size) };
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
                return;
            }
            // SAFETY: a header's name is a C string and its value a pointer with a length, alive as long as the
            // message.
            unsafe { each(CStr::from_ptr(name).to_bytes(), slice(value, size)) };
        }
    }
}

/// A message read from a queue. Dropping this value destroys it, even if a sink panics.
pub(super) struct OwnedMessage<'a>(*mut sys::rd_kafka_message_t, PhantomData<&'a ()>);

impl OwnedMessage<'_> {
    /// # Safety
    /// `message` is null, or a message of a queue that nothing else destroys.
    pub(super) unsafe fn new(message: *mut sys::rd_kafka_message_t) -> Self {
        Self(message, PhantomData)
    }

    pub(super) fn view(&self) -> Option<Fetched<'_>> {
        // SAFETY: librdkafka filled this slot of the buffer; the message lives until `drop`.
        let message = unsafe { self.0.as_ref() }?;
        Some(match message.err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Fetched::Record(RawRecord { message }),
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
                Fetched::End { topic: topic_name(message), partition: message.partition, offset: message.offset }
            }
            code => {
                // SAFETY: the message is alive, and its text lives as long as it does.
                let text = unsafe { sys::rd_kafka_message_errstr(message) };
                let text = if text.is_null() {
                    ""
                } else {
                    // SAFETY: not null, so it is a C string that lives as long as the message.
                    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default()
                };
                Fetched::Error { topic: topic_name(message), partition: message.partition, code: code.into(), text }
            }
        })
    }
}

impl Drop for OwnedMessage<'_> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: owned by this value alone.
            unsafe { sys::rd_kafka_message_destroy(self.0) }
        }
    }
}

fn topic_name(message: &sys::rd_kafka_message_t) -> &str {
    if message.rkt.is_null() {
        return "";
    }
    // SAFETY: the message holds a reference to its topic, whose name is a C string.
    unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt)) }.to_str().unwrap_or_default()
}

/// # Safety
/// `data` is null, or points at `len` bytes that live as long as `'a`.
unsafe fn slice<'a>(data: *const std::ffi::c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: by the contract above.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) })
}
