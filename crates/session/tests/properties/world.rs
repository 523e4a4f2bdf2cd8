//! A small model of the world around one conversation, which checks every step.

mod checks;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use session::{
    Callback, Claims, Compared, Context, Conversation, Effect, Event, Facts, Given, Line, Missed,
    News, Payload, Policy, Rejected, Said, Session, Stage, Status, Step, What,
    id::{
        BotId, ChannelId, ConversationKey, EffectNumber, Number, SenderKey, SessionId, TenantId,
        Timestamp,
    },
    step, wants_holder,
};

use crate::{
    found::{Found, START},
    story::{Act, Fetched, LONG, Outcome, Tells, Whose, news, report, sender, visitor},
};
use checks::is_end;

/// Whose words, and whether they were fetched: from one source they come in order.
type Source = (SessionId, bool);

/// Which entry, and which part of its words.
type Spoken = (Number, u16);

/// The world around one conversation, as a model.
pub(crate) struct World {
    key: ConversationKey,
    policy: Policy,
    pub(crate) now: Timestamp,
    /// When the gateway started last.
    started: Timestamp,
    pub(crate) conversation: Conversation,
    seen: BTreeMap<SenderKey, Number>,
    holder: Option<SessionId>,
    outbox: Vec<Effect>,
    done: Vec<Effect>,
    /// Every session's status, as its row says.
    pub(crate) rows: BTreeMap<SessionId, Status>,
    /// What the user said while the open session waited.
    held: Vec<Spoken>,
    /// What answered a question of the desk's before an agent came.
    in_the_queue: BTreeSet<Number>,
    /// What was ordered to be said at the desk, by session.
    said: BTreeMap<SessionId, Vec<Spoken>>,
    /// What must not be attempted any more.
    struck: BTreeSet<EffectNumber>,
    /// Sessions of which the user knows that not every word arrived.
    told_undelivered: BTreeSet<SessionId>,
    /// The desk's words are numbered as they are told; the last that was shown, of each source.
    shown: BTreeMap<Source, u64>,
    /// Where they came from.
    sources: BTreeMap<u64, Source>,
    /// How many words the desk told, and the keys it gave them.
    words: Vec<Option<SenderKey>>,
    /// Keys of the desk's words that were shown.
    shown_keys: BTreeSet<SenderKey>,
    /// The bot's newest word of the user.
    to_bot: Number,
    began: u64,
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            key: ConversationKey {
                tenant: TenantId::new("acme").unwrap(),
                channel: ChannelId::new("directline").unwrap(),
                bot: BotId::new("helper").unwrap(),
                conversation: "c-1".into(),
                user: "dl_kim".into(),
            },
            policy,
            now: START,
            started: START,
            conversation: Conversation::default(),
            seen: BTreeMap::new(),
            holder: None,
            outbox: Vec::new(),
            done: Vec::new(),
            rows: BTreeMap::new(),
            held: Vec::new(),
            in_the_queue: BTreeSet::new(),
            said: BTreeMap::new(),
            struck: BTreeSet::new(),
            told_undelivered: BTreeSet::new(),
            shown: BTreeMap::new(),
            sources: BTreeMap::new(),
            words: Vec::new(),
            shown_keys: BTreeSet::new(),
            to_bot: Number(0),
            began: 0,
        }
    }

    /// A world in which this conversation is found, with effects that are still on their way.
    pub(crate) fn found(policy: Policy, state: Found) -> Self {
        let Found { conversation, outbox, now } = state;
        let mut world = Self { outbox, now, to_bot: conversation.numbered, ..Self::new(policy) };
        if let Some(past) = &conversation.past {
            world.rows.insert(past.id.clone(), past.status);
            if past.told_undelivered {
                world.told_undelivered.insert(past.id.clone());
            }
        }
        if let Some(session) = conversation.live() {
            world.rows.insert(session.id.clone(), session.status());
            world.holder = Some(session.id.clone());
            if let Stage::Waiting(waiting) = &session.stage {
                for words in waiting.held.chunk_by(|one, next| one == next) {
                    world.held.extend((0..).zip(words).map(|(part, number)| (*number, part)));
                }
            }
            let behind = session.behind_gap.iter().flat_map(|behind| &behind.news);
            for news in behind {
                world.words.push(news.key().cloned());
                let source = (session.id.clone(), false);
                world.sources.insert(world.words.len() as u64, source);
                world.seen.extend(news.key().map(|key| (key.clone(), Number(0))));
            }
        }
        world.conversation = conversation;
        world.state_is_sound();
        world
    }

    pub(crate) fn act(&mut self, act: Act) {
        let event = match act {
            Act::TimePasses { ms } => {
                self.now = self.now.after(Duration::from_millis(ms.into()));
                return;
            }
            Act::Restart => {
                self.started = self.now;
                return;
            }
            Act::Elsewhere => return self.elsewhere(),
            Act::Open => Event::Opened { visitor: visitor() },
            Act::UserSays { text, key } => self.user_says(text, key),
            Act::UserAnswers { back, value } => self.user_answers(back, value),
            Act::UserEnds => Event::UserEnds,
            Act::BotSays { key } => Event::BotSaid {
                said: Said::words("hi"),
                answers: key.map(|key| Number(key.into())),
                key: key.map(sender),
            },
            Act::BotEnds => Event::BotEnds { said: None },
            Act::BotRevises { back } => self.bot_revises(back),
            Act::UserDoes { key } => Event::UserDid {
                visitor: visitor(),
                payload: Payload("{}".to_owned()),
                words: key.is_some(),
                told: None,
                key: key.map(sender),
            },
            Act::BotAsks { key } => Event::BotAsked {
                said: key.map(|_| Said::words("hi")),
                context: Context::new(),
                transcript: vec![Line { by_user: true, text: "before".to_owned() }],
                key: key.map(sender),
                fresh: self.fresh(),
            },
            Act::DeskTells { whose, news, behind_gap } => self.callback(whose, news, behind_gap),
            Act::CatchesUp { whose, missed, overtaken, shown } => {
                self.catch_up(whose, &missed, overtaken, shown)
            }
            Act::GivesUp { whose } => self.gives_up(whose),
            Act::UserAway => Event::UserAway,
            Act::UserBack => Event::UserBack,
            Act::OperatorEnds { whose } => Event::OperatorEnds { session: self.session_of(whose) },
            Act::PreviousVersion => return self.was_stored_by_the_previous_version(),
            Act::Report { which, outcome } => {
                if self.outbox.is_empty() {
                    return;
                }
                let effect = self.outbox.remove(which.index(self.outbox.len()));
                self.done.push(effect.clone());
                self.report(effect, outcome)
            }
            Act::ReportAgain { which, outcome } => {
                if self.done.is_empty() {
                    return;
                }
                report(self.done[which.index(self.done.len())].clone(), outcome)
            }
            Act::Deadline { stale } => match self.due(stale) {
                Some(event) => event,
                None => return,
            },
        };
        self.happens(event);
    }

    fn elsewhere(&mut self) {
        let other = SessionId::new("ses_elsewhere").unwrap();
        if self.holder.is_none() {
            self.holder = Some(other);
        } else if self.holder.as_ref() == Some(&other) {
            self.holder = None;
        }
    }

    fn bot_revises(&self, back: u8) -> Event {
        let of = Number(self.conversation.numbered.0.saturating_sub(back.into()));
        let at = self.now;
        match back % 2 {
            0 => Event::BotRevised { of, at, said: Said::words("hi") },
            _ => Event::BotWithdrew { of, at },
        }
    }

    fn fresh(&mut self) -> SessionId {
        self.began += 1;
        SessionId::new(&format!("ses_01jc3m{:018}", self.began)).unwrap()
    }

    fn user_says(&mut self, text: &str, key: Option<u8>) -> Event {
        let long = || "words ".repeat(session::parts::PART_UNITS_MAX / 2);
        let text = if text == LONG { long() } else { text.to_owned() };
        let (said, fresh) = (Said::words(text), self.fresh());
        Event::UserSaid { visitor: visitor(), said, key: key.map(sender), fresh }
    }

    /// Of the pending question, or of one that is not.
    fn user_answers(&mut self, back: u8, value: &str) -> Event {
        let pending = self.conversation.live().and_then(Session::asked);
        let by = pending.map_or(self.conversation.numbered, |asked| asked.by);
        let to = Number(by.0.saturating_sub(back.into()));
        let secret = value.len().is_multiple_of(2);
        let answer = Some(Given { to, value: value.to_owned(), secret });
        let (said, fresh) = (Said { answer, ..Said::words(value) }, self.fresh());
        Event::UserSaid { visitor: visitor(), said, key: None, fresh }
    }

    fn was_stored_by_the_previous_version(&mut self) {
        let mut stored = serde_json::to_value(&self.conversation).unwrap();
        let live = stored.pointer_mut("/route/live").and_then(|live| live.as_object_mut());
        if let Some(live) = live {
            live.remove("user_away_since");
            live.remove("changing");
        }
        for stage in ["connected", "active"] {
            let talk = stored.pointer_mut(&format!("/route/live/stage/{stage}"));
            if let Some(talk) = talk.and_then(|talk| talk.as_object_mut()) {
                talk.remove("since");
                talk.remove("before");
                talk.remove("answer");
                talk.remove("estimate");
                // It kept the options of a question and nothing else.
                let asked = talk.remove("asked");
                if let Some(options) = asked.and_then(|asked| asked.get("options").cloned()) {
                    talk.insert("asked".to_owned(), options);
                }
            }
        }
        self.conversation = serde_json::from_value(stored).unwrap();
        self.state_is_sound();
    }

    pub(crate) fn callback(&mut self, whose: Whose, tells: Vec<Tells>, behind_gap: bool) -> Event {
        let session = self.session_of(whose);
        let news = tells.into_iter().map(|tells| self.news(&session, tells)).collect();
        let conversation = &self.conversation;
        Event::Desk(Callback {
            session,
            request: (conversation.effects.0 > 0).then_some(conversation.effects),
            claims: Claims { tenant: Some("acme".to_owned()), ..Claims::default() },
            news,
            behind_gap,
        })
    }

    fn session_of(&self, whose: Whose) -> SessionId {
        let conversation = &self.conversation;
        let session = match whose {
            Whose::Older(_) if self.rows.is_empty() => None,
            Whose::Older(which) => self.rows.keys().nth(which.index(self.rows.len())).cloned(),
            Whose::Open => conversation.live().map(|session| session.id.clone()),
            Whose::Past => conversation.past.as_ref().map(|past| past.id.clone()),
            Whose::Never => None,
        };
        session.unwrap_or_else(|| SessionId::new("ses_never").unwrap())
    }

    fn catch_up(
        &mut self,
        whose: Whose,
        fetched: &[Fetched],
        overtaken: bool,
        shown: Option<u8>,
    ) -> Event {
        let session = self.session_of(whose);
        let live = self.conversation.live().filter(|live| live.id == session);
        let behind_gap = live.map_or(0, |live| live.said_behind_gap().count());
        let numbered = Number(self.conversation.numbered.0.saturating_sub(overtaken.into()));
        let shown = shown.map(usize::from).into_iter().collect();
        let missed: Vec<Missed> =
            fetched.iter().map(|fetched| self.missed(&session, *fetched)).collect();
        let compared = Compared { numbered, behind_gap, shown };
        let as_of = Some(compared).filter(|_| !missed.is_empty());
        Event::CaughtUp { session, as_of, missed }
    }

    pub(crate) fn gives_up(&self, whose: Whose) -> Event {
        Event::CaughtUp { session: self.session_of(whose), as_of: None, missed: Vec::new() }
    }

    /// A word that is its own number, or what else was fetched.
    fn missed(&mut self, session: &SessionId, fetched: Fetched) -> Missed {
        match fetched {
            Fetched::Word(key) => {
                let key = sender(key);
                self.words.push(Some(key.clone()));
                self.sources.insert(self.words.len() as u64, (session.clone(), true));
                Missed::AgentSaid { said: Said::words(self.words.len().to_string()), key }
            }
            Fetched::Behind(left) => Missed::BehindGap { left: left.into() },
            Fetched::Ended => Missed::Ended,
        }
    }

    /// News whose words, if it has any, are their own number.
    fn news(&mut self, session: &SessionId, tells: Tells) -> News {
        let number = self.words.len() + 1;
        let news = news(tells, number.to_string());
        self.words.push(news.key().cloned());
        self.sources.insert(self.words.len() as u64, (session.clone(), false));
        news
    }

    pub(crate) fn due(&mut self, stale: bool) -> Option<Event> {
        let (due, _) = self.conversation.deadline(&self.policy)?;
        if stale {
            return Some(Event::Deadline { due: Timestamp(due.0 - 1) });
        }
        self.now = self.now.max(due);
        Some(Event::Deadline { due })
    }

    fn steps(&self, event: Event) -> Result<Step, Rejected> {
        let asked = wants_holder(&self.conversation, &event, &self.policy).is_some();
        let facts = Facts {
            carried: false,
            key: &self.key,
            policy: &self.policy,
            seen: &self.seen,
            // As the engine does: looked up only where it was asked for.
            holder: self.holder.as_ref().filter(|_| asked),
            waiting: 0,
            masked: false,
            started: self.started,
        };
        step(&self.conversation, event, &facts, self.now)
    }

    /// An event, the checks of its step, and what follows in the world.
    pub(crate) fn happens(&mut self, event: Event) {
        let shown = format!("{event:?}");
        let lost = match &event {
            Event::NotSent { effect: Effect { what: What::Say { session, .. }, .. }, .. } => {
                Some(session.clone())
            }
            _ => None,
        };
        let about = match &event {
            Event::Desk(callback) => Some(callback.session.clone()),
            _ => None,
        };
        let left_out = match &event {
            Event::CaughtUp { as_of: Some(compared), .. } => compared.shown.clone(),
            _ => Vec::new(),
        };
        let stale = match &event {
            Event::Deadline { due } => {
                let next = self.conversation.deadline(&self.policy);
                next.is_none_or(|(at, _)| at != *due || at > self.now)
            }
            _ => false,
        };
        let step = match self.steps(event) {
            Ok(step) => step,
            Err(rejected) => {
                let Stage::Waiting(waiting) = &self.conversation.live().unwrap().stage else {
                    panic!("{rejected:?} of {shown}");
                };
                assert_eq!(rejected, Rejected::TooManyHeld, "{shown}");
                assert_eq!(waiting.held.len(), session::HELD_WORDS_MAX);
                return;
            }
        };
        assert!(!stale || self.is_nothing(&step), "a stale deadline changes nothing");
        self.numbers_rise_without_gap(&step);
        self.what_is_over_stays_over(about.as_ref(), &step);
        self.the_desks_words_are_shown_once_and_in_order(&step);
        self.what_stands_behind_a_gap_is_told_in_order(&left_out, &step);
        self.statuses_keep_to_the_diagram(&step);
        self.ends_are_settled(&step);
        self.words_reach_the_agent_once_and_in_order(&step);
        self.secrets_go_to_the_desk_and_nowhere_else(&step);
        self.keys_lead_to_one_entry(&step);
        self.holds_pass(&step);
        self.what_did_not_arrive_is_told(lost, &step);
        self.strike(&step);
        self.outbox.extend(step.effects.iter().cloned());
        self.conversation = step.conversation;
        self.state_is_sound();
    }

    /// Half of what is struck was attempted already, and goes on as if nothing had happened.
    fn strike(&mut self, step: &Step) {
        for strike in &step.strikes {
            let hit = |effect: &&Effect| {
                effect.what.session() == Some(&strike.session)
                    && effect.number < strike.below
                    && effect.number.0.is_multiple_of(2)
            };
            self.struck.extend(self.outbox.iter().filter(hit).map(|effect| effect.number));
        }
    }

    /// What becomes of an effect; what was struck is not even attempted.
    fn report(&self, effect: Effect, outcome: Outcome) -> Event {
        let struck = self.struck.contains(&effect.number);
        report(effect, if struck { Outcome::Struck } else { outcome })
    }

    /// Comes to the end of everything: the session is over, and all effects have been tried.
    pub(crate) fn winds_up(&mut self) {
        assert!(self.conversation.live().is_none());
        while !self.outbox.is_empty() {
            let effect = self.outbox.remove(0);
            let event = self.report(effect, Outcome::Expired);
            self.happens(event);
        }
        let elsewhere =
            self.holder.as_ref().is_none_or(|holder| holder.as_str() == "ses_elsewhere");
        assert!(elsewhere, "{:?} is held for ever", self.holder);
        for (session, status) in &self.rows {
            assert!(is_end(*status), "{session} is {status:?} for ever");
        }
    }
}
