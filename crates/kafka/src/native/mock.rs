//! Settings of librdkafka's mock cluster that rdkafka does not wrap.

use std::{ffi::c_int, time::Duration};

use rdkafka::{ClientContext, client::Client};
use rdkafka_sys as sys;

/// Timing of consumer groups in the mock cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupTiming {
    /// How long a new group of the classic protocol waits for more members.
    pub(crate) initial_rebalance_delay: Duration,
    /// Heartbeat interval of members of the consumer protocol. It determines how soon they learn of a change.
    pub(crate) heartbeat_interval: Duration,
    /// How long a member of the consumer protocol may stay silent before it is removed.
    pub(crate) session_timeout: Duration,
}

/// Applies `timing` to the mock cluster inside `client`; returns `false` if the client has none.
pub(crate) fn set_group_timing<C: ClientContext>(client: &Client<C>, timing: GroupTiming) -> bool {
    // SAFETY: the client outlives this call, so its handle is valid; the function only reads a field of it.
    let cluster = unsafe { sys::rd_kafka_handle_mock_cluster(client.native_ptr()) };
    if cluster.is_null() {
        return false;
    }
    // SAFETY: the cluster belongs to the client and lives as long as it does; each setter takes the cluster's own lock
    // and copies its argument (rdkafka_mock.c).
    unsafe {
        sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, millis(timing.initial_rebalance_delay));
        sys::rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(cluster, millis(timing.heartbeat_interval));
        sys::rd_kafka_mock_set_group_consumer_session_timeout_ms(cluster, millis(timing.session_timeout));
    }
    true
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}
