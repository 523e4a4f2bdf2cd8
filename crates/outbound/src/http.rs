//! HTTP to another system: one request, one deadline, one bounded answer. Files go through it piece by
//! piece, in either direction, so that none is ever whole in memory.
//!
//! Never follows a redirect (the request carries credentials), never keeps a cookie (an API session
//! cookie makes ServiceNow's token endpoint fail), never decides what an answer means. Where there
//! is no answer, it says whether the request may have arrived.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{HeaderMap, Request, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use crate::guard::{Guard, Names};

/// The largest answer read unless the caller says otherwise. Answers are a few hundred bytes, a synchronous callback a few
/// kilobytes.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A host that does not answer a connection attempt within three seconds will not answer soon, and
/// the rest of the attempt's ten belongs to a second address and the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Shorter than the idle time-outs of load balancers on the way, so that we close first.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Lanes send to a desk at the same time, but rarely more than this for long.
const POOL_IDLE_PER_HOST_MAX: usize = 32;

/// A pool of connections. Clones share it.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Guard>>, Watched>,
}

/// A request's body that comes piece by piece. One that fails ends the request.
pub type Pieces = UnsyncBoxBody<Bytes, io::Error>;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body has still to be read.
#[derive(Debug)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
}

/// Whether a request without an answer may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Its body was not begun: nobody has it.
    No,
    /// All of it may be there.
    Perhaps,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The deadline passed.
    #[error("no answer in time")]
    TimedOut {
        /// How far it got by then.
        sent: Sent,
    },
    /// Name, route, port or TLS: there was nobody to talk to.
    #[error("no connection")]
    Unreachable(#[source] Error),
    /// There was a connection, and it ended without an answer.
    #[error("the connection broke before the answer")]
    Interrupted {
        /// What broke it.
        #[source]
        cause: Error,
        /// How far it got by then.
        sent: Sent,
    },
    /// The answer began and did not end.
    #[error("the answer broke off")]
    BrokeOff,
    /// More than the caller wants to read.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// How much that is.
        bytes_max: usize,
    },
}

impl HttpError {
    /// The innermost cause, which is the one that helps: "connection refused", "unknown issuer".
    pub fn cause(&self) -> String {
        let mut cause = self.to_string();
        let mut source = self.source();
        while let Some(inner) = source {
            cause = inner.to_string();
            source = inner.source();
        }
        cause
    }

    /// Whether the request may have arrived all the same. An answer that began proves that it did.
    pub fn sent(&self) -> Sent {
        match self {
            Self::Unreachable(_) => Sent::No,
            Self::TimedOut { sent } | Self::Interrupted { sent, .. } => *sent,
            Self::BrokeOff | Self::TooLarge { .. } => Sent::Perhaps,
        }
    }
}

impl HttpClient {
    /// Makes a pool that trusts the machine's root certificates. Fails when there are none.
    pub fn new() -> std::io::Result<Self> {
        Self::with_idle(POOL_IDLE_TIMEOUT)
    }

    /// The same with connections that are closed after another time of silence. It has to be shorter
    /// than the other side's: a request that meets its closing may have arrived, for all we know.
    pub fn with_idle(idle: Duration) -> std::io::Result<Self> {
        Self::with(idle, Guard::new(Names::Written), &[])
    }

    /// A pool for names that somebody else says, or whose certificates may come from these authorities
    /// as well (DER). What a name may lead to is judged when it is looked up; an address that names its
    /// host by number is for the caller to judge, by [`reach`](crate::reach()): nothing is looked up for
    /// it.
    pub fn to(names: Names, authorities: &[Vec<u8>]) -> std::io::Result<Self> {
        Self::with(POOL_IDLE_TIMEOUT, Guard::new(names), authorities)
    }

