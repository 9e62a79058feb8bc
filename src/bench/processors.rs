//! How busy processors are: with this process, and with everything else on the machine.

use std::fs::read_to_string;

/// Looks at the processors while something is measured.
pub(super) struct Watch {
    begun: Option<Ticks>,
}

/// How busy they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Busy {
    /// Processor time of this process since its start, in seconds; `None` where the system does not tell.
    pub(super) cpu_s: Option<f64>,
    /// The part of all processors' time that somebody worked, 0 to 1; `None` where the system does not tell.
    pub(super) all: Option<f64>,
}

impl Watch {
    pub(super) fn begin() -> Self {
        Self { begun: Ticks::now() }
    }

    pub(super) fn end(self) -> Busy {
        let all = self.begun.zip(Ticks::now()).and_then(|(begun, ended)| ended.busy_since(begun));
        Busy { cpu_s: read_to_string("/proc/self/stat").ok().and_then(|stat| parse_cpu_s(&stat)), all }
    }
}

impl Busy {
    /// The part of all processors' time that this process took within so many seconds.
    #[allow(clippy::cast_precision_loss, reason = "a handful of processors")]
    pub(super) fn own(&self, seconds: f64) -> Option<f64> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Some(self.cpu_s? / (seconds.max(1e-9) * cores as f64))
    }
}

/// Time of all processors since the machine's start, in hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    all: f64,
    idle: f64,
}

impl Ticks {
    fn now() -> Option<Self> {
        Self::parse(&read_to_string("/proc/stat").ok()?)
    }

    /// From `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal. What follows is part of the first.
    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
        let ticks = fields.map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
        // Whoever waits for a disk leaves the processor to others.
        Some(Self { all: ticks.iter().sum(), idle: ticks.get(3)? + ticks.get(4)? })
    }

    /// `None` within a moment too short for the clock.
    fn busy_since(self, begun: Self) -> Option<f64> {
        let (all, idle) = (self.all - begun.all, self.idle - begun.idle);
        (all > 0.0).then(|| (1.0 - idle / all).clamp(0.0, 1.0))
    }
}

/// The processor time of a process in seconds, from its `stat` (proc(5): fields 14 and 15, in hundredths).
fn parse_cpu_s(stat: &str) -> Option<f64> {
    // The name, in brackets, may hold blanks and brackets itself.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "1234 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 9 0 1 2 3";
        assert_eq!(parse_cpu_s(stat), Some(1.75));
        assert_eq!(parse_cpu_s("1 (x) R 1 2"), None);
    }

    #[test]
    fn the_machine_is_busy_where_nobody_idles() {
        let ticks = |text: &str| Ticks::parse(text).unwrap();
        let begun = ticks("cpu  100 0 50 1000 10 0 0 0 99 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n");
        assert_eq!(ticks("cpu  200 0 100 1000 10 0 25 25 99 0").busy_since(begun), Some(1.0));
        assert_eq!(ticks("cpu  125 0 50 1050 35 0 0 0 99 0").busy_since(begun), Some(0.25));
        assert_eq!(begun.busy_since(begun), None);
        assert!(["", "intr 1 2", "cpu  1 2 3", "cpu  1 2 x 4 5"].iter().all(|text| Ticks::parse(text).is_none()));
    }
}
