//! The client: one attempt to hand a request to an instance, and a clear word on what to do next
//! when it did not work.
//!
//! Owns the bearer token and the meaning of the instance's immediate answers (reference 4). A 200
//! means "queued" there, never "done". Also fetches what agents said while nobody listened. Leaves
//! to its caller: when to try again and for how long, what a user is told, what a synchronous
//! callback means, and where a refresh token is kept. Files go both ways piece by piece ([`media`]).
//!
//! ```text
//! send ─► token ─► POST ─┬─ 200 success ─────────────► Accepted
//!                        ├─ 401 ─► new token ─► POST ─► (401 again: Retry)
//!                        ├─ sleeping, busy, broken ───► Retry
//!                        └─ refused ──────────────────► Refused
//! ```

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use outbound::token::Token;
use outbound::{ANSWER_BYTES_MAX, Answer, HttpClient};
use tokio::time::Instant;

use crate::callback::Callback;
use crate::client::signature::Signer;
use crate::request::PATH;
use crate::token::{self, Tokens};

pub(crate) mod answer;
mod config;
mod examine;
mod keeper;
pub mod media;
mod missed;
mod names;
mod signature;

pub use crate::token::CredentialFault;
pub use config::{ClientConfig, ConfigError, Credentials, Grant, instance_url};
pub use examine::{MessagesReadable, Ordering, TokenExamined};
pub(crate) use keeper::{Keeper, Watch};
pub use keeper::{RefreshTokenKeeper, TokenWatch};
pub use missed::{FetchError, MISSED_MAX, MissedFrom, MissedMessage, MissedQuery, NotASysId};
pub use names::SettingNames;

/// What we call ourselves; instance logs show it.
pub(crate) const AGENT_NAME: &str = concat!("warmline/", env!("CARGO_PKG_VERSION"));

/// The connection to one instance. Share it: the token and the connections are pooled inside.
#[derive(Debug)]
pub struct Client {
    http: HttpClient,
    tokens: Tokens,
    endpoint: http::Uri,
    base: url::Url,
    messages: http::Uri,
    uploads: http::Uri,
    providers: http::Uri,
    attempt_timeout: Duration,
    /// `None` where the instance asks for no signature.
    signer: Option<Signer>,
}

/// The instance took the request. What becomes of it comes as callbacks, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The callback that an instance in synchronous mode answers with (reference 4.3).
    pub callback: Option<Callback>,
}

/// Why the instance did not take the request, sorted by what to do next. Neither secrets nor words
/// of users are in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Send the same bytes again later. The instance may have taken them already.
    #[error("not taken for now ({reason}): {detail}")]
    Retry {
        /// The instance asked to be left alone for this long (`Retry-After`), or it refused the
        /// credentials and they are not tried again before.
        not_before: Option<Duration>,
        /// The machine code.
        reason: &'static str,
        /// What happened, for an operator.
        detail: String,
    },
    /// Sending it again would end the same way.
    #[error("refused ({code}): {detail}")]
    Refused {
        /// The machine code.
        code: &'static str,
        /// The HTTP status, when there was an answer.
        status: Option<u16>,
        /// What happened, for an operator.
        detail: String,
    },
}

impl SendError {
    /// The stable machine code.
    ///
    /// | to be repeated | final |
    /// | --- | --- |
    /// | `unreachable`, `interrupted`, `timeout`, `busy`, `rate_limited`, `server_error`, `hibernating`, `not_success_json`, `unauthorized`, `credentials_refused` | `refused`, `forbidden`, `not_found`, `redirected` |
    pub fn code(&self) -> &'static str {
        match self {
            Self::Retry { reason, .. } => reason,
            Self::Refused { code, .. } => code,
        }
    }
}

