//! What the vendor's specification says is posted at each moment (reference 2).
//!
//! Owns that dialect's sequences; for moments it does not speak of, the product's are used.

use serde_json::json;

use super::{
    Context, ENDED, Envelope, GREETING, MAX_WAIT, Moment, NOBODY, NOT_UNDERSTOOD, STAND_BY,
    item::{action, bot_says, file, message, named, objects, topic_picker},
    product, status,
};

/// The specification's behaviour. It fixes one payload for taking over, one for the end and one
/// for failure; what it does not speak of keeps the product's shape, with the text in `message`.
pub(super) fn told(moment: Moment<'_>, context: &Context<'_>) -> Vec<Envelope> {
    let told = match moment {
        // Conversation records and estimates do not exist in this dialect, and the end is told
        // once, before the survey.
        Moment::Started | Moment::StillWaiting | Moment::WaitingAgain | Moment::SurveyOver => {
            Vec::new()
        }
        Moment::Created
        | Moment::ByeAsked
        | Moment::LetGo
        | Moment::IdleReminder
        | Moment::Showed(_)
        | Moment::SurveyAsked(_) => product::told(moment, context),
        Moment::TopicSaid(words) => vec![Envelope::of(message(words))],
        Moment::Greeted => vec![bot_says(message(GREETING), context)],
        Moment::NotUnderstood => vec![bot_says(message(NOT_UNDERSTOOD), context)],
        Moment::Closed => vec![Envelope::of(message(ENDED))],
        Moment::Queued => vec![Envelope::of(message(STAND_BY))],
        Moment::MaxWait => {
            let items = objects(vec![message(MAX_WAIT), topic_picker(context)]);
            vec![Envelope { items, ..Envelope::default() }]
        }
        Moment::Transferring => vec![Envelope::of(message(STAND_BY)).with_agent()],
        Moment::Nobody => vec![Envelope {
            error_message: Some("No agents are available to chat"),
            ..Envelope::of(message(NOBODY))
        }],
        Moment::Transferred => vec![taken_over()],
        Moment::Accepted => {
            let mut told = vec![taken_over()];
            if let Some(response) = &context.setup.initial_response {
                let item = named(message(response), context);
                told.push(Envelope::of(item).with_agent());
            }
            told
        }
        Moment::Typing(on) => vec![product::typing(on)],
        Moment::Wrote(words) => vec![Envelope::of(named(message(words), context)).with_agent()],
        Moment::SentFile(link) => vec![Envelope::of(named(file(link), context)).with_agent()],
        Moment::IdledOut
        | Moment::AgentEnded
        | Moment::AgentLeft
        | Moment::UserEnded
        | Moment::Withdrawn
        | Moment::Unrouted => {
            let words = json!({"message": ENDED});
            vec![Envelope::of(action("EndConversation", words)).completed()]
        }
    };
    match status(moment, context.talking) {
        Some(status) => told.into_iter().map(|envelope| envelope.status(status)).collect(),
        None => told,
    }
}

fn taken_over() -> Envelope {
    let words = json!({"message": "Agent has taken control of the conversation"});
    Envelope { take_control: true, ..Envelope::of(action("AgentControl", words)).with_agent() }
}
