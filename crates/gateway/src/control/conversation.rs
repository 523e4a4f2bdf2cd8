//! What is said on one connection: an order, and what it is answered.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{ReadHalf, WriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    KeysOrder, Orders, Refusal, keys,
    wire::{self, OneLine, Understood, answer_line, refusal_line},
};
use crate::audit::Who;

/// Orders carried out at a time that go through everything there is, in places of their own: how far keys are,
/// a key that goes, files that are dropped.
pub(super) const WALKS_MAX: usize = 2;

/// Connections served at a time whose order is short, or is not known yet: people who type commands. More
/// wait in the system's queue.
pub(super) const CONNECTIONS_MAX: usize = 4;

/// Exports given out at a time, in places of their own: each goes on for as long as its reader takes.
pub(super) const EXPORTS_MAX: usize = 2;

/// Erasures ordered at a time, in places of their own: one is carried out, and the next waits for it.
pub(super) const ERASURES_MAX: usize = 2;

/// The longest line taken, in bytes: an order with a secret of 1,024 bytes in it, escaped.
const LINE_BYTES_MAX: u64 = 4_096;

/// Room for a whole line, and for one byte more that never comes: a buffer that grows leaves what it
/// held behind.
const LINE_BYTES: usize = 4_097;

/// How much more than a line is read, for the sender to see the answer.
const REST_BYTES_MAX: u64 = 1_024 * 1_024;

/// How long a client may take to send its line, and to take the answer.
pub(super) const LINE_WITHIN: Duration = Duration::from_secs(5);

/// Places for orders, by how long they take: whoever stands still in one kind holds up no other.
pub(super) struct Places {
    pub(super) connections: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    erasures: Arc<Semaphore>,
    walks: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            connections: places(CONNECTIONS_MAX),
            exports: places(EXPORTS_MAX),
            erasures: places(ERASURES_MAX),
            walks: places(WALKS_MAX),
        }
    }
}

impl Places {
    /// The place that this order belongs into instead of that of its connection, or why there is none.
    pub(super) fn fit(
        &self,
        place: OwnedSemaphorePermit,
        order: &OneLine,
    ) -> Result<OwnedSemaphorePermit, Refusal> {
        match order {
            OneLine::Erase(_) => moved(place, &self.erasures, ERASING),
            OneLine::DropFiles(_)
            | OneLine::Keys(KeysOrder::KeysStatus | KeysOrder::RetireKey { .. }) => {
                moved(place, &self.walks, WALKING)
            }
            OneLine::Keys(KeysOrder::RotateKeys | KeysOrder::RotateMessages)
            | OneLine::ListLetters(_)
            | OneLine::OneLetter(_)
            | OneLine::Secret(_)
            | OneLine::Master(_)
            | OneLine::ListFiles(_) => Ok(place),
        }
    }
}

/// A place among long orders instead of this one, or why not.
fn moved(
    place: OwnedSemaphorePermit,
    to: &Arc<Semaphore>,
    full: &str,
) -> Result<OwnedSemaphorePermit, Refusal> {
    let long = Arc::clone(to).try_acquire_owned();
    drop(place);
    long.map_err(|_| Refusal::new("busy", full))
}

/// Where what is said goes, and comes from.
pub(super) struct Conversation {
    pub(super) orders: Arc<Orders>,
    pub(super) places: Arc<Places>,
    pub(super) stop: CancellationToken,
}

