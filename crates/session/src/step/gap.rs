//! What was missed, and what stands behind it until it is told.

use crate::{
    conversation::{Session, Stage, Status},
    deadline::Wake,
    event::{Compared, Missed, News},
    gap::{BEHIND_GAP_WITHIN, BehindGap, is_agents},
    id::{Number, SenderKey, SessionId},
    notice::EndReason,
    said::Agent,
    step::Turn,
};

impl Turn<'_> {
    /// Whether news of this session has to wait: what was missed before it is still being fetched, or
    /// other news waits for that.
    pub(super) fn stands_behind_gap(&self, session: &SessionId, behind_gap: bool) -> bool {
        let live = self.step.conversation.live().filter(|live| live.id == *session);
        live.is_some_and(|live| behind_gap || live.behind_gap.is_some())
    }

    /// Keeps news of the open session behind its gap.
    pub(super) fn keep_behind_gap(&mut self, news: News) {
        let now = self.now;
        if self.is_change(&news) {
            // Of what was shown before the gap; it keeps its place.
            return self.heard(news);
        }
        if self.repeat_of(news.key()).is_some() {
            if let Some(behind) = self.live().and_then(|session| session.behind_gap.as_mut()) {
                behind.change(news);
            }
            return;
        }
        if let News::Started { .. } = news {
            // Nothing that is told, and by it what was missed is asked for.
            return self.heard(news);
        }
        self.marks_ids(&news);
        // It has no entry yet.
        self.step.remember.extend(news.key().map(|key| (key.clone(), Number::default())));
        let Some(session) = self.live() else { return };
        let behind = session.behind_gap.get_or_insert(BehindGap { since: now, news: Vec::new() });
        behind.push(news);
        if behind.is_too_much() {
            self.let_go();
        }
    }

    /// What stands behind the gap goes on when its time is over, or that for which the session waits;
    /// says whether that, or nothing, is what the clock came for. After a start of ours what was missed
    /// is fetched anew, and has the same time for it.
    pub(super) fn due_behind_gap(&mut self, why: Wake) -> bool {
        let (now, started) = (self.now, self.facts.started);
        let ends = self.overdue_end().is_some();
        let Some(session) = self.live() else { return false };
        let waits = session.status() == Status::Waiting;
        let Some(behind) = &mut session.behind_gap else { return false };
        if ends && !waits {
            // Told with the end.
            return false;
        }
        behind.since = behind.since.max(started);
        if ends || now >= behind.since.after(BEHIND_GAP_WITHIN) {
            // It may say that somebody came. Whatever is due after that comes by itself.
            self.let_go();
            return true;
        }
        why == Wake::BehindGap
    }

    /// Tells all that stands behind the gap.
    pub(super) fn let_go(&mut self) {
        self.let_go_first(usize::MAX);
    }

    /// Tells so much of what stands behind the gap. What ends the session makes the rest of it late.
    fn let_go_first(&mut self, count: usize) {
        let Some(session) = self.live() else { return };
        let id = session.id.clone();
        let Some(BehindGap { since, mut news }) = session.behind_gap.take() else { return };
        let rest = news.split_off(count.min(news.len()));
        let is_open = |turn: &mut Self| turn.live().is_some_and(|live| live.id == id);
        for news in news {
            let news = without_key(news);
            if is_open(self) { self.heard(news) } else { self.late_news(&id, news) }
        }
        if !is_open(self) {
            for news in rest {
                self.late_news(&id, without_key(news));
            }
        } else if !rest.is_empty()
            && let Some(session) = self.live()
        {
            session.behind_gap = Some(BehindGap { since, news: rest });
        }
    }

    /// Before an end of the open session: tells what stands behind its gap, and says what the end
    /// comes to after that. The agent may have come who makes an end of what was to be withdrawn.
    pub(super) fn let_go_before(
        &mut self,
        status: Status,
        reason: EndReason,
    ) -> (Status, EndReason) {
        self.let_go();
        match (self.live().map(|session| &session.stage), status, reason) {
            (Some(Stage::Connected(_) | Stage::Active(_)), Status::Cancelled, reason) => {
                let withdrawn = reason == EndReason::UserCancelled;
                (Status::Completed, if withdrawn { EndReason::UserEnded } else { reason })
            }
            _ => (status, reason),
        }
    }

    /// What was fetched because its callbacks may have been missed. It means what the callbacks
    /// would have meant, only later: an agent's words connect who waits, an end ends, and nothing
    /// that is over begins again. What stands behind the gap is told where it belongs, or else after
    /// it.
    pub(super) fn caught_up(
        &mut self,
        session: &SessionId,
        as_of: Option<Compared>,
        missed: Vec<Missed>,
    ) {
        let live = self.step.conversation.live().filter(|live| live.id == *session);
        let (is_open, without_ids) = (live.is_some(), live.is_some_and(|live| live.without_ids));
        let behind = live.and_then(|live| live.behind_gap.as_ref()).map_or(0, BehindGap::words);
        let overtaken = match &as_of {
            Some(Compared { numbered, behind_gap, .. }) => {
                self.step.conversation.numbered != *numbered || behind != *behind_gap
            }
            None => without_ids && !missed.is_empty(),
        };
        if overtaken {
            return;
        }
        if let Some(compared) = as_of.filter(|_| is_open) {
            self.leave_out(&compared.shown);
        }
        for missed in missed {
            match missed {
                Missed::AgentSaid { said, key } => {
                    if let Some(place) = self.place_behind_gap(session, &key) {
                        self.let_go_first(place.saturating_add(1));
                    } else {
                        let agent = self.agent_of(session);
                        self.news_of(session, News::AgentSaid { agent, said, key: Some(key) });
                    }
                }
                Missed::BehindGap { left } if is_open => self.let_go_but(left),
                // It is over, and what stood behind its gap was told with the end.
                Missed::BehindGap { .. } => {}
                Missed::Ended => self.news_of(session, News::Ended),
            }
        }
        if is_open {
            self.let_go();
        }
        self.step.answer = self.step.conversation.numbered;
    }

    /// These of an agent's words behind the gap were shown already. Who said them is news all the
    /// same.
    fn leave_out(&mut self, shown: &[usize]) {
        let behind = self.live().and_then(|session| session.behind_gap.as_mut());
        let Some(behind) = behind else { return };
        let words = behind.news.iter_mut().filter(|news| is_agents(news));
        for (_, news) in words.enumerate().filter(|(place, _)| shown.contains(place)) {
            if let News::AgentSaid { agent, .. } = news {
                *news = News::AgentHere(std::mem::take(agent));
            }
        }
    }

    /// Where words with this key stand behind the gap.
    fn place_behind_gap(&self, session: &SessionId, key: &SenderKey) -> Option<usize> {
        let live = self.step.conversation.live().filter(|live| live.id == *session);
        let behind = live?.behind_gap.as_ref()?;
        behind.news.iter().position(|news| is_agents(news) && news.key() == Some(key))
    }

    /// Lets go until so many words of agents are left behind the gap.
    fn let_go_but(&mut self, left: usize) {
        let behind = self.live().and_then(|session| session.behind_gap.as_ref());
        let Some(behind) = behind else { return };
        let going = behind.words().saturating_sub(left);
        let words = behind.news.iter().enumerate().filter(|(_, news)| is_agents(news));
        let last = going.checked_sub(1).and_then(|last| words.map(|(place, _)| place).nth(last));
        if let Some(last) = last {
            self.let_go_first(last.saturating_add(1));
        }
    }

    /// Who it was that spoke unheard: the one who is there, unless the chat is between two.
    fn agent_of(&mut self, session: &SessionId) -> Agent {
        match self.live().filter(|live| live.id == *session).map(|live| &live.stage) {
            Some(Stage::Connected(talk) | Stage::Active(talk)) if !talk.transferring => {
                talk.agent.clone()
            }
            Some(Stage::Connected(_) | Stage::Active(_) | Stage::Waiting(_)) | None => {
                Agent::default()
            }
        }
    }

    /// Words that came without an id are not recognised by one.
    pub(super) fn marks_ids(&mut self, news: &News) {
        if let (News::AgentSaid { key: None, .. }, Some(Session { without_ids, .. })) =
            (news, self.live())
        {
            *without_ids = true;
        }
    }
}

/// The same, as something whose key is remembered.
fn without_key(mut news: News) -> News {
    if let News::AgentSaid { key, .. } | News::DeskSaid { key, .. } = &mut news {
        *key = None;
    }
    news
}
