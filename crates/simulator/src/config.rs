//! What kind of instance this is: its dialect, its agent, its credentials and its habits.
//!
//! Owns the settings and their defaults, and never acts on them. Agents and queues are in [`team`],
//! the virtual agent's part in [`virtual_agent`].

mod team;
mod virtual_agent;

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use self::team::worded;
pub use self::team::{
    AgentProfile, Assignment, CannedReply, Hours, QueueProfile, Schedule, Unrouted, WaitStatus,
};
pub use self::virtual_agent::{Question, QuestionKind, Topic, TopicAction};
use crate::{instance::User, profile::Profile, script::Script};

/// Which language the callbacks speak (reference 2 and 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// What the product documentation describes: no `status`, many `ActionMsg` items.
    #[default]
    ServiceNow,
    /// What the vendor's specification describes: `status`, `AgentControl`, `EndConversation`,
    /// texts in `message`.
    Spec,
    /// The product's envelope with `status` and `error_message` added to it.
    Both,
}

/// Who sits at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AgentMode {
    /// Persons or a test, through the desk page or [`crate::Desk`].
    #[default]
    Person,
    /// Every agent follows the script: accepts what is offered and answers alone.
    Scripted(Script),
    /// No agent is available: every AGENT is refused.
    Nobody,
}

/// What the OAuth registry entry and the integration user are called on this instance.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The client id of the registry entry.
    pub client_id: String,
    /// The client secret of the registry entry.
    pub client_secret: SecretString,
    /// The integration user's name; also accepted with Basic.
    pub username: String,
    /// The integration user's password.
    pub password: SecretString,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            client_id: "simulator-client".to_owned(),
            client_secret: "simulator-client-secret".into(),
            username: "simulator.user".to_owned(),
            password: "simulator-password".into(),
        }
    }
}

/// Where callbacks go and what they present there (reference 7.3).
#[derive(Debug, Clone, Default)]
pub struct Webhook {
    /// The full URL, plain http. Empty means that the REST message points nowhere: callbacks are
    /// lost, as on an instance that nobody has configured.
    pub url: String,
    /// The whole value of the `Authorization` header, such as `Bearer x`. Empty sends none.
    pub authorization: SecretString,
}

/// How often the end of a chat that an agent closed is told (reference 5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndTold {
    /// Only the closing text with `completed`.
    Once,
    /// System text, `SwitchToVirtualAgent`, then the closing text with `completed`.
    #[default]
    ThreeTimes,
}

/// When a live chat is given up because its user says nothing (reference 9.6 and 11).
///
/// The clock starts at the user's last message, or at the acceptance if that was later. Nothing
/// the agent does winds it back, and typing does not either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// After how much silence the user is reminded.
    pub reminder_after: Duration,
    /// After how much silence the chat is closed.
    pub cancel_after: Duration,
    /// How often the job looks, at whole multiples since the epoch; so both come up to this much
    /// later. Zero is taken for one millisecond.
    pub checked_every: Duration,
}

impl Default for Idle {
    fn default() -> Self {
        Self {
            reminder_after: Duration::from_mins(3),
            cancel_after: Duration::from_mins(6),
            checked_every: Duration::from_mins(2),
        }
    }
}

