//! Accepting connections: bounded in number, and in how long a caller may take to ask; from the
//! moment the port is ours to the last moment of the process.
//!
//! ```text
//!   starting ──► serving ──► leaving ──► closed
//! ```
//!
//! - *Starting*: the store is not open yet. Requests wait for it, for a while; then they are told to
//!   come back. ServiceNow never repeats a callback, and a page whose start is refused gives up: a
//!   moment's patience is worth more to both than a quick answer.
//! - *Serving*.
//! - *Leaving*: what was asked before is answered, and whoever calls now gets one answer and then
//!   has to connect anew: what the edges still take in, they take in. Idle connections stay open for
//!   that: one closed just when its caller asks would cost a callback. Only the process's last moment
//!   finds nobody there.
//!
//! A caller that opens connections and says nothing must not keep ServiceNow out: its callbacks are
//! never repeated.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json,
    http::{HeaderValue, Request, StatusCode, header::CONNECTION},
    response::{IntoResponse, Response},
};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

use crate::edge::{Front, answer::Refusal, direct_line, messages};

/// Connections open at a time, besides streams. Beyond it new ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 10_000;

/// How long a caller may take to send a request's head, and how long a kept-alive connection may
/// stay silent.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Headers of one request; browsers behind a few proxies send forty.
const HEADERS_MAX: usize = 100;

/// The largest head of a request, in bytes, and what is read of a connection at once.
const HEAD_BYTES_MAX: usize = 128 * 1024;

/// How long a caller waits for a gateway that starts. ServiceNow gives up after five seconds.
const STARTED_WITHIN: Duration = Duration::from_secs(3);

/// The same for a web page, which gives a request twenty seconds, and a start that is refused up for
/// good (reference 4.4).
const STARTED_FOR_PAGES_WITHIN: Duration = Duration::from_secs(15);

/// How long the answers to those who called last may take to leave.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// An answer's size in bytes up to which it leaves with one write, so that nobody need wait for it.
const LEAVES_AT_ONCE_MAX: u64 = 64 * 1024;

/// What a connection buffers of a request or an answer, in bytes; a request's head has to fit into it.
/// Hundreds of slow readers of files fill it at a time.
const CONNECTION_BYTES_MAX: usize = 128 * 1024;

/// After the system refused a connection (out of descriptors, usually).
const PAUSE: Duration = Duration::from_millis(100);

/// The port, from its first moment to its last. Dropped, it is closed.
pub(super) struct Entrance {
    front: watch::Sender<Option<Front>>,
    /// Connections of before the gateway stopped.
    under_way: TaskTracker,
    closing: DropGuard,
    listening: JoinHandle<()>,
}

impl Entrance {
    /// Accepts connections from now on; requests wait until there is somebody who answers.
    /// `stopping` says when the gateway begins to stop.
    pub(super) fn open(
        listener: TcpListener,
        stopping: CancellationToken,
        failures: mpsc::Sender<&'static str>,
    ) -> Self {
        let (show, front) = watch::channel(None);
        let (closing, under_way) = (CancellationToken::new(), TaskTracker::new());
        let stages =
            Stages { front, stopping, closing: closing.clone(), under_way: under_way.clone() };
        let listening = tokio::spawn(async move {
            let closing = stages.closing.clone();
            serve(listener, stages).await;
            super::running::report_end("listener", &closing, &failures);
        });
        Self { front: show, under_way, closing: closing.drop_guard(), listening }
    }

    /// From now on requests are answered.
    pub(super) fn serve(&self, front: Front) {
        self.front.send_replace(Some(front));
    }

    /// Comes back when what was asked before the gateway stopped is answered.
    pub(super) async fn answered(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    /// Closes the port.
    pub(super) async fn close(self) {
        drop(self.closing);
        if self.listening.await.is_err() {
            tracing::error!("the listener did not end cleanly");
        }
    }
}

/// The stages of the listener's life, as others bring them about.
struct Stages {
    /// Who answers, once there is somebody.
    front: watch::Receiver<Option<Front>>,
    /// The gateway stops.
    stopping: CancellationToken,
    /// Everything but the listener has ended.
    closing: CancellationToken,
    under_way: TaskTracker,
}

/// Serves until told to close.
async fn serve(listener: TcpListener, stages: Stages) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    let mut refusing = false;
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stages.closing.cancelled() => break,
            next = next => next,
        };
        let Ok(place) = place else { break };
        match accepted {
            Ok((stream, peer)) => {
                refusing = false;
                let front = stages.front.borrow().as_ref().map(|front| front.of(peer.ip()));
                let connection = Connection {
                    stream,
                    attendance: Attendance::default(),
                    stopping: stages.stopping.clone(),
                    closing: stages.closing.clone(),
                    under_way: (!stages.stopping.is_cancelled()).then(|| stages.under_way.token()),
                    _place: place,
                };
                if let Some(front) = front {
                    connections.spawn(connection.serve(front));
                } else {
                    let waits = Waiting { front: stages.front.clone(), peer: peer.ip() };
                    connections.spawn(connection.serve(waits));
                }
            }
            Err(error) => {
                // Once, not ten times a second for as long as it lasts.
                if !std::mem::replace(&mut refusing, true) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "connections cannot be accepted; raise the limit on open files (ulimit -n)"
                    );
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    // Who is slower than that has its answer cut.
    timeout(LAST_ANSWERS_WITHIN, connections.wait()).await.ok();
}

