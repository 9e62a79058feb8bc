//! Limits that Kafka's own tools set themselves. They are too short for a busy machine, and some tools then end with
//! exit code 0 although they have done only a part.

/// 30 s by default. A group that cannot be described until then is printed as an error.
const GROUP_LIMIT: &[&str] = &["--timeout", "240000"];

/// The arguments with longer limits, as far as the tool has some. Tests bound the whole tool anyway.
pub fn with_longer_limits<'a>(class: &str, args: &[&'a str]) -> Vec<&'a str> {
    let more: &[&str] = match class.rsplit('.').next() {
        // By default, records are given up after three attempts of 1.5 s.
        Some("ConsoleProducer") => &["--request-timeout-ms", "60000", "--message-send-max-retries", "1000000"],
        Some("ConsumerGroupCommand" | "ShareGroupCommand" | "StreamsGroupCommand") if args.contains(&"--describe") => {
            GROUP_LIMIT
        }
        Some("ConsumerGroupCommand") if args.contains(&"--reset-offsets") => GROUP_LIMIT,
        _ => &[],
    };
    [args, more].concat()
}
