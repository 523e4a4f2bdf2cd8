//! The rows of `sys_cs_message` that agents' messages make, delivered or not (reference 6).
//!
//! Owns the rows and their limit. Who may read them and how they are asked for is the door's
//! business.

use std::collections::VecDeque;

use serde_json::Value;

use super::{Callback, Instance};

/// How many rows are kept; the oldest go first.
const ROWS_MAX: usize = 200_000;

/// One message of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// What callbacks call `messageId`, where they carry it.
    pub(crate) sys_id: String,
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
    /// Writes down what an agent said. To be called with the callbacks of moments in which nobody
    /// else says anything.
    pub(super) fn keep_messages(&mut self, told: &[Callback], now: u64) {
        for callback in told {
            let Some(conversation) = self.conversations.get(&callback.conversation) else {
                continue;
            };
            let conversation = conversation.sys_id.clone();
            for item in callback.body["body"].as_array().into_iter().flatten() {
                if item["uiType"] != "OutputText" {
                    continue;
                }
                // The table has ids also where the app is too old to tell them.
                let sys_id = match item["messageId"].as_str() {
                    Some(id) => id.to_owned(),
                    None => self.sys_id(),
                };
                self.messages.keep(Message {
                    sys_id,
                    conversation: conversation.clone(),
                    payload: payload(item),
                    sent_at: now,
                });
            }
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
