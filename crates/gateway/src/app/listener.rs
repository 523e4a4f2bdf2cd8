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
//! - *Leaving*: what was asked before is answered, idle connections end, and whoever calls now gets
//!   one answer on a connection of its own: what the edges still take in, they take in. Only the
//!   process's last moment finds nobody there.
//!
//! A caller that opens connections and says nothing must not keep ServiceNow out: its callbacks are
//! never repeated.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json,
    http::{Request, StatusCode},
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
    task::TaskTracker,
};

use crate::edge::{Front, answer::Refusal, direct_line, messages};

/// Connections open at a time, besides streams. Beyond it new ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 10_000;

/// How long a caller may take to send a request's head, and how long a kept-alive connection may
/// stay silent.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// How long a caller waits for a gateway that starts. ServiceNow gives up after five seconds.
const STARTED_WITHIN: Duration = Duration::from_secs(3);

/// The same for a web page, which gives a request twenty seconds, and a start that is refused up for
/// good (reference 4.4).
const STARTED_FOR_PAGES_WITHIN: Duration = Duration::from_secs(15);

/// How long the answers to those who called last may take to leave.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(1);

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
            super::report_end("listener", &closing, &failures);
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
    let late = TaskTracker::new();
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
                let stopping = stages.stopping.clone();
                match front {
                    Some(front) if stopping.is_cancelled() => {
                        let end = stages.closing.clone();
                        late.spawn(connection(stream, front, Asks::Once, place, end));
                    }
                    Some(front) => {
                        let served = connection(stream, front, Asks::Often, place, stopping);
                        stages.under_way.spawn(served);
                    }
                    None => {
                        let waits = Waiting { front: stages.front.clone(), peer: peer.ip() };
                        let served = connection(stream, waits, Asks::Often, place, stopping);
                        stages.under_way.spawn(served);
                    }
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
    late.close();
    stages.under_way.close();
    // Who is slower than that has its answer cut.
    let answered = async { tokio::join!(late.wait(), stages.under_way.wait()) };
    timeout(LAST_ANSWERS_WITHIN, answered).await.ok();
}

/// How much may be asked on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// One request.
    Once,
    /// As many as come, until the gateway stops.
    Often,
}

/// One connection's life, until `end` at the latest; a stream leaves it for a life of its own.
async fn connection<S>(
    stream: TcpStream,
    service: S,
    asks: Asks,
    _place: OwnedSemaphorePermit,
    end: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    // Answers are small and awaited: waiting for more to send would only delay them.
    stream.set_nodelay(true).ok();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .keep_alive(asks == Asks::Often)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Callers that go away in the middle are their own business.
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
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
