//! Asking a desk for the messages of one chat: page by page, and again where that may help.

use std::time::Duration;

use servicenow::client::{FetchError, MISSED_MAX, MissedMessage, MissedQuery};
use session::id::Timestamp;
use tokio::time::Instant;

use crate::{
    dispatcher::{DeskLink, Dispatcher, backoff, catch_up::CatchUpError},
    gaps::DeskKey,
};

/// Answers of [`MISSED_MAX`] messages read for one chat: more than people type in a shift.
const PAGES_MAX: usize = 10;

/// How long a fetch that fails is tried again; as long as a message.
const FILL_WITHIN: Duration = Duration::from_mins(15);

impl Dispatcher {
    /// All messages of a conversation since then, page by page.
    pub(super) async fn fetch(
        &self,
        desk: &DeskKey,
        link: &DeskLink,
        at_desk: &str,
        since: Timestamp,
    ) -> Result<Vec<MissedMessage>, CatchUpError> {
        let mut give_up_at = None;
        let mut all: Vec<MissedMessage> = Vec::new();
        let mut since = since.0;
        for _ in 0..PAGES_MAX {
            // Only such ids were kept.
            let Ok(query) = MissedQuery::new(at_desk, since) else { break };
            let page = self.page(desk, link, &query, &mut give_up_at).await?;
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

    /// One page, tried again as long as that may help. The time in which the desk's breaker lets nobody
    /// go does not count.
    async fn page(
        &self,
        desk: &DeskKey,
        link: &DeskLink,
        query: &MissedQuery,
        give_up_at: &mut Option<Instant>,
    ) -> Result<Vec<MissedMessage>, CatchUpError> {
        let mut failures = 0;
        loop {
            if self.gaps.is_refused(desk) {
                return Err(CatchUpError::Refused);
            }
            let permit = match link.gate.breaker.admit(self.clock.now()) {
                Ok(permit) => permit,
                Err(until) => {
                    *give_up_at = None;
                    let wait = until.since(self.clock.now());
                    tokio::time::sleep(wait.mul_f64(1.0 + fastrand::f64())).await;
                    continue;
                }
            };
            let give_up_at = *give_up_at.get_or_insert_with(|| Instant::now() + FILL_WITHIN);
            let reach = link.reach.get();
            match reach.client.messages_since(query).await {
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
