//! A small model of the world around one conversation, which checks every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use session::{
    Author, Behind, Callback, Claims, Content, Context, Conversation, Effect, Event, Facts, Hold,
    Missed, Notice, Policy, Rejected, Route, Said, Stage, Status, Step, What,
    id::{
        BotId, ChannelId, ConversationKey, DeskId, EffectNumber, Number, SenderKey, SessionId,
        TenantId, Timestamp,
    },
    step, wants_holder,
};

use crate::story::{Act, Outcome, Tells, Whose, news, report, sender, visitor};

/// The world around one conversation, as a model.
pub(crate) struct World {
    key: ConversationKey,
    policy: Policy,
    now: Timestamp,
    conversation: Conversation,
    seen: BTreeMap<SenderKey, Number>,
    holder: Option<SessionId>,
    outbox: Vec<Effect>,
    done: Vec<Effect>,
    /// Every session's status, as its row says.
    pub(crate) rows: BTreeMap<SessionId, Status>,
    /// What the user said while the open session waited.
    held: Vec<Number>,
    /// What was ordered to be said at the desk, by session.
    said: BTreeMap<SessionId, Vec<Number>>,
    /// What must not be attempted any more.
    struck: BTreeSet<EffectNumber>,
    /// Sessions of which the user knows that not every word arrived.
    told_undelivered: BTreeSet<SessionId>,
    began: u64,
}

impl World {
    pub(crate) fn new(behind: Behind) -> Self {
        let mut policy = Policy::new(DeskId::new("default").unwrap());
        policy.behind = behind;
        Self {
            key: ConversationKey {
                tenant: TenantId::new("acme").unwrap(),
                channel: ChannelId::new("directline").unwrap(),
                bot: BotId::new("helper").unwrap(),
                conversation: "c-1".into(),
                user: "dl_kim".into(),
            },
            policy,
            now: Timestamp(1_767_225_600_000),
            conversation: Conversation::default(),
            seen: BTreeMap::new(),
            holder: None,
            outbox: Vec::new(),
            done: Vec::new(),
            rows: BTreeMap::new(),
            held: Vec::new(),
            said: BTreeMap::new(),
            struck: BTreeSet::new(),
            told_undelivered: BTreeSet::new(),
            began: 0,
        }
    }

