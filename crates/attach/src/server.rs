//! The server: one thread with its own runtime, so that neither a run nor its console waits for a client.

mod connection;
mod cursor;
mod listener;
mod socket_file;
mod source;

use std::{
    hash::{BuildHasher as _, RandomState},
    io,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use kreplay_model::domain::Secret;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Address, BindError};
use connection::Shared;
use listener::{BoundListener, Listener};
pub use source::{GroupSource, RecordReaders, SessionSource, Source};

/// Consoles at the same time; others are refused.
const MAX_CLIENTS: usize = 8;
/// Connections that have not been accepted yet; others are closed at once. They take no places of consoles: any user
/// of the machine can open some on a loopback address.
const MAX_GREETINGS: usize = 64;
/// The time for telling clients about the end.
const END_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause after an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who may attach, and what they may do.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The token that each client must have. A loopback address requires one.
    pub token: Option<Secret>,
    /// Whether clients may send commands.
    pub control: bool,
}

/// A server that listens, but does not answer yet: its address is checked before anything else begins.
#[derive(Debug)]
pub struct Server {
    listener: BoundListener,
    options: ServerOptions,
}

impl Server {
    /// Begins to listen. A socket that no process serves any more is replaced.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(address: &Address, options: ServerOptions) -> Result<Self, BindError> {
        if matches!(address, Address::Loopback(_)) && options.token.is_none() {
            return Err(BindError::NoToken(address.clone()));
        }
        Ok(Self { listener: BoundListener::bind(address)?, options })
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.listener.address()
    }

    /// Serves a feed until the result is dropped.
    ///
    /// # Errors
    /// That of the operating system if the thread cannot be started.
    pub fn serve(self, source: Source) -> io::Result<Serving> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(false);
        let serve = move || serve(&runtime, self, source, stopped);
        let thread = std::thread::Builder::new().name("attach".into()).spawn(serve)?;
        Ok(Serving { stop, thread: Some(thread) })
    }
}

/// A server that serves a feed. When this is dropped, clients get the last frame and learn that the process ends, and a
/// socket is removed.
#[derive(Debug)]
pub struct Serving {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It ends within END_TIMEOUT. A panic of it has been printed.
            let _ = thread.join();
        }
    }
}

fn serve(runtime: &Runtime, server: Server, source: Source, mut stopped: watch::Receiver<bool>) {
    let Server { listener, options } = server;
    let instance = RandomState::new().hash_one(std::process::id());
    let shared = Arc::new(Shared { source, options, instance, places: Semaphore::new(MAX_CLIENTS) });
    let ending = stopped.clone();
    runtime.block_on(async {
        // Registers the listener with the runtime, which fails only if the system has no more file descriptors.
        let Ok(listener) = listener.into_async() else { return };
        let mut clients = JoinSet::new();
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            () = accept(&listener, &shared, &ending, &mut clients) => {}
        }
        let ended = async { while clients.join_next().await.is_some() {} };
        // A client that does not read does not delay the end of the process any further.
        let _ = timeout(END_TIMEOUT, ended).await;
    });
}

async fn accept(listener: &Listener, shared: &Arc<Shared>, ending: &watch::Receiver<bool>, clients: &mut JoinSet<()>) {
    let greetings = Arc::new(Semaphore::new(MAX_GREETINGS));
    loop {
        while clients.try_join_next().is_some() {}
        let Ok((reader, writer)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if let Ok(greeting) = Arc::clone(&greetings).try_acquire_owned() {
            let (shared, ending) = (Arc::clone(shared), ending.clone());
            clients.spawn(async move { connection::serve(reader, writer, &shared, ending, greeting).await });
        }
    }
}
