//! The client: one attempt to hand one activity to the bot behind, and a clear word on what became
//! of it when it did not work.
//!
//! To the bot we are its channel (reference 3): it is posted to with a token of ours, and what it
//! says comes back on routes of ours, or in the answer where that was asked for. Owns the token and
//! the meaning of the bot's immediate answers (reference 2.1). Leaves to its caller: what an
//! activity says, when to try again and for how long, what a user is told.
//!
//! ```text
//! post ─► token ─► POST ─┬─ 200, 201, 202 ────────────────► Accepted, Replies, Invoke
//!                        ├─ 401, 403 ─► new token ─► POST ─► (again: Refused)
//!                        ├─ nobody there, not now ─────────► Retry: nothing was taken
//!                        ├─ no answer ─────────────────────► Unanswered: the turn may have run
//!                        └─ refused, failed ───────────────► Refused
//! ```
//!
//! A turn that runs twice says everything twice, and there is no key by which a bot would recognise
//! a repeat (reference 2.5). So failures are sorted by whether the bot may have begun, not by
//! whether they may pass.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use outbound::token::{Token, Tokens};
use outbound::{Head, HttpClient};
use tokio::time::Instant;

use crate::login::{AGENT_NAME, Login, Scope};
use answer::Way;

mod answer;
mod config;
mod error;

pub use crate::login::Registration;
pub use answer::{Answer, Expects};
pub use config::{BotConfig, BotConfigError, Credential};
pub use error::PostError;

/// How long a connection to a bot is kept in silence. Node closes such connections after five
/// seconds, uvicorn too; a post that meets the closing may have arrived, for all we know, and is
/// not repeated.
const IDLE: Duration = Duration::from_secs(4);

/// A token that is not older than this is a fresh one: if the bot refuses it, another would be
/// refused too. So a bot that refuses everything costs one token a minute.
const FRESH_FOR: Duration = Duration::from_mins(1);

/// The connection to one bot. Clones share the token and the connections.
#[derive(Debug, Clone)]
pub struct BotClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: HttpClient,
    config: BotConfig,
    /// Absent for a bot that runs without tokens.
    tokens: Option<Tokens<Login>>,
}

/// One activity on its way to the bot.
#[derive(Clone)]
pub struct Post<'a> {
    /// The activity's JSON.
    pub activity: String,
    /// Its `conversation.id`, for the header `x-ms-conversation-id` (reference 3.1).
    pub conversation: &'a str,
    /// The trace that it belongs to (W3C Trace Context). One that no header can carry is left out.
    pub traceparent: Option<&'a str>,
    /// The time for the whole attempt, a token included. A bot may need all of its channel's 15
    /// seconds (reference 2.1, 3.1).
    pub within: Duration,
    /// What the answer is to carry.
    pub expects: Expects,
}

impl BotClient {
    /// Prepares a client; connects to nothing yet.
    pub fn new(config: BotConfig) -> Result<Self, BotConfigError> {
        config.check()?;
        let http = HttpClient::with_idle(IDLE).map_err(BotConfigError::RootCertificates)?;
        let tokens = match &config.credential {
            Credential::Anonymous => None,
            Credential::Skill { registration, bot_app_id } => {
                let scope = Scope::Bot(bot_app_id.clone());
                let login = Login::new(http.clone(), registration.clone(), scope)?;
                Some(Tokens::new(login))
            }
        };
        Ok(Self(Arc::new(Inner { http, config, tokens })))
    }

    /// Whether a client of this configuration would be the same: then this one, with its token and
    /// its connections, can stay.
    pub fn is_as(&self, config: &BotConfig) -> bool {
        self.0.config.is_as(config)
    }

    /// Makes one attempt to hand one activity over. A token that the bot refuses is replaced and the
    /// post repeated once: who is not let in has not begun.
    pub async fn post(&self, post: Post<'_>) -> Result<Answer, PostError> {
        let deadline = Instant::now() + post.within;
        let mut request = self.request(&post);
        *request.body_mut() = Full::new(Bytes::from(post.activity));
        let Some(tokens) = &self.0.tokens else {
            let head = self.once(&request, None, deadline).await?;
            return answer::read(head, post.expects, Way::Anonymous, deadline).await;
        };
        let token = tokens.get(deadline).await?;
        let mut head = self.once(&request, Some(&token), deadline).await?;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&head.status);
        if refused && token.age() > FRESH_FOR {
            let token = tokens.replace(&token, deadline).await?;
            head = self.once(&request, Some(&token), deadline).await?;
        }
        answer::read(head, post.expects, Way::Skill, deadline).await
    }

    /// Asks for a token and for nothing else: whether the login lets us in. A bot without tokens
    /// needs none.
    pub async fn examine_token(&self, within: Duration) -> Result<(), PostError> {
        let Some(tokens) = &self.0.tokens else { return Ok(()) };
        Ok(tokens.get(Instant::now() + within).await.map(drop)?)
    }

    /// The request without its body and without a token.
    fn request(&self, post: &Post<'_>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.0.config.endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        let texts =
            [("x-ms-conversation-id", Some(post.conversation)), ("traceparent", post.traceparent)];
        for (name, text) in texts {
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(name, value);
            }
        }
        request
    }

    async fn once(
        &self,
        request: &Request<Full<Bytes>>,
        token: Option<&Token>,
        deadline: Instant,
    ) -> Result<Head, PostError> {
        let mut request = request.clone();
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token.header());
        }
        let sent = self.0.http.send(request, deadline).await;
        sent.map_err(|error| error::no_answer(&error))
    }
}

#[cfg(test)]
pub(crate) mod tests;
