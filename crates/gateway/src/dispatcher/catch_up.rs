//! Catching up: what agents said while nobody could hear it is fetched from the instance and told
//! to the session, which shows it once.
//!
//! For each gap ([`Gaps`](crate::gaps::Gaps)):
//!
//! ```text
//!   read the chat: open, and its id at the instance known? ── no ──► nothing can be asked
//!     └► fetch its messages, the whole chat's (a callback that went ahead would move any later mark)
//!          └► tell the session; where the desk gives no ids, compare with the log first, and again
//!             if the log grew meanwhile
//! ```
//!
//! Fetches count for the desk's breaker like requests and wait while it is open, so a gap is filled
//! as soon as the desk answers. Where the desk does not let us read, that is said once and not
//! tried again before its next outage or our next start.

use std::{sync::Arc, time::Duration};

use servicenow::client::{FetchError, MISSED_MAX, MissedMessage, MissedQuery};
use session::{
    Event, Missed, Session, Status,
    id::{ConversationKey, Number, Timestamp},
};
use store::{ENTRIES_PER_READ_MAX, Store, StoreError, Target};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::missed::{self, Shown},
    dispatcher::{DeskLink, Dispatcher, PAUSE, backoff},
    engine::{Arrival, EngineError},
    gaps::{DeskKey, Gap},
    keeping::{Keeping, KeepingError},
};

/// Fetches at a time from one desk: it has its own work to do when it, or we, just came back.
const FETCHES_MAX: usize = 4;

/// How far the instance's clock may be behind ours. Asking further back costs nothing, because what
/// is known is recognised.
const CLOCKS_DIFFER_BY: Duration = Duration::from_mins(2);

/// How far back is asked at most: well within the 24 hours for which keys are remembered.
const BACK_MAX: Duration = Duration::from_hours(12);

/// Answers of [`MISSED_MAX`] messages read for one chat: more than people type in a shift.
const PAGES_MAX: usize = 10;

/// Reads of the log for one comparison, of [`ENTRIES_PER_READ_MAX`] entries each.
const LOG_READS_MAX: usize = 10;

/// How often a comparison is made anew because the log grew meanwhile.
const COMPARISONS_MAX: usize = 20;

/// How long a fetch that fails is tried again; as long as a message.
const FILL_WITHIN: Duration = Duration::from_mins(15);

/// Callbacks under way while a gap was filled arrive within this, as a rule; those without ids are
/// then still recognised by their words.
const ECHOES_FOR: Duration = Duration::from_secs(2);

/// How old a message may be whose callback is still under way: ServiceNow gives up after 5 s
/// (reference 6), and clocks differ a little.
const UNDER_WAY_FOR: Duration = Duration::from_secs(10);

/// Why a gap is given up.
#[derive(Debug, thiserror::Error)]
enum CatchUpError {
    #[error("its conversation cannot be read")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keeping(#[from] KeepingError),
    #[error("it could not be taken in")]
    Engine(#[from] EngineError),
    #[error("the instance did not give the messages")]
    Fetch(#[from] FetchError),
    #[error("the log grew faster than it could be compared")]
    Overtaken,
    #[error("the instance does not let us read messages")]
    Refused,
}

/// A chat that can be caught up.
struct Chat {
    key: Arc<ConversationKey>,
    live: Session,
    at_desk: String,
    numbered: Number,
}

impl Dispatcher {
    /// Fills the gaps of one desk until told to stop, and opens them anew when the desk answers
    /// again.
    pub(super) async fn catch_up(self: Arc<Self>, desk: DeskKey, stop: CancellationToken) {
        let Some(link) = self.desks.get(&desk) else { return };
        let places = Arc::new(Semaphore::new(FETCHES_MAX));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = link.breaker.answers_again() => self.open_gaps(&desk).await,
                (gap, place) = self.next_gap(&desk, &places) => {
                    let (this, desk) = (Arc::clone(&self), desk.clone());
                    tokio::spawn(async move { this.fill(&desk, &gap, place).await });
                }
            }
        }
    }

    async fn next_gap(
        &self,
        desk: &DeskKey,
        places: &Arc<Semaphore>,
    ) -> (Gap, Option<OwnedSemaphorePermit>) {
        // Fails only for a semaphore that was closed, which this one never is.
        let place = Arc::clone(places).acquire_owned().await.ok();
        (self.gaps.next(desk).await, place)
    }

