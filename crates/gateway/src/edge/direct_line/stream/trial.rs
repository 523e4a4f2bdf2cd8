//! A stream that is only tried: whether a WebSocket passes, both ways, from where a page would open it.
//!
//! `warmline check` opens one. It is proven as a page's is, and nothing is read, begun or written: no
//! bot hears of it, and the conversation of its ticket need not exist.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use tokio::time::timeout;

use crate::edge::{
    Edge,
    direct_line::{places::Place, stream::CLOSE_WITHIN},
};

/// How long the whole of it may take: less than requests get when the gateway stops.
const TRIAL_WITHIN: Duration = Duration::from_secs(5);

/// Answers the first frame that comes with an empty one, and closes. The place is held until then.
pub(super) async fn answer(edge: Arc<Edge>, mut socket: WebSocket, _place: Place) {
    let exchange = async {
        if let Some(Ok(Message::Text(_) | Message::Binary(_))) = socket.recv().await {
            socket.send(Message::Text("".into())).await.ok();
        }
    };
    tokio::select! {
        // Too late is gone as well.
        _ = timeout(TRIAL_WITHIN, exchange) => {}
        () = edge.stopping.cancelled() => {}
    }
    // Whether it arrives changes nothing.
    drop(timeout(CLOSE_WITHIN, socket.send(Message::Close(None))).await);
}
