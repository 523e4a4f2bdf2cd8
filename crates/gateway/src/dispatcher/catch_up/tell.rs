//! Telling a chat what was fetched: compared first where its desk gives no ids.

use std::time::Duration;

use servicenow::client::MissedMessage;
use session::{
    Compared, Event, Missed,
    id::{Number, Timestamp},
};
use store::{ENTRIES_PER_READ_MAX, Store, Target};

use crate::{
    desk::{
        missed::{self, Known, Reading},
        news::Wording,
    },
    dispatcher::{
        Dispatcher,
        catch_up::{CatchUpError, Chat},
    },
    engine::Arrival,
    gaps::Gap,
    keeping::Keeping,
};

/// Reads of the log for one comparison, of [`ENTRIES_PER_READ_MAX`] entries each.
const LOG_READS_MAX: usize = 10;

/// How often a comparison is made anew because there was more meanwhile.
const COMPARISONS_MAX: usize = 20;

/// How long callbacks that were let go are waited for before what was fetched is compared: many times
/// what the engine takes with its queue full. What is not committed by then may be shown twice, which
/// is better than that nobody sees what was missed.
const COMMITTED_WITHIN: Duration = Duration::from_secs(10);

/// What came of telling what was fetched.
pub(super) enum Told {
    /// All of it is shown.
    All,
    /// The chat is over.
    Over,
    /// Words that came during the fetch may be in it, or not.
    Unclear,
}

impl Dispatcher {
    /// Comes back when callbacks of this chat that were let go are committed, so that the comparison
    /// sees their words. One whose caller hung up is not waited for: if the engine has it, then before
    /// what is told, and that is void then.
    pub(super) async fn commits_of(&self, gap: &Gap) {
        if tokio::time::timeout(COMMITTED_WITHIN, self.gaps.compares(gap)).await.is_err() {
            tracing::warn!(
                session.id = gap.session.as_str(),
                "callbacks are not taken in; what they say may be shown twice"
            );
        }
    }

    /// Tells what was fetched and was not shown, and what stands behind it. `before` is the chat as it
    /// stood before the fetch. Where it insists, what is unclear counts as one, and the gap is filled
    /// again.
    pub(super) async fn compare(
        &self,
        gap: &Gap,
        before: &Chat,
        since: Timestamp,
        (rows, wording): (&[MissedMessage], &Wording),
        insist: bool,
    ) -> Result<Told, CatchUpError> {
        for _ in 0..COMPARISONS_MAX {
            self.gaps.look(gap);
            let Some(chat) = self.chat(gap).await? else { return Ok(Told::Over) };
            let known = if chat.live.without_ids {
                Some(self.known(gap, before, &chat, since).await?)
            } else {
                None
            };
            let behind_gap = chat.live.said_behind_gap().count();
            let insisted = if insist { known.clone() } else { None };
            let mut reading = missed::read(rows, wording, known);
            if reading.unclear {
                let Some(known) = insisted else { return Ok(Told::Unclear) };
                reading = missed::read(rows, wording, Some(known.taken_as_fetched()));
                self.gaps.again(gap);
            }
            let Reading { missed, shown, .. } = reading;
            if missed.is_empty() && chat.live.behind_gap.is_none() {
                return Ok(Told::All);
            }
            let numbered = chat.numbered;
            let compared = Compared { numbered, behind_gap, shown };
            let as_of = chat.live.without_ids.then_some(compared);
            if let Some(told) = self.tell(gap, as_of, missed).await? {
                if told > numbered {
                    tracing::info!(
                        session.id = gap.session.as_str(),
                        rows = rows.len(),
                        behind_gap,
                        "a chat was caught up"
                    );
                }
                return Ok(Told::All);
            }
        }
        Err(CatchUpError::Overtaken)
    }

    /// What agents said in this chat since then, as far as it was shown or stands behind the gap.
    async fn known(
        &self,
        gap: &Gap,
        before: &Chat,
        chat: &Chat,
        since: Timestamp,
    ) -> Result<Known, CatchUpError> {
        let keeping = Keeping::new(&self.vault, &chat.key)?;
        let mut known = Known::new(&before.live, &chat.live);
        let mut after = chat.live.asked_after;
        for _ in 0..LOG_READS_MAX {
            let id = gap.conversation;
            let read =
                move |store: &dyn Store| store.entries_after(id, after, ENTRIES_PER_READ_MAX);
            let rows = crate::blocking(&self.store, read).await?;
            let mut entries = keeping.read_entries(&self.vault, &rows)?;
            entries.retain(|entry| entry.number <= chat.numbered && entry.at >= since);
            known.count(&entries, before.numbered);
            match rows.last() {
                Some(last) if last.number < chat.numbered => after = last.number,
                Some(_) | None => break,
            }
        }
        Ok(known)
    }

    /// Tells the session; gives back the newest log entry, or nothing if the comparison was
    /// overtaken.
    pub(super) async fn tell(
        &self,
        gap: &Gap,
        as_of: Option<Compared>,
        missed: Vec<Missed>,
    ) -> Result<Option<Number>, CatchUpError> {
        let target = Target::Conversation(gap.conversation);
        let event = Event::CaughtUp { session: gap.session.clone(), as_of, missed };
        let arrival = Arrival::event(target, event);
        let told = self.engine.submit_at_last(arrival, &self.stop).await?;
        Ok(Some(told.number).filter(|at| *at != Number::default()))
    }
}
