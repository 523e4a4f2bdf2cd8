//! The record of one conversation: what is echoed from the caller, where it stands, and what the
//! desk sees of it.
//!
//! Owns no rule about what happens next.

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    LINES_MAX,
    topics::{AnswerView, AskedView, RunningTopic},
};
use crate::{
    callback::{Envelope, StreamState},
    request::Request,
};

/// What a conversation is found by (reference 1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) application: String,
    pub(super) user: String,
}

impl Key {
    /// The key of a request; none without a user. No application is the stock one.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let user = request.user_id.clone().filter(|user| !user.is_empty())?;
        Some(Self { application: request.app_inbound_id.clone().unwrap_or_default(), user })
    }
}

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// With the virtual agent.
    Bot,
    /// Offered to agents.
    Queued,
    /// With an agent.
    Live,
    /// The chat is over, and the virtual agent asks how it was.
    Survey,
    /// Over; kept for the desk and for late callbacks.
    Closed,
}

/// Where a chat stands at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatState {
    /// Waiting for an agent.
    Offered,
    /// An agent has it.
    Live,
    /// Over.
    Ended,
}

/// Who ended a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    /// The agent closed or rejected it.
    Agent,
    /// The user sent `END_CONVERSATION`.
    User,
}

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The end user.
    User,
    /// The agent.
    Agent,
    /// The primary bot, from `history`, or the instance's own virtual agent.
    Bot,
    /// The instance.
    System,
}

/// One line of a chat as the agent sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Who said it.
    pub from: Speaker,
    /// The speaker's display name.
    pub name: String,
    /// The words.
    pub text: String,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// The `messageId` of an agent's line, by which `UPDATE_MESSAGES` finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the primary bot has said of an agent's line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The file that the line is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileView>,
}

/// What became of an agent's line at the user's side (reference 9.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Two ticks.
    SentToUser,
    /// "Failed".
    ExternalError,
    /// "Updated": the text is another than the agent wrote.
    Updated,
}

/// A file as the desk shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    /// What it is found by in the media store.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its type, as its sender or its host named it.
    pub content_type: String,
    /// Its size in bytes.
    pub size: usize,
    /// SHA-256 of its bytes, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Where the desk's page may load it from.
    pub url: String,
}

/// One chat as the agent sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatView {
    /// Names the chat in every desk action.
    pub id: String,
    /// The caller's `userId`.
    pub user_id: String,
    /// The caller's `emailId`, unchecked.
    pub email_id: Option<String>,
    /// The user of the instance whom the caller's user is linked to; absent for a guest.
    pub linked_to: Option<String>,
    /// The caller's `clientSessionId` of its last request.
    pub client_session_id: Option<String>,
    /// Where it stands.
    pub state: ChatState,
    /// Who ended it; absent while it is open, and when the instance ended it.
    pub ended_by: Option<EndedBy>,
    /// Why it ended, in the words of the interaction's state reason (reference 9.6).
    pub end_reason: Option<&'static str>,
    /// When it was offered, in milliseconds since the epoch.
    pub waiting_since: u64,
    /// The context variables, with their keys in lower case as they are stored.
    pub context: Map<String, Value>,
    /// The transcript: history, the virtual agent's part, the chat. At most 2,000 lines.
    pub lines: Vec<Line>,
    /// TYPING was the last such signal.
    pub user_typing: bool,
    /// The id of the queue it waits or waited in; absent when no queue took it.
    pub queue: Option<String>,
    /// The agent who has it, or had it at the end; absent while it waits.
    pub agent: Option<AgentRef>,
    /// The offer that stands; absent while nobody has room for it.
    pub offer: Option<OfferView>,
    /// What the user answered to the survey after it.
    pub survey: Vec<SurveyAnswer>,
    /// What was asked inside the chat and waits for an answer.
    pub asked: Option<AskedView>,
    /// How much is to be shown after that answer, in steps: most controls are one.
    pub asked_next: usize,
    /// What came as an answer to such questions, oldest first; the last 500.
    pub answers: Vec<AnswerView>,
}

