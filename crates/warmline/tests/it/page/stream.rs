//! The stream of a page: one that comes back after every cut, and one that is read set by set.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{eventually, text_of};
use crate::process::WITHIN;

/// What came over the stream.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// All activities in the order of their arrival, repeats included.
    pub(crate) activities: Vec<Value>,
    /// The codes of all close frames.
    pub(crate) closed: Vec<u16>,
    pub(super) watermark: String,
}

/// The end of the stream that is on the page.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) http: reqwest::Client,
    pub(super) address: String,
    pub(super) token: String,
    pub(super) hear: watch::Sender<Heard>,
    pub(super) secrets: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    pub(super) async fn run(self, mut stream_url: String) {
        loop {
            self.secrets.lock().unwrap().extend(ticket(&stream_url));
            self.listen(&stream_url).await;
            stream_url = self.reconnect().await;
        }
    }

    /// Reads the stream to its end, however it ends.
    async fn listen(&self, stream_url: &str) {
        let Ok((mut socket, _)) = tokio_tungstenite::connect_async(stream_url).await else {
            return;
        };
        while let Some(Ok(frame)) = socket.next().await {
            match frame {
                Message::Text(frame) if !frame.is_empty() => self.take(&frame),
                Message::Close(frame) => {
                    let code = frame.map_or(1005, |frame| frame.code.into());
                    self.hear.send_modify(|heard| heard.closed.push(code));
                }
                _ => {}
            }
        }
    }

    fn take(&self, frame: &str) {
        let mut set: Value = serde_json::from_str(frame).expect("only activity sets are sent");
        self.hear.send_modify(|heard| {
            if let Some(watermark) = set["watermark"].as_str() {
                watermark.clone_into(&mut heard.watermark);
            }
            if let Value::Array(activities) = set["activities"].take() {
                heard.activities.extend(activities);
            }
        });
    }

    /// The address of a new stream from where the last one ended, as soon as somebody answers.
    pub(super) async fn reconnect(&self) -> String {
        let watermark = self.hear.borrow().watermark.clone();
        eventually("the stream is given back", || async {
            let request = self.http.get(format!("{}?watermark={watermark}", self.address));
            let answer = request.bearer_auth(&self.token).send().await.ok()?;
            match answer.status() {
                StatusCode::OK => answer.json().await.ok().map(|body: Value| {
                    self.secrets.lock().unwrap().push(text_of(&body["token"]));
                    text_of(&body["streamUrl"])
                }),
                StatusCode::SERVICE_UNAVAILABLE => None,
                // Faster than a conversation may call: a client sends it again.
                StatusCode::TOO_MANY_REQUESTS => {
                    let refused = answer.text().await.unwrap_or_default();
                    assert!(refused.contains("in a second"), "a post was refused: {refused}");
                    None
                }
                status => panic!("a reconnect was refused: {status}"),
            }
        })
        .await
    }
}

/// A stream that is read set by set.
pub(crate) struct Reader(
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
);

impl Reader {
    pub(crate) async fn open(stream_url: &str) -> Self {
        Self(tokio_tungstenite::connect_async(stream_url).await.unwrap().0)
    }

    /// The next set as it came.
    pub(crate) async fn next_frame(&mut self) -> String {
        loop {
            let frame = timeout(WITHIN, self.0.next()).await.expect("a set comes");
            let Message::Text(frame) = frame.expect("it is open").unwrap() else { continue };
            if !frame.is_empty() {
                return frame.to_string();
            }
        }
    }

    /// The activities of the next set.
    pub(crate) async fn next_set(&mut self) -> Vec<Value> {
        let mut set: Value = serde_json::from_str(&self.next_frame().await).unwrap();
        let Value::Array(activities) = set["activities"].take() else { panic!("{set}") };
        activities
    }
}

/// The secret part of a stream's address.
fn ticket(stream_url: &str) -> Option<String> {
    stream_url.split_once("&t=").map(|(_, ticket)| ticket.to_owned())
}
