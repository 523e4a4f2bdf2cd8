//! What must hold after every step.

use session::{
    Author, BEHIND_GAP_MAX, BEHIND_GAP_WITHIN, Content, Conversation, Effect, EndReason, Hold,
    LATE_WORDS_FOR, Notice, Phase, Route, Said, Session, Stage, Status, Step, Waiting, Wants, What,
    id::{EffectNumber, Number, SessionId},
};

use super::{Spoken, World};

impl World {
    pub(super) fn is_nothing(&self, step: &Step) -> bool {
        step.conversation == self.conversation
            && step.messages.is_empty()
            && step.effects.is_empty()
            && step.strikes.is_empty()
            && step.holds.is_empty()
            && step.records.is_empty()
            && step.remember.is_empty()
    }

    /// Of a session that is over nothing is done any more, and nothing shown but what its agent says
    /// soon after a talk. That its row stays as it is: see the diagram.
    pub(super) fn what_is_over_stays_over(&self, about: Option<&SessionId>, step: &Step) {
        let is_over = |session: &SessionId| self.rows.get(session).copied().is_some_and(is_end);
        for effect in &step.effects {
            let of = match &effect.what {
                What::TellBot { session, .. } => Some(session),
                what => what.session(),
            };
            assert!(!of.is_some_and(is_over), "{:?} after the end", effect.what);
        }
        let Some(session) = about.filter(|session| is_over(session)) else { return };
        assert!(step.records.is_empty() && step.strikes.is_empty() && step.effects.is_empty());
        assert_eq!(step.conversation.route, self.conversation.route);
        for message in &step.messages {
            let past = self.conversation.past.as_ref().filter(|past| past.id == *session).unwrap();
            assert!(matches!(message.author, Author::Agent(_)), "{message:?}");
            assert_ne!(past.status, Status::Cancelled, "nothing is shown of what was withdrawn");
            assert!(self.now.since(past.at) <= LATE_WORDS_FOR);
        }
    }

    pub(super) fn the_desks_words_are_shown_once_and_in_order(&mut self, step: &Step) {
        for message in &step.messages {
            let (Author::Agent(_) | Author::Desk, Content::Said(said)) =
                (&message.author, &message.content)
            else {
                continue;
            };
            let word: u64 = said.text.parse().unwrap();
            // What was changed behind a gap has the place of what it changes.
            if !said.changes {
                let shown = self.shown.entry(self.sources[&word].clone()).or_default();
                assert!(word > *shown, "{word} after {shown}");
                *shown = word;
            }
            if let Some(key) = &self.words[usize::try_from(word).unwrap() - 1] {
                assert!(self.shown_keys.insert(key.clone()), "{key} is shown again");
            }
        }
        for effect in &step.effects {
            if let What::ToBot { message } = effect.what {
                assert!(message > self.to_bot, "{message} after {}", self.to_bot);
                self.to_bot = message;
            }
        }
    }

    /// What an agent said that stands behind a gap stays there or is shown, and what was there first
    /// is shown first. Only what was shown before, and what is said to a ghost, is not.
    pub(super) fn what_stands_behind_a_gap_is_told_in_order(
        &self,
        left_out: &[usize],
        step: &Step,
    ) {
        let Some(session) = self.conversation.live() else { return };
        let before: Vec<_> = session.said_behind_gap().map(|said| said.text.as_str()).collect();
        let live = step.conversation.live().filter(|live| live.id == session.id);
        let after: Vec<_> =
            live.iter().flat_map(|live| live.said_behind_gap()).map(|said| &said.text).collect();
        let shown: Vec<_> = step.messages.iter().filter_map(|entry| entry.content.said()).collect();
        let is_shown = |words: &str| shown.iter().any(|said| said.text == words);
        let withdrawn = step
            .conversation
            .past
            .as_ref()
            .is_some_and(|past| past.id == session.id && past.status == Status::Cancelled);
        let mut stays = false;
        for (place, words) in before.into_iter().enumerate() {
            if after.iter().any(|left| *left == words) {
                assert!(!is_shown(words), "{words} is told, and will be again");
                stays = true;
            } else if !left_out.contains(&place) && !withdrawn {
                assert!(!stays, "{words} is told before what stands before it");
                assert!(is_shown(words), "{words} is lost");
            }
        }
        let Some(behind) = live.and_then(|live| live.behind_gap.as_ref()) else { return };
        assert!(!behind.news.is_empty() && behind.news.len() <= BEHIND_GAP_MAX);
        let (at, _) = step.conversation.deadline(&self.policy).unwrap();
        assert!(at <= behind.since.after(BEHIND_GAP_WITHIN));
    }

