//! The transactions of one coordinator.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct ListTransactionsRequest {
        /// All states if empty.
        state_filters: Vec<String>;
        /// All producers if empty.
        producer_id_filters: Vec<i64>;
        /// Only transactions that have been open for longer, in milliseconds; all if negative.
        duration_filter: i64 => 1.. else -1;
        transactional_id_pattern: Option<String> => 2.. else None;
    }

    struct ListTransactionsResponse {
        throttle_time_ms: i32;
        error_code: i16;
        unknown_state_filters: Vec<String>;
        transaction_states: Vec<TransactionState>;
    }

    struct TransactionState {
        transactional_id: String;
        producer_id: i64;
        transaction_state: String;
    }
}

request!(
    ListTransactions,
    ListTransactionsRequest => ListTransactionsResponse,
    min_version |request| {
        if request.transactional_id_pattern.is_some() {
            2
        } else {
            i16::from(request.duration_filter >= 0)
        }
    }
);
