//! A conversation's log, as pages read it: set by set, by polling or from a stream.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bot_framework::direct_line::{ActivitySet, Watermark, token::Claims};
use session::{
    Content,
    id::{ConversationKey, Number, Timestamp},
};
use store::{ConversationId, EntryRow, Store, StoreError};

use crate::{
    behind::Links,
    edge::{
        Edge,
        direct_line::{Refused, conversations, refused::unreadable},
    },
    keeping::{Entry, Keeping},
    notices::Language,
    render::View,
};

/// Activities in one set; clients ask again until a set is empty.
const SET_MAX: usize = 200;

/// Sealed bytes of the log in one set, so that a few hundred large posts do not make one answer of
/// fifty megabytes. One entry always fits, however large.
const SET_BYTES_MAX: usize = 1024 * 1024;

/// What was said since a watermark.
pub(super) async fn read(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<String>, PathRejection>,
    reading: Result<Query<conversations::Reading>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let (Path(id), Query(asked)) = (id?, reading?);
    let after = conversations::watermark(asked.watermark.as_deref())?;
    let set = match edge.page(&headers, &id) {
        Ok(claims) => edge.set_as_read(&claims, &headers, after.unwrap_or(Watermark::START)).await,
        Err(refused) => Err(refused),
    };
    match set {
        Ok(set) => Ok(answer(&set)),
        // A page that polls gives up for good on anything but 200 and 403 (reference 4.4). An empty
        // set with the watermark that it came with leaves it where it is, and it asks again.
        Err(refused) if refused.passes() || refused.is_too_fast() => {
            let nothing = ActivitySet { activities: Vec::new(), watermark: after };
            let mut response = answer(&nothing);
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
            Ok(response)
        }
        Err(refused) => Err(refused),
    }
}

fn answer(set: &ActivitySet<String>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], set.to_json()).into_response()
}

/// A conversation's log, as a page reads it.
pub(super) struct Log {
    pub(super) id: ConversationId,
    keeping: Keeping,
    pub(super) conversation: String,
    pub(super) user: String,
    language: Language,
    links: Links,
}

impl Log {
    /// JSON of the bot's as this page is shown it.
    pub(super) fn shown<'a>(&self, json: &'a str) -> Cow<'a, str> {
        self.links.shown(json)
    }

    pub(super) fn view(&self) -> View<'_> {
        View {
            conversation: &self.conversation,
            user: &self.user,
            language: self.language,
            links: Some(&self.links),
            first: Number(0),
        }
    }
}

impl Edge {
    /// What a page that polls gets, sealed if it reads with a key.
    async fn set_as_read(
        &self,
        claims: &Claims,
        headers: &HeaderMap,
        after: Watermark,
    ) -> Result<ActivitySet<String>, Refused> {
        let mut reading = self.reading(claims).await?;
        reading.set(self.set_for(claims, headers, after).await?)
    }

    /// What there is to read after a watermark.
    async fn set_for(
        &self,
        claims: &Claims,
        headers: &HeaderMap,
        after: Watermark,
    ) -> Result<ActivitySet<String>, Refused> {
        match self.log_of(claims, headers).await? {
            Some(log) => {
                self.presence.called(log.id);
                Ok(self.set_after(&log, after).await?.0)
            }
            // A token was generated and nothing was said yet.
            None => Ok(ActivitySet { activities: Vec::new(), watermark: Some(after) }),
        }
    }

    /// The end of a conversation's log; its start, if nothing was said yet.
    pub(super) async fn newest(&self, claims: &Claims) -> Result<Watermark, Refused> {
        let key = self.key_of(claims)?;
        let read = move |store: &dyn Store| match store.conversation(&key)? {
            Some(row) => newest(store, row.id),
            None => Ok(0),
        };
        let read = crate::blocking(&self.store, read).await;
        read.map(Watermark::new).map_err(|error| unreadable(&error))
    }

    pub(super) async fn log_of(
        &self,
        claims: &Claims,
        headers: &HeaderMap,
    ) -> Result<Option<Log>, Refused> {
        let key = self.key_of(claims)?;
        // Without a Host the page goes on from where it is.
        let base = self.base(headers).unwrap_or_default();
        let of = key.clone();
        let keeping = Keeping::new(&self.vault, &key).map_err(|error| unreadable(&error))?;
        let row = crate::blocking(&self.store, move |store| store.conversation(&key)).await;
        let row = row.map_err(|error| unreadable(&error))?;
        Ok(row.map(|row| Log {
            id: row.id,
            keeping,
            conversation: claims.conversation.clone(),
            user: claims.user.clone().unwrap_or_default(),
            language: self.language,
            links: self.links(&of, row.id, base),
        }))
    }

