//! A gateway for the seconds of a check, where none runs: so that the way in can be tried before the
//! first start.
//!
//! It is the real one, on data of its own that is gone afterwards. It listens on a port of this
//! machine, and a door at the configured address passes to it only what carries the check's own
//! mark, one request a connection. Everybody else who calls meanwhile is told to come back, as from a
//! gateway that starts.

use std::{net::SocketAddr, time::Duration};

use gateway::{Clock, Gateway};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
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

    /// Whether a request's head carries it, in its first line.
    fn is_on(&self, head: &[u8]) -> bool {
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.windows(self.0.len()).any(|part| part == self.0.as_bytes())
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
        // A bucket is the gateway's: a stand-in neither marks it nor removes what is old there.
        settings.files.bucket = None;
        for bot in &mut settings.bots {
            // A bot of the team's own is not to greet somebody who is not there.
            bot.behind = None;
            bot.policy.behind = gateway::Behind::BuiltIn;
        }
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

/// Passes a connection's first request on if it is the check's. There is no second one: a proxy may
/// put a stranger's request behind the check's.
async fn pass(mut stream: TcpStream, inside: SocketAddr, tag: &Tag) -> std::io::Result<()> {
    let mut read = Vec::new();
    let end = timeout(HEAD_WITHIN, head(&mut stream, &mut read)).await??;
    let Some(end) = end.filter(|end| tag.is_on(&read[..*end])) else {
        return stream.write_all(COME_BACK).await;
    };
    let (head, body) = read.split_at(end);
    let mut gateway = TcpStream::connect(inside).await?;
    if lines(head).any(|line| is_header(line, "upgrade")) {
        gateway.write_all(&read).await?;
        if !is_upgraded(&mut stream, &mut gateway).await? {
            return Ok(());
        }
    } else {
        // Whoever is inside closes after the answer.
        gateway.write_all(&[&last(head), body].concat()).await?;
    }
    let ((mut asks, mut hears), (mut answers, mut asked)) = (stream.split(), gateway.split());
    let asking = async {
        // Who was refused before they had said all may not be able to go on; the answer counts.
        copy(&mut asks, &mut asked).await.ok();
        asked.shutdown().await.ok();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answered = copy(&mut answers, &mut hears) => answered?,
        () = asking => 0,
    };
    hears.shutdown().await
}

/// Passes the answer to an upgrade on. Unless it was granted, what comes next would be a request: it
/// is not read any more.
async fn is_upgraded(stream: &mut TcpStream, gateway: &mut TcpStream) -> std::io::Result<bool> {
    let mut read = Vec::new();
    let end = timeout(HEAD_WITHIN, head(gateway, &mut read)).await??.unwrap_or(read.len());
    let (head, rest) = read.split_at(end);
    if head.starts_with(b"HTTP/1.1 101 ") {
        stream.write_all(&read).await?;
        return Ok(true);
    }
    stream.write_all(&last(head)).await?;
    stream.write_all(rest).await?;
    // Our own refusals say how long they are.
    let length = lines(head).find(|line| is_header(line, "content-length"));
    let length = length.and_then(|line| std::str::from_utf8(line).ok()?.split(':').nth(1));
    let length: u64 = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let left = length.saturating_sub(rest.len() as u64);
    timeout(HEAD_WITHIN, copy(&mut gateway.take(left), stream)).await??;
    Ok(false)
}

/// Reads until a head has ended and says where, if it does.
async fn head(from: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<Option<usize>> {
    loop {
        let end = read.windows(END.len()).position(|end| end == END).map(|at| at + END.len());
        if end.is_some() || read.len() >= HEAD_BYTES_MAX || from.read_buf(read).await? == 0 {
            return Ok(end);
        }
    }
}

/// How a head ends.
const END: &[u8] = b"\r\n\r\n";

/// Its lines, without their ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
}

fn is_header(line: &[u8], name: &str) -> bool {
    line.split(|byte| *byte == b':').next().is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
}

/// The same head, of the last message of its connection.
fn last(head: &[u8]) -> Vec<u8> {
    let stays = lines(head).filter(|line| !is_header(line, "connection"));
    let all = stays.chain([b"connection: close".as_slice(), b"", b""]);
    all.collect::<Vec<_>>().join(b"\r\n".as_slice())
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

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
        assert!(!tag.is_on(format!("GET / HTTP/1.1\r\nreferer: {url}\r\n\r\n").as_bytes()));
    }

    /// A door, its mark, and what a gateway behind it is asked for.
    async fn door() -> (SocketAddr, String, mpsc::UnboundedReceiver<String>) {
        let (seen, asked) = mpsc::unbounded_channel();
        let refuses = async || http::StatusCode::UNAUTHORIZED;
        let router = axum::Router::new().route("/refused", axum::routing::post(refuses));
        let gateway = router.fallback(move |uri: http::Uri, body: String| async move {
            seen.send(format!("{}{body}", uri.path())).ok();
        });
        let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (behind, before) = (inside.local_addr().unwrap(), outside.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(inside, gateway).await });
        let tag = Tag::new();
        let mark = tag.0.clone();
        tokio::spawn(serve(outside, behind, tag));
        (before, mark, asked)
    }

    #[tokio::test]
    async fn behind_the_checks_request_no_stranger_gets_in_on_the_same_connection() {
        let (door, mark, mut asked) = door().await;
        for kept in
            ["", "Connection: keep-alive\r\n", "CONNECTION: x\r\nconnection: keep-alive\r\n"]
        {
            let ours = format!(
                "POST /check?{mark} HTTP/1.1\r\nhost: x\r\n{kept}content-length: 4\r\n\r\nbody"
            );
            let strangers = "GET /stranger HTTP/1.1\r\nhost: x\r\n\r\n";
            let mut stream = TcpStream::connect(door).await.unwrap();
            stream.write_all(format!("{ours}{strangers}").as_bytes()).await.unwrap();
            let mut answers = String::new();
            timeout(HEAD_WITHIN, stream.read_to_string(&mut answers)).await.unwrap().unwrap();
            assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
            assert!(answers.to_lowercase().contains("connection: close"), "{answers}");
            assert_eq!(asked.recv().await.unwrap(), "/checkbody");
            assert!(asked.try_recv().is_err(), "a stranger was let in");
        }
    }

    #[tokio::test]
    async fn an_answer_before_the_end_of_the_question_comes_through() {
        let (door, mark, _asked) = door().await;
        for _ in 0..20 {
            let ours =
                format!("POST /refused?{mark} HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n");
            let mut stream = TcpStream::connect(door).await.unwrap();
            stream.write_all(ours.as_bytes()).await.unwrap();
            stream.write_all(&[b'x'; 8_000]).await.unwrap();
            let mut answer = Vec::new();
            let end = timeout(HEAD_WITHIN, head(&mut stream, &mut answer)).await.unwrap();
            let said = String::from_utf8_lossy(&answer);
            assert!(end.unwrap().is_some() && said.starts_with("HTTP/1.1 401 "), "{said}");
        }
    }

    #[tokio::test]
    async fn nor_behind_an_upgrade_that_is_refused() {
        let (door, mark, mut asked) = door().await;
        let ours = format!(
            "GET /check?{mark} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\n\r\n"
        );
        let mut stream = TcpStream::connect(door).await.unwrap();
        stream.write_all(ours.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let end = timeout(HEAD_WITHIN, head(&mut stream, &mut answer)).await.unwrap().unwrap();
        assert!(end.is_some() && answer.starts_with(b"HTTP/1.1 200"));
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("connection: close"), "{answer}");
        // A proxy that does not heed it.
        stream.write_all(b"GET /stranger HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(asked.recv().await.unwrap(), "/check");
        let mut rest = Vec::new();
        // It may be broken off rather than ended.
        timeout(HEAD_WITHIN * 2, stream.read_to_end(&mut rest)).await.unwrap().ok();
        assert!(rest.is_empty() && asked.try_recv().is_err(), "a stranger was let in");
    }
}
