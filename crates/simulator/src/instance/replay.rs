//! A conversation whose callbacks come from a recording.
//!
//! Owns how a recorded callback becomes one of the live conversation, and what the user's requests
//! still do meanwhile: they are written down, and nothing else.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Callback, Conversation, Instance, Phase};
use crate::request::Request;

impl Instance {
    /// A request of a user whose conversation is being replayed.
    pub(crate) fn hear(&mut self, number: u64, request: &Request, now: u64) {
        self.note(number, request);
        self.user_line(number, request, now);
    }

    /// A recorded callback with the labels and ids of the live conversation. Equal ids stay equal.
    pub(crate) fn replayed(
        &mut self,
        number: u64,
        mut body: Map<String, Value>,
        ids: &mut HashMap<String, String>,
    ) -> Option<Callback> {
        let conversation = self.conversations.get(&number)?;
        conversation.echo.relabel(&mut body);
        let own = (conversation.sys_id.clone(), conversation.interaction_id.clone());
        let ends = body.get("completed").is_some_and(|completed| completed == true);
        if let Some(id) = body.get_mut("interactionId") {
            *id = own.1.clone().into();
        }
        if let Some(items) = body.get_mut("body") {
            self.rename(items, &own, ids);
        }
        Some(Callback { conversation: number, body: Value::Object(body), ends })
    }

    /// The last recorded callback was told.
    pub(crate) fn end_replay(&mut self, number: u64, now: u64) {
        let open = |c: &Conversation| c.phase != Phase::Closed;
        if !self.conversations.get(&number).is_some_and(open) {
            return;
        }
        self.close(number, None, "the recording is over", now);
    }

    fn rename(
        &mut self,
        value: &mut Value,
        own: &(String, String),
        ids: &mut HashMap<String, String>,
    ) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item, own, ids)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), &value) {
                        ("conversationId", Value::String(_)) => *value = own.0.clone().into(),
                        ("interactionId" | "chatSessionId", Value::String(_)) => {
                            *value = own.1.clone().into();
                        }
                        ("messageId" | "parentMessageId" | "streamId", Value::String(old)) => {
                            if !ids.contains_key(old) {
                                let fresh = self.sys_id();
                                ids.insert(old.clone(), fresh);
                            }
                            if let Some(id) = ids.get(old) {
                                *value = id.clone().into();
                            }
                        }
                        _ => self.rename(value, own, ids),
                    }
                }
            }
            _ => {}
        }
    }
}
