//! What an instance posts at each moment of a conversation, in each dialect (reference 2 and 5.7).
//!
//! Owns the sequences and the shape of envelopes and items. It knows no conversation state: which
//! moment it is, is decided by [`crate::instance`].

use serde_json::{Map, Value, json};

use crate::{
    config::{Dialect, EndTold},
    instance::Setup,
};

/// Said when a chat is put into the queue (reference 5.6).
pub(crate) const STAND_BY: &str = "Please stand by while I connect you to a live agent.";
/// Said when nobody can take a chat.
pub(crate) const NOBODY: &str = "No agents are available at the moment. Please try again later.";
/// Said when a conversation is over.
pub(crate) const ENDED: &str = "The conversation has ended.";
/// Said by the virtual agent to anything it has no topic for.
pub(crate) const NOT_UNDERSTOOD: &str = "I'm sorry, I didn't understand that.";
/// Said by the virtual agent to a conversation that was started.
pub(crate) const GREETING: &str = "Hi, I'm your virtual agent. How can I help you?";

/// Something that callbacks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment<'a> {
    /// A conversation record was made.
    Started,
    /// The answer to `CREATE_CONVERSATION`.
    Created,
    /// The virtual agent's greeting topic.
    Greeted,
    /// The virtual agent found no topic.
    NotUnderstood,
    /// The virtual agent gave the conversation back to the primary bot.
    LetGo,
    /// The virtual agent's conversation was ended by the user.
    Closed,
    /// AGENT was routed to a queue.
    Queued,
    /// A minute of waiting has gone by.
    StillWaiting,
    /// AGENT could not be routed, or was rejected.
    Nobody,
    /// An agent took the chat.
    Accepted,
    /// The agent began or stopped typing.
    Typing(bool),
    /// The agent wrote this.
    Wrote(&'a str),
    /// The agent ended the chat.
    AgentEnded,
    /// The user ended the chat while an agent was there.
    UserEnded,
    /// The user left before an agent was there.
    Withdrawn,
}

/// What the moment happens to.
pub(crate) struct Context<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) conversation_id: &'a str,
    pub(crate) interaction_id: &'a str,
    /// The first word after acceptance was exchanged.
    pub(crate) talking: bool,
}

/// One POST, before the caller's own labels are echoed into it.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) items: Vec<Map<String, Value>>,
    pub(crate) agent_chat: bool,
    pub(crate) completed: bool,
    pub(crate) take_control: bool,
    pub(crate) score: Option<u8>,
    pub(crate) status: Option<&'static str>,
    pub(crate) error_message: Option<&'static str>,
}

impl Envelope {
    fn of(item: Value) -> Self {
        Self { items: objects(vec![item]), ..Self::default() }
    }

    fn with_agent(self) -> Self {
        Self { agent_chat: true, ..self }
    }

    fn completed(self) -> Self {
        Self { completed: true, ..self }
    }

    fn scored(self) -> Self {
        Self { score: Some(0), ..self }
    }

