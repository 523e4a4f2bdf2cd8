//! A step as one line of text, so that a row of a table can say what is expected.
//!
//! In this order: where the conversation stands, what was logged, effects (`->`), strikes, holds,
//! rows, keys, and the answer (`=`), each only where there is something. A step that changes nothing
//! at all is `nothing`, a rejection its code.

use crate::{
    Answer, Author, BotNews, Content, Conversation, EndedBy, Hold, Message, Notice, Phase,
    Rejected, Route, Stage, Step, Talk, Wants, What, id::Number,
};

pub(super) fn render(before: &Conversation, step: &Result<Step, Rejected>) -> String {
    let step = match step {
        Ok(step) => step,
        Err(rejected) => return format!("rejected {}", rejected.code()),
    };
    let mut parts = Vec::new();
    parts.extend(step.messages.iter().map(message));
    parts.extend(step.effects.iter().map(|effect| format!("-> {}", what(&effect.what))));
    let strike = |strike: &crate::Strike| format!("strike {} <{}", strike.session, strike.below);
    parts.extend(step.strikes.iter().map(strike));
    parts.extend(step.holds.iter().map(|hold| match hold {
        Hold::Take { session, .. } => format!("take {session}"),
        Hold::Free { session, .. } => format!("free {session}"),
    }));
    parts.extend(step.records.iter().map(|record| {
        let reason = record.reason.map(|reason| format!(" {}", reason.code())).unwrap_or_default();
        format!("row {} {}{reason}", record.session, record.status.as_str())
    }));
    parts.extend(step.remember.iter().map(|(key, number)| format!("key {key} {number}")));
    if step.answer != Number::default() {
        parts.push(format!("= {}", step.answer));
    }
    if parts.is_empty() && step.conversation == *before {
        return "nothing".to_owned();
    }
    parts.insert(0, standing(&step.conversation));
    parts.join("; ")
}

/// Where a conversation stands.
fn standing(conversation: &Conversation) -> String {
    let mut text = match &conversation.route {
        Route::Bot => "bot".to_owned(),
        Route::Live(session) => match &session.stage {
            Stage::Waiting(waiting) => {
                let phase = match waiting.phase {
                    Phase::Requested => "requested",
                    Phase::Accepted { .. } => "accepted",
                    Phase::Queued => "queued",
                };
                let held = waiting.held.len();
                if held == 0 { phase.to_owned() } else { format!("{phase} holding {held}") }
            }
            Stage::Connected(talk) => format!("connected{}", talking(talk)),
            Stage::Active(talk) => format!("active{}", talking(talk)),
        },
    };
    if conversation.live().is_some_and(|session| session.away) {
        text.push_str(" away");
    }
    if conversation.live().is_some_and(|session| session.user_away_since.is_some()) {
        text.push_str(" (user away)");
    }
    let behind = conversation.live().and_then(|session| session.behind_gap.as_ref());
    if let Some(behind) = behind {
        text.extend([" (", &behind.news.len().to_string(), " behind the gap)"]);
    }
    if conversation.unreachable {
        text.push_str(" (unreachable)");
    }
    if conversation.bot_away {
        text.push_str(" (bot away)");
    }
    text
}

fn talking(talk: &Talk) -> String {
    let mut words = vec![named(talk.agent.name.as_ref())];
    words.extend(talk.transferring.then(|| " transferring".to_owned()));
    words.extend(talk.warned.then(|| " warned".to_owned()));
    words.extend((talk.answer == Answer::Missed).then(|| " unanswered".to_owned()));
    words.extend(talk.asked.as_ref().map(|asked| match asked.question.wants {
        Wants::Choice => format!(" asking {}", asked.options.len()),
        wants => format!(" asking {wants:?}"),
    }));
    words.concat()
}

fn named(name: Option<&String>) -> String {
    name.map(|name| format!(" {name}")).unwrap_or_default()
}