/// One answer to the survey after a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SurveyAnswer {
    /// What was asked.
    pub question: String,
    /// What came as the answer; absent when the question was skipped.
    pub answer: Option<String>,
}

/// An agent, named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentRef {
    /// Names the agent in orders.
    pub id: String,
    /// The display name.
    pub name: String,
}

/// To whom a waiting chat is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferView {
    /// The agent's id.
    pub agent: String,
    /// Until when, in milliseconds since the epoch; absent where offers have no time-out.
    pub ends_at: Option<u64>,
}

impl ChatView {
    fn id_of(number: u64) -> String {
        format!("chat-{number}")
    }

    /// The number behind an id, if it looks like one.
    pub(crate) fn number_of(id: &str) -> Option<u64> {
        id.strip_prefix("chat-")?.parse().ok()
    }
}

/// Somebody at the desk, as `agentInfo` names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agent {
    /// The place among the agents of the instance.
    pub(super) member: usize,
    pub(super) id: String,
    pub(super) name: String,
    /// The `sys_id` of the live profile.
    pub(super) sys_id: String,
}

/// A chat that is offered to one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) member: usize,
    /// The agent's id.
    pub(super) agent: String,
    pub(super) ends_at: Option<u64>,
    /// Tells this offer from later ones of the same chat.
    pub(super) serial: u64,
}

/// What exists of a conversation once AGENT was routed.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(super) struct Chat {
    /// Who has it, or had it last.
    pub(super) agent: Option<Agent>,
    /// The place and the id of the queue it was put into last.
    pub(super) queue: Option<(usize, String)>,
    pub(super) offer: Option<Offer>,
    /// Agents who refused it, and agents who let an offer of it time out, by their places.
    pub(super) refused: BTreeSet<usize>,
    pub(super) missed: BTreeSet<usize>,
    /// The chat is between two agents; nobody can write in it.
    pub(super) transferring: bool,
    /// Since when the user has been silent, by the idle clock.
    pub(super) silent_since: u64,
    /// The user was reminded of that.
    pub(super) reminded: bool,
    /// The queue's maximum has gone by, and a topic was offered.
    pub(super) topic_offered: bool,
    pub(super) state: ChatState,
    pub(super) ended_by: Option<EndedBy>,
    pub(super) end_reason: Option<&'static str>,
    pub(super) waiting_since: u64,
    pub(super) user_typing: bool,
    pub(super) agent_typing: bool,
    /// How many lines of the user the script has answered, and until when it is busy doing so.
    pub(super) script_turns: usize,
    pub(super) script_busy_until: u64,
    /// What is shown and asked inside the chat.
    pub(super) topic: RunningTopic,
}

impl Chat {
    /// A chat that waits from `now` on.
    pub(super) fn waiting(queue: Option<(usize, String)>, now: u64) -> Self {
        Self {
            agent: None,
            queue,
            offer: None,
            refused: BTreeSet::new(),
            missed: BTreeSet::new(),
            transferring: false,
            silent_since: now,
            reminded: false,
            topic_offered: false,
            state: ChatState::Offered,
            ended_by: None,
            end_reason: None,
            waiting_since: now,
            user_typing: false,
            agent_typing: false,
            script_turns: 0,
            script_busy_until: now,
            topic: RunningTopic::default(),
        }
    }

    /// The agent who has it at this moment or had it at the end.
    fn held_by(&self) -> Option<AgentRef> {
        let waits = self.state == ChatState::Offered || self.transferring;
        let agent = self.agent.as_ref().filter(|_| !waits)?;
        Some(AgentRef { id: agent.id.clone(), name: agent.name.clone() })
    }

    /// Whether it is this agent's business: offered to, held by, or ended by whom.
    fn concerns(&self, agent: &str) -> bool {
        match (&self.offer, self.held_by()) {
            (Some(offer), _) => offer.agent == agent,
            (None, Some(held)) => held.id == agent,
            (None, None) => false,
        }
    }