    pub(crate) fn act(&mut self, act: Act) {
        let event = match act {
            Act::TimePasses { ms } => {
                self.now = self.now.after(Duration::from_millis(ms.into()));
                return;
            }
            Act::Elsewhere => return self.elsewhere(),
            Act::Open => Event::Opened { visitor: visitor() },
            Act::UserSays { text, key } => self.user_says(text, key),
            Act::UserEnds => Event::UserEnds,
            Act::BotSays { key } => {
                Event::BotSaid { said: Said::words("hi"), key: key.map(sender) }
            }
            Act::BotAsks { key } => Event::BotAsked {
                context: Context::new(),
                key: key.map(sender),
                fresh: self.fresh(),
            },
            Act::DeskTells { whose, news } => self.callback(whose, news),
            Act::CatchesUp { whose, missed, overtaken } => self.catch_up(whose, missed, overtaken),
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

    fn fresh(&mut self) -> SessionId {
        self.began += 1;
        SessionId::new(&format!("ses_01jc3m{:018}", self.began)).unwrap()
    }

    fn user_says(&mut self, text: &str, key: Option<u8>) -> Event {
        let (said, fresh) = (Said::words(text), self.fresh());
        Event::UserSaid { visitor: visitor(), said, key: key.map(sender), fresh }
    }

    fn callback(&self, whose: Whose, tells: Vec<Tells>) -> Event {
        let conversation = &self.conversation;
        Event::Desk(Callback {
            session: self.session_of(whose),
            request: (conversation.effects.0 > 0).then_some(conversation.effects),
            claims: Claims { tenant: Some("acme".to_owned()), ..Claims::default() },
            news: tells.into_iter().map(news).collect(),
        })
    }

    fn session_of(&self, whose: Whose) -> SessionId {
        let conversation = &self.conversation;
        let session = match whose {
            Whose::Open => conversation.live().map(|session| session.id.clone()),
            Whose::Past => conversation.past.as_ref().map(|past| past.id.clone()),
            Whose::Never => None,
        };
        session.unwrap_or_else(|| SessionId::new("ses_never").unwrap())
    }

    fn catch_up(&self, whose: Whose, missed: Vec<Option<u8>>, overtaken: bool) -> Event {
        let missed = missed.into_iter().map(|key| match key {
            Some(key) => Missed::AgentSaid { said: Said::words("hello?"), key: sender(key) },
            None => Missed::Ended,
        });
        let numbered = self.conversation.numbered.0;
        let as_of = match missed.len() {
            0 => None,
            _ => Some(Number(numbered.saturating_sub(overtaken.into()))),
        };
        Event::CaughtUp { session: self.session_of(whose), as_of, missed: missed.collect() }
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
            key: &self.key,
            policy: &self.policy,
            seen: &self.seen,
            // As the engine does: looked up only where it was asked for.
            holder: self.holder.as_ref().filter(|_| asked),
            waiting: 0,
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
        self.numbers_rise_without_gap(&step);
        self.statuses_keep_to_the_diagram(&step);
        Self::ends_are_settled(&step);
        self.words_reach_the_agent_once_and_in_order(&step);
        self.keys_lead_to_one_entry(&step);
        self.holds_pass(&step);
        self.what_did_not_arrive_is_told(lost, &step);
        self.strike(&step);
        self.outbox.extend(step.effects.iter().cloned());
        self.conversation = step.conversation;
        self.state_is_sound();
    }

    fn numbers_rise_without_gap(&self, step: &Step) {
        let first = self.conversation.numbered.0 + 1;
        for (number, message) in (first..).zip(&step.messages) {
            assert_eq!(message.number, Number(number));
        }
        let first = self.conversation.effects.0 + 1;
        for (number, effect) in (first..).zip(&step.effects) {
            assert_eq!(effect.number, EffectNumber(number));
            assert!(effect.expires_at > self.now);
        }
    }

    fn statuses_keep_to_the_diagram(&mut self, step: &Step) {
        for record in &step.records {
            match self.rows.insert(record.session.clone(), record.status) {
                None => assert_eq!(record.status, Status::Waiting, "every session begins waiting"),
                Some(was) => {
                    assert!(was.may_become(record.status), "{was:?} {:?}", record.status);
                }
            }
            let over =
                matches!(record.status, Status::Completed | Status::Fail | Status::Cancelled);
            assert_eq!((record.reason.is_some(), record.ended_at.is_some()), (over, over));
        }
        if let Some(session) = step.conversation.live() {
            assert_eq!(self.rows.get(&session.id), Some(&session.status()), "the row is current");
        }
        if let Some(past) = &step.conversation.past {
            assert_eq!(self.rows.get(&past.id), Some(&past.status), "the row is current");
        }
    }

    /// An end is told to the user, the bot and, where it does not know, the desk; otherwise the
    /// person is free at once.
    fn ends_are_settled(step: &Step) {
        for ended in step.records.iter().filter(|record| record.reason.is_some()) {
            let of_it = |effect: &&Effect| match &effect.what {
                What::TellBot { session, .. } => *session == ended.session,
                what => what.session() == Some(&ended.session),
            };
            let effects: Vec<_> =
                step.effects.iter().filter(of_it).map(|effect| effect.what.kind()).collect();
            let freed = step.holds.iter().any(
                |hold| matches!(hold, Hold::Free { session, .. } if *session == ended.session),
            );
            assert!(freed || effects.contains(&"end"), "{effects:?}");
            assert_eq!(effects.last(), Some(&"tell_bot"));
            let notices = step.messages.iter().filter(|entry| entry.author == Author::Gateway);
            assert!(notices.count() >= 2, "how it ended, and who has the conversation now");
        }
    }

    fn words_reach_the_agent_once_and_in_order(&mut self, step: &Step) {
        let waited = |conversation: &Conversation| {
            conversation
                .live()
                .filter(|session| session.status() == Status::Waiting)
                .map(|session| session.id.clone())
        };
        let before = waited(&self.conversation);
        let said: Vec<Number> = step.effects.iter().filter_map(spoken).collect();
        if before.is_some() && before == waited(&step.conversation) {
            let by_user = step.messages.iter().filter(|entry| entry.author == Author::User);
            self.held.extend(by_user.map(|entry| entry.number));
            assert_eq!(said, [], "nothing is said to a queue");
        } else if let Some(session) = before {
            let connected = step.records.iter().any(|record| record.status == Status::Connected);
            let held = std::mem::take(&mut self.held);
            assert_eq!(said, if connected { held } else { Vec::new() }, "{session}");
        }
        for effect in &step.effects {
            if let (Some(session), Some(number)) = (effect.what.session(), spoken(effect)) {
                let all = self.said.entry(session.clone()).or_default();
                assert!(all.last().is_none_or(|last| *last < number), "{all:?}, then {number}");
                all.push(number);
            }
        }
    }

    fn keys_lead_to_one_entry(&mut self, step: &Step) {
        for (key, number) in &step.remember {
            let first = self.seen.insert(key.clone(), *number);
            assert_eq!(first, None, "{key} was answered before");
            let logged = step.messages.iter().any(|message| message.number == *number);
            assert!(logged || *number == Number(0), "{key} leads to an entry of this step");
        }
    }

    fn holds_pass(&mut self, step: &Step) {
        for hold in &step.holds {
            match hold {
                Hold::Take { session, .. } => {
                    assert_eq!(self.holder, None, "one live chat at a time");
                    self.holder = Some(session.clone());
                }
                Hold::Free { session, .. } => {
                    if self.holder.as_ref() == Some(session) {
                        self.holder = None;
                    }
                }
            }
        }
        if let Some(session) = step.conversation.live() {
            assert_eq!(self.holder.as_ref(), Some(&session.id), "an open session has its person");
        }
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

    /// Nothing acknowledged is lost: it is delivered, or its sender is told that it was not.
    fn what_did_not_arrive_is_told(&mut self, lost: Option<SessionId>, step: &Step) {
        let told = step
            .messages
            .iter()
            .any(|entry| matches!(entry.content, Content::Notice(Notice::Undelivered)));
        if let Some(session) = lost {
            assert!(told || self.told_undelivered.contains(&session), "{session}");
            self.told_undelivered.insert(session);
        } else {
            assert!(!told, "everything arrived");
        }
    }

    /// What becomes of an effect; what was struck is not even attempted.
    fn report(&self, effect: Effect, outcome: Outcome) -> Event {
        let struck = self.struck.contains(&effect.number);
        report(effect, if struck { Outcome::Struck } else { outcome })
    }

    fn state_is_sound(&self) {
        let conversation = &self.conversation;
        assert_eq!(conversation.deadline(&self.policy).is_some(), conversation.live().is_some());
        let stored = serde_json::to_string(conversation).unwrap();
        assert_eq!(&serde_json::from_str::<Conversation>(&stored).unwrap(), conversation);
        let slim = match &conversation.route {
            Route::Bot => true,
            Route::Live(session) => match &session.stage {
                Stage::Waiting(waiting) => waiting.held.is_empty(),
                Stage::Connected(talk) | Stage::Active(talk) => talk.asked.is_empty(),
            },
        };
        assert!(stored.len() < if slim { 1_024 } else { 4_096 }, "{} bytes", stored.len());
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
            let open = matches!(status, Status::Waiting | Status::Connected | Status::Active);
            assert!(!open, "{session} is {status:?} for ever");
        }
    }
}

fn spoken(effect: &Effect) -> Option<Number> {
    match effect.what {
        What::Say { message, .. } => Some(message),
        _ => None,
    }
}
