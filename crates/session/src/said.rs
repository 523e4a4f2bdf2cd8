//! What people, the bot and the desk say, in the house's own form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{id::Number, notice::Notice};

/// One thing that was said. Richer forms ride along in `payload`, which nobody here looks into.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The words; may be empty when everything is in the payload.
    pub text: String,
    /// The value of the option the user chose, when this answers a question with options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// The options offered with the words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// The words are Markdown. A person's never are: `*` and `_` must show.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub markdown: bool,
    /// The original, for those who can show more than words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

impl Said {
    /// Plain words and nothing else.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// An original in its channel's own form (an activity, a desk item), as JSON text. Opaque here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(pub String);

/// One option of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the user sees.
    pub label: String,
    /// What the asker wants back.
    pub value: String,
}

/// A person at the desk, as far as the instance names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The name shown to users; absent where the admin hides names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The instance's id of the agent's profile; newer app versions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Agent {
    /// Whether `other` is certainly somebody else: both carry an id, or else a name, that differ.
    pub fn differs_from(&self, other: &Self) -> bool {
        self.compare(other) == Some(false)
    }

    /// Whether `other` is, as far as anybody can tell, the same person.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.compare(other) == Some(true)
    }

    /// Whether they are equal by id, or else by name; `None` if neither can be compared.
    fn compare(&self, other: &Self) -> Option<bool> {
        let equal = |mine: &Option<String>, theirs: &Option<String>| {
            mine.as_ref().zip(theirs.as_ref()).map(|(mine, theirs)| mine == theirs)
        };
        equal(&self.id, &other.id).or_else(|| equal(&self.name, &other.name))
    }

    /// Takes over whatever `other` tells and this does not yet know.
    pub(crate) fn learn(&mut self, other: &Self) {
        if self.name.is_none() {
            self.name.clone_from(&other.name);
        }
        if self.id.is_none() {
            self.id.clone_from(&other.id);
        }
    }
}

/// Who a message is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The user.
    User,
    /// The bot.
    Bot,
    /// A person at the desk.
    Agent(Agent),
    /// The desk itself: its own texts and its virtual agent.
    Desk,
    /// Warmline: notices.
    Gateway,
}

/// Named values a bot hands over with the conversation; they become context variables.
pub type Context = BTreeMap<String, String>;

/// What a log entry holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Something somebody said.
    Said(Said),
    /// Something Warmline tells the user.
    Notice(Notice),
    /// What the bot handed over. Never shown to the user.
    Context(Context),
}

/// A log entry as the step decides it; numbered in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the conversation.
    pub number: Number,
    /// Who it is from.
    pub author: Author,
    /// What it holds.
    pub content: Content,
}
