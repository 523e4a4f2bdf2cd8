//! The bodies of Direct Line 3.0: what a server reads from its clients and writes to them
//! (reference 4.1).
//!
//! It owns the spelling, including the odd one out, `expires_in`. It never decides who may do what;
//! that is for whoever holds the tokens of [`token`].

mod error;
mod origin;
mod parameters;
mod watermark;

pub mod token;

use std::fmt;

use serde::Serialize;

pub use error::{ErrorBody, ErrorCode};
pub use origin::{Origin, OriginError};
pub use parameters::{ParameterError, TokenParameters, TokenUser};
pub use watermark::{Watermark, WatermarkError};

/// How long a token is said to live, in seconds: what every client assumes (reference 4.2).
pub const TOKEN_LIFETIME_S: u32 = 1800;

/// The answer to `tokens/generate`, `tokens/refresh`, starting a conversation and reconnecting to
/// one.
///
/// Token and stream address open the conversation, so the debug form leaves them out.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// The conversation's id.
    pub conversation_id: String,
    /// The bearer token for this conversation.
    pub token: String,
    /// Seconds until the token expires; usually [`TOKEN_LIFETIME_S`].
    #[serde(rename = "expires_in")]
    pub expires_in: u32,
    /// Where the stream is, opened verbatim by clients; absent in the answers about tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_url: Option<String>,
    /// An id for speech grammars; clients merely keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_grammar_id: Option<String>,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("conversation_id", &self.conversation_id)
            .finish_non_exhaustive()
    }
}

/// A page of a conversation: the answer to reading activities, and the only non-empty frame that a
/// stream may carry (reference 4.3).
///
/// The activities are JSON texts as [`Activity::to_json`](crate::Activity::to_json) wrote them,
/// copied without another look: history is read far more often than written.
pub struct ActivitySet<T> {
    /// The activities, each one JSON object.
    pub activities: Vec<T>,
    /// Up to where this page goes. Without one the client's own stays as it is, which is right for
    /// what is not in the log, such as typing.
    pub watermark: Option<Watermark>,
}

impl<T: AsRef<str>> ActivitySet<T> {
    /// The set's JSON.
    pub fn to_json(&self) -> String {
        // Room for the frame around the activities, with a watermark of up to twenty digits.
        const FRAME_BYTES: usize = 64;
        let bytes: usize = self.activities.iter().map(|activity| activity.as_ref().len() + 1).sum();
        let mut out = String::with_capacity(bytes + FRAME_BYTES);
        out.push_str(r#"{"activities":["#);
        for (at, activity) in self.activities.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            out.push_str(activity.as_ref());
        }
        out.push(']');
        if let Some(watermark) = self.watermark {
            out.push_str(r#","watermark":""#);
            out.push_str(&watermark.to_string());
            out.push('"');
        }
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conversation_is_spelt_as_clients_read_it() {
        let mut answer = Conversation {
            conversation_id: "c1".to_owned(),
            token: "t1".to_owned(),
            expires_in: TOKEN_LIFETIME_S,
            stream_url: None,
            reference_grammar_id: None,
        };
        assert_eq!(json!(answer), json!({"conversationId":"c1","token":"t1","expires_in":1800}));
        answer.stream_url = Some("wss://h/s".to_owned());
        answer.reference_grammar_id = Some("g".to_owned());
        assert_eq!(
            json!(answer),
            json!({"conversationId":"c1","token":"t1","expires_in":1800,"streamUrl":"wss://h/s",
                "referenceGrammarId":"g"})
        );
        let shown = format!("{answer:?}");
        assert!(shown.contains("c1") && !shown.contains("t1") && !shown.contains("wss"), "{shown}");
    }

    #[test]
    fn an_activity_set_holds_its_activities_and_a_watermark_in_quotes() {
        for (activities, watermark, expected) in [
            (vec![], None, r#"{"activities":[]}"#),
            (vec![r#"{"a":1.0}"#], None, r#"{"activities":[{"a":1.0}]}"#),
            (
                vec![r#"{"a":1}"#, r#"{"b":2}"#],
                Some(Watermark::new(17)),
                r#"{"activities":[{"a":1},{"b":2}],"watermark":"17"}"#,
            ),
            (vec![], Some(Watermark::START), r#"{"activities":[],"watermark":"0"}"#),
        ] {
            assert_eq!(ActivitySet { activities, watermark }.to_json(), expected);
        }
    }
}
