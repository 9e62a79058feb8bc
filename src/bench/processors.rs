//! Processor usage of this process and of the whole machine.

use std::fs::read_to_string;

/// Measures processor usage while something runs.
pub(super) struct ProcessorWatch {
    begun: Option<Ticks>,
}

/// Processor usage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ProcessorUsage {
    /// Processor time of this process since its start, in seconds; `None` if the system does not report it.
    pub(super) cpu_s: Option<f64>,
    /// The busy share of the processors' total time, 0 to 1; `None` if the system does not report it.
    pub(super) machine: Option<f64>,
}

impl ProcessorWatch {
    pub(super) fn begin() -> Self {
        Self { begun: Ticks::now() }
    }

    pub(super) fn end(self) -> ProcessorUsage {
        let machine = self.begun.zip(Ticks::now()).and_then(|(begun, ended)| ended.busy_since(begun));
        ProcessorUsage { cpu_s: cpu_s(), machine }
    }
}

impl ProcessorUsage {
    /// The share of the processors' total time that this process used within `seconds`.
    #[allow(clippy::cast_precision_loss, reason = "a handful of processors")]
    pub(super) fn own_share(&self, seconds: f64) -> Option<f64> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Some(self.cpu_s? / (seconds.max(1e-9) * cores as f64))
    }
}

/// Time of all processors since the machine started, in hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    all: f64,
    idle: f64,
}

impl Ticks {
    fn now() -> Option<Self> {
        Self::parse(&read_to_string("/proc/stat").ok()?)
    }

    /// Parses `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal. Later fields are included
    /// in the first ones.
    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
        let ticks = fields.map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
        // A process that waits for a disk leaves the processor idle.
        Some(Self { all: ticks.iter().sum(), idle: ticks.get(3)? + ticks.get(4)? })
    }

    /// The busy share since `begun`; `None` if the clock has not advanced.
    fn busy_since(self, begun: Self) -> Option<f64> {
        let (all, idle) = (self.all - begun.all, self.idle - begun.idle);
        (all > 0.0).then(|| (1.0 - idle / all).clamp(0.0, 1.0))
    }
}

/// Processor time of this process since its start, in seconds; `None` if the system does not report it.
pub(super) fn cpu_s() -> Option<f64> {
    parse_cpu_s(&read_to_string("/proc/self/stat").ok()?)
}

/// Parses the processor time in seconds from a process's `stat` (proc(5): fields 14 and 15, in hundredths).
fn parse_cpu_s(stat: &str) -> Option<f64> {
    // The process name is in parentheses, and may itself contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_parsed_after_any_process_name() {
        let stat = "1234 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 9 0 1 2 3";
        assert_eq!(parse_cpu_s(stat), Some(1.75));
        assert_eq!(parse_cpu_s("1 (x) R 1 2"), None);
    }

    #[test]
    fn the_busy_share_excludes_idle_time() {
        let ticks = |text: &str| Ticks::parse(text).unwrap();
        let begun = ticks("cpu  100 0 50 1000 10 0 0 0 99 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n");
        assert_eq!(ticks("cpu  200 0 100 1000 10 0 25 25 99 0").busy_since(begun), Some(1.0));
        assert_eq!(ticks("cpu  125 0 50 1050 35 0 0 0 99 0").busy_since(begun), Some(0.25));
        assert_eq!(begun.busy_since(begun), None);
        assert!(["", "intr 1 2", "cpu  1 2 3", "cpu  1 2 x 4 5"].iter().all(|text| Ticks::parse(text).is_none()));
    }
}
