//! Examining an instance: the questions that `warmline check` asks, none of which opens a chat or
//! reads what anybody said.
//!
//! Owns the harmless requests and the meaning of their answers. What an administrator is told is
//! its caller's business.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use outbound::headers::{date_ms, says_json};
use outbound::{ANSWER_BYTES_MAX, Answer};
use serde_json::Value;
use tokio::time::Instant;

use super::{Client, FetchError, SendError, answer, missed};
use crate::token::{self, CredentialFault, Examined};

/// The table of providers, where *Maintain message ordering* is (reference 6).
pub(super) const PROVIDERS_PATH: &str = "/api/now/table/sys_cs_provider";

/// The provider of this API, by its name on a stock instance (reference 8).
const PROVIDER: &str = "VA Bot to Bot Provider";

/// The most providers looked at. Stock instances have one of this name.
const PROVIDERS_MAX: usize = 10;

/// A body that is no JSON. The instance refuses it with 400 before anything can come of it, and
/// only after it has let us in: who may not call is answered 401, 403 or 404 first (reference 4.1).
const NO_JSON: &[u8] = b"{";

/// What asking for a token showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenExamined {
    /// How long the instance took.
    pub took: Duration,
    /// The instance's clock, in milliseconds since 1970, if its answer has a `Date`.
    pub date_ms: Option<i64>,
    /// What is wrong with the credentials, if the instance refused them.
    pub fault: Option<CredentialFault>,
    /// How long the token lives, or why there is none.
    pub lifetime: Result<Duration, SendError>,
}

/// Whether the integration user may read what was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesReadable {
    /// A row came.
    Yes,
    /// The instance lets us ask, and there is no row that could prove that it answers.
    NothingThere,
}

/// Whether callbacks come in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// *Maintain message ordering* is on.
    On,
    /// It is off.
    Off,
    /// The table can be read, but neither the provider nor the setting is there by its usual name.
    NotFound,
}

impl Client {
    /// Asks for a token with the credentials. It becomes the token of this client.
    pub async fn examine_token(&self) -> TokenExamined {
        if self.tokens.source().is_without_tokens() {
            return self.examine_user().await;
        }
        let Examined { took, date_ms, fault, asked } =
            token::examine(&self.tokens, self.until()).await;
        TokenExamined { took, date_ms, fault, lifetime: asked.map(|got| got.token.lifetime) }
    }

    /// Comes with name and password to where every request goes.
    async fn examine_user(&self) -> TokenExamined {
        let asked_at = Instant::now();
        let answer = self.call(|| self.nothing(), ANSWER_BYTES_MAX, self.until()).await;
        let took = asked_at.elapsed();
        match answer {
            Ok(answer) => {
                let (date_ms, lifetime) = (date_ms(&answer.headers), Ok(Duration::MAX));
                TokenExamined { took, date_ms, fault: None, lifetime }
            }
            Err(error) => {
                let refused = error.code() == token::CREDENTIALS_REFUSED;
                let fault = refused.then_some(CredentialFault::User);
                TokenExamined { took, date_ms: None, fault, lifetime: Err(error) }
            }
        }
    }

    /// A request that asks for nothing.
    fn nothing(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from_static(NO_JSON)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request
    }

    /// Asks whether the Bot Integration resource would take a request from us, without making one.
    pub async fn examine_endpoint(&self) -> Result<(), SendError> {
        let answer = self.call(|| self.nothing(), ANSWER_BYTES_MAX, self.until()).await?;
        // That it is malformed is what we want to hear.
        if answer.status == StatusCode::BAD_REQUEST && says_json(&answer.headers) {
            return Ok(());
        }
        match answer::read(&answer, &Bytes::from_static(NO_JSON)) {
            Err(SendError::Refused { code: "refused", status: Some(200), .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Asks for one row of the table of messages, and not for its words.
    pub async fn examine_messages(&self) -> Result<MessagesReadable, FetchError> {
        let query = "sysparm_fields=sys_id,conversation&sysparm_limit=1";
        let rows = self.rows(&self.messages, query).await?;
        Ok(if rows.is_empty() { MessagesReadable::NothingThere } else { MessagesReadable::Yes })
    }

    /// Asks how the provider is set up.
    pub async fn examine_ordering(&self) -> Result<Ordering, FetchError> {
        let query = format!(
            "sysparm_query=name%3D{}&sysparm_limit={PROVIDERS_MAX}",
            PROVIDER.replace(' ', "%20")
        );
        Ok(ordering(&self.rows(&self.providers, &query).await?))
    }

    async fn rows(&self, table: &Uri, query: &str) -> Result<Vec<Value>, FetchError> {
        let uri: Uri = format!("{table}?{query}")
            .parse()
            .map_err(|_| missed::unreadable("the query does not make an address"))?;
        let get = || {
            let mut request = Request::new(Full::default());
            *request.uri_mut() = uri.clone();
            request
        };
        let answer: Answer = self.call(get, ANSWER_BYTES_MAX, self.until()).await?;
        missed::rows(&answer)
    }

    fn until(&self) -> Instant {
        Instant::now() + self.attempt_timeout
    }
}

/// The documentation names the setting and not its column, so the column is known by what it must
/// hold: a yes or no, and the word.
fn ordering(providers: &[Value]) -> Ordering {
    let settings = providers.iter().filter_map(Value::as_object).flatten();
    let mut answers = settings.filter(|(column, _)| column.contains("order")).filter_map(
        |(_, value)| match value.get("value").unwrap_or(value) {
            Value::Bool(on) => Some(*on),
            Value::String(text) => text.parse().ok(),
            _ => None,
        },
    );
    match answers.next() {
        None => Ordering::NotFound,
        Some(first) if answers.fold(first, |all, on| all && on) => Ordering::On,
        Some(_) => Ordering::Off,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_ordering_is_read_from_whatever_column_holds_it() {
        for (providers, expected) in [
            (json!([{"name": "p", "maintain_message_ordering": "true"}]), Ordering::On),
            (json!([{"message_order": {"value": "false"}}]), Ordering::Off),
            (json!([{"u_ordering": true}, {"u_ordering": false}]), Ordering::Off),
            (json!([{"order": "100"}]), Ordering::NotFound),
            (json!([{"name": "p"}]), Ordering::NotFound),
            (json!([]), Ordering::NotFound),
        ] {
            let rows = providers.as_array().unwrap();
            assert_eq!(ordering(rows), expected, "{providers}");
        }
    }
}