    /// What the addresses of the bot's attachments become for this page. A bot that is not behind any
    /// more may still have said something, and one may come while a stream is open.
    fn links(&self, key: &ConversationKey, id: ConversationId, base: String) -> Links {
        let (tenant, bot) = (key.tenant.clone(), key.bot.clone());
        let (files, handles) = (Arc::clone(&self.files), self.handles.clone());
        let desk = self.media.links(key, id);
        Links { files, handles, tenant, bot, base, desk }
    }

    /// The next activities after a watermark, and whether there may be more.
    pub(super) async fn set_after(
        &self,
        log: &Log,
        after: Watermark,
    ) -> Result<(ActivitySet<String>, bool, Option<Timestamp>), Refused> {
        let id = log.id;
        let read = move |store: &dyn Store| {
            let rows = store.entries_after(id, Number(after.number()), SET_MAX)?;
            // A mark beyond the end is of a log that is no more: the data was restored from a copy
            // of before. To wait until the log has grown as far would be to lose what it grows by;
            // from the start nothing is lost, and clients know by their ids what they have.
            if rows.is_empty() && after > Watermark::START && after.number() > newest(store, id)? {
                return Ok((store.entries_after(id, Number(0), SET_MAX)?, Watermark::START));
            }
            Ok((rows, after))
        };
        let read = crate::blocking(&self.store, read).await;
        let (rows, after) = read.map_err(|error| unreadable(&error))?;
        let (rows, more) = first_set(&rows);
        let watermark = rows.last().map_or(after, |row| Watermark::new(row.number.0));
        let entries =
            log.keeping.read_entries(&self.vault, rows).map_err(|error| unreadable(&error))?;
        let newest = entries.last().map(|entry| entry.at);
        let first = entries.first().map_or(Number(0), |entry| entry.number);
        let view = View { first, ..log.view() };
        let gone = superseded(&entries);
        let shown = entries.iter().filter(|entry| !gone.contains(&entry.number));
        let activities = shown.filter_map(|entry| view.activity(entry)).collect();
        Ok((ActivitySet { activities, watermark: Some(watermark) }, more, newest))
    }
}

/// The entries of a set that later ones of it change or take back: who reads them together never sees
/// what they said before.
fn superseded(entries: &[Entry]) -> HashSet<Number> {
    let of = |entry: &Entry| match entry.content {
        Content::Revised { of, .. } | Content::Withdrawn { of, .. } => Some((of, entry.number)),
        Content::Said(_)
        | Content::Done(_)
        | Content::Notice(_)
        | Content::Context(_)
        | Content::Transcript(_) => None,
    };
    let mut last = HashMap::new();
    let mut gone = HashSet::new();
    for (of, by) in entries.iter().filter_map(of) {
        gone.insert(of);
        gone.extend(last.insert(of, by));
    }
    gone
}

/// The number of the newest entry; zero if there is none.
fn newest(store: &dyn Store, id: ConversationId) -> Result<u64, StoreError> {
    Ok(store.entries_upto(id, Number(u64::MAX), 1)?.last().map_or(0, |row| row.number.0))
}

/// The rows that make one set, and whether there may be more after them.
fn first_set(rows: &[EntryRow]) -> (&[EntryRow], bool) {
    let mut bytes = 0_usize;
    let fitting = rows.iter().take_while(|row| {
        bytes = bytes.saturating_add(row.sealed.len());
        bytes <= SET_BYTES_MAX
    });
    let set = &rows[..fitting.count().max(1).min(rows.len())];
    (set, set.len() < rows.len() || rows.len() == SET_MAX)
}

#[cfg(test)]
mod tests {
    use session::id::Timestamp;

    use super::*;

    fn rows(sizes: &[usize]) -> Vec<EntryRow> {
        let row = |(at, &size): (usize, &usize)| EntryRow {
            number: Number(at as u64 + 1),
            at: Timestamp(0),
            sealed: vec![0; size],
            segment: None,
        };
        sizes.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_set_ends_before_it_grows_too_large_and_says_that_there_is_more() {
        let half = SET_BYTES_MAX / 2;
        for (sizes, expected) in [
            (vec![], (0, false)),
            (vec![1, 1], (2, false)),
            (vec![half, half], (2, false)),
            (vec![half, half, 1], (2, true)),
            (vec![half, half + 1], (1, true)),
            (vec![SET_BYTES_MAX + 1], (1, false)),
            (vec![SET_BYTES_MAX + 1, 1], (1, true)),
            (vec![1; SET_MAX - 1], (SET_MAX - 1, false)),
            (vec![1; SET_MAX], (SET_MAX, true)),
        ] {
            let rows = rows(&sizes);
            let (set, more) = first_set(&rows);
            assert_eq!((set.len(), more), expected, "{} rows", sizes.len());
        }
    }
}
