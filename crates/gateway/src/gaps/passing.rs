//! What a callback goes through on its way to a chat that may have a gap.

use std::sync::{Arc, atomic::Ordering};

use session::{
    BEHIND_GAP_WITHIN, News,
    id::{DeskId, SessionId, TenantId},
};
use store::ConversationId;
use tokio::time::Instant;

use super::{
    DeskKey, GAPS_MAX, Gaps, Inner,
    entry::{Entry, Fetch, HOLD_FOR, Shown, Stage, Waited},
    under_way::LetGo,
};

/// A callback's news on its way on.
#[derive(Debug)]
pub(crate) struct Passed {
    /// Without the words that were shown already.
    pub(crate) news: Vec<News>,
    /// What was missed before it is not told yet: in its session it stands behind that. Once it does,
    /// [`Gaps::stands_behind`] is to hear of it.
    pub(crate) behind_gap: bool,
    /// To be dropped when the news is committed or refused: until then nothing that was fetched is
    /// compared.
    pub(crate) let_go: Option<LetGo>,
}

impl Passed {
    /// Nothing was missed before it, or it is told; and no comparison looks for its words.
    pub(crate) fn at_once(news: Vec<News>) -> Self {
        Self { news, behind_gap: false, let_go: None }
    }
}

/// What a callback has to wait for.
enum Awaited {
    /// It is let go.
    Nothing(Option<LetGo>),
    /// There is a gap, and no use in waiting.
    InVain,
    Fetch {
        fetch: Arc<Fetch>,
        /// How many fetches had begun when it came: those after have all that was written before it.
        after: u64,
    },
}

impl Gaps {
    /// Lets a callback wait until the gap of its chat is filled, if it has one, but no longer than
    /// [`HOLD_FOR`], and not where that was in vain before. Gives back its news without the words
    /// that this has shown, and whether it must stand behind the gap.
    pub(crate) async fn pass(
        &self,
        desk: (&TenantId, &DeskId),
        session: &SessionId,
        mut news: Vec<News>,
    ) -> Passed {
        let words = self.unknown_words(&news);
        if words.is_empty() && self.count.load(Ordering::Relaxed) == 0 {
            return Passed::at_once(news);
        }
        let by = Instant::now() + HOLD_FOR;
        let mut after = None;
        loop {
            let (fetch, began) = match self.awaited(desk, session, &words) {
                Awaited::Nothing(let_go) => return Passed { news, behind_gap: false, let_go },
                Awaited::InVain => return self.in_vain(session, &words, news),
                Awaited::Fetch { fetch, after } => (fetch, after),
            };
            let after = *after.get_or_insert(began);
            let Ok(_place) = self.waiting.try_acquire() else {
                return self.in_vain(session, &words, news);
            };
            match fetch.shown(by).await {
                Waited::Shown(shown) if !shown.has_any(&words) => {
                    return self.let_go(session, news);
                }
                Waited::Shown(shown) if shown.fetch > after => {
                    self.leave_out(&shown, &mut news);
                    return self.let_go(session, news);
                }
                Waited::Shown(_) => {}
                Waited::Released => return self.let_go(session, news),
                Waited::InVain => {
                    self.found_slow(desk);
                    return self.in_vain(session, &words, news);
                }
            }
        }
    }

    /// News of this chat stands behind its gap in the session. If nobody is about to look there, the
    /// gap is the next to be filled, whether or not it was filled meanwhile.
    pub(crate) fn stands_behind(
        &self,
        (tenant, desk): (&TenantId, &DeskId),
        session: &SessionId,
        conversation: ConversationId,
    ) {
        let key: DeskKey = (tenant.clone(), desk.clone());
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let Some(desk) = desks.get_mut(&key) else { return };
        let room = entries.len() < GAPS_MAX;
        match entries.get_mut(session) {
            Some(entry) => match entry.stage {
                Stage::Queued => {}
                Stage::Filling | Stage::Comparing => entry.again = true,
                Stage::Settled => {
                    entry.stage = Stage::Queued;
                    desk.hurry(session);
                }
            },
            // It goes on by itself after BEHIND_GAP_WITHIN.
            None if !room => {}
            None => {
                entries.insert(session.clone(), Entry::queued(key, conversation));
                desk.hurry(session);
                self.count.store(entries.len(), Ordering::Relaxed);
            }
        }
    }

