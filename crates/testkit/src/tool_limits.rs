//! Limits that Kafka's own tools set themselves. They are too short for a busy machine, and some tools then end with
//! exit code 0 although they have done only a part.

/// The arguments with longer limits, as far as the tool has some. Tests bound the whole tool anyway.
pub fn without_own_limits<'a>(class: &str, args: &[&'a str]) -> Vec<&'a str> {
    let more: &[&str] = match class.rsplit('.').next() {
        // By default, records are given up after three attempts of 1.5 s.
        Some("ConsoleProducer") => &["--request-timeout-ms", "60000", "--message-send-max-retries", "1000000"],
        // 30 s by default. A group that cannot be described until then is printed as an error.
        Some("ConsumerGroupCommand" | "ShareGroupCommand" | "StreamsGroupCommand") if args.contains(&"--describe") => {
            &["--timeout", "240000"]
        }
        _ => &[],
    };
    [args, more].concat()
}
