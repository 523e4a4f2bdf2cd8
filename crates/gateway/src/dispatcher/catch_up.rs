//! Catching up: what agents said while nobody could hear it is fetched from the instance and told
//! to the session, which shows it once.
//!
//! For each gap ([`Gaps`](crate::gaps::Gaps)):
//!
//! ```text
//!   read the chat: open, and its id at the instance known? ── no ──► nothing can be asked
//!     └► fetch its messages, the whole chat's (a callback that went ahead would move any later mark)
//!          └► wait until callbacks of words without ids that were let go are committed
//!          └► tell the session; where the desk gives no ids, compare with the log and with what stands
//!             behind the gap first, again if either grew meanwhile, and fetch again if nobody can say
//!             whether words that came during the fetch are in it
//! ```
//!
//! Telling lets go of what stands behind the gap, each where it belongs. Where nothing can be told it
//! goes on by itself.
//!
//! Fetches count for the desk's breaker like requests and wait while it is open, so a gap is filled
//! as soon as the desk answers. Where the desk does not let us read, that is said once and not
//! tried again before its next outage or our next start.

mod fetch;
mod tell;

use std::{sync::Arc, time::Duration};

use servicenow::client::{FetchError, MissedMessage};
use session::{
    Session,
    id::{ConversationKey, Number, Timestamp},
};
use store::StoreError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use tell::Told;

use crate::{
    desk::missed,
    dispatcher::Dispatcher,
    engine::EngineError,
    gaps::{DeskKey, Gap},
    keeping::{Keeping, KeepingError},
    observe::CatchUp,
};

/// Fetches at a time from one desk: it has its own work to do when it, or we, just came back, what users
/// say among it. Chats in which agents speak come first, and what these say meanwhile waits behind
/// the gap.
const FETCHES_MAX: usize = 4;

/// How far the instance's clock may be behind ours. Asking further back costs nothing, because what
/// is known is recognised.
const CLOCKS_DIFFER_BY: Duration = Duration::from_mins(2);

/// How far back is asked at most: well within the 24 hours for which keys are remembered.
const BACK_MAX: Duration = Duration::from_hours(12);

/// Fetches for one comparison. A second one has what came during the first, and callbacks wait for it,
/// so more are needed only if each takes longer than they can wait and an agent speaks without a break.
/// After that such words count as what was fetched, and the gap is filled again.
const FETCHES_ANEW_MAX: usize = 3;

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
    #[error("the chat went on faster than it could be compared")]
    Overtaken,
    #[error("the instance does not let us read messages")]
    Refused,
}

/// An open chat as it stands.
struct Chat {
    key: Arc<ConversationKey>,
    live: Session,
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
                () = link.gate.breaker.answers_again() => self.open_gaps(&desk).await,
                (gap, place) = self.next_gap(&desk, &places) => {
                    let (this, desk) = (Arc::clone(&self), desk.clone());
                    tokio::spawn(async move {
                        let settled_at = this.fill(&desk, &gap).await;
                        drop(place);
                        if let Some(settled_at) = settled_at {
                            tokio::time::sleep_until(settled_at).await;
                            this.gaps.forget(&gap);
                        }
                    });
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

    /// Fills one gap and closes it. Gives the moment from which late callbacks need not be recognised
    /// any more, if they must be until then.
    pub(super) async fn fill(&self, desk: &DeskKey, gap: &Gap) -> Option<Instant> {
        let told = |came, rows| self.observer.caught_up(&desk.0, &desk.1, came, rows);
        let rows = match self.missed(desk, gap).await {
            Ok(rows) => {
                let came = if rows.is_some() { CatchUp::Fetched } else { CatchUp::Nothing };
                told(came, rows.as_ref().map_or(0, Vec::len));
                rows
            }
            // Said where it was found.
            Err(CatchUpError::Refused) => {
                told(CatchUp::Refused, 0);
                None
            }
            Err(error) => {
                told(CatchUp::Failed, 0);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    session.id = gap.session.as_str(),
                    "what a chat missed could not be fetched"
                );
                None
            }
        };
        if rows.is_none() {
            self.gaps.look(gap);
            if let Err(error) = self.give_up(gap).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    session.id = gap.session.as_str(),
                    "what came after what a chat missed is shown later"
                );
            }
        }
        self.gaps.close(gap, rows.as_deref().map(missed::agents_words))
    }

    /// Lets go of what stands behind a gap that nobody can fill.
    async fn give_up(&self, gap: &Gap) -> Result<(), CatchUpError> {
        let chat = self.chat(gap).await?;
        if chat.is_some_and(|chat| chat.live.behind_gap.is_some()) {
            self.tell(gap, None, Vec::new()).await?;
        }
        Ok(())
    }

    /// Fetches and tells what a chat missed. Gives back all of it; nothing if nothing can be asked.
    async fn missed(
        &self,
        desk: &DeskKey,
        gap: &Gap,
    ) -> Result<Option<Vec<MissedMessage>>, CatchUpError> {
        let Some(link) = self.desks.get(desk) else { return Ok(None) };
        for fetches in 1..=FETCHES_ANEW_MAX {
            if fetches > 1 {
                self.gaps.fetches_anew(gap);
            }
            let Some(chat) = self.chat(gap).await? else { return Ok(None) };
            let Some(at_desk) = &chat.live.desk_conversation else { return Ok(None) };
            let now = self.clock.now();
            let back = Timestamp(now.0.saturating_sub(millis(BACK_MAX)));
            let since = Timestamp(chat.live.asked_at.0.saturating_sub(millis(CLOCKS_DIFFER_BY)));
            let since = since.max(back);
            let rows = self.fetch(desk, link, at_desk, since).await?;
            let wording = &link.reach.get().wording;
            let insist = fetches == FETCHES_ANEW_MAX;
            self.commits_of(gap).await;
            match self.compare(gap, &chat, since, (&rows, wording), insist).await? {
                Told::All => return Ok(Some(rows)),
                Told::Over => return Ok(None),
                Told::Unclear => {}
            }
        }
        Err(CatchUpError::Overtaken)
    }

    /// The chat as it stands; `None` if it is over.
    async fn chat(&self, gap: &Gap) -> Result<Option<Chat>, CatchUpError> {
        let id = gap.conversation;
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await?;
        let Some((key, state)) = row.and_then(|row| Some((row.key, row.state?))) else {
            return Ok(None);
        };
        let kept = Keeping::new(&self.vault, &key)?.read_state(&state)?;
        let numbered = kept.conversation.numbered;
        let live = kept.conversation.live().filter(|live| live.id == gap.session).cloned();
        Ok(live.map(|live| Chat { key, live, numbered }))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
