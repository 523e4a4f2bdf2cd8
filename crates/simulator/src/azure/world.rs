//! What Azure knows: apps, people, chats and what is shown in them, and everything that was asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    config::{AzureConfig, Person, Registration},
    files::Files,
    keys::KeySet,
    limits::Budgets,
    login::Grant,
    trouble::{Door, Refusal, Troubles},
};

/// How many requests are remembered; the oldest go first.
const RECEIVED_MAX: usize = 200_000;

/// What kind of conversation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// One person and the bot.
    Personal,
    /// Several people and the bot.
    Group,
    /// A thread in a team's channel.
    Channel,
}

/// How the bot stands in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It may write.
    Installed,
    /// The user blocked it.
    Blocked,
    /// The app was taken away.
    Uninstalled,
    /// The tenant's administrator forbade it.
    Disabled,
    /// Nobody may write there.
    NotWritable,
}

impl Standing {
    pub(super) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Installed => None,
            Self::Blocked => Some(Refusal::ConversationBlockedByUser),
            Self::Uninstalled => Some(Refusal::BotNotInConversationRoster),
            Self::Disabled => Some(Refusal::BotDisabledByAdmin),
            Self::NotWritable => Some(Refusal::MessageWritesBlocked),
        }
    }
}

/// A conversation that a bot is in.
#[derive(Debug, Clone)]
pub struct Chat {
    /// Its id, as activities have it.
    pub id: String,
    /// What kind it is.
    pub kind: ChatKind,
    /// The bot's app.
    pub app_id: String,
    /// The tenant that it belongs to.
    pub tenant: String,
    /// Who is in it, besides the bot.
    pub people: Vec<Person>,
}

impl Chat {
    /// The only person of a personal chat, the first of others.
    ///
    /// # Panics
    /// If nobody is in it, which cannot be made.
    pub fn person(&self) -> &Person {
        self.people.first().expect("a chat has somebody in it")
    }
}

/// A message as it is shown in a chat.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Whether the bot sent it.
    pub by_bot: bool,
    /// The newest of what was sent as it.
    pub activity: Value,
    /// How often it was changed.
    pub edits: u32,
    /// Whether it was taken back.
    pub deleted: bool,
}

/// A chat with what is shown in it.
pub(super) struct Room {
    pub(super) chat: Chat,
    pub(super) standing: Standing,
    pub(super) messages: Vec<Message>,
    /// A slow operation is at work.
    pub(super) is_busy: bool,
}

/// A call of the Connector's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `POST …/activities`
    Send,
    /// `POST …/activities/{a}`
    Reply,
    /// `PUT …/activities/{a}`
    Update,
    /// `DELETE …/activities/{a}`
    Delete,
    /// `POST /v3/conversations`
    Create,
    /// `GET …/members`
    Members,
    /// `GET …/members/{m}`
    Member,
    /// `GET …/pagedmembers`
    PagedMembers,
    /// Any other one.
    Other,
}

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With this status.
    Answered(u16),
    /// The connection was closed.
    Reset,
    /// Never.
    Hung,
}

/// A request that the Connector got.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What it asked for.
    pub call: Call,
    /// The method.
    pub method: String,
    /// The path as it came, with what is encoded in it.
    pub path: String,
    /// The conversation it names, decoded.
    pub conversation: Option<String>,
    /// The activity or member it names, decoded.
    pub about: Option<String>,
    /// Who presented a token that is good here.
    pub app_id: Option<String>,
    /// The body; null if there was none, or none in JSON.
    pub body: Value,
    /// How it was answered.
    pub outcome: Outcome,
    /// The code of a refusal.
    pub code: Option<&'static str>,
    /// The id under which it is shown, if it was taken.
    pub taken: Option<String>,
}

impl Received {
    /// The text of a message; empty where there is none.
    pub fn text(&self) -> &str {
        self.body["text"].as_str().unwrap_or_default()
    }
}

/// All of it, behind one lock.
pub(super) struct World {
    pub(super) registrations: Vec<Registration>,
    pub(super) tenants: Vec<String>,
    pub(super) people: Vec<Person>,
    pub(super) token_seconds: u64,
    /// The counts of Teams, if they are kept.
    pub(super) budgets: Option<Budgets>,
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) entra: KeySet,
    pub(super) channel: KeySet,
    pub(super) troubles: Troubles,
    pub(super) down: BTreeSet<Door>,
    pub(super) received: VecDeque<Received>,
    pub(super) grants: Vec<Grant>,
    pub(super) refused_grants: usize,
    pub(super) files: Files,
    newest_id: u64,
}

impl World {
    pub(super) fn new(config: AzureConfig) -> Self {
        Self {
            registrations: config.registrations,
            tenants: config.tenants,
            people: config.people,
            token_seconds: config.token_seconds,
            budgets: config.limits.then(Budgets::default),
            rooms: BTreeMap::new(),
            entra: KeySet::new("entra", Vec::new()),
            channel: KeySet::new("channel", config.endorsements),
            troubles: Troubles::default(),
            down: BTreeSet::new(),
            received: VecDeque::new(),
            grants: Vec::new(),
            refused_grants: 0,
            files: Files::default(),
            newest_id: 0,
        }
    }

    /// An id as Teams has them: a time in milliseconds, and none twice.
    pub(super) fn fresh_id(&mut self, now_ms: u64) -> String {
        self.newest_id = now_ms.max(self.newest_id + 1);
        self.newest_id.to_string()
    }

    pub(super) fn record(&mut self, received: Received) {
        if self.received.len() == RECEIVED_MAX {
            self.received.pop_front();
        }
        self.received.push_back(received);
    }

    /// The chat of this id, or the channel that this thread is in.
    pub(super) fn room(&mut self, id: &str) -> Option<&mut Room> {
        let channel = id.split(";messageid=").next().unwrap_or(id);
        let key = if self.rooms.contains_key(id) { id } else { channel };
        self.rooms.get_mut(key)
    }

    pub(super) fn registration(&self, app_id: &str) -> Option<&Registration> {
        self.registrations.iter().find(|known| known.app_id.eq_ignore_ascii_case(app_id))
    }

    /// Writes down a person who was not known.
    pub(super) fn meet(&mut self, person: &Person) {
        if !self.people.contains(person) {
            self.people.push(person.clone());
        }
    }

    /// The personal chat of this person with this app.
    pub(super) fn personal(&self, app_id: &str, person: &Person) -> Option<&Room> {
        self.rooms.values().find(|room| {
            room.chat.kind == ChatKind::Personal
                && room.chat.app_id == app_id
                && room.chat.person() == person
        })
    }
}

impl Room {
    pub(super) fn new(chat: Chat) -> Self {
        Self { chat, standing: Standing::Installed, messages: Vec::new(), is_busy: false }
    }

    pub(super) fn show(&mut self, id: String, by_bot: bool, activity: Value) {
        self.messages.push(Message { id, by_bot, activity, edits: 0, deleted: false });
    }

    /// The roster's entry of a person.
    pub(super) fn member(&self, person: &Person) -> Value {
        let (given, surname) = person.name.split_once(' ').unwrap_or((&person.name, ""));
        json!({
            "id": person.id_for(&self.chat.app_id), "name": person.name,
            "objectId": person.aad_object_id, "aadObjectId": person.aad_object_id,
            "givenName": given, "surname": surname, "email": person.email,
            "userPrincipalName": person.email, "tenantId": person.tenant, "userRole": "user",
        })
    }
}