    /// Starts the idle clock anew.
    pub(super) fn heard(&mut self, now: u64) {
        self.silent_since = now;
        self.reminded = false;
    }
}

/// One conversation of one user.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Conversation {
    pub(super) number: u64,
    pub(super) key: Key,
    /// Its `sys_id`, which callbacks call `conversationId`.
    pub(super) sys_id: String,
    pub(super) interaction_id: String,
    pub(super) echo: Echo,
    pub(super) email_id: Option<String>,
    pub(super) context: Map<String, Value>,
    pub(super) phase: Phase,
    pub(super) chat: Option<Chat>,
    pub(super) talking: bool,
    pub(super) faulted: bool,
    pub(super) silent: bool,
    /// The name of the instance's user who is behind it; absent for a guest.
    pub(super) account: Option<String>,
    /// Until when the virtual agent is at work.
    pub(super) busy_until: u64,
    /// The virtual agent asked whether `bye` was meant.
    pub(super) bye_asked: bool,
    pub(super) misunderstood: u32,
    pub(super) survey: Vec<SurveyAnswer>,
    pub(super) lines: VecDeque<Line>,
    /// (`requestId`, `clientMessageId`) of the user's lines, for telling repeats.
    pub(super) seen: VecDeque<(String, String)>,
}

impl Conversation {
    pub(super) fn new(number: u64, key: Key, (sys_id, interaction_id): (String, String)) -> Self {
        Self {
            number,
            key,
            sys_id,
            interaction_id,
            echo: Echo::default(),
            email_id: None,
            context: Map::new(),
            phase: Phase::Bot,
            chat: None,
            talking: false,
            faulted: false,
            silent: false,
            account: None,
            busy_until: 0,
            bye_asked: false,
            misunderstood: 0,
            survey: Vec::new(),
            lines: VecDeque::new(),
            seen: VecDeque::new(),
        }
    }

    pub(super) fn chat(&self) -> Option<&Chat> {
        self.chat.as_ref()
    }

    /// Where its chat stands, once AGENT was routed.
    pub(crate) fn state(&self) -> Option<ChatState> {
        self.chat.as_ref().map(|chat| chat.state)
    }

    /// What the desk shows, once AGENT was routed.
    pub(crate) fn view(&self) -> Option<ChatView> {
        let chat = self.chat.as_ref()?;
        Some(ChatView {
            id: ChatView::id_of(self.number),
            user_id: self.key.user.clone(),
            email_id: self.email_id.clone(),
            linked_to: self.account.clone(),
            client_session_id: self.echo.client_session_id().map(str::to_owned),
            state: chat.state,
            ended_by: chat.ended_by,
            end_reason: chat.end_reason,
            waiting_since: chat.waiting_since,
            context: self.context.clone(),
            lines: self.lines.iter().cloned().collect(),
            user_typing: chat.user_typing,
            queue: chat.queue.as_ref().map(|(_, id)| id.clone()),
            agent: chat.held_by(),
            offer: chat
                .offer
                .as_ref()
                .map(|offer| OfferView { agent: offer.agent.clone(), ends_at: offer.ends_at }),
            survey: self.survey.clone(),
            asked: chat.topic.asked(),
            asked_next: chat.topic.behind(),
            answers: chat.topic.answers(),
        })
    }

    /// Whether an agent sees its chat on a desk of the agent's own.
    pub(crate) fn concerns(&self, agent: &str) -> bool {
        self.chat.as_ref().is_some_and(|chat| chat.concerns(agent))
    }

    /// Takes over the labels and particulars of an inbound request.
    pub(super) fn note(&mut self, request: &Request) {
        self.echo.note(request);
        if let Some(email) = &request.email_id {
            self.email_id = Some(email.clone());
        }
        // Keys arrive in lower case (reference 3.5).
        for (name, value) in request.context_variables.iter().flatten() {
            self.context.insert(name.to_lowercase(), value.clone());
        }
        if let Some(flag) = &request.silent_message {
            self.silent = flag.is_on();
        }
    }