impl Conversation {
    /// One line in, one line out; for an export many.
    pub(super) async fn hold(
        self,
        mut stream: UnixStream,
        place: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        let who = Who::Command { uid: stream.peer_cred().ok().map(|peer| peer.uid()) };
        let (mut reading, mut writing) = stream.split();
        let order = tokio::select! {
            biased;
            order = order(&mut reading) => order?,
            () = self.stop.cancelled() => Err(stopping()),
        };
        // Its place is held to the end.
        let (answer, _place) = match order {
            Ok(Understood::Export(order)) => match moved(place, &self.places.exports, EXPORTING) {
                Ok(place) => {
                    self.exported(&order, who, &mut writing).await?;
                    (None, Some(place))
                }
                Err(refusal) => (Some(wire::export_refused(&refusal)), None),
            },
            Ok(Understood::OneLine(order)) => match self.places.fit(place, &order) {
                Ok(place) => (Some(self.answered(order, who).await), Some(place)),
                Err(refusal) => (Some(refusal_line(&refusal)), None),
            },
            Err(refusal) => (Some(refusal_line(&refusal)), Some(place)),
        };
        if let Some(answer) = answer {
            timeout(LINE_WITHIN, writing.write_all(&answer)).await??;
        }
        timeout(LINE_WITHIN, writing.shutdown()).await??;
        // What is left unread would make the system take the answer back.
        let (mut rest, mut nowhere) = (reading.take(REST_BYTES_MAX), tokio::io::sink());
        tokio::select! {
            read = timeout(LINE_WITHIN, tokio::io::copy(&mut rest, &mut nowhere)) => drop(read??),
            () = self.stop.cancelled() => {}
        }
        Ok(())
    }

    /// Gives out what is kept of a person, until the gateway stops.
    async fn exported(
        &self,
        order: &wire::ExportPerson,
        who: Who,
        writing: &mut WriteHalf<'_>,
    ) -> io::Result<()> {
        let whose = (order.tenant.as_str(), order.user.as_str());
        tokio::select! {
            () = self.stop.cancelled() => Err(io::Error::other("the gateway stops")),
            given = self.orders.persons.export(whose, who, writing) => given,
        }
    }

    /// Carries out an order to its end; what is answered.
    async fn answered(&self, order: OneLine, who: Who) -> Vec<u8> {
        let orders = Arc::clone(&self.orders);
        let carried_out = async move { Ok(orders.answer(order, who).await) };
        let answer = self.orders.under_way.carried_out(carried_out).await;
        answer.unwrap_or_else(|refusal| refusal_line(&refusal))
    }
}

impl Orders {
    async fn answer(&self, order: OneLine, who: Who) -> Vec<u8> {
        match order {
            OneLine::ListLetters(order) => answer_line(&self.letters.list(order).await),
            OneLine::OneLetter(order) => answer_line(&self.letters.carry_out(order, who).await),
            OneLine::Secret(order) => answer_line(&self.sealed.carry_out(order, who).await),
            OneLine::Keys(order) => answer_line(&keys::carry_out(self, order, who).await),
            OneLine::Master(order) => answer_line(&keys::change_master(self, order, who).await),
            OneLine::ListFiles(_) => answer_line(&Ok(self.files.taken())),
            OneLine::DropFiles(order) => answer_line(&self.files.dropped(order, who).await),
            OneLine::Erase(order) => {
                answer_line(&self.persons.erase((&order.tenant, &order.user), who).await)
            }
        }
    }
}

/// The order that a client sends, or why it is none.
async fn order(reading: &mut ReadHalf<'_>) -> io::Result<Result<Understood, Refusal>> {
    // It may hold a secret, so it is wiped, and no other buffer of ours gets it. What reading its JSON
    // copies meanwhile is not.
    let mut line = zeroize::Zeroizing::new(Vec::with_capacity(LINE_BYTES));
    let mut reading = reading.take(LINE_BYTES_MAX);
    timeout(LINE_WITHIN, async {
        while !line.contains(&b'\n') && reading.read_buf(&mut *line).await? > 0 {}
        io::Result::Ok(())
    })
    .await??;
    let end = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |at| at + 1);
    line.truncate(end);
    Ok(wire::read(&line))
}

const EXPORTING: &str = "as many exports as can be at a time are being given out to other commands, and nothing \
                         was given out; try again when one of them is over";

const WALKING: &str = "other commands go through all keys or files just now, and nothing was done; try again when \
                       one of them is over";

const ERASING: &str = "one erasure is under way and another waits for it already, and nothing was erased; try \
                       again when they are over";

/// What is told to whoever comes when the gateway goes.
fn stopping() -> Refusal {
    Refusal::new(
        "stopping",
        "the gateway is stopping and nothing was done; try again when it has stopped",
    )
}
