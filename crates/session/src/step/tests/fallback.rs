//! However a live chat ends: the user hears why, and the bot has the conversation again, with the
//! reason and with everything that was said since somebody asked for a person.

use super::given::{
    Given, REASONS, active, agent_said, bot, bot_asks, desk_said, effect, holding, news,
    operator_ends, user_says, waiting,
};
use crate::{
    AskedBy, BotNews, Content, EndReason, EndedBy, Event, Failure, News, Notice, Phase, Route,
    Step, What, id::Number,
};

/// A chat asked for after entry 8, in which entries 9 and 10 were said, and what ends it so.
fn story(reason: EndReason) -> (Given, Event) {
    let held = |phase| {
        let mut given = waiting(phase);
        given.waiting().held = vec![Number(9), Number(10)];
        given
    };
    let late = |given: Given| {
        let (due, _) = given.conversation.deadline(&given.policy).unwrap();
        (given.at(due), Event::Deadline { due })
    };
    let not_sent = |kind, failure| Event::NotSent { effect: effect(kind), failure };
    match reason {
        EndReason::AgentEnded => (active(), news(vec![News::Ended])),
        EndReason::UserEnded => (active(), user_says("end chat")),
        EndReason::UserCancelled => (holding(), user_says("cancel")),
        EndReason::DeskCancelled => (holding(), news(vec![News::Cancelled])),
        EndReason::NoAgent => (holding(), news(vec![News::Failed])),
        EndReason::NotRouted => {
            let accepted = held(Phase::Accepted { at: super::given::ago(5) });
            (accepted, news(vec![desk_said("I did not understand", false)]))
        }
        EndReason::Refused => (holding(), news(vec![News::LetGo])),
        EndReason::Rejected => (held(Phase::Requested), not_sent("ask", Failure::Refused)),
        EndReason::Unreachable => (active(), not_sent("say", Failure::Expired)),
        EndReason::Silence => late(held(Phase::Accepted { at: super::given::ago(5) })),
        EndReason::WaitedTooLong => late(holding()),
        EndReason::Lost => (active(), news(vec![News::Failed])),
        EndReason::UserLeft => late(holding().then(Event::UserAway)),
        EndReason::OperatorEnded => (active(), operator_ends()),
        EndReason::BotEnded => {
            let mut given = active();
            if let Route::Live(session) = &mut given.conversation.route {
                session.asked_by = AskedBy::Bot;
            }
            (given, Event::BotEnds { said: None })
        }
        EndReason::UserUnreachable => (active(), Event::UserGone),
        EndReason::NotPersonal => panic!("no session ends so"),
    }
}

/// What the bot is told, and of which entries.
fn told_bot(step: &Step) -> (&BotNews, Number, Number) {
    let told = step.effects.iter().find_map(|effect| match &effect.what {
        What::TellBot { news, after, upto, .. } => Some((news, *after, *upto)),
        What::Ask { .. }
        | What::Say { .. }
        | What::End { .. }
        | What::Greet
        | What::ToBot { .. }
        | What::Show { .. } => None,
    });
    told.expect("the bot is told")
}

/// The notices of a step.
fn notices(step: &Step) -> Vec<&Notice> {
    let notice = |message: &'_ crate::Message| matches!(message.content, Content::Notice(_));
    let told = step.messages.iter().filter(|message| notice(message));
    told.filter_map(|message| match &message.content {
        Content::Notice(notice) => Some(notice),
        Content::Said(_)
        | Content::Done(_)
        | Content::Revised { .. }
        | Content::Withdrawn { .. }
        | Content::Context(_)
        | Content::Transcript(_) => None,
    })
    .collect()
}

#[test]
fn every_end_gives_the_conversation_back_with_its_reason_and_all_that_was_said() {
    for reason in REASONS {
        let (given, event) = story(reason);
        let step = given.after(event);
        assert!(step.conversation.live().is_none(), "{reason:?}");
        assert_eq!(step.records.last().and_then(|record| record.reason), Some(reason));
        let (news, after, upto) = told_bot(&step);
        match news {
            BotNews::Completed { reason: told, .. } | BotNews::Failed { reason: told } => {
                assert_eq!(*told, reason);
            }
            BotNews::Accepted { .. } => panic!("{reason:?} is no arrival"),
        }
        assert_eq!(after, Number(8), "{reason:?}: from the first word");
        assert_eq!(upto, step.conversation.numbered, "{reason:?}: to the last");
    }
}

#[test]
fn every_end_is_told_to_the_user_in_words_of_its_own() {
    for reason in REASONS {
        let (given, event) = story(reason);
        let step = given.after(event);
        let expected = match reason {
            EndReason::AgentEnded => Notice::Ended { by: EndedBy::Agent(Some("Ola".to_owned())) },
            EndReason::UserEnded | EndReason::UserUnreachable => {
                Notice::Ended { by: EndedBy::User }
            }
            EndReason::NotPersonal => panic!("no session ends so"),
            EndReason::UserCancelled | EndReason::DeskCancelled => Notice::Cancelled,
            EndReason::NoAgent | EndReason::NotRouted => Notice::NobodyThere,
            EndReason::UserLeft => Notice::UserLeft,
            EndReason::OperatorEnded => Notice::Ended { by: EndedBy::Operator },
            EndReason::BotEnded => Notice::Ended { by: EndedBy::Bot },
            EndReason::Refused
            | EndReason::Rejected
            | EndReason::Unreachable
            | EndReason::Silence
            | EndReason::WaitedTooLong
            | EndReason::Lost => Notice::Failed { reason },
        };
        let notices = notices(&step);
        let last: Vec<_> = notices.iter().rev().take(2).rev().collect();
        assert_eq!(last, [&&expected, &&Notice::BackWithBot], "{reason:?}");
        let lost_words = reason == EndReason::Unreachable;
        assert_eq!(notices.contains(&&Notice::Undelivered), lost_words, "{reason:?}");
    }
}

#[test]
fn what_the_bot_handed_over_comes_back_to_it() {
    let asked = bot().then(bot_asks()).then(user_says("are you there?"));
    let context = Number(11);
    let news = |news| {
        Event::Desk(crate::Callback {
            session: super::given::session_id("ses_2"),
            request: None,
            claims: crate::Claims::default(),
            news: vec![news],
            behind_gap: false,
        })
    };
    for (given, event) in [
        (asked, news(News::Failed)),
        (bot().then(bot_asks()).then(news(agent_said("Ola", "hi", None))), news(News::Ended)),
        (bot().held_by("ses_9"), bot_asks()),
    ] {
        let step = given.after(event);
        let (_, after, upto) = told_bot(&step);
        assert!(after < context && context <= upto, "{after:?}..{upto:?}");
    }
}