    pub(super) fn line(&mut self, from: Speaker, name: &str, text: &str, at: u64) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        let (name, text) = (name.to_owned(), text.to_owned());
        let (id, delivery, file) = (None, None, None);
        self.lines.push_back(Line { from, name, text, at, id, delivery, file });
    }

    pub(super) fn system(&mut self, text: &str, at: u64) {
        self.line(Speaker::System, "System", text, at);
    }

    /// What the desk calls the user.
    pub(super) fn user_name(&self) -> String {
        self.account.clone().unwrap_or_else(|| "Guest".to_owned())
    }

    /// Whether a line with these ids was shown before; remembers them.
    pub(super) fn repeats(&mut self, request: &Request) -> bool {
        let (Some(request_id), Some(message_id)) = (&request.id, request.client_message_id())
        else {
            return false;
        };
        let ids = (request_id.clone(), message_id.to_owned());
        if self.seen.contains(&ids) {
            return true;
        }
        if self.seen.len() == LINES_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(ids);
        false
    }
}

/// The caller's own labels, as the last inbound request had them (reference 5.1).
#[derive(Debug, Default)]
pub(super) struct Echo {
    labels: Map<String, Value>,
}

/// The names that [`Echo`] keeps.
const LABELS: [&str; 8] = [
    "requestId",
    "clientSessionId",
    "userId",
    "nowBotId",
    "nowSessionId",
    "enterpriseId",
    "message",
    "clientVariables",
];

impl Echo {
    fn note(&mut self, request: &Request) {
        for (name, value) in [
            ("requestId", &request.id),
            ("clientSessionId", &request.client_session_id),
            ("userId", &request.user_id),
            ("nowBotId", &request.now_bot_id),
            ("nowSessionId", &request.now_session_id),
            ("enterpriseId", &request.enterprise_id),
        ] {
            if let Some(text) = value {
                self.labels.insert(name.to_owned(), Value::String(text.clone()));
            }
        }
        match &request.message {
            // As sent, attachment headers included: that is what the real one does.
            Some(message @ Value::Object(_)) => {
                self.labels.insert("message".to_owned(), message.clone());
            }
            _ => {
                self.labels.remove("message");
            }
        }
        if let Some(variables) = &request.client_variables {
            self.labels.insert("clientVariables".to_owned(), Value::Object(variables.clone()));
        }
    }

    /// The caller's `clientSessionId`, if it sent one.
    pub(super) fn client_session_id(&self) -> Option<&str> {
        self.labels.get("clientSessionId")?.as_str()
    }

    /// Puts these labels in the place of a recorded callback's own.
    pub(super) fn relabel(&self, envelope: &mut Map<String, Value>) {
        for name in LABELS {
            envelope.remove(name);
        }
        envelope.extend(self.labels.clone());
    }

    /// An envelope as it goes out: labels, the flags that are true, and the items.
    pub(super) fn wrap(
        &self,
        envelope: Envelope,
        interaction_id: Option<&str>,
        application: Option<&str>,
    ) -> Value {
        let mut body = self.labels.clone();
        let flags = [
            ("agentChat", envelope.agent_chat),
            ("completed", envelope.completed),
            ("takeControl", envelope.take_control),
        ];
        for (name, _) in flags.into_iter().filter(|(_, on)| *on) {
            body.insert(name.to_owned(), Value::Bool(true));
        }
        if let Some(state) = envelope.stream {
            body.insert("streamActive".to_owned(), (state != StreamState::End).into());
            body.insert("streamState".to_owned(), state.name().into());
        }
        if let Some(score) = envelope.score {
            body.insert("score".to_owned(), score.into());
        }
        for (name, text) in [
            ("interactionId", interaction_id),
            ("appInboundId", application),
            ("status", envelope.status),
            ("error_message", envelope.error_message),
        ] {
            if let Some(text) = text {
                body.insert(name.to_owned(), text.into());
            }
        }
        let items = envelope.items.into_iter().map(Value::Object).collect();
        body.insert("body".to_owned(), Value::Array(items));
        Value::Object(body)
    }
}
