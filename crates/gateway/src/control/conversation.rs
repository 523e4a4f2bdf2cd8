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

/// Short orders carried out at a time: people who type commands. The next waits, where it was heard.
pub(super) const ORDERS_MAX: usize = 4;

/// Connections at a time: their order is not known yet, or waits for its place, or is answered. Whoever says
/// nothing stands in the way of nobody else here, and more than that is no crowd of people.
pub(super) const LISTENED_TO_MAX: usize = 32;

/// Connections at a time that are told that there are too many. More wait in the system's queue.
pub(super) const TURNED_AWAY_MAX: usize = 8;

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

/// Places for connections that are listened to, and for orders by how long they take: whoever stands still in
/// one kind holds up no other.
pub(super) struct Places {
    pub(super) listened_to: Arc<Semaphore>,
    pub(super) turned_away: Arc<Semaphore>,
    pub(super) orders: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    erasures: Arc<Semaphore>,
    walks: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            listened_to: places(LISTENED_TO_MAX),
            turned_away: places(TURNED_AWAY_MAX),
            orders: places(ORDERS_MAX),
            exports: places(EXPORTS_MAX),
            erasures: places(ERASURES_MAX),
            walks: places(WALKS_MAX),
        }
    }
}

impl Places {
    /// The place that this order belongs into, or why there is none. A short one waits for it.
    pub(super) async fn fit(&self, order: &OneLine) -> Result<OwnedSemaphorePermit, Refusal> {
        match order {
            OneLine::Erase(_) => free(&self.erasures, ERASING),
            OneLine::DropFiles(_)
            | OneLine::AcceptFilesPlace(_)
            | OneLine::Keys(KeysOrder::KeysStatus | KeysOrder::RetireKey { .. }) => {
                free(&self.walks, WALKING)
            }
            OneLine::Keys(KeysOrder::RotateKeys | KeysOrder::RotateMessages)
            | OneLine::ListLetters(_)
            | OneLine::OneLetter(_)
            | OneLine::Secret(_)
            | OneLine::Master(_)
            | OneLine::ListFiles(_) => {
                let place = Arc::clone(&self.orders).acquire_owned().await;
                place.map_err(|_| stopping())
            }
        }
    }
}

/// A place among long orders, or why there is none.
fn free(places: &Arc<Semaphore>, full: &str) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(places).try_acquire_owned().map_err(|_| Refusal::new("busy", full))
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
        _place: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        let who = Who::Command { uid: stream.peer_cred().ok().map(|peer| peer.uid()) };
        let (mut reading, mut writing) = stream.split();
        let order = tokio::select! {
            biased;
            order = order(&mut reading) => order?,
            () = self.stop.cancelled() => Err(stopping()),
        };
        let answer = match order {
            Ok(Understood::Export(order)) => match free(&self.places.exports, EXPORTING) {
                Ok(_own) => {
                    self.exported(&order, who, &mut writing).await?;
                    None
                }
                Err(refusal) => Some(wire::export_refused(&refusal)),
            },
            Ok(Understood::OneLine(order)) => Some(match self.fit(&order).await {
                // Gone with the order: whoever is slow to take the answer holds up no other.
                Ok(_own) => self.answered(order, who).await,
                Err(refusal) => refusal_line(&refusal),
            }),
            Err(refusal) => Some(refusal_line(&refusal)),
        };
        self.ended(&mut reading, &mut writing, answer.as_deref()).await
    }

    /// Says that there are too many.
    pub(super) async fn turn_away(
        self,
        mut stream: UnixStream,
        _place: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        let (mut reading, mut writing) = stream.split();
        let answer = refusal_line(&Refusal::new("busy", CROWDED));
        self.ended(&mut reading, &mut writing, Some(&answer)).await
    }

    /// Says the last line, if there is one, and hears the other side out.
    async fn ended(
        &self,
        reading: &mut ReadHalf<'_>,
        writing: &mut WriteHalf<'_>,
        answer: Option<&[u8]>,
    ) -> io::Result<()> {
        if let Some(answer) = answer {
            timeout(LINE_WITHIN, writing.write_all(answer)).await??;
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

    /// A place for this order, unless the gateway stops before there is one.
    async fn fit(&self, order: &OneLine) -> Result<OwnedSemaphorePermit, Refusal> {
        tokio::select! {
            biased;
            place = self.places.fit(order) => place,
            () = self.stop.cancelled() => Err(stopping()),
        }
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
            OneLine::AcceptFilesPlace(_) => answer_line(&self.files.accepted(who).await),
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
    let heard = timeout(LINE_WITHIN, async {
        while !line.contains(&b'\n') && reading.read_buf(&mut *line).await? > 0 {}
        io::Result::Ok(())
    });
    match heard.await {
        Ok(heard) => heard?,
        Err(_) => return Ok(Err(Refusal::new("too_slow", TOO_SLOW))),
    }
    match line.iter().position(|byte| *byte == b'\n') {
        Some(end) => line.truncate(end + 1),
        None if line.len() as u64 == LINE_BYTES_MAX => {
            return Ok(Err(Refusal::new("too_long", TOO_LONG)));
        }
        None => {}
    }
    Ok(wire::read(&line))
}

const TOO_SLOW: &str = "no order came within five seconds of the connection, and nothing was done; an order is \
                        one line with a line end";

const TOO_LONG: &str = "an order has 4,096 bytes at most, its line end included; this one is longer, and nothing \
                        was done";

const CROWDED: &str = "too many connections wait at the gateway's control socket already, and nothing was done; \
                       try again in a few seconds";

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