    async fn open_gaps(&self, desk: &DeskKey) {
        let (gaps, of) = (Arc::clone(&self.gaps), desk.clone());
        let opened = crate::blocking(&self.store, move |store| gaps.open_all(store, Some(&of)));
        if let Err(error) = opened.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                desk = desk.1.as_str(),
                "what was missed at a desk cannot be looked for"
            );
        }
    }

    /// Fills one gap, closes it, and stays until late callbacks need not be recognised any more.
    pub(super) async fn fill(
        &self,
        desk: &DeskKey,
        gap: &Gap,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let told = match self.missed(desk, gap).await {
            Ok(told) => told,
            // Said where it was found.
            Err(CatchUpError::Refused) => Vec::new(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    session.id = gap.session.as_str(),
                    "what a chat missed could not be fetched"
                );
                Vec::new()
            }
        };
        self.gaps.close(gap, told.iter().map(String::as_str));
        drop(place);
        if !told.is_empty() {
            tokio::time::sleep(ECHOES_FOR).await;
            self.gaps.forget(gap);
        }
    }

    /// Fetches and tells what a chat missed. Gives back what was told and may come once more, as
    /// callbacks without ids.
    async fn missed(&self, desk: &DeskKey, gap: &Gap) -> Result<Vec<String>, CatchUpError> {
        let Some(link) = self.desks.get(desk) else { return Ok(Vec::new()) };
        let Some(chat) = self.chat(gap).await? else { return Ok(Vec::new()) };
        let now = self.clock.now();
        let back = Timestamp(now.0.saturating_sub(millis(BACK_MAX)));
        let since = Timestamp(chat.live.asked_at.0.saturating_sub(millis(CLOCKS_DIFFER_BY)));
        let since = since.max(back);
        let rows = self.fetch(desk, link, &chat.at_desk, since).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        for _ in 0..COMPARISONS_MAX {
            let Some(chat) = self.chat(gap).await? else { return Ok(Vec::new()) };
            let without_ids = chat.live.without_ids;
            let shown = if without_ids { Some(self.shown(gap, &chat, since).await?) } else { None };
            let missed = missed::read(&rows, &link.wording, shown);
            if missed.is_empty() {
                return Ok(Vec::new());
            }
            // Once an agent spoke, the ids show: callbacks with ids are recognised by them.
            let has_ids = chat.live.status() == Status::Active && !without_ids;
            let echoes = if has_ids { Vec::new() } else { echoes(&missed, &rows, now) };
            let as_of = without_ids.then_some(chat.numbered);
            if let Some(numbered) = self.tell(gap, as_of, missed).await? {
                if numbered > chat.numbered {
                    tracing::info!(
                        session.id = gap.session.as_str(),
                        rows = rows.len(),
                        "a chat was caught up"
                    );
                }
                return Ok(echoes);
            }
        }
        Err(CatchUpError::Overtaken)
    }

    /// The chat as it stands; `None` if it is over, or the instance gave it no id to ask by.
    async fn chat(&self, gap: &Gap) -> Result<Option<Chat>, CatchUpError> {
        let id = gap.conversation;
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await?;
        let Some((key, state)) = row.and_then(|row| Some((row.key, row.state?))) else {
            return Ok(None);
        };
        let kept = Keeping::new(&self.vault, &key)?.read_state(&state)?;
        let numbered = kept.conversation.numbered;
        let live = kept.conversation.live().filter(|live| live.id == gap.session).cloned();
        Ok(live.and_then(|live| {
            let at_desk = live.desk_conversation.clone()?;
            Some(Chat { key, live, at_desk, numbered })
        }))
    }

    /// What agents said in this chat since then, as far as it was shown.
    async fn shown(&self, gap: &Gap, chat: &Chat, since: Timestamp) -> Result<Shown, CatchUpError> {
        let keeping = Keeping::new(&self.vault, &chat.key)?;
        let (mut shown, mut after) = (Shown::default(), chat.live.asked_after);
        for _ in 0..LOG_READS_MAX {
            let id = gap.conversation;
            let read =
                move |store: &dyn Store| store.entries_after(id, after, ENTRIES_PER_READ_MAX);
            let rows = crate::blocking(&self.store, read).await?;
            let mut entries = keeping.read_entries(&self.vault, &rows)?;
            entries.retain(|entry| entry.number <= chat.numbered && entry.at >= since);
            shown.count(&entries);
            match rows.last() {
                Some(last) if last.number < chat.numbered => after = last.number,
                Some(_) | None => break,
            }
        }
        Ok(shown)
    }

    /// Tells the session; gives back the newest log entry, or nothing if the comparison was
    /// overtaken.
    async fn tell(
        &self,
        gap: &Gap,
        as_of: Option<Number>,
        missed: Vec<Missed>,
    ) -> Result<Option<Number>, CatchUpError> {
        let target = Target::Conversation(gap.conversation);
        let event = Event::CaughtUp { session: gap.session.clone(), as_of, missed };
        let arrival = Arrival::event(target, event);
        loop {
            match self.engine.submit(arrival.clone()).await {
                // It comes only once; there will be room, or the engine stops.
                Err(EngineError::Busy) => tokio::time::sleep(PAUSE).await,
                told => return Ok(Some(told?.number).filter(|at| *at != Number::default())),
            }
        }
    }

    /// All messages of a conversation since then, page by page.
    async fn fetch(
        &self,
        desk: &DeskKey,
        link: &DeskLink,
        at_desk: &str,
        since: Timestamp,
    ) -> Result<Vec<MissedMessage>, CatchUpError> {
        let give_up_at = Instant::now() + FILL_WITHIN;
        let mut all: Vec<MissedMessage> = Vec::new();
        let mut since = since.0;
        for _ in 0..PAGES_MAX {
            // Only such ids were kept.
            let Ok(query) = MissedQuery::new(at_desk, since) else { break };
            let page = self.page(desk, link, &query, give_up_at).await?;
            let last = page.last().and_then(|message| message.sent_at_ms);
            let is_full = page.len() >= MISSED_MAX;
            // The second asked from is asked for again.
            let known = all.len();
            for message in page {
                if !all[..known].iter().any(|earlier| earlier.id == message.id) {
                    all.push(message);
                }
            }
            match last {
                Some(last) if is_full && last > since => since = last,
                Some(_) | None => break,
            }
        }
        Ok(all)
    }

    /// One page, tried again as long as that may help.
    async fn page(
        &self,
        desk: &DeskKey,
        link: &DeskLink,
        query: &MissedQuery,
        give_up_at: Instant,
    ) -> Result<Vec<MissedMessage>, CatchUpError> {
        let mut failures = 0;
        loop {
            if self.gaps.is_refused(desk) {
                return Err(CatchUpError::Refused);
            }
            let permit = match link.breaker.admit(self.clock.now()) {
                Ok(permit) => permit,
                Err(until) => {
                    let wait = until.since(self.clock.now());
                    tokio::time::sleep(wait.mul_f64(1.0 + fastrand::f64())).await;
                    continue;
                }
            };
            match link.client.messages_since(query).await {
                Ok(messages) => {
                    permit.answered();
                    return Ok(messages);
                }
                Err(FetchError::Retry { not_before, .. }) if Instant::now() < give_up_at => {
                    permit.failed(self.clock.now());
                    failures += 1;
                    let pause = backoff::pause(failures, fastrand::f64());
                    tokio::time::sleep(not_before.map_or(pause, |asked| asked.max(pause))).await;
                }
                Err(error @ FetchError::NotAllowed { .. }) => {
                    permit.answered();
                    if self.gaps.refuse(desk) {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            desk = desk.1.as_str(),
                            "what agents say while this gateway is away stays unheard"
                        );
                    }
                    return Err(CatchUpError::Refused);
                }
                Err(error @ FetchError::Retry { .. }) => {
                    permit.failed(self.clock.now());
                    return Err(error.into());
                }
                Err(error @ FetchError::Unreadable { .. }) => {
                    permit.answered();
                    return Err(error.into());
                }
            }
        }
    }
}

/// Words that were told and are so young that their callback may still be under way.
fn echoes(missed: &[Missed], rows: &[MissedMessage], now: Timestamp) -> Vec<String> {
    let since = now.0.saturating_sub(millis(UNDER_WAY_FOR));
    let young = |words: &str| {
        let same = |row: &&MissedMessage| row.text == words;
        rows.iter().rev().find(same).is_some_and(|row| row.sent_at_ms.is_none_or(|at| at >= since))
    };
    let words = missed.iter().filter_map(|missed| match missed {
        Missed::AgentSaid { said, .. } => Some(said.text.as_str()),
        Missed::Ended => None,
    });
    words.filter(|words| young(words)).map(str::to_owned).collect()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
