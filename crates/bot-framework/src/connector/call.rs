//! One call of the Connector: what is asked, how much of the answer is read, whether a repeat shows
//! anything twice.

use bytes::Bytes;
use http::{Method, StatusCode};
use outbound::headers::says_html;
use outbound::{Answer, Head, HttpError};
use tokio::time::Instant;

use super::refusal::{no_answer, not_a_connector, too_large};
use super::{ConnectorError, ServiceUrl, answer};

/// The largest answer read where it carries something: a roster's page of 500 has some 200 KB.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// How much is read of an answer that carries an id, or the code of a refusal.
const START_BYTES_MAX: usize = 64 * 1024;

/// A channel's own words about a call, for the log, are at most this long.
const TRACK_CHARS_MAX: usize = 128;

/// How an operator, or Microsoft's support, finds a call again.
const TRACKS: [&str; 3] = ["x-correlating-operationid", "ms-cv", "contextid"];

/// One call.
pub(super) struct Call<'a> {
    pub(super) to: &'a ServiceUrl,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Bytes,
    kind: Kind,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something is shown or changed: the status says it all, the rest is an id.
    Changes,
    /// Something is read.
    Reads,
    /// Something is read for a bot, and a refusal may be the bot's.
    Relays,
}

/// Whether a call that may have arrived can be made again without anybody noticing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// Nothing is changed by it.
    Unseen,
    /// The user may have it twice.
    Seen,
}

impl<'a> Call<'a> {
    pub(super) fn create(to: &'a ServiceUrl, path: String, body: String) -> Self {
        Self::changes(to, Method::POST, path, body)
    }

    pub(super) fn update(to: &'a ServiceUrl, path: String, body: String) -> Self {
        Self::changes(to, Method::PUT, path, body)
    }

    pub(super) fn delete(to: &'a ServiceUrl, path: String) -> Self {
        Self::changes(to, Method::DELETE, path, String::new())
    }

    pub(super) fn read(to: &'a ServiceUrl, path: String) -> Self {
        Self { kind: Kind::Reads, ..Self::changes(to, Method::GET, path, String::new()) }
    }

    pub(super) fn relayed(to: &'a ServiceUrl, path: String) -> Self {
        Self { kind: Kind::Relays, ..Self::read(to, path) }
    }

    fn changes(to: &'a ServiceUrl, method: Method, path: String, body: String) -> Self {
        Self { to, method, path, body: Bytes::from(body), kind: Kind::Changes }
    }

    pub(super) fn repeats(&self) -> Repeats {
        match self.kind {
            Kind::Changes => Repeats::Seen,
            Kind::Reads | Kind::Relays => Repeats::Unseen,
        }
    }

    /// Whether an answer is one to its caller.
    pub(super) fn accepts(&self, answer: &Answer) -> bool {
        let is_the_bots = || {
            let own = [
                StatusCode::BAD_REQUEST,
                StatusCode::FORBIDDEN,
                StatusCode::NOT_FOUND,
                StatusCode::METHOD_NOT_ALLOWED,
            ];
            self.kind == Kind::Relays && own.contains(&answer.status)
        };
        answer.status.is_success() || is_the_bots()
    }

    /// Reads an answer, as much of it as there is use for.
    pub(super) async fn read_answer(
        &self,
        head: Result<Head, HttpError>,
        deadline: Instant,
    ) -> Result<Answer, ConnectorError> {
        let head = head.map_err(|error| no_answer(&error, self.repeats()))?;
        let carries = head.status.is_success() && self.kind != Kind::Changes;
        let answer = if carries {
            let answer = head.read_up_to(ANSWER_BYTES_MAX, deadline).await;
            answer.map_err(|error| match error {
                HttpError::TooLarge { .. } => too_large(),
                error => no_answer(&error, self.repeats()),
            })?
        } else {
            head.read_start(START_BYTES_MAX, deadline).await
        };
        let is_page = answer.status.is_success()
            && says_html(&answer.headers)
            && answer.body.trim_ascii_start().starts_with(b"<");
        if is_page { Err(not_a_connector(answer.status)) } else { Ok(answer) }
    }

    /// Writes down where a call that failed can be found again. No word of a message is in it. Whoever
    /// made the call says that it failed; this is for those who ask the channel's operator about it.
    pub(super) fn log(&self, answer: &Answer, error: &ConnectorError) {
        let [operation, cv, context] = TRACKS.map(|name| {
            let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().chars().take(TRACK_CHARS_MAX).collect::<String>()
        });
        tracing::debug!(
            code = error.code(),
            said = answer::said(answer).code.as_deref().unwrap_or_default(),
            status = answer.status.as_u16(),
            method = self.method.as_str(),
            operation,
            cv,
            context,
            "the channel did not take a call"
        );
    }
}
