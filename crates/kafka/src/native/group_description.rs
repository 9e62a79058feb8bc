//! The state and the members of groups.

use std::{
    ffi::{CStr, CString, c_char},
    sync::atomic::AtomicBool,
    time::Duration,
};

use kreplay_model::domain::TopicPartition;
use rdkafka::{
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::RDKafkaErrorCode,
};
use rdkafka_sys as sys;
use sys::{rd_kafka_consumer_group_state_t as State, rd_kafka_consumer_group_type_t as Type};

use super::admin_request::{AdminAnswer, AdminRequest, check};

/// A member as librdkafka describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NativeMember {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) host: String,
    /// The partitions that the member has. Empty also if the broker does not say.
    pub(crate) assigned: Vec<TopicPartition>,
    /// The partitions of its target assignment, which members of the classic protocol do not have.
    pub(crate) target: Option<Vec<TopicPartition>>,
}

/// The protocol of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NativeProtocol {
    Classic,
    Consumer,
    /// The broker is too old to report it, and therefore has only the classic one.
    NotReported,
}

impl From<Type> for NativeProtocol {
    fn from(native: Type) -> Self {
        match native {
            Type::RD_KAFKA_CONSUMER_GROUP_TYPE_CLASSIC => Self::Classic,
            Type::RD_KAFKA_CONSUMER_GROUP_TYPE_CONSUMER => Self::Consumer,
            _ => Self::NotReported,
        }
    }
}

/// A description of a group of consumers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NativeDescription {
    pub(crate) protocol: NativeProtocol,
    /// Kafka's word. librdkafka has none for some states of the consumer protocol and reports `Unknown`.
    pub(crate) state: String,
    pub(crate) coordinator: Option<i32>,
    /// Whether it has no protocol type: it only stores the offsets of consumers that assign their partitions
    /// themselves.
    pub(crate) is_simple: bool,
    pub(crate) members: Vec<NativeMember>,
}

/// A group as librdkafka describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NativeGroup {
    /// It does not exist, or it is neither of the classic nor of the consumer protocol.
    Dead,
    /// It has no members.
    Empty(NativeDescription),
    /// Any other state.
    Active(NativeDescription),
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
    // SAFETY: the client is alive until the answer is read.
    read(&unsafe { request(client, group, timeout)?.answer(Some(stop))? })
}

/// Like [`describe_group`], for many groups whose requests are all on their way at the same time; in the order given.
/// Waits slightly longer than `timeout` at most, for all of them together. One request for all of them would end with
/// the slowest coordinator, or without any answer.
pub(crate) fn describe_groups<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    groups: &[&str],
    timeout: Duration,
    stop: &AtomicBool,
) -> Vec<Result<NativeGroup, RDKafkaErrorCode>> {
    // SAFETY: the client is alive until the end of this function.
    let request = |group: &&str| unsafe { request(client, group, timeout) };
    let requests: Vec<_> = groups.iter().map(request).collect();
    requests.into_iter().map(|request| read(&request?.answer(Some(stop))?)).collect()
}

/// Requests the description of a group.
///
/// # Errors
/// The name cannot be sent, or librdkafka cannot allocate the request.
///
/// # Safety
/// The client outlives the request that is returned.
unsafe fn request<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    timeout: Duration,
) -> Result<AdminRequest, RDKafkaErrorCode> {
    let group = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let native = client.client().native_ptr();
    // SAFETY: the client is alive by the contract, and the group's name for the whole call, which copies the name.
    unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
        let admin = AdminRequest::to_coordinator(native, operation, timeout)?;
        let mut names: [*const c_char; 1] = [group.as_ptr()];
        sys::rd_kafka_DescribeConsumerGroups(native, names.as_mut_ptr(), names.len(), admin.options, admin.queue);
        Ok(admin)
    }
}

fn read(answer: &AdminAnswer) -> Result<NativeGroup, RDKafkaErrorCode> {
    // SAFETY: everything that is read belongs to the event, which is alive, and is copied. The result is null if the
    // event is of another type; the list has as many groups as the count indicates.
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
        group(*groups)
    }
}

/// # Safety
/// `native` belongs to an event that is alive.
unsafe fn group(native: *const sys::rd_kafka_ConsumerGroupDescription_t) -> Result<NativeGroup, RDKafkaErrorCode> {
    // SAFETY: guaranteed by the caller. The error and the coordinator are null if there is none; a group has as many
    // members as its count indicates.
    unsafe {
        let error = sys::rd_kafka_ConsumerGroupDescription_error(native);
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
        let state = sys::rd_kafka_ConsumerGroupDescription_state(native);
        let coordinator = sys::rd_kafka_ConsumerGroupDescription_coordinator(native);
        let members = sys::rd_kafka_ConsumerGroupDescription_member_count(native);
        let description = NativeDescription {
            protocol: sys::rd_kafka_ConsumerGroupDescription_type(native).into(),
            state: state_name(state),
            coordinator: (!coordinator.is_null()).then(|| sys::rd_kafka_Node_id(coordinator)),
            is_simple: sys::rd_kafka_ConsumerGroupDescription_is_simple_consumer_group(native) != 0,
            members: (0..members).map(|at| member(sys::rd_kafka_ConsumerGroupDescription_member(native, at))).collect(),
        };
        Ok(match state {
            State::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD if description.members.is_empty() => NativeGroup::Dead,
            State::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY if description.members.is_empty() => {
                NativeGroup::Empty(description)
            }
            _ => NativeGroup::Active(description),
        })
    }
}

/// Kafka's word for a state; `Unknown` if librdkafka has none.
pub(super) fn state_name(state: State) -> String {
    // SAFETY: the name of a state is a constant of the library.
    let name = unsafe { text(sys::rd_kafka_consumer_group_state_name(state)) };
    name.unwrap_or_else(|| "Unknown".to_owned())
}

/// # Safety
/// `member` belongs to an event that is alive.
unsafe fn member(member: *const sys::rd_kafka_MemberDescription_t) -> NativeMember {
    // SAFETY: guaranteed by the caller. Assignments are null if there are none.
    unsafe {
        let assigned = sys::rd_kafka_MemberDescription_assignment(member);
        let target = sys::rd_kafka_MemberDescription_target_assignment(member);
        NativeMember {
            member_id: text(sys::rd_kafka_MemberDescription_consumer_id(member)).unwrap_or_default(),
            instance_id: text(sys::rd_kafka_MemberDescription_group_instance_id(member)),
            client_id: text(sys::rd_kafka_MemberDescription_client_id(member)).unwrap_or_default(),
            host: text(sys::rd_kafka_MemberDescription_host(member)).unwrap_or_default(),
            assigned: if assigned.is_null() { Vec::new() } else { partitions(assigned) },
            target: (!target.is_null()).then(|| partitions(target)),
        }
    }
}

/// # Safety
/// `assignment` is not null, and belongs to an event that is alive.
unsafe fn partitions(assignment: *const sys::rd_kafka_MemberAssignment_t) -> Vec<TopicPartition> {
    let mut found = Vec::new();
    // SAFETY: guaranteed by the caller. The list is null if there is none; it has as many elements as its count
    // indicates, whose topics are null or C strings.
    unsafe {
        if let Some(list) = sys::rd_kafka_MemberAssignment_partitions(assignment).as_ref() {
            for at in 0..usize::try_from(list.cnt).unwrap_or(0) {
                let element = &*list.elems.add(at);
                found.extend(text(element.topic).map(|topic| TopicPartition::new(topic, element.partition)));
            }
        }
    }
    found
}

/// # Safety
/// `text` is null or a C string that is alive.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: by the contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