    /// Lets a callback go that waited. What was fetched since then is told, or about to be, and may have
    /// its words: in that case the news stands behind the gap, and the next fetch tells.
    fn let_go(&self, session: &SessionId, news: Vec<News>) -> Passed {
        let words = self.unknown_words(&news);
        let inner = self.lock();
        let entry = inner.entries.get(session);
        let behind_gap = !words.is_empty()
            && entry
                .is_some_and(|entry| entry.stage == Stage::Comparing || !entry.has_none_of(&words));
        let let_go = if behind_gap { None } else { self.goes(session, &words) };
        Passed { news, behind_gap, let_go }
    }

    /// Counts a callback in that has unknown words. The gaps are locked, so that no comparison begins
    /// between the decision to let it go and this.
    fn goes(&self, session: &SessionId, words: &[u64]) -> Option<LetGo> {
        (!words.is_empty()).then(|| self.under_way.goes(session))
    }

    /// Nobody can wait for the gap of this chat any longer. Its news stands behind it, unless that was
    /// of no use for so long that what stood there went on.
    fn in_vain(&self, session: &SessionId, words: &[u64], news: Vec<News>) -> Passed {
        let now = Instant::now();
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let in_time = |since: Instant| since + BEHIND_GAP_WITHIN > now;
        let behind_gap = entries.get_mut(session).is_some_and(|entry| {
            // Filled at the last moment.
            if entry.stage == Stage::Settled && entry.has_none_of(words) {
                return false;
            }
            let slow = desks.get(&entry.desk).and_then(|desk| desk.slow);
            let in_time =
                in_time(*entry.behind_since.get_or_insert(now)) && slow.is_none_or(in_time);
            // It is filled at this moment, perhaps with these words.
            in_time || entry.stage == Stage::Comparing && !words.is_empty()
        });
        let let_go = if behind_gap { None } else { self.goes(session, words) };
        Passed { news, behind_gap, let_go }
    }

    /// All such words.
    fn unknown_words(&self, news: &[News]) -> Vec<u64> {
        news.iter().filter_map(|news| self.unknown(news)).collect()
    }

    /// The words in this that no id tells from others, hashed.
    fn unknown(&self, news: &News) -> Option<u64> {
        match news {
            News::AgentSaid { said, key: None, .. } => Some(self.hashed(&said.text)),
            _ => None,
        }
    }

    fn leave_out(&self, shown: &Shown, news: &mut [News]) {
        for news in news {
            if let News::AgentSaid { agent, .. } = news
                && let agent = agent.clone()
                && self.unknown(news).is_some_and(|words| shown.words.contains(&words))
            {
                // Who said it is news all the same: the instance's table does not tell.
                *news = News::AgentHere(agent);
            }
        }
    }

    fn found_slow(&self, (tenant, desk): (&TenantId, &DeskId)) {
        let key = (tenant.clone(), desk.clone());
        let mut inner = self.lock();
        let Some(found) = inner.desks.get_mut(&key) else { return };
        if found.slow.is_none() {
            found.slow = Some(Instant::now());
            tracing::warn!(
                desk = desk.as_str(),
                within.s = BEHIND_GAP_WITHIN.as_secs(),
                "what agents said meanwhile cannot be fetched in time; what they say now is shown \
                 after it, or when it stood behind it for so long"
            );
        }
    }

    /// What a callback with these unknown words has to wait for.
    fn awaited(
        &self,
        (tenant, desk): (&TenantId, &DeskId),
        session: &SessionId,
        words: &[u64],
    ) -> Awaited {
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let Some(entry) = entries.get_mut(session) else {
            return Awaited::Nothing(self.goes(session, words));
        };
        // Another desk's chat is no business of the caller's.
        if (&entry.desk.0, &entry.desk.1) != (tenant, desk) {
            return Awaited::Nothing(None);
        }
        let Some(desk) = desks.get_mut(&entry.desk) else { return Awaited::Nothing(None) };
        match entry.stage {
            Stage::Settled if entry.has_none_of(words) => {
                return Awaited::Nothing(self.goes(session, words));
            }
            Stage::Settled | Stage::Queued => {
                if entry.current.is_none() {
                    desk.hurry(session);
                }
                entry.stage = Stage::Queued;
            }
            Stage::Filling | Stage::Comparing => {}
        }
        let (after, fetch) = (entry.began, entry.current());
        // Where words were shown a moment ago, the same may come by callback: that is worth a wait.
        if entry.settled_at.is_none() && desk.slow.is_some() {
            return Awaited::InVain;
        }
        Awaited::Fetch { fetch, after }
    }
}
