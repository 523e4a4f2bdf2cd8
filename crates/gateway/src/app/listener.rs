//! Accepting connections: bounded in number, and in how long a caller may take to ask.
//!
//! A caller that opens connections and says nothing must not keep ServiceNow out: its callbacks are
//! never repeated.

use std::{pin::pin, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::edge::Front;

/// Connections open at a time, besides streams. Beyond it new ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 10_000;

/// How long a caller may take to send a request's head, and how long a kept-alive connection may
/// stay silent.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// After the system refused a connection (out of descriptors, usually).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop; then lets requests under way end.
pub(super) async fn serve(listener: TcpListener, front: Front, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = TaskTracker::new();
    let mut refusing = false;
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                refusing = false;
                let front = front.of(peer.ip());
                open.spawn(connection(stream, front, place, stop.clone()));
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
    open.close();
    open.wait().await;
}

/// One connection's life; a stream leaves it for a life of its own.
async fn connection(
    stream: TcpStream,
    front: Front,
    _place: OwnedSemaphorePermit,
    stop: CancellationToken,
) {
    // Answers are small and awaited: waiting for more to send would only delay them.
    stream.set_nodelay(true).ok();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), front)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Callers that go away in the middle are their own business.
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
    }
}
