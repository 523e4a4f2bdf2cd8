//! What the product documentation says an instance posts at each moment (reference 5.7).
//!
//! Owns those sequences. What documentation leaves open is decided here and listed in the README.

use serde_json::{Value, json};

use super::{
    Context, ENDED, Envelope, GREETING, IDLE_END, IDLE_REMINDER, MAX_WAIT, Moment, NOBODY,
    NOT_UNDERSTOOD, STAND_BY, Shown,
    item::{action, bot_says, by_agent, bye_picker, file, objects, question, text, topic_picker},
};
use crate::config::{EndTold, WaitStatus};

/// The documented behaviour of the product.
pub(super) fn told(moment: Moment<'_>, context: &Context<'_>) -> Vec<Envelope> {
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
        Moment::Greeted => vec![bot_says(text(GREETING), context)],
        Moment::NotUnderstood => vec![bot_says(text(NOT_UNDERSTOOD), context)],
        Moment::ByeAsked => vec![Envelope::of(bye_picker()).scored()],
        Moment::TopicSaid(words) => vec![Envelope::of(text(words)).understood()],
        Moment::LetGo => vec![Envelope { take_control: true, ..Envelope::default() }.scored()],
        Moment::Closed => vec![Envelope::of(text(ENDED))],
        Moment::Queued => queued(context),
        Moment::StillWaiting | Moment::WaitingAgain => wait_spinner(context).into_iter().collect(),
        Moment::MaxWait => {
            let items = objects(vec![text(MAX_WAIT), topic_picker(context)]);
            vec![Envelope { items, ..Envelope::default() }.with_agent()]
        }
        Moment::Nobody => vec![
            Envelope::of(text(NOBODY)),
            Envelope { take_control: true, ..Envelope::default() }.scored(),
        ],
        Moment::Accepted => accepted(context),
        Moment::Typing(on) => vec![typing(on)],
        Moment::Wrote(words) => vec![Envelope::of(by_agent(text(words), context)).with_agent()],
        Moment::SentFile(link) => vec![Envelope::of(by_agent(file(link), context)).with_agent()],
        Moment::Showed(Shown { items, is_agents, .. }) => {
            let named = |item: &Value| {
                if is_agents { by_agent(item.clone(), context) } else { item.clone() }
            };
            with_agent(items.iter().map(named))
        }
        Moment::Transferring => {
            let mut told = vec![Envelope::of(text(STAND_BY)).with_agent()];
            told.extend(wait_spinner(context));
            told
        }
        Moment::Transferred => transferred(context),
        Moment::IdleReminder => vec![Envelope::of(system(IDLE_REMINDER)).with_agent()],
        Moment::IdledOut => {
            vec![Envelope::of(system(IDLE_END)).with_agent(), Envelope::of(text(ENDED)).completed()]
        }
        Moment::AgentEnded => agent_ended(context),
        // Where the end is told once, it is told before the survey, else at its end.
        Moment::AgentLeft => {
            let mut told = agent_ended(context);
            if context.setup.end_told == EndTold::ThreeTimes {
                told.pop();
            }
            told
        }
        Moment::SurveyAsked(place) => {
            question(place, context).map(Envelope::of).into_iter().collect()
        }
        Moment::SurveyOver => match context.setup.end_told {
            EndTold::Once => Vec::new(),
            EndTold::ThreeTimes => vec![Envelope::of(text(ENDED)).completed()],
        },
        Moment::UserEnded | Moment::Withdrawn | Moment::Unrouted => {
            vec![Envelope::of(text(ENDED)).completed()]
        }
    }
}

fn queued(context: &Context<'_>) -> Vec<Envelope> {
    let processing = json!({"spinnerType": "processing"});
    let mut told = vec![
        Envelope::of(action("StartSpinner", processing.clone())),
        Envelope::of(action("EndSpinner", processing)),
        Envelope::of(text(STAND_BY)).with_agent(),
        Envelope::of(action("SubscribeToSupportQueue", json!({}))).with_agent(),
    ];
    told.extend(wait_spinner(context));
    told
}

fn accepted(context: &Context<'_>) -> Vec<Envelope> {
    let mut told = Vec::from_iter(end_of_wait(context));
    told.push(action("SubscribeToChatPresence", json!({"chatSessionId": context.interaction_id})));
    told.push(action("SwitchToLiveAgent", json!({})));
    told.push(entered(context));
    if let Some(response) = &context.setup.initial_response {
        told.push(by_agent(text(response), context));
    }
    with_agent(told)
}

/// There is no word for a transfer: only what these items say, and another `agentInfo` later
/// (reference 9.5).
fn transferred(context: &Context<'_>) -> Vec<Envelope> {
    with_agent(end_of_wait(context).into_iter().chain([entered(context)]))
}

fn end_of_wait(context: &Context<'_>) -> Option<Value> {
    let shown = context.setup.wait_status != WaitStatus::Off;
    shown.then(|| action("EndSpinner", json!({"spinnerType": "wait_time"})))
}

fn entered(context: &Context<'_>) -> Value {
    system(&format!("{} has entered the chat.", context.agent_shown()))
}

fn with_agent(items: impl IntoIterator<Item = Value>) -> Vec<Envelope> {
    items.into_iter().map(|item| Envelope::of(item).with_agent()).collect()
}

fn agent_ended(context: &Context<'_>) -> Vec<Envelope> {
    let last = Envelope::of(text(ENDED)).completed();
    match context.setup.end_told {
        EndTold::Once => vec![last],
        EndTold::ThreeTimes => {
            let closed = format!("{} has closed the support session.", context.agent_shown());
            vec![
                Envelope::of(system(&closed)).with_agent(),
                Envelope::of(action("SwitchToVirtualAgent", json!({}))),
                last,
            ]
        }
    }
}

fn wait_spinner(context: &Context<'_>) -> Option<Envelope> {
    let wait = context.wait_time?;
    let spinner = json!({
        "spinnerType": "wait_time",
        "message": "Your estimated wait time is",
        "waitTime": wait,
    });
    Some(Envelope::of(action("StartSpinner", spinner)).with_agent())
}

pub(super) fn typing(on: bool) -> Envelope {
    let name = if on { "StartTypingIndicator" } else { "EndTypingIndicator" };
    Envelope::of(action(name, json!({}))).with_agent()
}

fn system(words: &str) -> Value {
    action("System", json!({"message": words}))
}
