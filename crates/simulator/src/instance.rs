//! The instance itself, as a value: conversations by (`appInboundId`, `userId`), the queue, the
//! chats at the desk, and what is told to the primary bot when something happens.
//!
//! It does no I/O and has no clock: requests, desk actions and the time come in, callbacks come
//! out. [`conversation`] holds the records, [`inbound`] what a request does, [`commands`] the words
//! that are commands, [`accounts`] who the user is, [`files`] what is sent besides words,
//! [`routing`] how a chat finds its agent, [`team`] the agents and queues,
//! [`virtual_agent`] topics and the survey, [`topics`] what is shown and asked inside a live chat, [`desk_side`] what an agent does, [`clocks`] what time
//! does, and [`messages`] the table that
//! missed messages are fetched from.

mod accounts;
mod clocks;
mod commands;
mod conversation;
mod desk_side;
mod files;
mod inbound;
mod messages;
mod replay;
mod routing;
mod team;
mod topics;
mod virtual_agent;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use serde_json::Value;

pub(crate) use self::conversation::Conversation;
pub(crate) use self::files::{FileForm, FilePlace, FileShape};
pub(crate) use self::messages::{Author, Message, Messages};
pub(crate) use self::topics::Order as ShowOrder;
use self::{
    accounts::Link,
    conversation::{Key, Phase},
    inbound::Reception,
    team::Team,
};
pub use self::{
    accounts::User,
    conversation::{
        AgentRef, ChatState, ChatView, Delivery, EndedBy, FileView, Line, OfferView, Speaker,
        SurveyAnswer,
    },
    desk_side::DeskError,
    team::{AgentView, Presence, QueueView},
    topics::{AnswerView, AskedView},
};
use crate::{
    callback::{self, Context, Moment},
    config::{
        AgentMode, AgentProfile, Assignment, CannedReply, Config, Dialect, EndTold, Idle, Question,
        QueueProfile, Topic, Unrouted, WaitStatus,
    },
    profile::Profile,
    script::{Move, Script},
};

/// How many conversations are kept, ended ones included. The oldest ended one makes room; when
/// all are open, a new one is ignored, as by an instance that is out of capacity.
pub(crate) const CONVERSATIONS_MAX: usize = 10_000;

/// How many lines a chat keeps for the desk; the oldest go first.
pub(crate) const LINES_MAX: usize = 2_000;

/// The settings that shape what is told; all may change while the instance runs.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a check box on a real instance")]
pub(crate) struct Setup {
    pub(crate) dialect: Dialect,
    pub(crate) agent: AgentMode,
    /// The script that is used when the mode is switched to scripted by name alone.
    pub(crate) script: Script,
    /// Who is there at first; from then on the team knows.
    agents: Vec<AgentProfile>,
    queues: Vec<QueueProfile>,
    pub(crate) assignment: Assignment,
    pub(crate) offer_timeout: Option<Duration>,
    pub(crate) away_after_missed_offer: bool,
    pub(crate) unrouted: Unrouted,
    pub(crate) topics: Vec<Topic>,
    pub(crate) survey: Vec<Question>,
    pub(crate) typing_shown: bool,
    pub(crate) canned_replies: Vec<CannedReply>,
    pub(crate) names_shown: bool,
    pub(crate) profile: Profile,
    /// Message auth is on, so that users can be linked.
    pub(crate) links_users: bool,
    pub(crate) wait_status: WaitStatus,
    pub(crate) end_told: EndTold,
    pub(crate) initial_response: Option<String>,
    pub(crate) accept_delay: Duration,
    pub(crate) idle: Option<Idle>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) transfer_delay: Duration,
    pub(crate) command_words: bool,
}

impl Setup {
    pub(crate) fn new(config: &Config) -> Self {
        let script = match &config.agent {
            AgentMode::Scripted(script) => script.clone(),
            AgentMode::Person | AgentMode::Nobody => Script::default(),
        };
        Self {
            dialect: config.dialect,
            agent: config.agent.clone(),
            script,
            agents: config.agents.clone(),
            queues: config.queues.clone(),
            assignment: config.assignment,
            offer_timeout: config.offer_timeout,
            away_after_missed_offer: config.away_after_missed_offer,
            unrouted: config.unrouted,
            topics: config.topics.clone(),
            survey: config.survey.clone(),
            typing_shown: config.typing_shown,
            canned_replies: config.canned_replies.clone(),
            names_shown: config.names_shown,
            profile: config.profile.clone(),
            links_users: config.message_token.is_some() || config.message_hash.is_some(),
            wait_status: config.wait_status.clone(),
            end_told: config.end_told,
            initial_response: config.initial_response.clone(),
            accept_delay: config.accept_delay,
            idle: config.idle,
            max_wait: config.max_wait,
            transfer_delay: config.transfer_delay,
            command_words: config.command_words,
        }
    }
}

