//! Transactions by transactional id.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct DescribeTransactionsRequest {
        transactional_ids: Vec<String>;
    }

    struct DescribeTransactionsResponse {
        throttle_time_ms: i32;
        transaction_states: Vec<TransactionState>;
    }

    struct TransactionState {
        error_code: i16;
        transactional_id: String;
        transaction_state: String;
        transaction_timeout_ms: i32;
        transaction_start_time_ms: i64;
        producer_id: i64;
        producer_epoch: i16;
        topics: Vec<TopicData>;
    }

    struct TopicData {
        topic: String;
        partitions: Vec<i32>;
    }
}

request!(DescribeTransactions, DescribeTransactionsRequest => DescribeTransactionsResponse);
