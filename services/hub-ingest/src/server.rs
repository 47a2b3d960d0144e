//! The port that registers talk to: HTTP/1.1 with a bound on connections, on the time a head may
//! take, and an end that lets requests finish.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::response::Response;
use hyper::{
    Request,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use prometheus::IntGauge;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::settings::Http;

/// Connections that the kernel keeps for us while we are at our bound.
const BACKLOG: u32 = 4096;
/// Most bytes of a connection that are read ahead. hyper's own bound of 400 KiB for each of 10,000
/// connections would be more than a small machine has.
const READ_AHEAD: usize = 64 * 1024;
/// Most bytes of a request's head.
const LARGEST_HEAD: usize = 16 * 1024;
/// Pause after the machine had no file descriptor or memory for a new connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Reserves the port. Nobody is served, and nobody waits in vain, before the socket listens.
///
/// # Errors
/// When the address is malformed, taken or not ours.
pub async fn bind(address: &str) -> io::Result<TcpSocket> {
    let mut refused = io::Error::new(io::ErrorKind::InvalidInput, "no such address");
    for address in tokio::net::lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        match socket.bind(address) {
            Ok(()) => return Ok(socket),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// A server in front of a service.
#[derive(Debug)]
pub struct Server<S> {
    /// Answers requests.
    pub service: S,
    /// The bounds.
    pub settings: Http,
    /// Shows the number of open connections.
    pub connections: IntGauge,
}

impl<S> Server<S>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    /// Serves until `shutdown`, then lets requests finish for at most `bound`. Answers whether all did.
    ///
    /// # Errors
    /// When the socket cannot listen.
    pub async fn serve(self, socket: TcpSocket, shutdown: CancellationToken, bound: Duration) -> io::Result<bool> {
        let listener = socket.listen(BACKLOG)?;
        let slots = Arc::new(Semaphore::new(self.settings.max_connections));
        let graceful = GracefulShutdown::new();
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.settings.idle_timeout_seconds))
            .max_buf_size(READ_AHEAD)
            .max_header_size(LARGEST_HEAD);
        while let Some((stream, slot)) = next(&listener, &slots, &shutdown).await {
            let turn = Turn {
                slots: Arc::clone(&slots),
                crowded: self.settings.max_connections / 10,
                used: AtomicBool::new(false),
            };
            self.spawn(stream, slot, turn, &protocol, &graceful);
        }
        drop(listener);
        Ok(tokio::time::timeout(bound, graceful.shutdown()).await.is_ok())
    }

    fn spawn(
        &self,
        stream: TcpStream,
        slot: OwnedSemaphorePermit,
        turn: Turn,
        protocol: &http1::Builder,
        graceful: &GracefulShutdown,
    ) {
        // Answers are small and complete: waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let turn = Arc::new(turn);
        let service = {
            let (service, turn) = (self.service.clone(), Arc::clone(&turn));
            service_fn(move |request| answer(service.clone(), Arc::clone(&turn), request))
        };
        let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
        let first_head = Duration::from_secs(self.settings.header_timeout_seconds);
        let connections = self.connections.clone();
        connections.inc();
        tokio::spawn(async move {
            tokio::select! {
                result = connection => if let Err(error) = result {
                    tracing::debug!(%error, "connection");
                },
                () = turn.unused_after(first_head) => {}
            }
            connections.dec();
            drop(slot);
        });
    }
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accepted = async {
        // The slot first: a connection that is accepted without one would have to be reset.
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, slot)),
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = accepted => accepted,
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// A connection's share of the port.
#[derive(Debug)]
struct Turn {
    slots: Arc<Semaphore>,
    /// With fewer free slots than this, connections make room after their next answer.
    crowded: usize,
    /// Whether a request's head has arrived.
    used: AtomicBool,
}

impl Turn {
    /// Ends when no request came for so long, or never.
    async fn unused_after(&self, bound: Duration) {
        tokio::time::sleep(bound).await;
        if self.used.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

async fn answer<S>(mut service: S, turn: Arc<Turn>, request: Request<Incoming>) -> Result<Response, Infallible>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    turn.used.store(true, Ordering::Relaxed);
    std::future::poll_fn(|context| service.poll_ready(context)).await?;
    let mut response = service.call(request).await?;
    if turn.slots.available_permits() < turn.crowded {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Raises the process's limit of open files to what it may be, and answers it.
#[must_use]
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}
