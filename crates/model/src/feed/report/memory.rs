//! The peak memory of this process.

/// The peak resident memory in bytes (`VmHWM` of proc(5)); `None` if the system does not report it.
#[must_use]
pub fn peak_rss_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_parsed_if_reported() {
        assert_eq!(parse("VmPeak:\t  99 kB\nVmHWM:\t   12345 kB\n"), Some(12345 * 1024));
        assert_eq!(parse("VmPeak:\t  99 kB\n"), None);
        assert_eq!(parse("VmHWM:\t12 pages\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_a_peak() {
        assert!(peak_rss_bytes().is_some_and(|bytes| bytes > 100_000));
    }
}
