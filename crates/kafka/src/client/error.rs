//! Why a client could not be created or a request failed.

/// A client could not be created, or a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// librdkafka rejected the configuration.
    #[error("librdkafka rejected the client configuration: {0}; check -X and [kafka.properties]")]
    Configuration(String),
    /// No broker answered in time.
    #[error("no broker answered at {bootstrap} within {seconds} s{}; check the address and that the broker is running", in_parentheses(.problem.as_deref()))]
    Unreachable {
        /// The bootstrap servers.
        bootstrap: String,
        /// The time waited.
        seconds: u64,
        /// librdkafka's most recent error message, if any.
        problem: Option<String>,
    },
    /// A broker answered with an error.
    #[error("the broker rejected the request: {0}")]
    Refused(String),
    /// The metadata to be committed with the group's offsets exceeds the brokers' limit.
    #[error(
        "the metadata committed with the offsets of group {0} is too long for the brokers; raise their \
         offset.metadata.max.bytes"
    )]
    NotesTooLong(String),
    /// librdkafka could not create a queue.
    #[error("librdkafka could not create a record queue; check that enough memory is available")]
    Queue,
}

fn in_parentheses(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |problem| format!(" ({problem})"))
}
