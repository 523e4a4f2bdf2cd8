//! What the bot says of a live chat, in English.

use session::{BotNews, EndReason};

use super::Meanwhile;

/// Its answer to files alone.
pub(super) const FILES: &str = "I cannot look into files. Tell me in words what it is about, or type “agent” to talk to a person.";

/// Its next line after a live chat.
pub(super) fn line(news: &BotNews, meanwhile: Meanwhile<'_>) -> Option<String> {
    Some(match news {
        // Of the second the user was told by a notice, and of the third nobody can be.
        BotNews::Accepted { .. }
        | BotNews::Completed { reason: EndReason::UserUnreachable, .. }
        | BotNews::Failed { reason: EndReason::NotPersonal | EndReason::UserUnreachable } => {
            return None;
        }
        BotNews::Completed { agent: Some(agent), .. } => {
            format!("I hope {agent} could help. Is there anything else I can do for you?")
        }
        BotNews::Completed { agent: None, .. } => {
            "I hope that helped. Is there anything else I can do for you?".to_owned()
        }
        BotNews::Failed { reason: EndReason::UserCancelled } => {
            "All right, no agent then. What can I do for you?".to_owned()
        }
        BotNews::Failed { reason } => format!("{} {}", sorry(*reason), instead(meanwhile)),
    })
}

/// What it can do where no person could.
fn instead(meanwhile: Meanwhile<'_>) -> String {
    match meanwhile {
        Meanwhile::Nothing => "I can try to help, or type “agent” to ask again.".to_owned(),
        Meanwhile::Known(answer) => {
            format!("About what you wrote meanwhile: {answer} Or type “agent” to ask again.")
        }
        Meanwhile::Unknown => {
            "I have what you wrote meanwhile, but I do not know that one. Try a few \
                       other words, or type “agent” to ask again."
                .to_owned()
        }
    }
}

fn sorry(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Lost => "I am sorry that your chat broke off.",
        EndReason::Rejected => "The service desk did not take it, I am sorry.",
        EndReason::Unreachable => "I am sorry that the service desk could not be reached.",
        EndReason::UserLeft => "You were away for a while, so your request was withdrawn.",
        EndReason::BotEnded => "Your chat is over. Can I help you with anything else?",
        EndReason::OperatorEnded => "Your chat was ended by the operator, I am sorry.",
        EndReason::AgentEnded
        | EndReason::UserEnded
        | EndReason::UserCancelled
        | EndReason::DeskCancelled
        | EndReason::NoAgent
        | EndReason::NotRouted
        | EndReason::Refused
        | EndReason::Silence
        | EndReason::UserUnreachable
        | EndReason::NotPersonal
        | EndReason::WaitedTooLong => "You did not get to talk to anybody, I am sorry.",
    }
}
