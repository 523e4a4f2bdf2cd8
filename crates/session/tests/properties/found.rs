//! Conversations as they may be found in a store: any that the types and the house's rules allow, not
//! only those that a story has led to. And the rules that an installation may have.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use session::{
    Answer, Asked, AskedBy, Behind, BehindGap, Changing, Choice, Conversation, Effect, EndReason,
    HELD_WORDS_MAX, News, Past, Phase, Policy, Question, Route, Session, Stage, Status, Talk,
    Waiting, What,
    id::{DeskId, EffectNumber, Number, SessionId, Timestamp},
};

use crate::story::{Tells, agent, desk_id, news, tells, visitor, wants};

/// When everything begins.
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000);

/// The newest entry of a found conversation, and the newest that was there before its session.
const NUMBERED: u64 = 300;
const ASKED_AFTER: u64 = 100;

/// The newest effect of a found conversation.
const EFFECTS: u64 = 60;

/// A conversation, what is still on its way, and the time at which it is found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) conversation: Conversation,
    pub(crate) outbox: Vec<Effect>,
    pub(crate) now: Timestamp,
}

pub(crate) fn desk() -> DeskId {
    DeskId::new("default").unwrap()
}

fn span(seconds_max: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![
        1 => Just(Duration::ZERO),
        9 => (1..=seconds_max * 1_000).prop_map(Duration::from_millis),
    ]
}

/// Any rules: the options on and off, and the spans in any order of length.
pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let behind = prop_oneof![2 => Just(Behind::BuiltIn), 1 => Just(Behind::Bot)];
    let agent_idle = prop::option::of(span(600));
    let spans = (span(600), span(3_600), span(600), agent_idle, span(1_200), span(14_400));
    let own = (behind, spans).prop_map(|(behind, spans)| {
        let (silence, longest_wait, idle_warning, agent_idle, away_grace, quiet) = spans;
        let by_default = Policy::new(desk());
        Policy {
            behind,
            silence,
            longest_wait,
            idle_warning,
            agent_idle,
            away_grace,
            quiet,
            ..by_default
        }
    });
    prop_oneof![1 => Just(Policy::new(desk())), 2 => own]
}

/// A moment of the last two hours.
fn moment() -> impl Strategy<Value = Timestamp> {
    (0_i64..7_200_000).prop_map(|ago| Timestamp(START.0 - ago))
}

