//! The Connector: one attempt to have a channel show, change or withdraw an activity, and a clear
//! word on what became of it when it did not work (reference 2.4, 2.5).
//!
//! Owns the token for the channels, where it may go, and the meaning of the Connector's answers.
//! Leaves to its caller: what an activity says, the order within a conversation, how fast, when to
//! try again and for how long, what a user is told.
//!
//! ```text
//! send ─► token ─► POST ─┬─ 2xx ──────────────────────────► Placed
//!                        ├─ 401 ─► new token ─► POST ─────► (again: Refused, and for a minute
//!                        │                                  401s of this host are NotTaken)
//!                        ├─ 403, other part of the cloud ─► POST there, once
//!                        ├─ 429, 412, nobody there ───────► NotTaken: may be repeated
//!                        ├─ 408, 5xx, no answer ──────────► Ambiguous: the user may have it
//!                        ├─ nobody in the conversation ───► Gone
//!                        └─ too large, refused ───────────► TooLarge, Refused
//! ```
//!
//! A create is not idempotent, and there is no key by which a channel would recognise a repeat. So
//! failures are sorted by whether the message may have arrived, not by whether they may pass.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use outbound::token::{Token, Tokens};
use outbound::{Answer, HttpClient, Names, PrivateHosts, Said};
use tokio::time::Instant;

use crate::cloud::Cloud;
use crate::login::{AGENT_NAME, Login, Registration, Scope};
use call::Call;
use hosts::Hosts;
use useless::Useless;

mod answer;
mod call;
mod error;
mod files;
mod hosts;
mod path;
mod refusal;
mod useless;

pub use answer::{Created, Member, Placed, Relayed};
pub use error::{ConnectorConfigError, ConnectorError};
pub use files::{FileAccessError, FileFetch};
pub use hosts::{ServiceUrl, ServiceUrlError};
pub use path::RelayedPath;

/// How channels are reached.
#[derive(Debug, Clone)]
pub struct ConnectorConfig {
    /// Our registration; its login gives the tokens.
    pub registration: Registration,
    /// The cloud that the channels are in.
    pub cloud: Cloud,
    /// Further hosts that may have a token, besides the cloud's own: these and their subdomains,
    /// with a port where it is not https's own. On this machine any port will do.
    pub hosts: Vec<String>,
    /// Hosts that may be in a private network, besides those `hosts` themselves.
    pub private_hosts: PrivateHosts,
}

/// The connection to the channels of one registration. Clones share the token and the connections.
#[derive(Debug, Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    /// For addresses that somebody else says: channels' and files'.
    http: HttpClient,
    /// Whether channels are on this machine.
    on_this_machine: bool,
    config: ConnectorConfig,
    hosts: Hosts,
    tokens: Tokens<Login>,
    /// Where another token is known to be useless.
    useless: Useless,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("config", &self.config).finish_non_exhaustive()
    }
}

impl ConnectorConfig {
    /// Whether it can be used at all. Connects to nothing.
    pub fn check(&self) -> Result<(), ConnectorConfigError> {
        self.registration.check()?;
        if self.cloud.scope.trim().is_empty() {
            return Err(ConnectorConfigError::NoScope);
        }
        self.allowed().map(drop)
    }

    fn allowed(&self) -> Result<Hosts, ConnectorConfigError> {
        let hosts = Hosts::read(self.cloud.hosts.iter().chain(&self.hosts));
        hosts.map_err(|host| ConnectorConfigError::NotAHost { host })
    }

    /// Which of the names that activities say may lead into private networks: what an operator wrote, as
    /// it stands there, and what they said may.
    fn said(&self, this_machine: bool) -> Result<Said, ConnectorConfigError> {
        let written = Hosts::read(self.hosts.iter());
        let written = written.map_err(|host| ConnectorConfigError::NotAHost { host })?.names();
        Ok(Said { written, private: self.private_hosts.clone(), this_machine })
    }

    fn is_as(&self, other: &Self) -> bool {
        self.registration.is_as(&other.registration)
            && self.cloud == other.cloud
            && self.hosts == other.hosts
            && self.private_hosts == other.private_hosts
    }
}

impl Connector {
    /// Prepares a client; connects to nothing yet.
    pub fn new(config: ConnectorConfig) -> Result<Self, ConnectorConfigError> {
        config.check()?;
        let hosts = config.allowed()?;
        let on_this_machine = hosts.on_this_machine();
        let http = HttpClient::to(Names::Said(config.said(on_this_machine)?), &[]);
        let http = http.map_err(ConnectorConfigError::RootCertificates)?;
        let login = HttpClient::new().map_err(ConnectorConfigError::RootCertificates)?;
        let scope = Scope::Channels(config.cloud.scope.clone());
        let tokens = Tokens::new(Login::new(login, config.registration.clone(), scope)?);
        let useless = Useless::default();
        Ok(Self(Arc::new(Inner { http, on_this_machine, config, hosts, tokens, useless })))
    }

    /// Whether a client of this configuration would be the same: then this one, with its token and
    /// its connections, can stay.
    pub fn is_as(&self, config: &ConnectorConfig) -> bool {
        self.0.config.is_as(config)
    }

    /// Whether an address may be called, and so be shown our token: https (http on this machine
    /// only), and a host that is on the list.
    pub fn may_call(&self, service_url: &str) -> Result<ServiceUrl, ServiceUrlError> {
        self.0.hosts.allow(service_url)
    }

