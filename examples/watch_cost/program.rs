//! The watch as a program: `kreplay watch --json`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kreplay_model::watch::WatchSnapshot;
use kreplay_testkit::build::kreplay_binary;
use serde_json::{Value, json};

use crate::process::peak_memory_kib;
use crate::watcher::{has_all_ages, has_all_lags};
use crate::{Outcome, Scale};

/// How often the memory of the program is read.
const MEMORY_EVERY: Duration = Duration::from_millis(200);

/// Watches for the duration of `scale`.
///
/// # Errors
/// The program cannot be started, fails, or prints something else than snapshots.
pub fn measure(bootstrap: &str, scale: Scale) -> Outcome<Value> {
    let began = Instant::now();
    let duration = format!("{}s", scale.duration.as_secs());
    let mut command = Command::new(kreplay_binary());
    command.args(["watch", "--json", "--for", &duration, "--bootstrap-server", bootstrap]);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("standard output is piped")?;
    let peak = Arc::new(AtomicU64::new(0));
    let (process, seen) = (child.id(), Arc::clone(&peak));
    let memory = std::thread::spawn(move || {
        while let Some(kib) = peak_memory_kib(process) {
            seen.store(kib, Ordering::Relaxed);
            std::thread::sleep(MEMORY_EVERY);
        }
    });
    let (mut first, mut lags, mut ages, mut snapshots, mut bytes) = (None, None, None, 0_u64, 0_u64);
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        let after = began.elapsed().as_secs_f64();
        first.get_or_insert(after);
        snapshots += 1;
        bytes = bytes.max(u64::try_from(line.len())?);
        // Once all is there, the rest is not read: that takes longer than to write it, and would hold up the program.
        if ages.is_none() {
            let snapshot: WatchSnapshot = serde_json::from_str(&line)?;
            lags = lags.or_else(|| has_all_lags(&snapshot, scale).then_some(after));
            ages = ages.or_else(|| has_all_ages(&snapshot, scale).then_some(after));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("kreplay: {status}").into());
    }
    memory.join().map_err(|_| "the thread that reads the memory has failed")?;
    Ok(json!({
        "first_line_after_s": first,
        "all_lags_after_s": lags,
        "all_ages_after_s": ages,
        "peak_memory_mib": peak.load(Ordering::Relaxed) / 1024,
        "snapshots": snapshots,
        "largest_snapshot_bytes": bytes,
    }))
}