    fn status(self, status: &'static str) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// The callbacks of a moment, in the order in which they are sent.
pub(crate) fn callbacks(moment: Moment<'_>, context: &Context<'_>) -> Vec<Envelope> {
    match context.setup.dialect {
        Dialect::ServiceNow => product(moment, context),
        Dialect::Spec => specification(moment, context),
        Dialect::Both => {
            let status = status(moment, context.talking);
            let error = (moment == Moment::Nobody).then_some(NOBODY);
            let mut envelopes = product(moment, context);
            for envelope in &mut envelopes {
                envelope.status = status;
                envelope.error_message = error;
            }
            envelopes
        }
    }
}

/// The specification's status at a moment; the virtual agent has none.
fn status(moment: Moment<'_>, talking: bool) -> Option<&'static str> {
    match moment {
        Moment::Started
        | Moment::Created
        | Moment::Greeted
        | Moment::NotUnderstood
        | Moment::LetGo
        | Moment::Closed => None,
        Moment::Queued | Moment::StillWaiting => Some("waiting"),
        Moment::Nobody => Some("fail"),
        Moment::Accepted => Some("connected"),
        Moment::Typing(_) => Some(if talking { "active" } else { "connected" }),
        Moment::Wrote(_) => Some("active"),
        Moment::AgentEnded | Moment::UserEnded => Some("completed"),
        Moment::Withdrawn => Some("cancelled"),
    }
}

/// The documented behaviour of the product.
fn product(moment: Moment<'_>, context: &Context<'_>) -> Vec<Envelope> {
    let setup = context.setup;
    match moment {
        Moment::Started => {
            let id = json!({"conversationId": context.conversation_id});
            vec![Envelope::of(action("StartConversation", id))]
        }
        Moment::Created => {
            let ids = json!({
                "conversationId": context.conversation_id,
                "interactionId": context.interaction_id,
            });
            vec![Envelope::of(action("CreateConversation", ids))]
        }
        Moment::Greeted => vec![bot_says(text(GREETING))],
        Moment::NotUnderstood => vec![bot_says(text(NOT_UNDERSTOOD))],
        Moment::LetGo => vec![Envelope { take_control: true, ..Envelope::default() }.scored()],
        Moment::Closed => vec![Envelope::of(text(ENDED))],
        Moment::Queued => {
            let processing = json!({"spinnerType": "processing"});
            let mut told = vec![
                Envelope::of(action("StartSpinner", processing.clone())),
                Envelope::of(action("EndSpinner", processing)),
                Envelope::of(text(STAND_BY)).with_agent(),
                Envelope::of(action("SubscribeToSupportQueue", json!({}))).with_agent(),
            ];
            told.extend(wait_spinner(setup));
            told
        }
        Moment::StillWaiting => wait_spinner(setup).into_iter().collect(),
        Moment::Nobody => vec![
            Envelope::of(text(NOBODY)),
            Envelope { take_control: true, ..Envelope::default() }.scored(),
        ],
        Moment::Accepted => accepted(context),
        Moment::Typing(on) => vec![typing(on)],
        Moment::Wrote(words) => vec![Envelope::of(by_agent(text(words), setup)).with_agent()],
        Moment::AgentEnded => agent_ended(setup),
        Moment::UserEnded | Moment::Withdrawn => vec![Envelope::of(text(ENDED)).completed()],
    }
}

fn accepted(context: &Context<'_>) -> Vec<Envelope> {
    let setup = context.setup;
    let mut told = Vec::new();
    if setup.wait_time.is_some() {
        told.push(action("EndSpinner", json!({"spinnerType": "wait_time"})));
    }
    told.push(action("SubscribeToChatPresence", json!({"chatSessionId": context.interaction_id})));
    told.push(action("SwitchToLiveAgent", json!({})));
    let entered = format!("{} has entered the chat.", setup.agent_shown());
    told.push(action("System", json!({"message": entered})));
    if let Some(response) = &setup.initial_response {
        told.push(by_agent(text(response), setup));
    }
    told.into_iter().map(|item| Envelope::of(item).with_agent()).collect()
}

fn agent_ended(setup: &Setup) -> Vec<Envelope> {
    let last = Envelope::of(text(ENDED)).completed();
    match setup.end_told {
        EndTold::Once => vec![last],
        EndTold::ThreeTimes => {
            let closed = format!("{} has closed the support session.", setup.agent_shown());
            vec![
                Envelope::of(action("System", json!({"message": closed}))).with_agent(),
                Envelope::of(action("SwitchToVirtualAgent", json!({}))),
                last,
            ]
        }
    }
}

/// The specification's behaviour. It fixes one payload for taking over, one for the end and one
/// for failure; what it does not speak of keeps the product's shape, with the text in `message`.
fn specification(moment: Moment<'_>, context: &Context<'_>) -> Vec<Envelope> {
    let setup = context.setup;
    let told = match moment {
        // Conversation records and estimates do not exist in this dialect.
        Moment::Started | Moment::StillWaiting => Vec::new(),
        Moment::Created | Moment::LetGo => product(moment, context),
        Moment::Greeted => vec![bot_says(message(GREETING))],
        Moment::NotUnderstood => vec![bot_says(message(NOT_UNDERSTOOD))],
        Moment::Closed => vec![Envelope::of(message(ENDED))],
        Moment::Queued => vec![Envelope::of(message(STAND_BY))],
        Moment::Nobody => vec![Envelope {
            error_message: Some("No agents are available to chat"),
            ..Envelope::of(message(NOBODY))
        }],
        Moment::Accepted => {
            let words = json!({"message": "Agent has taken control of the conversation"});
            let mut told = vec![Envelope {
                take_control: true,
                ..Envelope::of(action("AgentControl", words)).with_agent()
            }];
            if let Some(response) = &setup.initial_response {
                let item = named(message(response), setup);
                told.push(Envelope::of(item).with_agent());
            }
            told
        }
        Moment::Typing(on) => vec![typing(on)],
        Moment::Wrote(words) => vec![Envelope::of(named(message(words), setup)).with_agent()],
        Moment::AgentEnded | Moment::UserEnded | Moment::Withdrawn => {
            let words = json!({"message": ENDED});
            vec![Envelope::of(action("EndConversation", words)).completed()]
        }
    };
    match status(moment, context.talking) {
        Some(status) => told.into_iter().map(|envelope| envelope.status(status)).collect(),
        None => told,
    }
}

fn wait_spinner(setup: &Setup) -> Option<Envelope> {
    let wait = setup.wait_time.as_ref()?;
    let spinner = json!({
        "spinnerType": "wait_time",
        "message": "Your estimated wait time is",
        "waitTime": wait,
    });
    Some(Envelope::of(action("StartSpinner", spinner)).with_agent())
}

fn typing(on: bool) -> Envelope {
    let name = if on { "StartTypingIndicator" } else { "EndTypingIndicator" };
    Envelope::of(action(name, json!({}))).with_agent()
}

/// A text of the virtual agent with the picker that follows everything it did not understand.
fn bot_says(words: Value) -> Envelope {
    let picker = json!({
        "uiType": "TopicPickerControl",
        "group": "DefaultPicker",
        "nluTextEnabled": false,
        "promptMsg": "You can choose one of these topics, or tell me what you are looking for.",
        "label": "Show me everything",
        "options": [{
            "label": "Live Agent Support.",
            "value": "ce2ee85053130010cf8cddeeff7b12bf",
            "renderStyle": "data",
            "enabled": false,
        }],
    });
    Envelope { items: objects(vec![words, picker]), ..Envelope::default() }.scored()
}

fn action(name: &str, fields: Value) -> Value {
    let mut item = json!({"uiType": "ActionMsg", "actionType": name});
    if let (Value::Object(item), Value::Object(fields)) = (&mut item, fields) {
        item.extend(fields);
    }
    item
}

fn text(words: &str) -> Value {
    json!({"uiType": "OutputText", "group": "DefaultText", "value": words, "maskType": "NONE"})
}

fn message(words: &str) -> Value {
    json!({"uiType": "OutputText", "message": words})
}

/// Marks an item as an agent's. Name and id go out only with "Agent names and avatars" on.
fn by_agent(mut item: Value, setup: &Setup) -> Value {
    item["agentInfo"] = if setup.names_shown {
        json!({
            "sentFromAgent": true,
            "agentName": setup.agent_name,
            "agentId": setup.agent_id,
        })
    } else {
        json!({"sentFromAgent": true})
    };
    item
}

/// The specification's `agentInfo`, which has a name and nothing else.
fn named(mut item: Value, setup: &Setup) -> Value {
    if setup.names_shown {
        item["agentInfo"] = json!({"agentName": setup.agent_name});
    }
    item
}

fn objects(items: Vec<Value>) -> Vec<Map<String, Value>> {
    items
        .into_iter()
        .filter_map(|item| match item {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
        .collect()
}
