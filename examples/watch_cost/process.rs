//! What the system says about a process (Linux).

use std::fs;
use std::process::Command;

use crate::Outcome;

/// The position of `utime` in `/proc/PID/stat` after the name of the program; `stime` follows. See `proc_pid_stat(5)`.
const UTIME: usize = 11;

/// The processor time of processes.
pub struct Cpu {
    processes: Vec<u32>,
}

impl Cpu {
    /// Of these processes.
    pub fn of(processes: Vec<u32>) -> Self {
        Self { processes }
    }

    /// The result of a piece of work, and the seconds of processor time that the processes took meanwhile.
    ///
    /// # Errors
    /// That of the work, or `/proc` cannot be read.
    pub fn during<T>(&self, work: impl FnOnce() -> Outcome<T>) -> Outcome<(T, f64)> {
        let before = self.ticks()?;
        let result = work()?;
        let ticks = self.ticks()?.saturating_sub(before);
        Ok((result, seconds(ticks)?))
    }

    fn ticks(&self) -> Outcome<u64> {
        let mut sum = 0;
        for process in &self.processes {
            let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
            // The name of the program may have spaces. It is in parentheses.
            let (_, fields) = stat.rsplit_once(") ").ok_or("unexpected form of /proc/PID/stat")?;
            let times = fields.split(' ').skip(UTIME).take(2);
            sum += times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        }
        Ok(sum)
    }
}

fn seconds(ticks: u64) -> Outcome<f64> {
    let printed = String::from_utf8(Command::new("getconf").arg("CLK_TCK").output()?.stdout)?;
    let per_second: f64 = printed.trim().parse()?;
    Ok(f64::from(u32::try_from(ticks)?) / per_second)
}

/// The largest memory that a process has had so far, in KiB; `None` if the process has ended.
pub fn peak_memory_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
