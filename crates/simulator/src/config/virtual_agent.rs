//! What the virtual agent of this instance can do beside handing over: topics, and the survey after
//! a live chat.
//!
//! Owns these settings. When they are used is the instance's business.

/// One topic on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its `sys_id`, which is the value of the choice.
    pub id: String,
    /// Its name, which is the label of the choice.
    pub name: String,
    /// What it does.
    pub does: TopicAction,
}

/// What a topic does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicAction {
    /// Asks for a live agent, as AGENT does.
    LiveAgent,
    /// Says this, and is done.
    Says(String),
}

impl Topic {
    /// The topic that opens a live chat, as stock instances offer it.
    pub fn live_agent() -> Self {
        Self {
            id: "ce2ee85053130010cf8cddeeff7b12bf".to_owned(),
            name: "Live Agent Support.".to_owned(),
            does: TopicAction::LiveAgent,
        }
    }
}

/// One question of the survey after a live chat (reference 5.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub label: String,
    /// How it may be answered.
    pub kind: QuestionKind,
}

/// How a question of the survey is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionKind {
    /// A `Boolean`: yes or no.
    YesNo,
    /// A `Picker` of labels and values.
    Choice(Vec<(String, String)>),
    /// An `InputText`.
    Text,
}