    fn with(idle: Duration, guard: Guard, authorities: &[Vec<u8>]) -> std::io::Result<Self> {
        let mut tcp = HttpConnector::new_with_resolver(guard);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // Whether plain http is allowed was decided when the configuration was read.
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(crate::trust::tls(authorities)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request and reads the whole answer before the deadline.
    pub async fn request(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        self.request_up_to(ANSWER_BYTES_MAX, request, deadline).await
    }

    /// The same for an answer of another size than most.
    pub async fn request_up_to(
        &self,
        bytes_max: usize,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        self.send(request, deadline).await?.read_up_to(bytes_max, deadline).await
    }

    /// Sends a request and reads the answer up to its body, for whoever knows from the status what
    /// to do with the rest.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Head, HttpError> {
        self.begin(request.map(Content::Whole), deadline).await
    }

    /// The same for a request whose body comes piece by piece.
    pub async fn send_pieces(
        &self,
        request: Request<Pieces>,
        deadline: Instant,
    ) -> Result<Head, HttpError> {
        self.begin(request.map(Content::Pieces), deadline).await
    }

    async fn begin(&self, request: Request<Content>, deadline: Instant) -> Result<Head, HttpError> {
        let (watch, request) = Watch::over(request);
        let answering = self.client.request(request);
        let answered = timeout_at(deadline, answering).await;
        let sent = || watch.sent();
        let response = answered.map_err(|_| HttpError::TimedOut { sent: sent() })?;
        let response = response.map_err(|cause| {
            if cause.is_connect() {
                HttpError::Unreachable(cause)
            } else {
                HttpError::Interrupted { cause, sent: sent() }
            }
        })?;
        let (parts, body) = response.into_parts();
        Ok(Head { status: parts.status, headers: parts.headers, body })
    }
}

impl Head {
    /// Reads the body to its end.
    pub async fn read_up_to(
        self,
        bytes_max: usize,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        let reading = Limited::new(self.body, bytes_max).collect();
        let read = timeout_at(deadline, reading).await;
        let body = read.map_err(|_| HttpError::TimedOut { sent: Sent::Perhaps })?;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                HttpError::TooLarge { bytes_max }
            } else {
                HttpError::BrokeOff
            }
        })?;
        Ok(Answer { status: self.status, headers: self.headers, body: body.to_bytes() })
    }

    /// Reads the next piece of the body; `None` at its end. For answers that nobody wants whole: how
    /// much of one is taken is up to the caller.
    pub async fn piece(&mut self, deadline: Instant) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = timeout_at(deadline, self.body.frame()).await;
            match frame.map_err(|_| HttpError::TimedOut { sent: Sent::Perhaps })? {
                None => return Ok(None),
                Some(Err(_)) => return Err(HttpError::BrokeOff),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The body, for whoever takes it piece by piece and sees to its time and size.
    pub fn into_body(self) -> Incoming {
        self.body
    }

    /// Reads what there is of the body, up to a limit: for answers whose status says it all.
    pub async fn read_start(mut self, bytes_max: usize, deadline: Instant) -> Answer {
        let mut start = BytesMut::new();
        while start.len() < bytes_max {
            let Ok(Some(Ok(frame))) = timeout_at(deadline, self.body.frame()).await else { break };
            if let Ok(data) = frame.into_data() {
                start.extend_from_slice(&data[..data.len().min(bytes_max - start.len())]);
            }
        }
        Answer { status: self.status, headers: self.headers, body: start.freeze() }
    }
}

/// What a request carries.
#[derive(Debug)]
enum Content {
    Whole(Full<Bytes>),
    Pieces(Pieces),
}

/// A request's body that tells when it is taken.
#[derive(Debug)]
struct Watched {
    content: Content,
    taken: Arc<AtomicBool>,
}

/// Sees whether a request's body was taken for sending.
struct Watch(Arc<AtomicBool>);

impl Watch {
    fn over(request: Request<Content>) -> (Self, Request<Watched>) {
        // Nobody ever asks for an empty body, so of such a request nothing is known.
        let taken = Arc::new(AtomicBool::new(request.body().is_end_stream()));
        let watch = Self(Arc::clone(&taken));
        (watch, request.map(|content| Watched { content, taken }))
    }

    fn sent(&self) -> Sent {
        if self.0.load(Ordering::Acquire) { Sent::Perhaps } else { Sent::No }
    }
}

impl Content {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Pieces(body) => body.is_end_stream(),
        }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.taken.store(true, Ordering::Release);
        match &mut self.content {
            Content::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Content::Pieces(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(body) => body.size_hint(),
            Content::Pieces(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests;
