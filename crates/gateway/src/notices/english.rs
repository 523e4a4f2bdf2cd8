//! The catalogue in English.

use session::{EndReason, EndedBy, FileRefusal, Notice};

use super::{NoFile, Told};

/// The words of a notice.
#[expect(clippy::too_many_lines, reason = "one catalogue, one entry after the other")]
pub(super) fn words(notice: &Notice) -> String {
    match notice {
        Notice::Asked => {
            "I am looking for a person to talk to you. Type “cancel” to stop waiting.".to_owned()
        }
        Notice::Waiting { estimate } => {
            format!("You are in the queue. Estimated waiting time: {estimate}.")
        }
        Notice::Connected { agent: Some(agent), .. } => {
            format!("You are now talking to {agent}. Type “end chat” when you are done.")
        }
        Notice::Connected { agent: None, .. } => {
            "You are now talking to a person. Type “end chat” when you are done.".to_owned()
        }
        Notice::Transferring { estimate } => {
            format!("You are being passed on to somebody else. Estimated waiting time: {estimate}.")
        }
        Notice::Transferred { agent: Some(agent), .. } => {
            format!("You are now talking to {agent}.")
        }
        Notice::Transferred { agent: None, .. } => "Somebody else has taken over your chat.".to_owned(),
        Notice::Held => {
            "The service desk cannot be reached at the moment. Your words are kept and \
                         will be delivered."
                .to_owned()
        }
        Notice::WentThrough => "The service desk can be reached again; your words were \
                                delivered."
            .to_owned(),
        Notice::Masked => "Some of what you wrote is not passed on here, such as numbers of cards. \
                           A mask stands in its place."
            .to_owned(),
        Notice::IdleWarning => "Are you still there? The service desk will end this chat soon if \
                                you do not write anything."
            .to_owned(),
        Notice::Ended { by: EndedBy::User } => "You ended the chat.".to_owned(),
        Notice::Ended { by: EndedBy::Agent(Some(agent)) } => format!("{agent} ended the chat."),
        Notice::Ended { by: EndedBy::Agent(None) } => "The service desk ended the chat.".to_owned(),
        Notice::Ended { by: EndedBy::Bot } => "The chat was ended by the assistant.".to_owned(),
        Notice::Ended { by: EndedBy::Operator } => {
            "The chat was ended by the operator of this service.".to_owned()
        }
        Notice::NobodyThere => "Nobody is available to talk to you right now.".to_owned(),
        Notice::Cancelled => "Your request for a person was withdrawn.".to_owned(),
        Notice::Failed { reason } => failed(*reason),
        Notice::BusyElsewhere => "You already have a chat with the service desk in another \
                                  window. Go on there, or end it first."
            .to_owned(),
        Notice::Undelivered => {
            "The last thing you wrote did not reach the service desk.".to_owned()
        }
        Notice::BackWithBot => "You are back with the assistant.".to_owned(),
        Notice::BotAway => {
            "The assistant does not answer at the moment. Type “agent” to talk to a person."
                .to_owned()
        }
        Notice::NoMoreHeld => "I keep what you wrote for the person you will talk to, but I \
                               cannot keep more. Please wait until somebody is there."
            .to_owned(),
        Notice::PersonalOnly => "I can bring in a person only where just the two of us talk. Please write to me directly, in a chat of our own.".to_owned(),
        Notice::FileNotTaken { name, why } => {
            let why = match why {
                FileRefusal::TooLarge => "It is too large.",
                FileRefusal::Empty => "It is empty.",
                FileRefusal::NotAllowed => "Files like this are not taken here.",
                FileRefusal::Infected => "The virus scanner found something in it.",
                FileRefusal::NoRoom => "There are too many files.",
                FileRefusal::NotNow => "It cannot be taken at the moment. Please send it again.",
                FileRefusal::NotGiven => "It is not there any more.",
            };
            match name {
                Some(name) => format!("The file “{name}” did not go through. {why}"),
                None => format!("Your file did not go through. {why}"),
            }
        }
        Notice::FileNotPassedOn { name, why } => {
            let why = match why {
                FileRefusal::TooLarge => "it is too large.",
                FileRefusal::Empty => "it is empty.",
                FileRefusal::NotAllowed => "files like this are not passed on here.",
                FileRefusal::Infected => "the virus scanner found something in it.",
                FileRefusal::NoRoom => "there is no room for more files.",
                FileRefusal::NotNow => "it cannot be had at the moment.",
                FileRefusal::NotGiven => "the service desk does not give it out, or has it no more.",
            };
            match name {
                Some(name) => format!("The file “{name}” could not be passed on: {why}"),
                None => format!("A file of the service desk's could not be passed on: {why}"),
            }
        }
        Notice::FileLinked { name, address } => {
            format!("{address} opens the file “{name}”.")
        }
        Notice::AnsweredTooLate => "That question is not open any more, so what you just entered there was discarded, and nobody can read it. If you are asked for it again, please answer the newest question.".to_owned(),
        Notice::AgentUnheard => "Automatic note: what you wrote last may not have reached the user.".to_owned(),
        Notice::UserLeft => {
            "You were away for some time, so your chat with the service desk was closed.".to_owned()
        }
        Notice::AgentIdle { agent } => {
            let who = agent.as_deref().unwrap_or("The service desk");
            format!("{who} has not answered for a while. You can go on waiting or type “end chat”.")
        }
    }
}

