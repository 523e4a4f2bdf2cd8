//! What can happen in a story, and the events that tell it.

use proptest::{prelude::*, sample::Index};
use session::{
    Agent, Choice, Effect, Event, Failure, News, Question, Said, Visitor, Wants,
    id::{SenderKey, UserId},
};

/// One thing that the world does next.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Open,
    UserSays {
        text: &'static str,
        key: Option<u8>,
    },
    /// By a card of the entry so far back.
    UserAnswers {
        back: u8,
        value: &'static str,
    },
    UserEnds,
    BotSays {
        key: Option<u8>,
    },
    BotAsks {
        key: Option<u8>,
    },
    BotEnds,
    /// The entry so far back is changed, or taken back.
    BotRevises {
        back: u8,
    },
    UserDoes {
        key: Option<u8>,
    },
    /// About the open session, or one that is over, or one that never was.
    DeskTells {
        whose: Whose,
        news: Vec<Tells>,
        behind_gap: bool,
    },
    /// What was missed is fetched; perhaps the log grew since it was compared.
    CatchesUp {
        whose: Whose,
        missed: Vec<Fetched>,
        overtaken: bool,
        /// The word behind the gap, of this place, was shown before.
        shown: Option<u8>,
    },
    /// Nobody fetches any more what was missed.
    GivesUp {
        whose: Whose,
    },
    /// The effect at the head of a lane is done, or finally not.
    Report {
        which: Index,
        outcome: Outcome,
    },
    /// An old attempt reports once more.
    ReportAgain {
        which: Index,
        outcome: Outcome,
    },
    /// The clock comes to the deadline, or names one that was overtaken.
    Deadline {
        stale: bool,
    },
    TimePasses {
        ms: u32,
    },
    /// The gateway starts.
    Restart,
    /// Another conversation of the same person takes them, or lets go.
    Elsewhere,
    UserAway,
    UserBack,
    /// An operator ends the open session, or one that is over, or one that never was.
    OperatorEnds {
        whose: Whose,
    },
    /// The state is one that the version before has written.
    PreviousVersion,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    Open,
    Past,
    /// Any of those that began.
    Older(Index),
    Never,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Sent,
    Struck,
    Refused,
    Expired,
    Unanswered,
}

/// News in short.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tells {
    Queued,
    Estimate,
    AgentHere(u8),
    Active,
    AgentSays {
        agent: u8,
        key: Option<u8>,
        options: u8,
    },
    DeskSays {
        key: Option<u8>,
        with_agents: bool,
        options: u8,
    },
    /// A question of another kind than for an option.
    DeskAsks {
        wants: Wants,
        required: bool,
    },
    /// Something that is told again and again, and says something else each time.
    DeskChanges {
        id: u8,
    },
    Nobody {
        words: bool,
    },
    Ended,
    LetGo,
    Failed,
    Cancelled,
    Started,
}

const TEXTS: [&str; 14] = [
    "hello",
    "agent",
    "Agent!",
    "cancel",
    "end chat",
    "Option 1",
    "",
    "value-2",
    "bye",
    "yes",
    "1, Option 2",
    "skip",
    "1.12.2026 14:30",
    LONG,
];

/// Stands for a text that is too long for one message.
pub(crate) const LONG: &str = "long";

pub(crate) fn wants() -> impl Strategy<Value = Wants> {
    prop::sample::select(vec![
        Wants::Choice,
        Wants::Choices,
        Wants::YesNo,
        Wants::Date,
        Wants::Time,
        Wants::DateTime,
        Wants::Text { secret: false },
        Wants::Text { secret: true },
        Wants::Text { secret: true },
        Wants::Files,
        Wants::More,
    ])
}

fn key() -> impl Strategy<Value = Option<u8>> {
    prop::option::weighted(0.5, 0_u8..12)
}

pub(crate) fn tells() -> impl Strategy<Value = Tells> {
    prop_oneof![
        2 => Just(Tells::Queued),
        2 => Just(Tells::Estimate),
        3 => (0_u8..4).prop_map(Tells::AgentHere),
        1 => Just(Tells::Active),
        5 => (0_u8..4, key(), 0_u8..60)
            .prop_map(|(agent, key, options)| Tells::AgentSays { agent, key, options }),
        2 => (key(), any::<bool>(), 0_u8..60)
            .prop_map(|(key, with_agents, options)| Tells::DeskSays { key, with_agents, options }),
        3 => (wants(), any::<bool>())
            .prop_map(|(wants, required)| Tells::DeskAsks { wants, required }),
        2 => (0_u8..12).prop_map(|id| Tells::DeskChanges { id }),
        1 => any::<bool>().prop_map(|words| Tells::Nobody { words }),
        1 => Just(Tells::Ended),
        1 => Just(Tells::LetGo),
        1 => Just(Tells::Failed),
        1 => Just(Tells::Cancelled),
        1 => Just(Tells::Started),
    ]
}

/// A row of what was fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fetched {
    /// A word, by its key.
    Word(u8),
    /// Words that stand behind the gap, until so many are left.
    Behind(u8),
    Ended,
}

