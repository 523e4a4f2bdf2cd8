//! A gateway for the seconds of a check, where none runs: so that the way in can be tried before the
//! first start.
//!
//! It is the real one, on data of its own that is gone afterwards. It listens on a port of this
//! machine, and a door at the configured address passes to it only what carries the check's own
//! mark. Everybody else who calls meanwhile is told to come back, as from a gateway that starts.

use std::{net::SocketAddr, time::Duration};

use gateway::{Clock, Gateway};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use url::Url;
use vault::{MasterKey, Vault};

use crate::config::{Config, Environment};

/// The head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// For the head to arrive.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// Connections at a time.
const CONNECTIONS_MAX: usize = 64;

/// What everybody else hears.
const COME_BACK: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
retry-after: 5\r\nconnection: close\r\ncontent-length: 82\r\n\r\n\
{\"error\":{\"code\":\"not_serving\",\"message\":\"the gateway is not running; come back\"}}";

/// The query parameter that marks the check's own requests.
const PARAMETER: &str = "warmline-check";

/// The mark of the check's own requests.
pub(super) struct Tag(String);

impl Tag {
    fn new() -> Self {
        Self(format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)))
    }

    pub(super) fn put_on(&self, url: &mut Url) {
        url.query_pairs_mut().append_pair(PARAMETER, &self.0);
    }

    /// Whether a request's head carries it.
    fn is_on(&self, head: &[u8]) -> bool {
        head.windows(self.0.len()).any(|part| part == self.0.as_bytes())
    }
}

/// A stand-in that serves.
pub(super) struct StandIn {
    gateway: Gateway,
    door: AbortHandle,
    /// As the stand-in's own requests carry it.
    pub(super) tag: Tag,
    _data: TempDir,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoStandIn {
    #[error("{listen} is taken: {source}")]
    Taken { listen: SocketAddr, source: std::io::Error },
    #[error("a gateway for the check cannot be started: {0}")]
    Failed(String),
}

impl StandIn {
    /// Starts one at the configured address.
    pub(super) async fn start(environment: &Environment) -> Result<Self, NoStandIn> {
        let failed = |error: &dyn std::fmt::Display| NoStandIn::Failed(error.to_string());
        let Ok(look) = Config::look(environment) else {
            return Err(NoStandIn::Failed("the configuration has changed".to_owned()));
        };
        let listen = look.listen;
        let outside = TcpListener::bind(listen).await;
        let outside = outside.map_err(|source| NoStandIn::Taken { listen, source })?;
        let data = tempfile::tempdir().map_err(|error| failed(&error))?;
        let mut settings = look.settings;
        settings.data_dir = data.path().to_owned();
        let key = MasterKey::generate().map_err(|error| failed(&error))?;
        let vault = Vault::new(&key).map_err(|error| failed(&error))?;
        let inside = TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
        let gateway = Gateway::start(settings, vault, Clock::System, inside).await;
        let gateway =
            gateway.map_err(|error| failed(&format!("{:#}", anyhow::Error::from(error))))?;
        let tag = Tag::new();
        let door = serve(outside, gateway.address(), Tag(tag.0.clone()));
        let door = tokio::spawn(door).abort_handle();
        Ok(Self { gateway, door, tag, _data: data })
    }

    pub(super) async fn stop(self) {
        self.door.abort();
        self.gateway.stop().await;
    }
}

async fn serve(outside: TcpListener, inside: SocketAddr, tag: Tag) {
    let tag = std::sync::Arc::new(tag);
    let mut open = JoinSet::new();
    loop {
        while open.len() >= CONNECTIONS_MAX {
            open.join_next().await;
        }
        let Ok((stream, _)) = outside.accept().await else { return };
        let tag = std::sync::Arc::clone(&tag);
        open.spawn(async move {
            // Who breaks off gets nothing.
            pass(stream, inside, &tag).await.ok();
        });
        while open.try_join_next().is_some() {}
    }
}

/// Passes a connection on if its first request is the check's.
async fn pass(mut stream: TcpStream, inside: SocketAddr, tag: &Tag) -> std::io::Result<()> {
    let mut head = Vec::new();
    let reading = async {
        while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
            if stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    timeout(HEAD_WITHIN, reading).await??;
    if !tag.is_on(&head) {
        return stream.write_all(COME_BACK).await;
    }
    let mut gateway = TcpStream::connect(inside).await?;
    gateway.write_all(&head).await?;
    copy_bidirectional(&mut stream, &mut gateway).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_else_hears_is_a_whole_answer() {
        let text = std::str::from_utf8(COME_BACK).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], "not_serving");
    }

    #[test]
    fn a_request_is_known_by_its_mark() {
        let tag = Tag::new();
        let mut url = Url::parse("http://127.0.0.1/x?y=z").unwrap();
        tag.put_on(&mut url);
        assert!(tag.is_on(format!("GET {url} HTTP/1.1").as_bytes()));
        assert!(!tag.is_on(b"GET /x?warmline-check=0 HTTP/1.1"));
    }
}
