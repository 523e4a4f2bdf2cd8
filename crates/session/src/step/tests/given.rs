//! Conversations with good defaults, and what can happen to them.

use std::collections::BTreeMap;

use crate::{
    Agent, Answer, AskedBy, Callback, Choice, Claims, Context, Conversation, Effect, EndReason,
    Event, Facts, News, Past, Phase, Policy, Rejected, Route, Said, Session, Stage, Status, Step,
    Talk, Unlogged, Visitor, Waiting, What,
    id::{
        BotId, ChannelId, ConversationKey, DeskId, EffectNumber, Number, SenderKey, SessionId,
        TenantId, Timestamp, UserId,
    },
    step::{step, tests::render::render},
};

/// When everything happens, unless a test says otherwise.
pub(super) const NOW: Timestamp = Timestamp(1_000_000_000);

/// Why a session can end: all of it. [`EndReason::NotPersonal`] is why none begins.
pub(super) const REASONS: [EndReason; 16] = [
    EndReason::AgentEnded,
    EndReason::UserEnded,
    EndReason::UserCancelled,
    EndReason::DeskCancelled,
    EndReason::NoAgent,
    EndReason::NotRouted,
    EndReason::Refused,
    EndReason::Rejected,
    EndReason::Unreachable,
    EndReason::Silence,
    EndReason::WaitedTooLong,
    EndReason::Lost,
    EndReason::UserLeft,
    EndReason::OperatorEnded,
    EndReason::BotEnded,
    EndReason::UserUnreachable,
];

/// Every stage that a table covers, by the name it is written with.
pub(super) const STAGES: [&str; 10] = [
    "bot",
    "requested",
    "accepted",
    "queued",
    "connected",
    "active",
    "transferring",
    "completed",
    "failed",
    "cancelled",
];

/// A conversation and its circumstances. Its log has ten entries, its outbox five; the open session
/// is `ses_1`, asked for after entry 8.
pub(super) struct Given {
    pub(super) conversation: Conversation,
    pub(super) policy: Policy,
    pub(super) seen: BTreeMap<SenderKey, Number>,
    pub(super) holder: Option<SessionId>,
    pub(super) waiting: usize,
    pub(super) masked: bool,
    pub(super) carried: bool,
    pub(super) started: Timestamp,
    pub(super) now: Timestamp,
}

impl Given {
    pub(super) fn step(&self, event: Event) -> Result<Step, Rejected> {
        let key = key();
        let facts = Facts {
            carried: self.carried,
            key: &key,
            policy: &self.policy,
            seen: &self.seen,
            holder: self.holder.as_ref(),
            waiting: self.waiting,
            masked: self.masked,
            started: self.started,
        };
        step(&self.conversation, event, &facts, self.now)
    }

    /// The step of an event that is not rejected.
    pub(super) fn after(&self, event: Event) -> Step {
        self.step(event).expect("the event is not rejected")
    }

    /// The conversation that an event leads to, for the next event.
    pub(super) fn then(mut self, event: Event) -> Self {
        let step = self.after(event);
        self.seen.extend(step.remember);
        self.conversation = step.conversation;
        self
    }

    pub(super) fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    pub(super) fn with_policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    pub(super) fn having_seen(mut self, key: &str, number: u64) -> Self {
        self.seen.insert(sender(key), Number(number));
        self
    }

    pub(super) fn held_by(mut self, session: &str) -> Self {
        self.holder = Some(session_id(session));
        self
    }

    /// On a channel that does not read the log.
    pub(super) fn carried(mut self) -> Self {
        self.carried = true;
        self
    }

    /// The gateway was away, and runs again since now.
    pub(super) fn restarted(mut self) -> Self {
        self.started = self.now;
        self
    }

    pub(super) fn with_waiting(mut self, waiting: usize) -> Self {
        self.waiting = waiting;
        self
    }

    pub(super) fn waiting(&mut self) -> &mut Waiting {
        match &mut self.conversation.route {
            Route::Live(session) => match &mut session.stage {
                Stage::Waiting(waiting) => waiting,
                Stage::Connected(_) | Stage::Active(_) => panic!("somebody is there"),
            },
            Route::Bot => panic!("nobody is asked for"),
        }
    }

    pub(super) fn talk(&mut self) -> &mut Talk {
        match &mut self.conversation.route {
            Route::Live(session) => match &mut session.stage {
                Stage::Connected(talk) | Stage::Active(talk) => talk,
                Stage::Waiting(_) => panic!("nobody is there yet"),
            },
            Route::Bot => panic!("nobody is asked for"),
        }
    }
}

