//! HTTP to the instance: one request, one deadline, one bounded answer.
//!
//! Never follows a redirect (the request carries credentials), never keeps a cookie (an API session
//! cookie makes the token endpoint fail, reference 3.1), never decides what an answer means.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

/// The largest answer read unless the caller says otherwise. Answers are a few hundred bytes, a synchronous callback a few
/// kilobytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A host that does not answer a connection attempt within three seconds will not answer soon, and
/// the rest of the attempt's ten belongs to a second address and the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Shorter than the idle time-outs of load balancers on the way, so that we close first.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Lanes send to a desk at the same time, but rarely more than this for long.
const POOL_IDLE_PER_HOST_MAX: usize = 32;

/// A pool of connections.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("no answer in time")]
    TimedOut,
    #[error("no connection")]
    Unreachable(#[source] Error),
    #[error("the connection broke before the answer")]
    Interrupted(#[source] Error),
    #[error("the answer broke off")]
    BrokeOff,
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
}

impl HttpError {
    /// The innermost cause, which is the one that helps: "connection refused", "unknown issuer".
    pub(crate) fn cause(&self) -> String {
        let mut cause = self.to_string();
        let mut source = self.source();
        while let Some(inner) = source {
            cause = inner.to_string();
            source = inner.source();
        }
        cause
    }
}

impl HttpClient {
    /// Makes a pool that trusts the machine's root certificates. Fails when there are none.
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // Whether plain http is allowed was decided when the configuration was read.
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request and reads the whole answer before the deadline.
    pub(crate) async fn request(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        self.request_up_to(ANSWER_BYTES_MAX, request, deadline).await
    }

    /// The same for an answer of another size than most.
    pub(crate) async fn request_up_to(
        &self,
        bytes_max: usize,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        let exchange = self.exchange(request, bytes_max);
        timeout_at(deadline, exchange).await.unwrap_or(Err(HttpError::TimedOut))
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        bytes_max: usize,
    ) -> Result<Answer, HttpError> {
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                HttpError::Unreachable(error)
            } else {
                HttpError::Interrupted(error)
            }
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                HttpError::TooLarge { bytes_max }
            } else {
                HttpError::BrokeOff
            }
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}