/// One connection and what ends it; a stream leaves it for a life of its own.
struct Connection {
    stream: TcpStream,
    attendance: Attendance,
    stopping: CancellationToken,
    closing: CancellationToken,
    /// Held while something that was asked before the gateway stopped may be unanswered.
    under_way: Option<TaskTrackerToken>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve<S>(self, service: S)
    where
        S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
        S::Future: Send + 'static,
    {
        // Answers are small and awaited: waiting for more to send would only delay them.
        self.stream.set_nodelay(true).ok();
        let attended = Attended {
            service,
            attendance: self.attendance.clone(),
            stopping: self.stopping.clone(),
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(CONNECTION_BYTES_MAX)
            .header_read_timeout(HEAD_WITHIN)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(self.stream), attended)
            .with_upgrades();
        let mut connection = pin!(connection);
        let end = async {
            self.stopping.cancelled().await;
            if !self.attendance.is_answering() {
                drop(self.under_way);
                self.closing.cancelled().await;
                return None;
            }
            self.under_way
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            // What is held is held until the last answer has left.
            _under_way = end => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Callers that go away in the middle are their own business.
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
        }
    }
}

/// Whether a connection has a request that is not answered yet.
#[derive(Debug, Clone, Default)]
struct Attendance(Arc<AtomicBool>);

impl Attendance {
    fn is_answering(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// A long answer leaves after this; it counts as under way until the next request.
    fn answered(&self, answer: &Response) {
        let size = answer.body().size_hint().upper();
        self.0.store(size.is_none_or(|size| size > LEAVES_AT_ONCE_MAX), Ordering::Release);
    }
}

/// A service that knows whether it is answering, and that ends connections once the gateway stops.
struct Attended<S> {
    service: S,
    attendance: Attendance,
    stopping: CancellationToken,
}

impl<S> Service<Request<Incoming>> for Attended<S>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.attendance.0.store(true, Ordering::Release);
        let answer = self.service.call(request);
        let (attendance, stopping) = (self.attendance.clone(), self.stopping.clone());
        Box::pin(async move {
            let mut answer = answer.await?;
            if stopping.is_cancelled() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            attendance.answered(&answer);
            Ok(answer)
        })
    }
}

/// Answers a request that came while the gateway starts: by whoever answers then, if that is soon.
struct Waiting {
    front: watch::Receiver<Option<Front>>,
    peer: std::net::IpAddr,
}

impl Service<Request<Incoming>> for Waiting {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (mut front, peer) = (self.front.clone(), self.peer);
        Box::pin(async move {
            let path = request.uri().path();
            if path == "/healthz" {
                // It lives, whatever it does.
                return Ok(Json(json!({ "status": "ok" })).into_response());
            }
            let patience = patience(path);
            let started = timeout(patience, front.wait_for(Option::is_some)).await;
            let front = started.ok().and_then(Result::ok).and_then(|front| front.clone());
            match front {
                Some(front) => front.of(peer).call(request).await,
                None => Ok(starting(&request)),
            }
        })
    }
}

/// How long a request waits. Readiness is asked for again and again; it needs no patience.
fn patience(path: &str) -> Duration {
    match path {
        "/readyz" => Duration::ZERO,
        // A channel gives an answer as long, too, and repeats what it was refused only perhaps.
        messages::PATH => STARTED_FOR_PAGES_WITHIN,
        path if direct_line::is_of_pages(path) => STARTED_FOR_PAGES_WITHIN,
        _ => STARTED_WITHIN,
    }
}

fn starting<B: Body>(request: &Request<B>) -> Response {
    const MESSAGE: &str = "the gateway is starting; nothing was taken, send it again";
    if direct_line::is_of_pages(request.uri().path()) {
        return direct_line::come_back(MESSAGE);
    }
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "starting", MESSAGE).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_given_more_patience_than_anybody_else() {
        for (path, expected) in [
            ("/v3/directline/conversations", 15),
            ("/v3/directline/conversations/c/stream", 15),
            (crate::WEBHOOK_PATH, 3),
            ("/v3/directlines", 3),
            ("/readyz", 0),
        ] {
            assert_eq!(patience(path), Duration::from_secs(expected), "{path}");
        }
    }
}