fn message(message: &Message) -> String {
    let author = match &message.author {
        Author::User => "user".to_owned(),
        Author::Bot => "bot".to_owned(),
        Author::Agent(agent) => format!("agent{}", named(agent.name.as_ref())),
        Author::Desk => "desk".to_owned(),
        Author::Gateway => "tell".to_owned(),
    };
    let content = match &message.content {
        Content::Said(said) => match &said.choice {
            Some(choice) => format!("{:?} chose {choice}", said.text),
            None => match &said.in_form {
                Some(form) => format!("{:?} in form {form}", said.text),
                None => format!("{:?}", said.text),
            },
        },
        Content::Notice(told) => notice(told),
        Content::Done(payload) => format!("did {}", payload.0),
        Content::Revised { of, said, .. } => format!("revises {of} {:?}", said.text),
        Content::Withdrawn { of, .. } => format!("withdraws {of}"),
        Content::Context(context) => format!("hands over {}", context.len()),
        Content::Transcript(lines) => format!("brings {} lines", lines.len()),
    };
    format!("{author} {content}")
}

fn notice(notice: &Notice) -> String {
    let more = match notice {
        Notice::Waiting { estimate } | Notice::Transferring { estimate } => format!(" {estimate}"),
        Notice::Connected { agent, .. }
        | Notice::Transferred { agent, .. }
        | Notice::AgentIdle { agent } => named(agent.as_ref()),
        Notice::Ended { by: EndedBy::User } => " by user".to_owned(),
        Notice::Ended { by: EndedBy::Operator } => " by operator".to_owned(),
        Notice::Ended { by: EndedBy::Bot } => " by bot".to_owned(),
        Notice::Ended { by: EndedBy::Agent(agent) } => {
            format!(" by agent{}", named(agent.as_ref()))
        }
        Notice::Failed { reason } => format!(" {}", reason.code()),
        Notice::FileNotTaken { name, why } | Notice::FileNotPassedOn { name, why } => {
            format!(" {} {why:?}", name.as_deref().unwrap_or("-"))
        }
        Notice::FileLinked { name, address } => format!(" {name} {address}"),
        Notice::Asked
        | Notice::Held
        | Notice::WentThrough
        | Notice::IdleWarning
        | Notice::NobodyThere
        | Notice::Cancelled
        | Notice::BusyElsewhere
        | Notice::Undelivered
        | Notice::BackWithBot
        | Notice::BotAway
        | Notice::UserLeft
        | Notice::NoMoreHeld
        | Notice::PersonalOnly
        | Notice::AnsweredTooLate
        | Notice::Masked
        | Notice::AgentUnheard => String::new(),
    };
    format!("{}{more}", notice.key())
}

fn what(what: &What) -> String {
    match what {
        What::Ask { session, upto, context, .. } => {
            let context = context.map(|entry| format!(" with {entry}")).unwrap_or_default();
            format!("ask {session} upto {upto}{context}")
        }
        What::Say { message, part, words, .. } => {
            let part = part.filter(|part| *part > 0);
            let part = part.map(|part| format!(".{part}")).unwrap_or_default();
            let words = words.as_ref().map(|words| format!(" {:?}", words.0)).unwrap_or_default();
            format!("say {message}{part}{words}")
        }
        What::End { session, .. } => format!("end {session}"),
        What::Greet => "greet".to_owned(),
        What::Show { message, part: 0, of_agent: None } => format!("show {message}"),
        What::Show { message, part, of_agent } => {
            let agents = if of_agent.is_some() { " of agent" } else { "" };
            format!("show {message}.{part}{agents}")
        }
        What::ToBot { message } => format!("to bot {message}"),
        What::TellBot { session, news, after, upto } => {
            let news = match news {
                BotNews::Accepted { agent } => format!("accepted{}", named(agent.as_ref())),
                BotNews::Completed { agent, reason } => {
                    format!("completed{} {}", named(agent.as_ref()), reason.code())
                }
                BotNews::Failed { reason } => format!("failed {}", reason.code()),
            };
            format!("tell bot {session} {news} {after}..{upto}")
        }
    }
}
