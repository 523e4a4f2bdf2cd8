//! The live chats: how they come about, and whether everything that was said is on their pages.

use std::{collections::HashMap, net::SocketAddr, ops::Range, time::Duration};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinSet};

use crate::{
    feed::{Feed, messages},
    http::{Connection, request},
    instance::Asked,
    server::{DIRECT_LINE_SECRET, Server, WEBHOOK_SECRET},
};

/// The webhook's path.
pub(crate) const PATH: &str = "/api/v1/snowBot/receiveMessage";

/// Where conversations are.
pub(crate) const CONVERSATIONS: &str = "/v3/directline/conversations";

/// Connections while chats are prepared or read.
const AT_ONCE: usize = 32;

/// How long the next request for an agent may take to reach the instance.
const ASKED_WITHIN: Duration = Duration::from_secs(30);

/// The chats whose pages are read at the end, evenly spread: enough to meet most connections.
const CHECKED_MAX: usize = 50;

/// One user's live chat.
#[derive(Debug, Clone)]
pub(crate) struct Chat {
    pub(crate) number: usize,
    pub(crate) token: String,
    pub(crate) conversation: String,
    request_id: String,
    session: String,
    variables: Value,
    user: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    conversation_id: String,
    token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reconnected {
    stream_url: String,
}

#[derive(Debug, Deserialize)]
struct Set {
    activities: Vec<Value>,
    watermark: String,
}

/// Makes the chats: each user starts a conversation, asks for an agent, and gets one.
pub(crate) async fn open(
    gateway: SocketAddr,
    count: usize,
    asked: &mut UnboundedReceiver<Asked>,
) -> anyhow::Result<Vec<Chat>> {
    let mut asking = JoinSet::new();
    for share in shares(count) {
        asking.spawn(ask_for_agents(gateway, share));
    }
    let mut started = Vec::new();
    while let Some(share) = asking.join_next().await {
        started.extend(share??);
    }
    started.sort_by_key(|(number, _)| *number);
    let mut requests = HashMap::new();
    while requests.len() < count {
        let request = tokio::time::timeout(ASKED_WITHIN, asked.recv()).await;
        let request = request.context("not every request for an agent reached the instance")?;
        let request = request.context("the instance ended")?;
        requests.insert(request.user_id.clone(), request);
    }
    let chats = started.into_iter().map(|(number, started)| {
        // Without a user in the token, the desk knows the user by the conversation.
        let asked = requests.remove(&started.conversation_id);
        let asked = asked.context("a request for an agent names another user")?;
        Ok(Chat {
            number,
            token: started.token,
            conversation: started.conversation_id,
            request_id: asked.request_id,
            session: asked.client_session_id,
            variables: asked.client_variables,
            user: asked.user_id,
        })
    });
    let chats: Vec<Chat> = chats.collect::<anyhow::Result<_>>()?;
    let mut accepting = JoinSet::new();
    for share in shares(count) {
        accepting.spawn(accept(gateway, chats[share].to_vec()));
    }
    while let Some(share) = accepting.join_next().await {
        share??;
    }
    Ok(chats)
}

/// Conversations that are with the bot.
pub(crate) async fn with_bot(gateway: SocketAddr, count: usize) -> anyhow::Result<Vec<Chat>> {
    let mut connection = Connection::open(gateway).await?;
    let mut chats = Vec::new();
    for number in 0..count {
        let Started { conversation_id, token } = connection.ask(&start(gateway)).await?;
        chats.push(Chat {
            number,
            token,
            conversation: conversation_id,
            request_id: String::new(),
            session: String::new(),
            variables: Value::Null,
            user: String::new(),
        });
    }
    Ok(chats)
}

/// Conversations in which a user was greeted by the bot and, if there are words, said these.
pub(crate) async fn start_only(
    gateway: SocketAddr,
    count: usize,
    words: Option<&'static str>,
) -> anyhow::Result<()> {
    let mut starting = JoinSet::new();
    for share in shares(count) {
        starting.spawn(async move {
            let mut connection = Connection::open(gateway).await?;
            for _ in share {
                let started = connection.ask(&start(gateway)).await?;
                if let Some(words) = words {
                    say(&mut connection, gateway, &started, words).await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(share) = starting.join_next().await {
        share??;
    }
    Ok(())
}

/// So many, dealt to so many connections.
fn shares(count: usize) -> impl Iterator<Item = Range<usize>> {
    let share = count.div_ceil(AT_ONCE).max(1);
    (0..count).step_by(share).map(move |from| from..(from + share).min(count))
}

fn start(gateway: SocketAddr) -> String {
    request("POST", CONVERSATIONS, gateway, DIRECT_LINE_SECRET, "")
}

async fn say(
    connection: &mut Connection,
    gateway: SocketAddr,
    started: &Started,
    words: &str,
) -> anyhow::Result<()> {
    let says = json!({ "type": "message", "text": words, "from": { "id": "kim" } }).to_string();
    let path = format!("{CONVERSATIONS}/{}/activities", started.conversation_id);
    connection.must(request("POST", &path, gateway, &started.token, &says).as_bytes()).await
}

async fn ask_for_agents(
    gateway: SocketAddr,
    numbers: Range<usize>,
) -> anyhow::Result<Vec<(usize, Started)>> {
    let mut connection = Connection::open(gateway).await?;
    let mut all = Vec::new();
    for number in numbers {
        let started: Started = connection.ask(&start(gateway)).await?;
        say(&mut connection, gateway, &started, "agent").await?;
        all.push((number, started));
    }
    Ok(all)
}

/// An agent takes the chats.
async fn accept(gateway: SocketAddr, chats: Vec<Chat>) -> anyhow::Result<()> {
    let mut connection = Connection::open(gateway).await?;
    for chat in chats {
        let callback = chat.callback(&json!({
            "uiType": "ActionMsg",
            "actionType": "SwitchToLiveAgent",
            "agentInfo": agent(),
        }));
        let post = request("POST", PATH, gateway, WEBHOOK_SECRET, &callback.to_string());
        connection.must(post.as_bytes()).await?;
    }
    Ok(())
}

pub(crate) fn agent() -> Value {
    json!({ "sentFromAgent": true, "agentName": "Dana", "agentId": "6816f79cc0a8016401c5a33be04be441" })
}

impl Chat {
    /// The envelope that an instance puts around an item (reference 5.1).
    pub(crate) fn callback(&self, item: &Value) -> Value {
        json!({
            "requestId": self.request_id,
            "clientSessionId": self.session,
            "userId": self.user,
            "clientVariables": self.variables,
            "agentChat": true,
            "body": [item],
        })
    }

    /// The conversation's path.
    pub(crate) fn path(&self) -> String {
        format!("{CONVERSATIONS}/{}", self.conversation)
    }

    /// Where the conversation's stream is to be opened now, without the server.
    pub(crate) async fn stream_path(
        &self,
        gateway: SocketAddr,
        connection: &mut Connection,
    ) -> anyhow::Result<String> {
        let ask = request("GET", &self.path(), gateway, &self.token, "");
        let Reconnected { stream_url } = connection.ask(&ask).await?;
        let path = stream_url.find(CONVERSATIONS).context("the stream is somewhere else")?;
        Ok(stream_url[path..].to_owned())
    }
}

/// Reads what the pages of some chats see, and fails unless that is what was sent, in order: all that
/// was acknowledged, and nothing that was not sent. Returns how many messages were compared.
pub(crate) async fn check(gateway: &Server, chats: &[Chat], feeds: &[Feed]) -> anyhow::Result<u64> {
    let mut connection = Connection::open(gateway.address).await?;
    let every = chats.len().div_ceil(CHECKED_MAX);
    let mut compared = 0;
    for (chat, feed) in chats.iter().zip(feeds).step_by(every) {
        ensure!(chat.number == feed.chat, "the feeds are out of order");
        compared += check_one(&mut connection, gateway.address, chat, feed).await?;
    }
    Ok(compared)
}

async fn check_one(
    connection: &mut Connection,
    gateway: SocketAddr,
    chat: &Chat,
    feed: &Feed,
) -> anyhow::Result<u64> {
    let (mut seen, mut watermark) = (0, "0".to_owned());
    loop {
        let path = format!("{}/activities?watermark={watermark}", chat.path());
        let set: Set = connection.ask(&request("GET", &path, gateway, &chat.token, "")).await?;
        if set.activities.is_empty() {
            break;
        }
        for activity in &set.activities {
            for (_, number) in activity["text"].as_str().into_iter().flat_map(messages) {
                seen += 1;
                ensure!(number == seen, "a page sees message {number} where {seen} should be");
            }
        }
        watermark = set.watermark;
    }
    ensure!(
        (feed.acknowledged..=feed.sent).contains(&seen),
        "a page sees {seen} messages; {} were sent, {} acknowledged",
        feed.sent,
        feed.acknowledged
    );
    Ok(seen)
}
