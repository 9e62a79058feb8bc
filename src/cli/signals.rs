//! What commands do at SIGINT, SIGTERM and SIGHUP.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

use super::{CliError, Exit};

/// Grace period after a signal: a session that has not ended by then is reported, or abandoned if it has not started.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(1);

/// Waits for SIGINT, SIGTERM or SIGHUP.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let listeners = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    match listeners {
        (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        // The system's default handling stays in place, which ends the process.
        _ => std::future::pending().await,
    }
}

/// Returns a flag that the first signal sets. The second signal ends the process.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, Exit::Stopped as i32, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    }
    Ok(stop)
}

/// Makes the first signal end the process with [`Exit::Stopped`]. For commands that need no cleanup.
pub(super) fn exit_on_first_signal() -> Result<(), CliError> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, Exit::Stopped as i32, Arc::new(AtomicBool::new(true)))
            .map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    }
    Ok(())
}

/// Ends the process [`STOP_GRACE`] after the first signal. For commands that may be waiting for a broker and need no
/// cleanup.
pub(super) fn exit_soon_after(stop: &Arc<AtomicBool>) -> Result<(), CliError> {
    exit_soon_after_unless(stop, &Arc::default())
}

/// The same, unless `handles_stop` is true by then: the command is past its waiting and handles the signal itself.
pub(super) fn exit_soon_after_unless(stop: &Arc<AtomicBool>, handles_stop: &Arc<AtomicBool>) -> Result<(), CliError> {
    let (stop, handles_stop) = (Arc::clone(stop), Arc::clone(handles_stop));
    let watch = move || {
        while !stop.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(STOP_GRACE);
        if handles_stop.load(Relaxed) {
            return;
        }
        // A failed write to standard error is ignored: the exit code shows it, too.
        let _ = writeln!(io::stderr(), "kreplay: stopped early");
        std::process::exit(Exit::Stopped as i32);
    };
    let spawned = std::thread::Builder::new().name("exit-timer".into()).spawn(watch);
    spawned.map(drop).map_err(|error| CliError::Failed(format!("cannot start: {error}")))
}