/// The stage of this name.
pub(super) fn stage(name: &str) -> Given {
    match name {
        "bot" => bot(),
        "requested" => waiting(Phase::Requested),
        "accepted" => waiting(Phase::Accepted { at: ago(5) }),
        "queued" => waiting(Phase::Queued),
        "connected" => live(Stage::Connected(talk())),
        "active" => active(),
        "transferring" => live(Stage::Active(Talk { transferring: true, ..talk() })),
        "completed" => ended(Status::Completed, EndReason::AgentEnded),
        "failed" => ended(Status::Fail, EndReason::Lost),
        "cancelled" => ended(Status::Cancelled, EndReason::UserCancelled),
        other => panic!("{other:?} is no stage"),
    }
}

pub(super) fn bot() -> Given {
    let conversation = Conversation {
        numbered: Number(10),
        effects: EffectNumber(5),
        visitor: Some(visitor()),
        opened: true,
        ..Conversation::default()
    };
    let policy = Policy::new(desk());
    Given {
        conversation,
        policy,
        seen: BTreeMap::new(),
        holder: None,
        waiting: 0,
        masked: false,
        carried: false,
        started: ago(3_600),
        now: NOW,
    }
}

pub(super) fn waiting(phase: Phase) -> Given {
    live(Stage::Waiting(Waiting { phase, held: Vec::new(), estimate: None, asked: None }))
}

/// Queued, with the words of entries 9 and 10 held.
pub(super) fn holding() -> Given {
    let mut given = waiting(Phase::Queued);
    given.waiting().held = vec![Number(9), Number(10)];
    given
}

pub(super) fn active() -> Given {
    live(Stage::Active(talk()))
}

/// Active, and the desk has asked a question with these labels; the values are `v1`, `v2` …
pub(super) fn asked(labels: &[&str]) -> Given {
    active().then(news(vec![News::DeskSaid {
        said: question(labels),
        key: None,
        with_agents: true,
    }]))
}

pub(super) fn live(stage: Stage) -> Given {
    let mut given = bot();
    given.conversation.route = Route::Live(Box::new(Session {
        id: session_id("ses_1"),
        desk: desk(),
        user: visitor().user,
        asked_at: ago(30),
        asked_after: Number(8),
        away: false,
        desk_conversation: None,
        without_ids: false,
        met_at: None,
        agent_spoke: false,
        asked_by: AskedBy::User,
        behind_gap: None,
        changing: Vec::new(),
        user_away_since: None,
        stage,
    }));
    given.holder = Some(session_id("ses_1"));
    given
}

/// `ses_1` ended a second ago.
pub(super) fn ended(status: Status, reason: EndReason) -> Given {
    let mut given = bot();
    given.conversation.past = Some(Past {
        id: session_id("ses_1"),
        desk: desk(),
        user: visitor().user,
        status,
        reason,
        at: ago(1),
        told_undelivered: false,
    });
    given
}

pub(super) fn talk() -> Talk {
    Talk {
        agent: agent("Ola"),
        user_spoke_at: ago(20),
        heard_at: ago(10),
        warned: false,
        transferring: false,
        since: ago(25),
        before: None,
        answer: Answer::Owed { since: ago(20) },
        asked: None,
        estimate: None,
    }
}

pub(super) fn ago(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1_000)
}

pub(super) fn key() -> ConversationKey {
    ConversationKey {
        tenant: TenantId::new("acme").unwrap(),
        channel: ChannelId::new("directline").unwrap(),
        bot: BotId::new("helper").unwrap(),
        conversation: "c-1".into(),
        user: "dl_kim".into(),
    }
}

pub(super) fn visitor() -> Visitor {
    Visitor {
        user: UserId::new("u-kim").unwrap(),
        email: Some("kim@example.org".to_owned()),
        name: Some("Kim".to_owned()),
        timezone: None,
        in_group: false,
        reference: None,
    }
}

pub(super) fn agent(name: &str) -> Agent {
    Agent { name: Some(name.to_owned()), id: None, avatar: None }
}

pub(super) fn desk() -> DeskId {
    DeskId::new("default").unwrap()
}

pub(super) fn session_id(id: &str) -> SessionId {
    SessionId::new(id).unwrap()
}