    pub(super) fn numbers_rise_without_gap(&self, step: &Step) {
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

    pub(super) fn statuses_keep_to_the_diagram(&mut self, step: &Step) {
        for record in &step.records {
            match self.rows.insert(record.session.clone(), record.status) {
                None => assert_eq!(record.status, Status::Waiting, "every session begins waiting"),
                Some(was) => {
                    assert!(was.may_become(record.status), "{was:?} {:?}", record.status);
                }
            }
            let over = is_end(record.status);
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
    pub(super) fn ends_are_settled(&self, step: &Step) {
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
            // An END too many is harmless, a ghost at the agent's desk is not: only where the desk
            // said it itself, or refused the request, it hears nothing.
            let desk_knows = match ended.reason {
                Some(EndReason::AgentEnded | EndReason::DeskCancelled) => true,
                // A word that was refused leaves a chat behind, a request that was leaves none.
                Some(EndReason::Rejected) => self.is_requested(&ended.session),
                Some(_) | None => false,
            };
            assert_eq!(effects.contains(&"end"), !desk_knows, "{ended:?}");
            assert!(freed || !desk_knows, "{ended:?}");
            assert_eq!(effects.last(), Some(&"tell_bot"));
            let notices = step.messages.iter().filter(|entry| entry.author == Author::Gateway);
            assert!(notices.count() >= 2, "how it ended, and who has the conversation now");
        }
    }

    /// Whether this session was only asked for before the step.
    fn is_requested(&self, session: &SessionId) -> bool {
        let live = self.conversation.live().filter(|live| live.id == *session);
        live.is_some_and(|live| {
            let is_requested =
                matches!(&live.stage, Stage::Waiting(Waiting { phase: Phase::Requested, .. }));
            // What stands behind a gap says that the desk has it.
            is_requested && live.behind_gap.is_none()
        })
    }

    pub(super) fn words_reach_the_agent_once_and_in_order(&mut self, step: &Step) {
        let waited = |conversation: &Conversation| {
            conversation
                .live()
                .filter(|session| session.status() == Status::Waiting)
                .map(|session| session.id.clone())
        };
        let before = waited(&self.conversation);
        let said: Vec<Spoken> = step.effects.iter().filter_map(spoken).collect();
        if before.is_some() && before == waited(&step.conversation) {
            // What answers a question of the desk's goes at once, and nothing else does.
            let answers: Vec<Number> = said.iter().map(|(number, _)| *number).collect();
            let asked = self.conversation.live().is_some_and(|live| live.asked().is_some());
            assert!(asked || answers.is_empty(), "nothing is said to a queue that does not ask");
            let by_user = step.messages.iter().filter(|entry| {
                let said = entry.content.said().filter(|said| said.masked.is_none());
                entry.author == Author::User && said.is_some() && !answers.contains(&entry.number)
            });
            let parts = by_user.flat_map(|entry| {
                let parts = entry.content.said().map_or(0, session::parts::to_desk);
                (0..parts).map(|part| (entry.number, part))
            });
            self.held.extend(parts);
            self.in_the_queue.extend(answers);
        } else if let Some(session) = before {
            let connected = step.records.iter().any(|record| record.status == Status::Connected);
            let held = std::mem::take(&mut self.held);
            assert_eq!(said, if connected { held } else { Vec::new() }, "{session}");
        }
        for effect in &step.effects {
            if let (Some(session), Some(number)) = (effect.what.session(), spoken(effect)) {
                if self.in_the_queue.contains(&number.0) {
                    // It went ahead of what was held before.
                    continue;
                }
                let all = self.said.entry(session.clone()).or_default();
                assert!(all.last().is_none_or(|last| *last < number), "{all:?}, then {number:?}");
                all.push(number);
            }
        }
    }

    /// What answers a question for a secret is with the effects that deliver it and nowhere else.
    pub(super) fn secrets_go_to_the_desk_and_nowhere_else(&self, step: &Step) {
        let secret = Wants::Text { secret: true };
        let asked = self.conversation.live().and_then(Session::asked);
        let asks_secret = asked.is_some_and(|asked| asked.question.wants == secret);
        let by_card = |said: &Said| said.answer.as_ref().is_some_and(|given| given.secret);
        for entry in &step.messages {
            let Some(said) = entry.content.said() else { continue };
            assert!(!by_card(said), "a card's secret is in the log");
            let of_it = step.effects.iter().filter_map(|effect| match &effect.what {
                What::Say { message, words, .. } if *message == entry.number => Some(words),
                _ => None,
            });
            for words in of_it {
                assert_eq!(words.is_some(), said.masked.is_some());
                let Some(words) = words else { continue };
                assert!(asks_secret || asked.is_some(), "nobody asked for a secret");
                let logged = format!("{}{:?}", serde_json::to_string(said).unwrap(), said);
                assert!(!logged.contains(&words.0), "{logged}");
            }
            if said.masked.is_some() {
                let stored = serde_json::to_string(&step.conversation).unwrap();
                assert!(!stored.contains("words words"), "the state holds it");
            }
        }
    }

    pub(super) fn keys_lead_to_one_entry(&mut self, step: &Step) {
        for (key, number) in &step.remember {
            let first = self.seen.insert(key.clone(), *number);
            assert_eq!(first, None, "{key} was answered before");
            let logged = step.messages.iter().any(|message| message.number == *number);
            assert!(logged || *number == Number(0), "{key} leads to an entry of this step");
        }
    }

    pub(super) fn holds_pass(&mut self, step: &Step) {
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

    /// Nothing acknowledged is lost: it is delivered, or its sender is told that it was not.
    pub(super) fn what_did_not_arrive_is_told(&mut self, lost: Option<SessionId>, step: &Step) {
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

    /// Every open session has a deadline, and none comes after the longest that the rules allow.
    pub(super) fn no_session_outlives_its_limits(&self) {
        let deadline = self.conversation.deadline(&self.policy);
        assert_eq!(deadline.is_some(), self.conversation.live().is_some());
        let Some((session, (at, _))) = self.conversation.live().zip(deadline) else { return };
        let limit = match &session.stage {
            Stage::Waiting(_) => session.asked_at.after(self.policy.longest_wait),
            Stage::Connected(talk) | Stage::Active(talk) => {
                talk.user_spoke_at.max(talk.heard_at).after(self.policy.quiet)
            }
        };
        assert!(at <= limit, "{at:?} {limit:?}");
        let left = session.user_away_since.map(|since| since.after(self.policy.away_grace));
        assert!(left.is_none_or(|left| at <= left), "{at:?} {left:?}");
    }

    pub(super) fn state_is_sound(&self) {
        let conversation = &self.conversation;
        self.no_session_outlives_its_limits();
        let stored = serde_json::to_string(conversation).unwrap();
        assert_eq!(&serde_json::from_str::<Conversation>(&stored).unwrap(), conversation);
        let slim = match &conversation.route {
            Route::Bot => true,
            Route::Live(session) => match &session.stage {
                _ if session.behind_gap.is_some() => return,
                Stage::Waiting(waiting) => waiting.held.is_empty() && waiting.asked.is_none(),
                Stage::Connected(talk) | Stage::Active(talk) => talk.asked.is_none(),
            },
        };
        // Progress that the desk tells of: a few ids, for as long as it goes on.
        let progress = conversation.live().map_or(0, |session| session.changing.len());
        let most = if slim { 1_280 + 128 * progress } else { 4_096 };
        assert!(stored.len() < most, "{} bytes", stored.len());
    }
}

pub(super) fn is_end(status: Status) -> bool {
    match status {
        Status::Waiting | Status::Connected | Status::Active => false,
        Status::Completed | Status::Fail | Status::Cancelled => true,
    }
}

fn spoken(effect: &Effect) -> Option<Spoken> {
    match effect.what {
        What::Say { message, part, .. } => Some((message, part.unwrap_or(0))),
        _ => None,
    }
}
