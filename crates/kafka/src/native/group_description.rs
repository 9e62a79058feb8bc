//! The state and the members of a group.

use std::{
    ffi::{CStr, CString, c_char},
    sync::atomic::AtomicBool,
    time::Duration,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::RDKafkaErrorCode,
};
use rdkafka_sys as sys;
use sys::rd_kafka_consumer_group_state_t as State;

use super::admin_request::{AdminAnswer, AdminRequest, check};

/// A member as librdkafka describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NativeMember {
    pub(crate) client_id: String,
    pub(crate) host: String,
    pub(crate) instance_id: Option<String>,
    /// Topics of the partitions that the member owns.
    pub(crate) topics: Vec<String>,
}

/// A group as librdkafka describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NativeGroup {
    /// It does not exist, or it is neither of the classic nor of the consumer protocol.
    Dead,
    /// It has no members.
    Empty,
    /// Any other state. librdkafka has no word for some states of the consumer protocol and reports `Unknown`.
    Active(String, Vec<NativeMember>),
    /// It exists, but is used by something other than consumers, such as Kafka Connect; librdkafka's message.
    Other(String),
}

/// Describes a group. Waits slightly longer than `timeout` at most; once `stop` is set, the wait ends as if it had
/// timed out.
///
/// # Errors
/// The broker's or librdkafka's code.
pub(crate) fn describe_group<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    timeout: Duration,
    stop: &AtomicBool,
) -> Result<NativeGroup, RDKafkaErrorCode> {
    let group = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let native = client.client().native_ptr();
    // SAFETY: the client and the group's name are alive for the whole call, which copies the name.
    let answer = unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
        let admin = AdminRequest::new(native, operation, timeout)?;
        let mut names: [*const c_char; 1] = [group.as_ptr()];
        sys::rd_kafka_DescribeConsumerGroups(native, names.as_mut_ptr(), names.len(), admin.options, admin.queue);
        admin.answer(Some(stop))?
    };
    read(&answer)
}

fn read(answer: &AdminAnswer) -> Result<NativeGroup, RDKafkaErrorCode> {
    // SAFETY: everything that is read belongs to the event, which is alive, and is copied. The result is null if the
    // event is of another type; the list has as many groups, and a group as many members, as the counts indicate.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(answer.event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let mut count = 0;
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if groups.is_null() || count == 0 {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let group = *groups;
        let error = sys::rd_kafka_ConsumerGroupDescription_error(group);
        if !error.is_null() {
            match check(sys::rd_kafka_error_code(error)) {
                // librdkafka's own error for a group of another protocol type.
                Err(RDKafkaErrorCode::InvalidArgument) => {
                    return Ok(NativeGroup::Other(text(sys::rd_kafka_error_string(error)).unwrap_or_default()));
                }
                // Kafka 4 reports a missing group as an error.
                Err(RDKafkaErrorCode::GroupIdNotFound) => return Ok(NativeGroup::Dead),
                other => other?,
            }
        }
        let state = sys::rd_kafka_ConsumerGroupDescription_state(group);
        let members = sys::rd_kafka_ConsumerGroupDescription_member_count(group);
        let members: Vec<NativeMember> =
            (0..members).map(|at| member(sys::rd_kafka_ConsumerGroupDescription_member(group, at))).collect();
        Ok(match state {
            State::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD if members.is_empty() => NativeGroup::Dead,
            State::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY if members.is_empty() => NativeGroup::Empty,
            _ => {
                let name = text(sys::rd_kafka_consumer_group_state_name(state));
                NativeGroup::Active(name.unwrap_or_else(|| "Unknown".to_owned()), members)
            }
        })
    }
}

/// # Safety
/// `member` belongs to an event that is alive.
unsafe fn member(member: *const sys::rd_kafka_MemberDescription_t) -> NativeMember {
    let mut topics = Vec::new();
    // SAFETY: guaranteed by the caller. Assignment and list are null if there are none; the list has as many elements
    // as its count indicates, which have C strings as topics.
    unsafe {
        let assignment = sys::rd_kafka_MemberDescription_assignment(member);
        if !assignment.is_null()
            && let Some(list) = sys::rd_kafka_MemberAssignment_partitions(assignment).as_ref()
        {
            for at in 0..usize::try_from(list.cnt).unwrap_or(0) {
                topics.extend(text((*list.elems.add(at)).topic));
            }
        }
        topics.sort();
        topics.dedup();
        NativeMember {
            client_id: text(sys::rd_kafka_MemberDescription_client_id(member)).unwrap_or_default(),
            host: text(sys::rd_kafka_MemberDescription_host(member)).unwrap_or_default(),
            instance_id: text(sys::rd_kafka_MemberDescription_group_instance_id(member)),
            topics,
        }
    }
}

/// # Safety
/// `text` is null or a C string that is alive.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: by the contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