pub(super) fn sender(key: &str) -> SenderKey {
    SenderKey::new(key).unwrap()
}

pub(super) fn question(labels: &[&str]) -> Said {
    let value = |(index, label): (usize, &&str)| Choice {
        label: (*label).to_owned(),
        value: format!("v{}", index + 1),
    };
    let options = labels.iter().enumerate().map(value).collect();
    Said { options, ..Said::words("which?") }
}

// What can happen.

pub(super) fn user_says(text: &str) -> Event {
    user_said(Said::words(text), None)
}

pub(super) fn user_said(said: Said, key: Option<&str>) -> Event {
    Event::UserSaid { visitor: visitor(), said, key: key.map(sender), fresh: session_id("ses_2") }
}

pub(super) fn bot_says(text: &str) -> Event {
    Event::BotSaid { said: Said::words(text), answers: None, key: None }
}

pub(super) fn bot_asks() -> Event {
    bot_asked(None)
}

pub(super) fn bot_asked(key: Option<&str>) -> Event {
    let context = Context::from([("topic".to_owned(), "pay".to_owned())]);
    let (transcript, fresh) = (Vec::new(), session_id("ses_2"));
    Event::BotAsked { said: None, context, transcript, key: key.map(sender), fresh }
}

/// News about `ses_1`.
pub(super) fn news(news: Vec<News>) -> Event {
    Event::Desk(Callback {
        session: session_id("ses_1"),
        request: None,
        claims: Claims::default(),
        news,
        behind_gap: false,
    })
}

pub(super) fn agent_said(name: &str, text: &str, key: Option<&str>) -> News {
    News::AgentSaid { agent: agent(name), said: Said::words(text), key: key.map(sender) }
}

pub(super) fn desk_said(text: &str, with_agents: bool) -> News {
    News::DeskSaid { said: Said::words(text), key: None, with_agents }
}

/// An operator ends `ses_1`.
pub(super) fn operator_ends() -> Event {
    Event::OperatorEnds { session: session_id("ses_1") }
}

/// Effect 5, of `ses_1` where it has one.
pub(super) fn effect_of(what: What) -> Effect {
    Effect { number: EffectNumber(5), what, expires_at: NOW }
}

pub(super) fn effect(kind: &str) -> Effect {
    let (session, desk, user) = (session_id("ses_1"), desk(), visitor().user);
    let what = match kind {
        "ask" => What::Ask {
            session,
            desk,
            user,
            email: None,
            name: None,
            timezone: None,
            upto: Number(8),
            context: None,
        },
        "say" => What::Say {
            session,
            desk,
            user,
            email: None,
            timezone: None,
            message: Number(9),
            part: None,
            words: None,
        },
        "say_secret" => What::Say {
            session,
            desk,
            user,
            email: None,
            timezone: None,
            message: Number(9),
            part: Some(1),
            words: Some(Unlogged("4711".to_owned())),
        },
        "end" => What::End { session, desk, user },
        "greet" => What::Greet,
        "to_bot" => What::ToBot { message: Number(9) },
        "tell_bot" => What::TellBot {
            session,
            news: crate::BotNews::Accepted { agent: None },
            after: Number(8),
            upto: Number(10),
        },
        other => panic!("{other:?} is no effect"),
    };
    Effect { number: EffectNumber(5), what, expires_at: NOW }
}

// Checks.

/// What follows, as one line.
pub(super) fn check(given: &Given, event: Event, expected: &str) {
    let rendered = render(&given.conversation, &given.step(event));
    assert_eq!(rendered, expected);
}

/// A table over every stage: names on the left (several where they agree), the step on the right.
pub(super) fn table(event: &Event, rows: &[(&str, &str)]) {
    let mut missing: Vec<&str> = STAGES.to_vec();
    let mut wrong = Vec::new();
    for (names, expected) in rows {
        for name in names.split_whitespace() {
            let place = missing.iter().position(|stage| *stage == name);
            missing.remove(place.unwrap_or_else(|| panic!("{name:?} twice, or no stage")));
            let given = stage(name);
            let rendered = render(&given.conversation, &given.step(event.clone()));
            if rendered != *expected {
                wrong.push(format!("{name}\n  is  {rendered}\n  not {expected}"));
            }
        }
    }
    assert!(missing.is_empty(), "no row for {missing:?}");
    assert!(wrong.is_empty(), "{event:?}\n{}", wrong.join("\n"));
}