fn fetched() -> impl Strategy<Value = Fetched> {
    prop_oneof![
        7 => (0_u8..12).prop_map(Fetched::Word),
        2 => (0_u8..4).prop_map(Fetched::Behind),
        1 => Just(Fetched::Ended),
    ]
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let whose = || {
        prop_oneof![
            8 => Just(Whose::Open),
            3 => Just(Whose::Past),
            1 => any::<Index>().prop_map(Whose::Older),
            1 => Just(Whose::Never),
        ]
    };
    let outcome = || {
        prop_oneof![
            8 => Just(Outcome::Sent),
            1 => Just(Outcome::Struck),
            1 => Just(Outcome::Refused),
            1 => Just(Outcome::Expired),
            1 => Just(Outcome::Unanswered),
        ]
    };
    let shown = prop::option::weighted(0.2, 0_u8..3);
    prop_oneof![
        1 => Just(Act::Open),
        12 => (prop::sample::select(&TEXTS[..]), key())
            .prop_map(|(text, key)| Act::UserSays { text, key }),
        3 => (0_u8..3, prop::sample::select(&TEXTS[..]))
            .prop_map(|(back, value)| Act::UserAnswers { back, value }),
        1 => Just(Act::UserEnds),
        3 => key().prop_map(|key| Act::BotSays { key }),
        3 => key().prop_map(|key| Act::BotAsks { key }),
        1 => Just(Act::BotEnds),
        2 => (0_u8..5).prop_map(|back| Act::BotRevises { back }),
        2 => key().prop_map(|key| Act::UserDoes { key }),
        10 => (whose(), prop::collection::vec(tells(), 0..4), prop::bool::weighted(0.2))
            .prop_map(|(whose, news, behind_gap)| Act::DeskTells { whose, news, behind_gap }),
        2 => (whose(), prop::collection::vec(fetched(), 0..4), prop::bool::weighted(0.2), shown)
            .prop_map(|(whose, missed, overtaken, shown)| {
                Act::CatchesUp { whose, missed, overtaken, shown }
            }),
        1 => whose().prop_map(|whose| Act::GivesUp { whose }),
        8 => (any::<Index>(), outcome())
            .prop_map(|(which, outcome)| Act::Report { which, outcome }),
        1 => (any::<Index>(), outcome())
            .prop_map(|(which, outcome)| Act::ReportAgain { which, outcome }),
        2 => any::<bool>().prop_map(|stale| Act::Deadline { stale }),
        3 => (0_u32..400_000).prop_map(|ms| Act::TimePasses { ms }),
        1 => Just(Act::Restart),
        1 => Just(Act::Elsewhere),
        2 => Just(Act::UserAway),
        1 => Just(Act::UserBack),
        1 => whose().prop_map(|whose| Act::OperatorEnds { whose }),
        1 => Just(Act::PreviousVersion),
    ]
}

pub(crate) fn report(effect: Effect, outcome: Outcome) -> Event {
    match outcome {
        Outcome::Sent => Event::Sent { effect },
        Outcome::Struck => Event::NotSent { effect, failure: Failure::Struck },
        Outcome::Refused => Event::NotSent { effect, failure: Failure::Refused },
        Outcome::Expired => Event::NotSent { effect, failure: Failure::Expired },
        Outcome::Unanswered => Event::NotSent { effect, failure: Failure::Unanswered },
    }
}

/// News in full; `words` are what is said, if anything is.
pub(crate) fn news(tells: Tells, words: String) -> News {
    match tells {
        Tells::Queued => News::Queued,
        Tells::Estimate => News::Estimate("about 12 Minutes".to_owned()),
        Tells::AgentHere(n) => News::AgentHere(agent(n)),
        Tells::Active => News::Active,
        Tells::AgentSays { agent: n, key, options } => News::AgentSaid {
            agent: agent(n),
            said: question(options, words),
            key: key.map(sender),
        },
        Tells::DeskSays { key, with_agents, options } => {
            News::DeskSaid { said: question(options, words), key: key.map(sender), with_agents }
        }
        Tells::DeskAsks { wants, required } => {
            let options = if matches!(wants, Wants::Choice | Wants::Choices) { 42 } else { 0 };
            let asks = Some(Question { wants, required });
            let said = Said { asks, ..question(options, words) };
            News::DeskSaid { said, key: None, with_agents: true }
        }
        Tells::DeskChanges { id } => {
            let desk_id = Some(desk_id(id));
            let said = Said { desk_id, changes: true, ..Said::words(words) };
            News::DeskSaid { said, key: Some(sender(id)), with_agents: true }
        }
        Tells::Nobody { words: said } => News::Nobody { said: said.then(|| Said::words(words)) },
        Tells::Ended => News::Ended,
        Tells::LetGo => News::LetGo,
        Tells::Failed => News::Failed,
        Tells::Cancelled => News::Cancelled,
        Tells::Started => {
            News::Started { conversation: "0a1b2c3d4e5f60718293a4b5c6d7e8f9".to_owned() }
        }
    }
}

pub(crate) fn agent(n: u8) -> Agent {
    match n {
        0 => Agent::default(),
        n => Agent {
            name: Some(format!("Maximiliane Mustermann {n}")),
            id: (n > 1).then(|| format!("0a1b2c3d4e5f60718293a4b5c6d7e8f{n}")),
            avatar: None,
        },
    }
}

/// Often plain words: options only above forty.
fn question(options: u8, words: String) -> Said {
    let count = if options < 40 { 0 } else { options };
    let choice = |n| Choice { label: format!("Option {n}"), value: format!("value-{n}") };
    Said { options: (1..=count).map(choice).collect(), ..Said::words(words) }
}

pub(crate) fn visitor() -> Visitor {
    Visitor {
        user: UserId::new("5f2c7d0e-8a3b-4c1d-9e6f-7a8b9c0d1e2f").unwrap(),
        email: Some("maximilian.mustermann@subsidiary.example.org".to_owned()),
        name: Some("Maximilian Mustermann".to_owned()),
        timezone: Some("America/Argentina/ComodRivadavia".to_owned()),
        in_group: false,
        reference: None,
    }
}

pub(crate) fn desk_id(n: u8) -> String {
    format!("0a1b2c3d4e5f60718293a4b5c6d7e{n:03}")
}

pub(crate) fn sender(n: u8) -> SenderKey {
    SenderKey::new(&format!("key-{n}")).unwrap()
}
