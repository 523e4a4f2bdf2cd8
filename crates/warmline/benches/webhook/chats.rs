//! The live chats: how they come about, what is posted into them, and whether all of it arrived.

use std::{collections::HashMap, io::Write, net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    instance::Asked,
    server::{DIRECT_LINE_SECRET, Server, WEBHOOK_SECRET},
};

/// The webhook's path.
pub(crate) const PATH: &str = "/api/v1/snowBot/receiveMessage";

/// Requests under way while chats are prepared or read.
const AT_ONCE: usize = 32;

/// How long every request for an agent may take to reach the instance.
const ASKED_WITHIN: Duration = Duration::from_mins(1);

/// The chats whose pages are read at the end, evenly spread: enough to meet most connections.
const CHECKED_MAX: usize = 50;

/// Stands before the number in what the agent says.
const MARK: &str = "No. ";

/// Where a message's number goes while its template is made.
const BLANK: &str = "##########";

/// One user's live chat.
#[derive(Debug)]
pub(crate) struct Chat {
    number: usize,
    conversation: String,
    token: String,
    asked: Asked,
}

/// What is posted into one chat: one message after the other, made in place.
#[derive(Debug)]
pub(crate) struct Feed {
    /// The chat's number.
    pub(crate) chat: usize,
    /// How many messages were made.
    pub(crate) sent: u64,
    /// The size of a request's body.
    pub(crate) body_bytes: usize,
    request: Vec<u8>,
    blanks: Vec<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    conversation_id: String,
    token: String,
}

#[derive(Debug, Deserialize)]
struct Set {
    activities: Vec<Value>,
    watermark: String,
}

/// Makes the chats: each user starts a conversation, asks for an agent, and gets one.
pub(crate) async fn open(
    gateway: &Server,
    count: usize,
    mut asked: UnboundedReceiver<Asked>,
) -> anyhow::Result<Vec<Chat>> {
    let http = client()?;
    let started: Vec<Started> = stream::iter(0..count)
        .map(|_| ask_for_agent(&http, gateway.address))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut requests = HashMap::new();
    let every_request = async {
        while requests.len() < count {
            let request = asked.recv().await.context("the instance ended")?;
            requests.insert(request.user_id.clone(), request);
        }
        anyhow::Ok(())
    };
    let every_request = tokio::time::timeout(ASKED_WITHIN, every_request).await;
    every_request.context("not every request for an agent reached the instance")??;
    let chats = started.into_iter().enumerate().map(|(number, started)| {
        // Without a user in the token, the desk knows the user by the conversation.
        let asked = requests.remove(&started.conversation_id);
        let asked = asked.context("a request for an agent names another user")?;
        let Started { conversation_id: conversation, token } = started;
        Ok(Chat { number, conversation, token, asked })
    });
    let chats: Vec<Chat> = chats.collect::<anyhow::Result<_>>()?;
    stream::iter(&chats)
        .map(|chat| accept(&http, gateway.address, chat))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(chats)
}

fn client() -> anyhow::Result<reqwest::Client> {
    // Loopback only, whatever proxy the person's environment names.
    Ok(reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?)
}

async fn ask_for_agent(http: &reqwest::Client, gateway: SocketAddr) -> anyhow::Result<Started> {
    let conversations = format!("http://{gateway}/v3/directline/conversations");
    let start = http.post(&conversations).bearer_auth(DIRECT_LINE_SECRET);
    let started: Started = start.send().await?.error_for_status()?.json().await?;
    let says = json!({ "type": "message", "text": "agent", "from": { "id": "kim" } });
    let post = http.post(format!("{conversations}/{}/activities", started.conversation_id));
    post.bearer_auth(&started.token).json(&says).send().await?.error_for_status()?;
    Ok(started)
}