/// One POST to the primary bot.
#[derive(Debug, Clone)]
pub(crate) struct Callback {
    /// The number of the conversation it belongs to.
    pub(crate) conversation: u64,
    pub(crate) body: Value,
    /// It tells, alone or with others, that the chat is over.
    pub(crate) ends: bool,
}

/// What the worker made of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Not yet looked at by the worker.
    Pending,
    /// Refused at the door; the answer's status says why.
    Refused,
    /// It had its effect.
    Taken,
    /// It had none, and the caller is not told; the sentence says why.
    Ignored(&'static str),
}

/// Something planned for a later moment.
#[derive(Debug)]
enum Due {
    /// The next estimate of the wait that began at this moment.
    WaitEstimate(u64),
    MaxWait,
    /// Nobody has answered the offer of this serial.
    OfferOver(u64),
    /// The scripted agent accepts the offer of this serial.
    Accept(u64),
    /// The next agent of a transferred chat comes: the place among the agents.
    Transfer(usize),
    /// Nobody has answered the question at this place of the survey.
    SurveyOver(usize),
    /// The job that looks for silent users; it belongs to no conversation.
    IdleCheck,
    Agent(Move),
    /// The virtual agent has worked out its answer.
    Answer(Vec<Callback>),
}

/// The whole state of the instance that conversations are made of.
pub(crate) struct Instance {
    pub(crate) setup: Setup,
    team: Team,
    conversations: BTreeMap<u64, Conversation>,
    /// Chats that wait in a queue and are offered to nobody.
    unoffered: BTreeSet<u64>,
    open: HashMap<Key, u64>,
    /// Closed conversations, oldest first: the ones that may be forgotten.
    closed: VecDeque<u64>,
    agenda: BTreeMap<(u64, u64), (u64, Due)>,
    /// The idle job is on the agenda.
    idle_watched: bool,
    /// The table of users.
    pub(crate) users: Vec<User>,
    /// Who of the callers' users is linked, or blocked.
    links: HashMap<Key, Link>,
    pub(crate) messages: Messages,
    seed: u64,
    serial: u64,
}

impl Instance {
    /// `seed` keeps the ids of one run apart from those of another.
    pub(crate) fn new(setup: Setup, users: Vec<User>, seed: u64) -> Self {
        Self {
            team: Team::new(&setup.agents, &setup.queues),
            setup,
            conversations: BTreeMap::new(),
            unoffered: BTreeSet::new(),
            open: HashMap::new(),
            closed: VecDeque::new(),
            agenda: BTreeMap::new(),
            idle_watched: false,
            users,
            links: HashMap::new(),
            messages: Messages::default(),
            seed,
            serial: 0,
        }
    }

    /// An instance with the same settings and users, and nothing else. Its numbers go on, so that
    /// what is still on its way is not taken for something new.
    pub(crate) fn anew(&self) -> Self {
        let fresh = Self::new(self.setup.clone(), self.users.clone(), self.seed);
        Self { serial: self.serial, ..fresh }
    }

    /// All conversations, oldest first.
    pub(crate) fn conversations(&self) -> impl DoubleEndedIterator<Item = &Conversation> {
        self.conversations.values()
    }

    /// All agents, in their order.
    pub(crate) fn agents(&self) -> impl Iterator<Item = AgentView> {
        self.team.agents()
    }

    /// The place of an agent, by id or display name.
    pub(crate) fn agent(&self, who: &str) -> Result<usize, DeskError> {
        self.team.member(who).ok_or(DeskError::UnknownAgent)
    }

