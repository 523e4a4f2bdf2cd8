//! As little HTTP as the benchmark needs: whole requests out, whole answers in, one at a time on a
//! connection that is kept alive. A real client would cost the generator more than the server.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Room for an answer, in bytes: a page of a log holds at most one MiB of sealed entries.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Room that an answer has from the beginning; most have some two hundred bytes.
const ANSWER_BYTES: usize = 1_024;

/// A request as it goes over the wire.
pub(crate) fn request(
    method: &str,
    path: &str,
    to: SocketAddr,
    bearer: &str,
    body: &str,
) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One connection, one request at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(ANSWER_BYTES) })
    }

    /// Sends a whole request, reads the whole answer, gives back its status.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        while body_of(&self.answer)?.is_none() {
            ensure!(self.answer.len() < ANSWER_BYTES_MAX, "the answer is too long");
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server closed the connection");
        }
        let status = self.answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        status.context("the answer has no status")
    }

    /// The same for what must be answered with a 2xx.
    pub(crate) async fn must(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let status = self.send(request).await?;
        if !(200..300).contains(&status) {
            bail!("not a success: {}", String::from_utf8_lossy(&self.answer));
        }
        Ok(())
    }

    /// The same, with what the answer's body says.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, request: &str) -> anyhow::Result<T> {
        self.must(request.as_bytes()).await?;
        let body = body_of(&self.answer)?.context("the answer is whole")?;
        serde_json::from_slice(body).context("an answer says something else than expected")
    }
}

/// The body of an answer, once it is there to its end.
fn body_of(answer: &[u8]) -> anyhow::Result<Option<&[u8]>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(head) = answer.windows(END.len()).position(|bytes| bytes == END) else {
        return Ok(None);
    };
    let length = std::str::from_utf8(&answer[..head])?
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("the answer has no Content-Length")?
        .1
        .trim()
        .parse::<usize>()?;
    let body = &answer[head + END.len()..];
    ensure!(body.len() <= length, "the answer is longer than it says");
    Ok((body.len() == length).then_some(body))
}