fn failed(reason: EndReason) -> String {
    match reason {
        EndReason::Unreachable => "The service desk cannot be reached.",
        EndReason::Silence => "The service desk did not answer.",
        EndReason::WaitedTooLong => "Nobody could take your chat in time.",
        EndReason::Lost => "The connection to the service desk was lost.",
        EndReason::Refused => "The service desk let your request go before anybody took it.",
        EndReason::Rejected => "The service desk could not take your request.",
        EndReason::NoAgent | EndReason::NotRouted => {
            return words(&Notice::NobodyThere);
        }
        EndReason::UserCancelled | EndReason::DeskCancelled => {
            return words(&Notice::Cancelled);
        }
        EndReason::NotPersonal => return words(&Notice::PersonalOnly),
        EndReason::UserLeft => return words(&Notice::UserLeft),
        EndReason::AgentEnded
        | EndReason::UserEnded
        | EndReason::OperatorEnded
        | EndReason::UserUnreachable
        | EndReason::BotEnded => "The chat is over.",
    }
    .to_owned()
}

/// What whoever opens the address of a file reads that opens none.
pub(super) fn no_file(why: NoFile) -> (&'static str, &'static str) {
    let words = match why {
        NoFile::Unknown | NoFile::Never(_) => "There is no file at this address, or not any more.",
        NoFile::Expired => "Files are kept for some time, which is over for this one.",
        NoFile::Damaged => {
            "The file was damaged where it is kept and cannot be had any more. Please have it sent again."
        }
        NoFile::Later => "The file cannot be had at the moment. Please try again in a minute.",
    };
    ("This file cannot be opened", words)
}

/// What an agent is told.
pub(super) fn told(told: &Told<'_>) -> String {
    match told {
        Told::Edited { before: Some(before), now } => format!("[Changed “{before}” to:] {now}"),
        Told::Edited { before: None, now } => format!("[Changed an earlier message to:] {now}"),
        Told::Deleted { what: Some(what) } => format!("[Deleted the message “{what}”.]"),
        Told::Deleted { what: None } => "[Deleted an earlier message.]".to_owned(),
        Told::Restored { now } => format!("[Restored a deleted message:] {now}"),
        Told::Reacted { with, to: Some(to) } => format!("[Reacted to “{to}” with {with}]"),
        Told::Reacted { with, to: None } => format!("[Reacted to a message with {with}]"),
        Told::Unreacted { with, to: Some(to) } => {
            format!("[Took back the reaction {with} to “{to}”.]")
        }
        Told::Unreacted { with, to: None } => format!("[Took back the reaction {with}]"),
        Told::Submitted { values } => format!("[Filled in a form:]\n{values}"),
        Told::Pressed => "[Pressed a button on a card.]".to_owned(),
        Told::Located { place, link: Some(link) } => format!("[Location: {place}] {link}"),
        Told::Located { place, link: None } => format!("[Location: {place}]"),
        Told::Contact { who } => format!("[Contact: {who}]"),
        Told::Sticker { sign: Some(sign) } => format!("[Sticker {sign}]"),
        Told::Sticker { sign: None } => "[Sent a sticker.]".to_owned(),
        Told::Unreadable => "[Sent something that cannot be shown here.]".to_owned(),
    }
}