    /// The next moment at which [`Self::tick`] has something to do.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.agenda.first_key_value().map(|((due, _), _)| *due)
    }

    /// Does what was planned for moments up to `now`.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Callback> {
        let mut told = Vec::new();
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(((due, _), (number, what))) = self.agenda.pop_first() else { break };
            told.extend(match what {
                Due::WaitEstimate(since) => self.tell_estimate(number, since, due),
                Due::MaxWait => self.offer_topic(number, due),
                Due::OfferOver(serial) => {
                    self.offer_over(number, serial, due);
                    Vec::new()
                }
                Due::Accept(serial) => self.accept_scripted(number, serial, due),
                Due::Transfer(to) => self.arrive(number, to, due),
                Due::SurveyOver(place) => self.give_survey_up(number, place, due),
                Due::IdleCheck => self.check_idle(due),
                Due::Agent(step) => self.perform(number, step, due),
                Due::Answer(told) => told,
            });
        }
        told
    }

    /// Whether callbacks of this conversation are still sent.
    pub(crate) fn is_faulted(&self, number: u64) -> bool {
        self.conversations.get(&number).is_some_and(|conversation| conversation.faulted)
    }

    /// The receiver answered 5xx or too late: the interaction becomes closed abandoned and the
    /// work item disqualified (KB2701890). Nothing more is told.
    pub(crate) fn fault(&mut self, number: u64, now: u64) {
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        conversation.faulted = true;
        if conversation.phase == Phase::Closed {
            return;
        }
        conversation.system("Closed abandoned: the receiver of callbacks failed.", now);
        self.close(number, None, "closed abandoned: error", now);
    }

    /// The instance was restarted: what is planned stays, as it is in its tables; open chats stay
    /// or are lost, and then nobody is told.
    pub(crate) fn restart(&mut self, keeps_chats: bool, now: u64) {
        if keeps_chats {
            return;
        }
        // So that none is offered to an agent who has just lost another.
        self.unoffered.clear();
        let open: Vec<_> = self.open.values().copied().collect();
        for number in open {
            self.system_line(number, "The conversation was lost in a restart.", now);
            self.close(number, None, "closed abandoned: restart", now);
        }
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A fresh `sys_id`: 32 hexadecimal digits.
    pub(crate) fn sys_id(&mut self) -> String {
        let serial = self.next_serial();
        format!("{:016x}{serial:016x}", self.seed)
    }

    fn plan(&mut self, due: u64, number: u64, what: Due) {
        let serial = self.next_serial();
        self.agenda.insert((due, serial), (number, what));
    }

    /// The callbacks of a moment, with the caller's labels echoed.
    fn tell(&mut self, number: u64, moment: Moment<'_>) -> Vec<Callback> {
        self.tell_waiting(number, moment, None)
    }

    /// The same, with a wait estimate where one is shown.
    fn tell_waiting(
        &mut self,
        number: u64,
        moment: Moment<'_>,
        wait_time: Option<&str>,
    ) -> Vec<Callback> {
        let Some(conversation) = self.conversations.get(&number) else { return Vec::new() };
        let agent = conversation.chat().and_then(|chat| chat.agent.as_ref());
        let context = Context {
            setup: &self.setup,
            conversation_id: &conversation.sys_id,
            interaction_id: &conversation.interaction_id,
            agent: agent.map(|agent| (agent.name.as_str(), agent.sys_id.as_str())),
            wait_time,
            talking: conversation.talking,
        };
        let mut envelopes = callback::callbacks(moment, &context);
        let streams = self.setup.profile.streams() && moment.is_answer();
        if streams || moment.is_streamed() {
            let ids = envelopes.into_iter().map(|envelope| (envelope, self.sys_id()));
            envelopes = ids.flat_map(|(envelope, id)| callback::streamed(envelope, &id)).collect();
        }
        let version = self.setup.profile.version;
        for envelope in envelopes.iter_mut().filter(|envelope| envelope.is_whole()) {
            for item in envelope.items.iter_mut().filter(|_| version.has_ids()) {
                let id = self.sys_id();
                // What was made with an id keeps it: it comes again under the same.
                item.entry("messageId").or_insert(Value::String(id));
            }
        }
        let Some(conversation) = self.conversations.get(&number) else { return Vec::new() };
        let application = Some(conversation.key.application.as_str());
        let application = application.filter(|id| version.echoes_application() && !id.is_empty());
        envelopes
            .into_iter()
            .map(|envelope| {
                let ids = version.has_ids() && envelope.is_whole();
                let interaction = ids.then_some(conversation.interaction_id.as_str());
                let body = conversation.echo.wrap(envelope, interaction, application);
                Callback { conversation: number, body, ends: moment.is_end() }
            })
            .collect()
    }

    /// Makes a record for a user who has none open; `None` when there is no room.
    fn begin(&mut self, key: &Key) -> Option<u64> {
        while self.conversations.len() >= CONVERSATIONS_MAX {
            let oldest = self.closed.pop_front()?;
            // A late acceptance may have opened it again.
            if self.conversations.get(&oldest).is_some_and(|c| c.phase == Phase::Closed) {
                self.conversations.remove(&oldest);
            }
        }
        let number = self.next_serial();
        let ids = (self.sys_id(), self.sys_id());
        self.open.insert(key.clone(), number);
        self.conversations.insert(number, Conversation::new(number, key.clone(), ids));
        self.show_account(key);
        Some(number)
    }
}

#[cfg(test)]
mod tests;