fn waiting() -> impl Strategy<Value = Stage> {
    let phase = prop_oneof![
        Just(Phase::Requested),
        moment().prop_map(|at| Phase::Accepted { at }),
        Just(Phase::Queued),
    ];
    let held = prop_oneof![
        3 => prop::collection::btree_set(ASKED_AFTER + 1..=NUMBERED, 0..5),
        1 => Just((ASKED_AFTER + 1..=NUMBERED).take(HELD_WORDS_MAX).collect()),
    ];
    let estimate = prop::option::of(Just("8 Seconds".to_owned()));
    let asked = prop_oneof![2 => Just(None), 1 => asked().prop_map(Some)];
    (phase, held, estimate, asked).prop_map(|(phase, held, estimate, asked)| {
        let held = held.into_iter().map(Number).collect();
        Stage::Waiting(Waiting { phase, held, estimate, asked })
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let choice = |n| Choice { label: format!("Option {n}"), value: format!("value-{n}") };
    (wants(), 0_u8..4, 0..=NUMBERED, any::<bool>(), any::<bool>()).prop_map(
        move |(wants, count, by, required, cut)| Asked {
            by: Number(by),
            question: Question { wants, required },
            options: (1..=count).map(choice).collect(),
            cut,
        },
    )
}

fn talking() -> impl Strategy<Value = Stage> {
    let answer = prop_oneof![
        Just(Answer::Given),
        moment().prop_map(|since| Answer::Owed { since }),
        Just(Answer::Missed),
    ];
    let asked = prop_oneof![1 => Just(None), 2 => asked().prop_map(Some)];
    let times = (moment(), moment(), moment());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let who = (0_u8..4, prop::option::of(0_u8..4));
    let estimate = prop::option::of(Just("8 Seconds".to_owned()));
    let told = (asked, estimate);
    (who, times, flags, answer, told).prop_map(|((who, before), times, flags, answer, told)| {
        let (asked, estimate) = told;
        let (user_spoke_at, heard_at, since) = times;
        let (warned, transferring, active) = flags;
        let talk = Talk {
            agent: agent(who),
            user_spoke_at,
            heard_at,
            warned,
            transferring,
            since,
            before: before.map(agent),
            answer,
            asked,
            estimate,
        };
        if active { Stage::Active(talk) } else { Stage::Connected(talk) }
    })
}

fn session() -> impl Strategy<Value = Session> {
    let changing = (0_u8..12, 1..=NUMBERED).prop_map(|(n, of)| Changing {
        id: desk_id(n),
        of: Number(of),
        at: START,
    });
    let changing = prop::collection::vec(changing, 0..3);
    let stage = prop_oneof![waiting(), talking()];
    let user_away_since = prop::option::of(moment());
    let at_desk = (prop::option::of(Just("0123456789abcdef".to_owned())), any::<bool>());
    let met = (prop::option::of(moment()), any::<bool>());
    let told = (behind_gap(), changing);
    (moment(), any::<bool>(), user_away_since, at_desk, met, told, stage).prop_map(
        |(asked_at, away, user_away_since, at_desk, (met_at, agent_spoke), told, stage)| Session {
            id: SessionId::new("ses_found").unwrap(),
            desk: desk(),
            user: visitor().user,
            asked_at,
            asked_after: Number(ASKED_AFTER),
            away,
            desk_conversation: at_desk.0,
            without_ids: at_desk.1,
            user_away_since,
            met_at,
            agent_spoke,
            asked_by: if away { AskedBy::Bot } else { AskedBy::User },
            behind_gap: told.0,
            changing: told.1,
            stage,
        },
    )
}

/// News that stands behind a gap, its words numbered, its keys each once.
fn behind_gap() -> impl Strategy<Value = Option<BehindGap>> {
    let behind = (moment(), prop::collection::vec(tells(), 1..6)).prop_map(|(since, tells)| {
        let mut keys = BTreeSet::new();
        let is_new = |tells: &Tells| match news(*tells, String::new()) {
            // It is told at once.
            News::Started { .. } => false,
            news => news.key().is_none_or(|key| keys.insert(key.clone())),
        };
        let kept = tells.into_iter().filter(is_new).zip(1..);
        let news: Vec<_> = kept.map(|(tells, number)| news(tells, format!("{number}"))).collect();
        Some(BehindGap { since, news }).filter(|behind| !behind.news.is_empty())
    });
    prop_oneof![2 => Just(None), 1 => behind]
}

fn past() -> impl Strategy<Value = Past> {
    let ended = prop::sample::select(vec![
        (Status::Completed, EndReason::AgentEnded),
        (Status::Completed, EndReason::UserEnded),
        (Status::Completed, EndReason::UserLeft),
        (Status::Fail, EndReason::Lost),
        (Status::Fail, EndReason::Silence),
        (Status::Cancelled, EndReason::UserCancelled),
        (Status::Cancelled, EndReason::UserLeft),
        (Status::Completed, EndReason::OperatorEnded),
        (Status::Cancelled, EndReason::OperatorEnded),
    ]);
    (ended, 0_i64..300_000, any::<bool>()).prop_map(|((status, reason), ago, told_undelivered)| {
        Past {
            id: SessionId::new("ses_before").unwrap(),
            desk: desk(),
            user: visitor().user,
            status,
            reason,
            at: Timestamp(START.0 - ago),
            told_undelivered,
        }
    })
}

/// What may still be on its way: words, requests and ends of either session, and news for the bot.
fn outbox(conversation: &Conversation, picks: &[u8]) -> Vec<Effect> {
    let sessions = [
        conversation.live().map(|session| session.id.clone()),
        conversation.past.as_ref().map(|past| past.id.clone()),
    ];
    let what = |pick: u8| {
        let session = sessions[usize::from(pick % 2)].clone()?;
        let (desk, user) = (desk(), visitor().user);
        Some(match pick / 2 {
            0 => What::Ask {
                session,
                desk,
                user,
                email: None,
                name: None,
                timezone: None,
                upto: Number(ASKED_AFTER),
                context: None,
            },
            1 => What::Say {
                session,
                desk,
                user,
                email: None,
                message: Number(NUMBERED),
                timezone: None,
                part: None,
                words: None,
            },
            // What is open has not been ended.
            2 if pick % 2 == 1 => What::End { session, desk, user },
            _ => What::ToBot { message: Number(NUMBERED) },
        })
    };
    let whats = picks.iter().filter_map(|&pick| what(pick));
    let expires_at = START.after(Duration::from_mins(1));
    let numbered = (1..=EFFECTS).zip(whats);
    numbered
        .map(|(number, what)| Effect { number: EffectNumber(number), what, expires_at })
        .collect()
}

pub(crate) fn found() -> impl Strategy<Value = Found> {
    let route = prop_oneof![
        1 => Just(Route::Bot),
        4 => session().prop_map(|session| Route::Live(Box::new(session))),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let picks = prop::collection::vec(0_u8..8, 0..6);
    (route, prop::option::of(past()), flags, picks).prop_map(
        |(route, past, (known, opened, bot_away), picks)| {
            let conversation = Conversation {
                unreachable: false,
                seen_at: EffectNumber::default(),
                numbered: Number(NUMBERED),
                effects: EffectNumber(EFFECTS),
                route,
                visitor: known.then(visitor),
                past,
                opened,
                bot_away,
                bot_away_told: Number(NUMBERED / 2),
                bot_spoke: Number(NUMBERED / 3),
                bot_took: Number(NUMBERED / 4),
                bot_answered: Number(NUMBERED / 5),
                ..Conversation::default()
            };
            let outbox = outbox(&conversation, &picks);
            Found { conversation, outbox, now: START }
        },
    )
}
