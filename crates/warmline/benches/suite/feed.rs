//! What is said in a chat: one numbered message after the other, written into prepared bytes.

use std::{io::Write, net::SocketAddr};

use serde_json::json;

use crate::{
    chats::{Chat, PATH, agent},
    http::request,
    server::WEBHOOK_SECRET,
};

/// Stands before the number of a message and the number of its chat.
const MARK: &str = "No. ";

/// Stands before the number of a question.
const QUESTION: &str = "Question ";

/// Stands between the two.
const OF: &str = " of ";

/// Digits of each.
const DIGITS: usize = 10;

/// Where a message's number goes while its template is made.
const BLANK: &str = "##########";

/// What is posted into one chat. A message is made, and made again until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Feed {
    /// The chat's number.
    pub(crate) chat: usize,
    /// How many messages were made.
    pub(crate) sent: u64,
    /// How many of them were answered with success.
    pub(crate) acknowledged: u64,
    /// The size of a request's body.
    pub(crate) body_bytes: usize,
    request: Vec<u8>,
    blanks: Vec<usize>,
}

impl Feed {
    /// What an agent says in this chat: callbacks to this server.
    pub(crate) fn agents(chat: &Chat, to: SocketAddr) -> Self {
        let body = chat.callback(&json!({
            "uiType": "OutputText",
            "group": "DefaultText",
            "value": format!("{}: I can see the slip now, one moment.", words(chat)),
            "maskType": "NONE",
            // 32 digits, as the instance's own ids.
            "messageId": format!("{:022x}{BLANK}", chat.number),
            "agentInfo": agent(),
        }));
        Self::new(chat, PATH, to, WEBHOOK_SECRET, &body.to_string())
    }

    /// What the user says in this chat: activities to this server.
    pub(crate) fn users(chat: &Chat, to: SocketAddr) -> Self {
        let body = json!({
            "type": "message",
            "from": { "id": "kim" },
            "locale": "en-US",
            "textFormat": "plain",
            "text": format!("{}: the slip is the one of last month.", words(chat)),
            "channelData": { "clientActivityID": format!("{:x}-{BLANK}", chat.number) },
        });
        let path = format!("{}/activities", chat.path());
        Self::new(chat, &path, to, &chat.token, &body.to_string())
    }

    /// What the user asks a bot in this chat: activities to this server. The bot's answers are the
    /// messages that count.
    pub(crate) fn questions(chat: &Chat, to: SocketAddr) -> Self {
        let body = json!({
            "type": "message",
            "from": { "id": "kim" },
            "locale": "en-US",
            "textFormat": "plain",
            "text": question(chat),
            "channelData": { "clientActivityID": format!("{:x}-{BLANK}", chat.number) },
        });
        let path = format!("{}/activities", chat.path());
        Self::new(chat, &path, to, &chat.token, &body.to_string())
    }

    /// The same to the bot itself, as a channel would send it.
    pub(crate) fn to_bot(chat: &Chat, to: SocketAddr) -> Self {
        let body = json!({
            "type": "message",
            "id": format!("{:x}-{BLANK}", chat.number),
            "channelId": "directline",
            "serviceUrl": format!("http://{to}/"),
            "conversation": { "id": format!("c{}", chat.number) },
            "from": { "id": "kim", "role": "user" },
            "recipient": { "id": "bot", "role": "bot" },
            "locale": "en-US",
            "textFormat": "plain",
            "text": question(chat),
            "deliveryMode": "expectReplies",
        });
        Self::new(chat, "/api/messages", to, "nobody-looks", &body.to_string())
    }

    fn new(chat: &Chat, path: &str, to: SocketAddr, bearer: &str, body: &str) -> Self {
        let request = request("POST", path, to, bearer, body);
        let blanks = request.match_indices(BLANK).map(|(at, _)| at).collect();
        Self {
            chat: chat.number,
            sent: 0,
            acknowledged: 0,
            body_bytes: body.len(),
            request: request.into_bytes(),
            blanks,
        }
    }

    /// The next message's request, whole.
    pub(crate) fn next(&mut self) -> &[u8] {
        self.sent += 1;
        for &at in &self.blanks {
            let mut blank = &mut self.request[at..at + BLANK.len()];
            write!(blank, "{:010}", self.sent).expect("a blank has room for ten digits");
        }
        &self.request
    }

    /// The same request again, or the next one if the last was acknowledged.
    pub(crate) fn pending(&mut self) -> &[u8] {
        if self.sent > self.acknowledged { &self.request } else { self.next() }
    }

    /// The last message was answered with success.
    pub(crate) fn acknowledge(&mut self) {
        self.acknowledged = self.sent;
    }
}

/// A question, of which no part looks like a message.
fn question(chat: &Chat) -> String {
    format!("{QUESTION}{BLANK}{OF}{:010}: is my pay slip there?", chat.number)
}

/// What the bot answers a question.
pub(crate) fn answer(question: &str) -> String {
    question.replacen(QUESTION, MARK, 1)
}

/// What is in every message, agent's or user's.
fn words(chat: &Chat) -> String {
    format!("{MARK}{BLANK}{OF}{:010}", chat.number)
}

/// The messages that a text holds, in order: chat and number of each.
pub(crate) fn messages(text: &str) -> impl Iterator<Item = (usize, u64)> {
    text.match_indices(MARK).filter_map(move |(at, _)| {
        let rest = &text[at + MARK.len()..];
        let (number, rest) = (rest.get(..DIGITS)?, rest.get(DIGITS..)?);
        let chat = rest.strip_prefix(OF)?.get(..DIGITS)?;
        Some((chat.parse().ok()?, number.parse().ok()?))
    })
}