/// Everything that can be chosen about an instance.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a check box on a real instance")]
pub struct Config {
    /// The language of the callbacks.
    pub dialect: Dialect,
    /// Who sits at the desk.
    pub agent: AgentMode,
    /// The agents, in the order in which work is offered to equals.
    pub agents: Vec<AgentProfile>,
    /// The queues; a chat goes to the first that takes it.
    pub queues: Vec<QueueProfile>,
    /// Who of several agents is offered a chat.
    pub assignment: Assignment,
    /// After how long an offer that nobody answered goes on to the next agent; absent when the
    /// assignment rule has no time-out.
    pub offer_timeout: Option<Duration>,
    /// An agent who let an offer time out is *Away* from then on, as by the stock assignment rule.
    pub away_after_missed_offer: bool,
    /// What becomes of an AGENT that no queue takes.
    pub unrouted: Unrouted,
    /// The topics that the virtual agent offers and knows.
    pub topics: Vec<Topic>,
    /// What the virtual agent asks after an agent has ended a chat; empty for no survey.
    pub survey: Vec<Question>,
    /// "Support typing indicator" is on at the channel: the user hears that the agent types.
    pub typing_shown: bool,
    /// What agents on the desk page can write with one click.
    pub canned_replies: Vec<CannedReply>,
    /// What callers of the token endpoint and of the API must present.
    pub credentials: Credentials,
    /// The static message-auth token (reference 7.2); absent means that none is asked for.
    pub message_token: Option<SecretString>,
    /// The secret of hash message auth, `x-b2b-signature`; absent means that none is asked for.
    /// Where both are set, either opens the door.
    pub message_hash: Option<SecretString>,
    /// The table of users. With message auth on, a caller's user whose `emailId` is that of exactly
    /// one of them is linked (reference 8); all others are guests.
    pub users: Vec<User>,
    /// The version of the app and the settings of its wire side.
    pub profile: Profile,
    /// The receiver of callbacks.
    pub webhook: Webhook,
    /// How long an access token lives, in seconds.
    pub access_token_seconds: u64,
    /// How long a refresh token lives, in seconds; refreshing does not lengthen it.
    pub refresh_token_seconds: u64,
    /// The `client_credentials` grant is on. An instance refuses it unless its administrator has
    /// set a property (reference 7.1).
    pub client_credentials: bool,
    /// The integration user has the role that the Bot Integration resource asks for (reference 4.1);
    /// without it the answer is 403.
    pub integration_role: bool,
    /// The integration user may read `sys_cs_provider`, where an administrator sets how callbacks
    /// are sent.
    pub may_read_provider: bool,
    /// The integration user has a role that may read `sys_cs_message` (reference 6).
    pub may_read_messages: bool,
    /// The integration user may read `awa_agent_presence_capacity` (reference 9.3).
    pub may_read_presence: bool,
    /// "Agent names and avatars" is on: callbacks name the agent.
    pub names_shown: bool,
    /// "Maintain message ordering": each callback of a conversation waits for the one before it.
    pub maintain_ordering: bool,
    /// The wait estimate.
    pub wait_status: WaitStatus,
    /// How often the end is told.
    pub end_told: EndTold,
    /// The queue's "Initial agent response", sent at acceptance; absent when the field is empty.
    pub initial_response: Option<String>,
    /// How long the scripted agent lets a chat wait before accepting it.
    pub accept_delay: Duration,
    /// When a silent user is reminded and given up; absent when nobody looks.
    pub idle: Option<Idle>,
    /// After how long in the queue the user is told so and offered a topic; absent when the queue
    /// has no such trigger.
    pub max_wait: Option<Duration>,
    /// How long a transferred chat waits for its next agent.
    pub transfer_delay: Duration,
    /// `bye`, `hi`, `restart`, `logout` and `agent` as a whole message are commands (reference
    /// 3.7). Off by default: an administrator is advised to exclude the channel from them.
    pub command_words: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            agent: AgentMode::default(),
            agents: vec![AgentProfile::new("dana", "Dana"), AgentProfile::new("robin", "Robin")],
            queues: vec![QueueProfile::new("it", "IT support")],
            assignment: Assignment::default(),
            offer_timeout: None,
            away_after_missed_offer: true,
            unrouted: Unrouted::default(),
            topics: vec![Topic::live_agent()],
            survey: Vec::new(),
            typing_shown: true,
            canned_replies: CannedReply::stock(),
            credentials: Credentials::default(),
            message_token: None,
            message_hash: None,
            users: vec![
                User::new("Kim Example", "kim@example.org"),
                User::new("Alex Example", "alex@example.org"),
            ],
            profile: Profile::default(),
            webhook: Webhook::default(),
            access_token_seconds: 1_799,
            refresh_token_seconds: 8_640_000,
            client_credentials: false,
            integration_role: true,
            may_read_provider: false,
            may_read_messages: false,
            may_read_presence: true,
            names_shown: true,
            maintain_ordering: true,
            wait_status: WaitStatus::default(),
            end_told: EndTold::default(),
            initial_response: None,
            accept_delay: Duration::from_secs(1),
            idle: Some(Idle::default()),
            max_wait: None,
            transfer_delay: Duration::ZERO,
            command_words: false,
        }
    }
}
