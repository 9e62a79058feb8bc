//! The consumer groups of a cluster: their states and protocols.

use std::{ffi::CStr, sync::atomic::AtomicBool, time::Duration};

use rdkafka::{ClientContext, client::Client, error::RDKafkaErrorCode};
use rdkafka_sys as sys;
use sys::rd_kafka_consumer_group_state_t as State;

use super::{
    admin_request::{AdminAnswer, AdminRequest, check},
    group_description::{NativeProtocol, state_name},
};

/// A group in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NativeListed {
    pub(crate) id: String,
    /// Whether it is known to have no members. Brokers before Kafka 2.6 do not report that.
    pub(crate) is_empty: bool,
    /// Kafka's word for the state; `Unknown` if the broker does not report it or librdkafka has no word for it.
    pub(crate) state: String,
    pub(crate) protocol: NativeProtocol,
}

/// The visible consumer groups. Those of share, streams and Connect are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NativeListing {
    pub(crate) groups: Vec<NativeListed>,
    /// The error of a broker that did not answer. Its groups are missing.
    pub(crate) error: Option<RDKafkaErrorCode>,
}

/// Lists the consumer groups of all brokers. Waits slightly longer than `timeout` at most; once `stop` is set, the wait
/// ends as if it had timed out.
///
/// # Errors
/// The broker's or librdkafka's code.
pub(crate) fn list_groups<C: ClientContext>(
    client: &Client<C>,
    timeout: Duration,
    stop: Option<&AtomicBool>,
) -> Result<NativeListing, RDKafkaErrorCode> {
    let native = client.native_ptr();
    // SAFETY: the client outlives the call. Null options select the library's defaults.
    let answer = unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS;
        let admin = AdminRequest::new(native, operation, timeout)?;
        sys::rd_kafka_ListConsumerGroups(native, admin.options, admin.queue);
        admin.answer(stop)?
    };
    read(&answer)
}

fn read(answer: &AdminAnswer) -> Result<NativeListing, RDKafkaErrorCode> {
    // SAFETY: the event is alive, and what is read belongs to it and is copied. An event of another type gives a null
    // result; errors and groups are not null within the counts that the library returns; ids are C strings.
    unsafe {
        let result = sys::rd_kafka_event_ListConsumerGroups_result(answer.event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let mut count = 0;
        let errors = sys::rd_kafka_ListConsumerGroups_result_errors(result, &raw mut count);
        let has_error = !errors.is_null() && count > 0;
        let error = if has_error { check(sys::rd_kafka_error_code(*errors)).err() } else { None };
        let mut count = 0;
        let groups = sys::rd_kafka_ListConsumerGroups_result_valid(result, &raw mut count);
        let mut found = Vec::new();
        for index in 0..if groups.is_null() { 0 } else { count } {
            let group = *groups.add(index);
            let id = sys::rd_kafka_ConsumerGroupListing_group_id(group);
            if !id.is_null() {
                let state = sys::rd_kafka_ConsumerGroupListing_state(group);
                let is_empty = matches!(
                    state,
                    State::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY | State::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD
                );
                found.push(NativeListed {
                    id: CStr::from_ptr(id).to_string_lossy().into_owned(),
                    is_empty,
                    state: state_name(state),
                    protocol: sys::rd_kafka_ConsumerGroupListing_type(group).into(),
                });
            }
        }
        Ok(NativeListing { groups: found, error })
    }
}
