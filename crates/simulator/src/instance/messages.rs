//! The rows of `sys_cs_message` that agents' messages and the instance's own texts make, delivered
//! or not (reference 6).
//!
//! Owns the rows and their limit. Who may read them and how they are asked for is the door's
//! business.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Callback, Instance, Speaker};

/// How many rows are kept; the oldest go first.
const ROWS_MAX: usize = 200_000;

/// Whose message a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    Agent,
    /// The instance's own text about the chat: somebody came, somebody closed it, nobody speaks.
    System,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// What callbacks call `messageId`, where they carry it.
    pub(crate) sys_id: String,
    pub(crate) author: Author,
    /// The conversation's `sys_id`.
    pub(crate) conversation: String,
    /// The item as it was told, as JSON in a string.
    pub(crate) payload: String,
    /// When, in milliseconds since the epoch.
    pub(crate) sent_at: u64,
}

/// The table, oldest row first.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    rows: VecDeque<Message>,
}

impl Messages {
    fn keep(&mut self, row: Message) {
        if self.rows.len() == ROWS_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Message> {
        self.rows.iter()
    }
}

impl Instance {
    /// Writes down what an agent said, and the system texts beside it. To be called with the
    /// callbacks of moments in which nobody else says anything.
    pub(super) fn keep_messages(&mut self, told: &[Callback], now: u64) {
        self.keep(
            told,
            |item| match (item["uiType"].as_str(), item["actionType"].as_str()) {
                (_, Some("System")) => Some(Author::System),
                (Some(kind), None) if kind != "ActionMsg" => Some(Author::Agent),
                _ => None,
            },
            now,
        );
    }

    /// Writes down the system texts of a moment.
    pub(super) fn keep_system_texts(&mut self, told: &[Callback], now: u64) {
        let author = |item: &Value| (item["actionType"] == "System").then_some(Author::System);
        self.keep(told, author, now);
    }

    /// Writes down how a chat was closed, also where the callbacks do not say it in words.
    pub(super) fn keep_closing(&mut self, number: u64, told: &[Callback], closed: &str, now: u64) {
        let is_system = |item: &Value| item["actionType"] == "System";
        let mut items = told.iter().filter_map(|told| told.body["body"].as_array()).flatten();
        if items.any(is_system) {
            return self.keep_system_texts(told, now);
        }
        let sys_id = self.sys_id();
        let Some(conversation) = self.conversations.get(&number) else { return };
        let item = json!({"uiType": "ActionMsg", "actionType": "System", "message": closed});
        self.messages.keep(Message {
            sys_id,
            author: Author::System,
            conversation: conversation.sys_id.clone(),
            payload: payload(&item),
            sent_at: now,
        });
    }

    fn keep(&mut self, told: &[Callback], author: impl Fn(&Value) -> Option<Author>, now: u64) {
        for callback in told {
            let number = callback.conversation;
            let Some(conversation) = self.conversations.get(&number) else { continue };
            let conversation = conversation.sys_id.clone();
            for item in callback.body["body"].as_array().into_iter().flatten() {
                let Some(author) = author(item) else { continue };
                // The table has ids also where the app is too old to tell them.
                let sys_id = match item["messageId"].as_str() {
                    Some(id) => {
                        self.name_line(number, id, item);
                        id.to_owned()
                    }
                    None => self.sys_id(),
                };
                self.messages.keep(Message {
                    sys_id,
                    author,
                    conversation: conversation.clone(),
                    payload: payload(item),
                    sent_at: now,
                });
            }
        }
    }
}

impl Instance {
    /// Remembers by which id the primary bot knows an agent's line.
    fn name_line(&mut self, number: u64, id: &str, item: &Value) {
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        let words = item["value"].as_str().or(item["message"].as_str());
        let line = conversation.lines.iter_mut().rev().find(|line| {
            let told = line.file.is_some() || words == Some(line.text.as_str());
            line.from == Speaker::Agent && line.id.is_none() && told
        });
        if let Some(line) = line {
            line.id = Some(id.to_owned());
        }
    }
}

/// The item without the id, which is the row's own.
fn payload(item: &Value) -> String {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.remove("messageId");
    }
    item.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_row_goes_first() {
        let row = |serial: usize| Message {
            sys_id: serial.to_string(),
            author: Author::Agent,
            conversation: String::new(),
            payload: String::new(),
            sent_at: 0,
        };
        let mut messages = Messages::default();
        (0..=ROWS_MAX).for_each(|serial| messages.keep(row(serial)));
        assert_eq!(messages.rows().count(), ROWS_MAX);
        assert_eq!(messages.rows().next().map(|row| row.sys_id.as_str()), Some("1"));
    }
}
