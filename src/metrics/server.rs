//! The server: one thread with its own runtime, so that neither a run nor the console waits for a scrape.

use std::{
    convert::Infallible,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::{Builder, Runtime},
    sync::{Semaphore, oneshot},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    MetricsSettings,
    respond::respond,
    sources::{Shared, Sources},
    tls,
};

/// Connections at the same time; others wait until one of them ends.
pub(super) const MAX_CONNECTIONS: usize = 16;
/// The time for the TLS handshake, and for the headers of a request, also of the next one on a connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest life of a connection, so that clients that read slowly do not keep all of them.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// Bytes of the request line and the headers. Hyper's minimum is 8 KiB.
const MAX_HEADER_BYTES: usize = 8 << 10;
/// Headers of a request.
const MAX_HEADERS: usize = 32;
/// The pause after an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why metrics are not served.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The settings contradict each other, or a file of theirs cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The address cannot be used.
    #[error("cannot serve metrics on {address}: {source}; choose another port with --metrics")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The thread cannot be started.
    #[error("cannot serve metrics: {0}")]
    Start(io::Error),
}

/// A server that listens, but does not answer yet: its address is checked before anything else begins.
pub struct MetricsServer {
    settings: MetricsSettings,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl MetricsServer {
    /// Begins to listen, and prints the address to standard error if the system chose the port. `None` if no address is
    /// configured.
    ///
    /// # Errors
    /// [`MetricsError::Settings`] if the settings cannot be used, [`MetricsError::Bind`] if the address cannot be.
    pub fn bind(settings: &MetricsSettings) -> Result<Option<Self>, MetricsError> {
        let Some(address) = settings.address else { return Ok(None) };
        if let Some(text) = settings.contradiction() {
            return Err(MetricsError::Settings(text));
        }
        let tls = match (&settings.tls_certificate, &settings.tls_key) {
            (Some(certificate), Some(key)) => Some(tls::acceptor(certificate, key).map_err(MetricsError::Settings)?),
            _ => None,
        };
        let unusable = |source| MetricsError::Bind { address: address.get(), source };
        let listener = TcpListener::bind(address.get()).map_err(unusable)?;
        listener.set_nonblocking(true).map_err(unusable)?;
        if address.get().port() == 0 {
            let chosen = listener.local_addr().map_err(unusable)?;
            let scheme = if tls.is_some() { "https" } else { "http" };
            // A failed write to standard error is ignored: the server works without it.
            let _ = writeln!(io::stderr(), "kreplay: metrics on {scheme}://{chosen}/metrics");
        }
        Ok(Some(Self { settings: settings.clone(), listener, tls }))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// That of the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until the result is dropped.
    ///
    /// # Errors
    /// [`MetricsError::Start`] if the thread cannot be started.
    pub fn serve(self, sources: Sources) -> Result<ServedMetrics, MetricsError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(MetricsError::Start)?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || serve(&runtime, self, sources, stopped);
        let thread = std::thread::Builder::new().name("metrics".into()).spawn(serve).map_err(MetricsError::Start)?;
        Ok(ServedMetrics { stop: Some(stop), thread: Some(thread) })
    }
}

/// A server that answers requests. It ends when this is dropped.
pub struct ServedMetrics {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for ServedMetrics {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once: open connections are dropped with its runtime.
            let _ = thread.join();
        }
    }
}

fn serve(runtime: &Runtime, server: MetricsServer, sources: Sources, stopped: oneshot::Receiver<()>) {
    let MetricsServer { settings, listener, tls } = server;
    let shared = Arc::new(Shared::new(settings, sources));
    runtime.block_on(async {
        // Registers the listener with the runtime, which fails only if the system has no more file descriptors.
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        tokio::select! {
            _ = stopped => {}
            () = accept(listener, tls, shared) => {}
        }
    });
}

async fn accept(listener: tokio::net::TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            let answer = async {
                match tls {
                    None => answer(stream, shared).await,
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                            answer(stream, shared).await;
                        }
                    }
                }
            };
            // A client that is too slow loses its connection; Prometheus opens another one.
            let _ = timeout(CONNECTION_TIMEOUT, answer).await;
            drop(permit);
        });
    }
}

/// Answers the requests of a connection.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let response = respond(&request, &shared);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // What a client does wrong concerns only its connection.
    drop(served);
}
