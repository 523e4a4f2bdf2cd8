//! A bucket of S3, or of anything that speaks its protocol.
//!
//! The library makes the requests and signs them; they go out over the same client as everything else,
//! with its roots and its provider of cryptography, and without redirects.

use std::{io, pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Method;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Body, Frame};
use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use outbound::{HttpClient as Outbound, HttpError as OutboundError, Sent};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::FileError;

/// How long a request may take to be answered: a part of five megabytes over a slow line.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long a body of a bucket's may send nothing.
const STALLS_WITHIN: Duration = Duration::from_secs(30);

/// How long the body of an answer may take in all, unless it is a file's: a list of a thousand names.
const BODY_WITHIN: Duration = Duration::from_mins(1);

/// The largest answer of a bucket's that is no file, in bytes: a thousand names of 1,024 bytes, and what
/// is told of each.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often a request is repeated that a bucket does not answer well.
const RETRIES_MAX: usize = 4;

/// How long all attempts of a request may take together. Somebody waits.
const RETRIES_WITHIN: Duration = Duration::from_mins(1);

/// What is sent at once, in bytes: the least that S3 takes as a part that is not the last.
pub(super) const PART_BYTES: usize = 5 * 1024 * 1024;

/// Where files lie instead of the data directory.
#[derive(Debug, Clone)]
pub struct BucketSetup {
    /// The bucket's name.
    pub bucket: String,
    /// What stands before the names of the files in it, without slashes around it; empty for nothing.
    pub prefix: String,
    /// Its region.
    pub region: String,
    /// Where it is, if not at AWS: an https URL, or http on this machine.
    pub endpoint: Option<String>,
    /// The key's id and the key; `None` takes what the machine is given (its role).
    pub key: Option<(String, SecretString)>,
    /// Whether the bucket is a part of the host's name, not of the path.
    pub in_host_name: bool,
}

impl BucketSetup {
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let open = |setup: &Self| {
            let Self { bucket, prefix, region, endpoint, key, in_host_name } = setup.clone();
            let key = key.map(|(id, key)| (id, key.expose_secret().to_owned()));
            (bucket, prefix, region, endpoint, key, in_host_name)
        };
        open(self) == open(other)
    }
}

/// A bucket that is reached.
pub(super) fn reached(setup: &BucketSetup) -> Result<AmazonS3, FileError> {
    let client = Outbound::new().map_err(FileError::Disk)?;
    let plain = setup.endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
    let mut builder = match setup.key {
        Some(_) => AmazonS3Builder::new(),
        None => AmazonS3Builder::from_env(),
    }
    .with_http_connector(Connector(client))
    .with_bucket_name(&setup.bucket)
    .with_region(&setup.region)
    .with_allow_http(plain)
    .with_virtual_hosted_style_request(setup.in_host_name)
    // One is removed at a time, and not every store knows how to remove many.
    .with_disable_bulk_delete(true)
    .with_retry(RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRIES_WITHIN,
        backoff: BackoffConfig::default(),
    });
    if let Some(endpoint) = &setup.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some((id, key)) = &setup.key {
        builder = builder.with_access_key_id(id).with_secret_access_key(key.expose_secret());
    }
    Ok(builder.build()?)
}

/// Our own client, as the library asks for one.
#[derive(Debug)]
struct Connector(Outbound);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service(self.0.clone())))
    }
}

#[derive(Debug)]
struct Service(Outbound);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        // A file's body goes as quickly as whoever reads it. A list has a query.
        let is_file = parts.method == Method::GET && parts.uri.query().is_none();
        let body = body.collect().await?.to_bytes();
        let request = http::Request::from_parts(parts, Full::new(body));
        let answer = self.0.send(request, Instant::now() + ANSWER_WITHIN).await;
        let head = answer.map_err(|error| HttpError::new(kind_of(&error), error))?;
        let mut response = http::Response::builder().status(head.status);
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(&head.headers);
        }
        let broke = |error: Box<dyn std::error::Error + Send + Sync>| {
            // It would be as long again.
            let too_long = error.is::<LengthLimitError>();
            let kind = if too_long { HttpErrorKind::Unknown } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, io::Error::other(error))
        };
        // How long a file is that was kept is known, and so is when to stop reading it.
        let bytes_max = if is_file { usize::MAX } else { LIST_BYTES_MAX };
        let body = Limited::new(head.into_body(), bytes_max).map_err(broke);
        let deadline = (!is_file).then(|| Instant::now() + BODY_WITHIN);
        let body = HttpResponseBody::new(StreamBody::new(timely(body, deadline)));
        response.body(body).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
    }
}

/// The frames of a body, which neither stalls nor goes on beyond its deadline, if it has one.
fn timely(
    body: impl Body<Data = Bytes, Error = HttpError> + Send + Sync + 'static,
    deadline: Option<Instant>,
) -> Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, HttpError>> + Send + Sync>> {
    let late = || HttpError::new(HttpErrorKind::Timeout, io::Error::from(io::ErrorKind::TimedOut));
    let frames = stream::unfold(Some(Box::pin(body)), move |body| async move {
        let mut body = body?;
        let stalled = Instant::now() + STALLS_WITHIN;
        let until = deadline.map_or(stalled, |deadline| deadline.min(stalled));
        match timeout_at(until, body.frame()).await {
            Ok(frame) => Some((frame?, Some(body))),
            Err(_) => Some((Err(late()), None)),
        }
    });
    // Whoever reads it may ask once more at its end.
    Box::pin(frames.fuse())
}

/// Whether the library may try again.
fn kind_of(error: &OutboundError) -> HttpErrorKind {
    match error {
        OutboundError::Unreachable(_) => HttpErrorKind::Connect,
        OutboundError::TimedOut { .. } => HttpErrorKind::Timeout,
        OutboundError::Interrupted { sent: Sent::No, .. } => HttpErrorKind::Request,
        OutboundError::Interrupted { .. } | OutboundError::BrokeOff => HttpErrorKind::Interrupted,
        OutboundError::TooLarge { .. } => HttpErrorKind::Unknown,
    }
}

#[cfg(test)]
mod tests;