/// An agent takes the chat.
async fn accept(http: &reqwest::Client, gateway: SocketAddr, chat: &Chat) -> anyhow::Result<()> {
    let callback = chat.callback(&json!({
        "uiType": "ActionMsg",
        "actionType": "SwitchToLiveAgent",
        "agentInfo": agent(),
    }));
    let post = http.post(format!("http://{gateway}{PATH}")).bearer_auth(WEBHOOK_SECRET);
    post.json(&callback).send().await?.error_for_status()?;
    Ok(())
}

fn agent() -> Value {
    json!({ "sentFromAgent": true, "agentName": "Dana", "agentId": "6816f79cc0a8016401c5a33be04be441" })
}

impl Chat {
    /// The envelope that an instance puts around an item (reference 5.1).
    fn callback(&self, item: &Value) -> Value {
        json!({
            "requestId": self.asked.request_id,
            "clientSessionId": self.asked.client_session_id,
            "userId": self.asked.user_id,
            "clientVariables": self.asked.client_variables,
            "agentChat": true,
            "body": [item],
        })
    }
}

impl Feed {
    /// What an agent says in this chat, as requests to this server.
    pub(crate) fn new(chat: &Chat, to: SocketAddr) -> Self {
        let body = chat
            .callback(&json!({
                "uiType": "OutputText",
                "group": "DefaultText",
                "value": format!("{MARK}{BLANK}: I can see the slip now, one moment please."),
                "maskType": "NONE",
                // 32 digits, as the instance's own ids.
                "messageId": format!("{:022x}{BLANK}", chat.number),
                "agentInfo": agent(),
            }))
            .to_string();
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {WEBHOOK_SECRET}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let blanks = request.match_indices(BLANK).map(|(at, _)| at).collect();
        let (chat, body_bytes) = (chat.number, body.len());
        Self { chat, sent: 0, body_bytes, request: request.into_bytes(), blanks }
    }

    /// The next request, whole.
    pub(crate) fn next(&mut self) -> &[u8] {
        self.sent += 1;
        for &at in &self.blanks {
            let mut blank = &mut self.request[at..at + BLANK.len()];
            write!(blank, "{:010}", self.sent).expect("a blank has room for ten digits");
        }
        &self.request
    }
}

/// Reads what the pages of some chats see, and fails unless that is what was sent, in order.
/// Returns how many messages were compared.
pub(crate) async fn check(gateway: &Server, chats: &[Chat], feeds: &[Feed]) -> anyhow::Result<u64> {
    let http = client()?;
    let every = chats.len().div_ceil(CHECKED_MAX);
    let pages = chats.iter().zip(feeds).step_by(every);
    stream::iter(pages)
        .map(|(chat, feed)| check_one(&http, gateway.address, chat, feed))
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |sum, seen| Ok(sum + seen))
        .await
}

async fn check_one(
    http: &reqwest::Client,
    gateway: SocketAddr,
    chat: &Chat,
    feed: &Feed,
) -> anyhow::Result<u64> {
    ensure!(chat.number == feed.chat, "the feeds are out of order");
    let base = format!("http://{gateway}/v3/directline/conversations/{}", chat.conversation);
    let (mut seen, mut watermark) = (0, String::new());
    loop {
        let get = http.get(format!("{base}/activities")).query(&[("watermark", &watermark)]);
        let answer = get.bearer_auth(&chat.token).send().await?.error_for_status()?;
        let set: Set = answer.json().await?;
        if set.activities.is_empty() {
            break;
        }
        for number in set.activities.iter().filter_map(number_of) {
            seen += 1;
            ensure!(number == seen, "a page sees message {number} where {seen} should be");
        }
        watermark = set.watermark;
    }
    ensure!(seen == feed.sent, "a page sees {seen} messages of {} that were sent", feed.sent);
    Ok(seen)
}

/// The number of an agent's message; nothing for other activities.
fn number_of(activity: &Value) -> Option<u64> {
    let (_, rest) = activity["text"].as_str()?.split_once(MARK)?;
    rest.get(..BLANK.len())?.parse().ok()
}
