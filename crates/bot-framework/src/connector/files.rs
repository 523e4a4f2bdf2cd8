//! Files that users of a channel send, and where files for them are put (reference 6).
//!
//! What Teams calls a file lies in the user's own store, and the address that it gives opens it by
//! itself: no token goes there. A picture in a message lies at the Connector, and wants our token: only
//! at the host that the message came from. Addresses come in a body, so where they lead is judged before
//! anything is asked, and names are looked up by a resolver that lets nothing into our own network.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use outbound::addresses::is_public;
use outbound::token::Token;
use outbound::{Head, HttpError, Reach, reach};
use tokio::time::Instant;

use super::{AGENT_NAME, Connector, ConnectorError, ServiceUrl};

/// Where users' files lie, with everything below: besides the channels' own hosts. The Agents SDK has the
/// same (reference 2.6); the national clouds have their own `SharePoint`.
const FILE_HOSTS: [&str; 7] = [
    "sharepoint.com",
    "sharepoint.us",
    "sharepoint-mil.us",
    "sharepoint.cn",
    "svc.ms",
    "graph.microsoft.com",
    "blob.core.windows.net",
];

/// The longest address looked at, in bytes: those of `SharePoint` carry a token of some kilobytes.
const ADDRESS_BYTES_MAX: usize = 8 * 1024;

/// Why a file cannot be had or put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileAccessError {
    /// Nothing is asked for at such an address.
    #[error("the file's address leads where no file of a user's lies")]
    NotAllowed,
    /// It was not there, or not for us.
    #[error("the file's host answered {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// Nobody answered, or the answer broke off.
    #[error("the file's host cannot be reached: {cause}")]
    Away {
        /// What happened, for an operator.
        cause: String,
    },
    /// There is no token.
    #[error("no token for the channel")]
    NoToken(#[from] ConnectorError),
}

impl From<HttpError> for FileAccessError {
    fn from(error: HttpError) -> Self {
        Self::Away { cause: error.cause() }
    }
}

/// A file on its way here.
#[derive(Debug)]
pub struct FileFetch {
    /// Its media type, as its host claims.
    pub kind: Option<String>,
    /// How long it is, if its host tells.
    pub bytes: Option<u64>,
    head: Head,
    deadline: Instant,
}

impl FileFetch {
    fn new(head: Head, deadline: Instant) -> Result<Self, FileAccessError> {
        if head.status != StatusCode::OK {
            return Err(FileAccessError::Refused { status: head.status.as_u16() });
        }
        let said = |headers: &HeaderMap, name| {
            let value = headers.get(name)?.to_str().ok()?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let kind = said(&head.headers, CONTENT_TYPE);
        let bytes = said(&head.headers, CONTENT_LENGTH).and_then(|text| text.parse().ok());
        Ok(Self { kind, bytes, head, deadline })
    }

    /// The next piece; `None` when all of it has come.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, FileAccessError> {
        Ok(self.head.piece(self.deadline).await?)
    }
}

impl Connector {
    /// Begins to fetch a file from the user's own store, without any token. `within` is for all of it.
    pub async fn download(
        &self,
        address: &str,
        within: Duration,
    ) -> Result<FileFetch, FileAccessError> {
        let deadline = Instant::now() + within;
        let uri = self.file_address(address).ok_or(FileAccessError::NotAllowed)?;
        let mut request = Request::new(Full::<Bytes>::default());
        *request.uri_mut() = uri;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        FileFetch::new(self.0.http.send(request, deadline).await?, deadline)
    }

    /// Begins to fetch a picture that lies at the Connector, with our token: only from the host that the
    /// conversation is spoken into.
    pub async fn fetch(
        &self,
        service_url: &ServiceUrl,
        address: &str,
        within: Duration,
    ) -> Result<FileFetch, FileAccessError> {
        let deadline = Instant::now() + within;
        let at = self.may_call(address).map_err(|_| FileAccessError::NotAllowed)?;
        if at.host() != service_url.host() {
            return Err(FileAccessError::NotAllowed);
        }
        let uri: Uri = at.as_str().parse().map_err(|_| FileAccessError::NotAllowed)?;
        let once = async |token: &Token| {
            let mut request = Request::new(Full::<Bytes>::default());
            *request.uri_mut() = uri.clone();
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, token.header());
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
            self.0.http.send(request, deadline).await
        };
        let token = self.token(None, deadline).await?;
        let mut head = once(&token).await?;
        if head.status == StatusCode::UNAUTHORIZED {
            let token = self.token(Some(&token), deadline).await?;
            head = once(&token).await?;
        }
        FileFetch::new(head, deadline)
    }

    /// Puts a part of a file into the user's own store, where they consented to it: `range` of `total`
    /// bytes. Without any token; the address is good for this one file.
    pub async fn put_part(
        &self,
        address: &str,
        part: Bytes,
        range: Range<u64>,
        total: u64,
        within: Duration,
    ) -> Result<(), FileAccessError> {
        let deadline = Instant::now() + within;
        let uri = self.file_address(address).ok_or(FileAccessError::NotAllowed)?;
        let last = range.end.saturating_sub(1);
        let content_range = format!("bytes {}-{last}/{total}", range.start);
        let mut request = Request::new(Full::new(part));
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if let Ok(value) = HeaderValue::from_str(&content_range) {
            headers.insert(CONTENT_RANGE, value);
        }
        let head = self.0.http.send(request, deadline).await?;
        if head.status.is_success() {
            return Ok(());
        }
        Err(FileAccessError::Refused { status: head.status.as_u16() })
    }

    /// A token, or another than the one that was refused.
    async fn token(
        &self,
        refused: Option<&Token>,
        deadline: Instant,
    ) -> Result<Token, ConnectorError> {
        Ok(match refused {
            None => self.0.tokens.get(deadline).await?,
            Some(refused) => self.0.tokens.replace(refused, deadline).await?,
        })
    }

    /// Whether a file of a user's may be asked for at an address.
    fn file_address(&self, address: &str) -> Option<Uri> {
        if address.len() > ADDRESS_BYTES_MAX {
            return None;
        }
        let uri: Uri = address.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host().to_ascii_lowercase();
        if authority.as_str().contains('@') {
            return None;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_https = uri.scheme_str() == Some("https");
        if reach(&host) == Reach::ThisMachine {
            // Where the channel itself is a stand-in on this machine.
            return self.0.on_this_machine.then_some(uri);
        }
        if let Ok(number) = bare.parse()
            && !is_public(number)
        {
            return None;
        }
        let is_at = |name: &str| {
            host.strip_suffix(name).is_some_and(|above| above.is_empty() || above.ends_with('.'))
        };
        let known = FILE_HOSTS.iter().any(|name| is_at(name)) || self.0.hosts.has(&host);
        let own_port = authority.port_u16().is_none_or(|port| port == 443);
        (is_https && known && own_port).then_some(uri)
    }
}