    /// Sends an activity into a conversation.
    pub async fn send(
        &self,
        to: &ServiceUrl,
        conversation: &str,
        activity: String,
        within: Duration,
    ) -> Result<Placed, ConnectorError> {
        let call = Call::create(to, path::activities(conversation)?, activity);
        Ok(Placed::read(&self.run(call, within).await?))
    }

    /// The same as an answer to an activity, where the channel has threads.
    pub async fn reply(
        &self,
        to: &ServiceUrl,
        conversation: &str,
        reply_to: &str,
        activity: String,
        within: Duration,
    ) -> Result<Placed, ConnectorError> {
        let call = Call::create(to, path::activity(conversation, reply_to)?, activity);
        Ok(Placed::read(&self.run(call, within).await?))
    }

    /// Puts an activity in the place of one that is there.
    pub async fn update(
        &self,
        to: &ServiceUrl,
        conversation: &str,
        activity_id: &str,
        activity: String,
        within: Duration,
    ) -> Result<Placed, ConnectorError> {
        let call = Call::update(to, path::activity(conversation, activity_id)?, activity);
        Ok(Placed::read(&self.run(call, within).await?))
    }

    /// Takes an activity away.
    pub async fn delete(
        &self,
        to: &ServiceUrl,
        conversation: &str,
        activity_id: &str,
        within: Duration,
    ) -> Result<(), ConnectorError> {
        let call = Call::delete(to, path::activity(conversation, activity_id)?);
        self.run(call, within).await.map(drop)
    }

    /// Begins a conversation. The body says with whom.
    pub async fn create(
        &self,
        to: &ServiceUrl,
        body: String,
        within: Duration,
    ) -> Result<Created, ConnectorError> {
        let call = Call::create(to, path::CONVERSATIONS.to_owned(), body);
        Created::read(&self.run(call, within).await?)
    }

    /// What the channel knows of a member of a conversation.
    pub async fn member(
        &self,
        to: &ServiceUrl,
        conversation: &str,
        member: &str,
        within: Duration,
    ) -> Result<Member, ConnectorError> {
        let call = Call::read(to, path::member(conversation, member)?);
        Member::read(&self.run(call, within).await?)
    }

    /// Reads for a bot behind: what the channel answers is the bot's to see, also that there is
    /// nothing.
    pub async fn get(
        &self,
        to: &ServiceUrl,
        path: RelayedPath<'_>,
        within: Duration,
    ) -> Result<Relayed, ConnectorError> {
        let call = Call::relayed(to, path.path()?);
        Ok(Relayed::read(self.run(call, within).await?))
    }

    /// Asks for a token and for nothing else: whether the login lets us in.
    pub async fn examine_token(&self, within: Duration) -> Result<(), ConnectorError> {
        Ok(self.0.tokens.get(Instant::now() + within).await.map(drop)?)
    }

    /// Makes a call: with another token if the first is refused, and at the other part of the cloud
    /// if that is where the conversation is at home, once each. Who is refused has not begun.
    async fn run(&self, call: Call<'_>, within: Duration) -> Result<Answer, ConnectorError> {
        let deadline = Instant::now() + within;
        let mut answer = self.authorized(&call, call.to, deadline).await?;
        if answer::is_elsewhere(&answer)
            && let Some(other) = self.other_teams(call.to)
        {
            tracing::info!("the conversation is at home in another part of the cloud");
            answer = self.authorized(&call, &other, deadline).await?;
        }
        if call.accepts(&answer) {
            return Ok(answer);
        }
        let error = refusal::refusal(&answer, call.repeats());
        call.log(&answer, &error);
        Err(error)
    }

    /// Where a call goes that was said to belong to another part of the cloud; nothing if that is
    /// where it was, or if no token may go there.
    fn other_teams(&self, to: &ServiceUrl) -> Option<ServiceUrl> {
        let other = self.0.config.cloud.other_teams.as_ref()?.to_string();
        self.may_call(&other).ok().filter(|other| other != to)
    }

    async fn authorized(
        &self,
        call: &Call<'_>,
        to: &ServiceUrl,
        deadline: Instant,
    ) -> Result<Answer, ConnectorError> {
        let (tokens, useless) = (&self.0.tokens, &self.0.useless);
        let token = tokens.get(deadline).await?;
        let answer = self.once(call, to, &token, deadline).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            useless.clear(to);
            return Ok(answer);
        }
        if let Some(wait) = useless.wait(to) {
            // Nobody knows yet what a new token would be worth.
            let error = refusal::not_tried_again(wait);
            call.log(&answer, &error);
            return Err(error);
        }
        let token = tokens.replace(&token, deadline).await?;
        let answer = self.once(call, to, &token, deadline).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            useless.mark(to);
        } else {
            useless.clear(to);
        }
        Ok(answer)
    }

    async fn once(
        &self,
        call: &Call<'_>,
        to: &ServiceUrl,
        token: &Token,
        deadline: Instant,
    ) -> Result<Answer, ConnectorError> {
        let mut request = Request::new(Full::new(Bytes::clone(&call.body)));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = to.at(&call.path).ok_or(error::bad_id())?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, token.header());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        if call.method != Method::GET && call.method != Method::DELETE {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        call.read_answer(self.0.http.send(request, deadline).await, deadline).await
    }
}

#[cfg(test)]
mod tests;