impl Client {
    /// Prepares a client; connects to nothing yet.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the credentials are used up here, so that no second copy lives on"
    )]
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let http = HttpClient::to(config.leads(), &config.authorities);
        let http = http.map_err(ConfigError::RootCertificates)?;
        let endpoint = config.endpoint(PATH)?;
        let messages = config.endpoint(missed::PATH)?;
        let uploads = config.endpoint(media::UPLOAD_PATH)?;
        let providers = config.endpoint(examine::PROVIDERS_PATH)?;
        let tokens = token::tokens(http.clone(), config.endpoint(token::PATH)?, &config);
        let attempt_timeout = config.attempt_timeout;
        let base = config.base().clone();
        let signer = config.signature_secret.as_ref().map(Signer::new);
        Ok(Self {
            http,
            tokens,
            endpoint,
            base,
            messages,
            uploads,
            providers,
            attempt_timeout,
            signer,
        })
    }

    /// Makes one attempt to hand over a request, serialised by
    /// [`Request::to_bytes`](crate::Request::to_bytes). Takes at most the configured time for one
    /// attempt, fetching a token included. A token that is refused is renewed and the request repeated once.
    pub async fn send(&self, body: &[u8]) -> Result<Accepted, SendError> {
        self.send_traced(body, None).await
    }

    /// The same as part of a trace: `traceparent` goes along as a header (W3C Trace Context). One that
    /// no header can carry is left out.
    pub async fn send_traced(
        &self,
        body: &[u8],
        traceparent: Option<&str>,
    ) -> Result<Accepted, SendError> {
        let deadline = Instant::now() + self.attempt_timeout;
        let body = Bytes::copy_from_slice(body);
        let signature = self.signer.as_ref().and_then(|signer| signer.sign(&body));
        let post = || {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = self.endpoint.clone();
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            if let Some(signature) = &signature {
                request.headers_mut().insert(signature::HEADER, signature.clone());
            }
            if let Some(trace) = traceparent.and_then(|text| HeaderValue::from_str(text).ok()) {
                request.headers_mut().insert("traceparent", trace);
            }
            request
        };
        let answer = self.call(post, ANSWER_BYTES_MAX, deadline).await?;
        answer::read(&answer, &body)
    }

    /// Fetches what agents and the instance said in a conversation, oldest first, for when callbacks were missed:
    /// the instance sends none of them again (reference 6, 9.7). One attempt, like
    /// [`send`](Self::send).
    ///
    /// Brings at most [`MISSED_MAX`] messages; after as many as that, ask again from the time of
    /// the last. The instance's clock has seconds, so messages of the second asked from are among
    /// them even if they are older: recognise those by their ids.
    pub async fn messages_since(
        &self,
        query: &MissedQuery,
    ) -> Result<Vec<MissedMessage>, FetchError> {
        let deadline = Instant::now() + self.attempt_timeout;
        let uri = query.uri(&self.messages)?;
        let get = || {
            let mut request = Request::new(Full::default());
            *request.uri_mut() = uri.clone();
            request
        };
        let answer = self.call(get, missed::ANSWER_BYTES_MAX, deadline).await?;
        missed::read(&answer, query)
    }

    /// Makes a call with a bearer token, and once more with another when the first was refused.
    async fn call(
        &self,
        request: impl Fn() -> Request<Full<Bytes>>,
        answer_bytes_max: usize,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        let once = async |token: &Token| {
            let mut request = request();
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, token.header());
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
            let answer = self.http.request_up_to(answer_bytes_max, request, deadline).await;
            answer.map_err(|error| answer::no_answer(&error))
        };
        let token = self.token(deadline).await?;
        let answer = once(&token).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            self.let_in();
            return Ok(answer);
        }
        let token = self.another(&token, deadline).await?;
        once(&token).await
    }

    /// What to come with.
    async fn token(&self, deadline: Instant) -> Result<Token, SendError> {
        if self.tokens.source().is_without_tokens() {
            self.tokens.source().may_be_tried()?;
        }
        self.tokens.get(deadline).await
    }

    /// The instance took what we came with.
    fn let_in(&self) {
        if self.tokens.source().is_without_tokens() {
            self.tokens.source().were_taken();
        }
    }

    /// What to come with in place of what was refused. With Basic there is nothing else, and trying
    /// again at once would only get the user locked out.
    async fn another(&self, refused: &Token, deadline: Instant) -> Result<Token, SendError> {
        self.tokens.source().refused_without_a_token()?;
        self.tokens.replace(refused, deadline).await
    }
}

#[cfg(test)]
mod tests;
