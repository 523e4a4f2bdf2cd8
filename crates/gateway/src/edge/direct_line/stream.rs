//! The stream: a WebSocket that reads the log from a watermark.
//!
//! Live delivery is only a hint that there is something to read, so a stream can neither skip nor
//! reorder, and it needs nothing but its watermark to go on after a cut. Only activity sets and
//! empty frames (keep-alive) are ever sent: clients parse everything else and fail (reference 4.3).
//!
//! [`trial`] is a stream that reads nothing, for `warmline check`.

mod trial;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        Path, Query, State, WebSocketUpgrade,
        rejection::{PathRejection, QueryRejection},
        ws::{CloseFrame, Message, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::Response,
};
use bot_framework::direct_line::{
    ActivitySet, ErrorCode, Watermark,
    token::{Claims, Purpose},
};
use futures_util::{Sink, SinkExt, StreamExt};
use serde::Deserialize;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    edge::{
        Edge,
        direct_line::{
            Refused, conversations::watermark, log::Log, places::Place, private::Reading,
        },
    },
    presence::Attendance,
    trace::Context,
    wakes::{Hint, Typist},
};

/// Frames from clients are empty; anything larger than this is no client of ours.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How often an otherwise silent stream is kept alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A client that was not heard of for this long is gone. Not sooner: hidden tabs throttle timers.
const SILENT_MAX: Duration = Duration::from_mins(5);

/// How long a frame may take to leave; a reader slower than this reconnects from its watermark.
const SEND_WITHIN: Duration = Duration::from_secs(20);

/// How long the closing frame may take. Less than requests get when the gateway stops.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize)]
pub(super) struct Opening {
    watermark: Option<String>,
    t: Option<String>,
    /// Only to see whether a WebSocket passes.
    #[serde(default)]
    trial: bool,
}

pub(super) async fn open(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<String>, PathRejection>,
    opening: Result<Query<Opening>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refused> {
    if edge.stopping.is_cancelled() {
        return Err(Refused::new(
            ErrorCode::ServiceUnavailable,
            "the gateway is restarting; ask for the stream again",
        ));
    }
    let (Path(id), Query(opening)) = (id?, opening?);
    let ticket = opening.t.ok_or_else(|| {
        Refused::new(ErrorCode::NotAuthorized, "open the streamUrl exactly as it was given")
    })?;
    let claims = edge.ticket(&ticket, &id, &headers)?;
    let reading = edge.reading(&claims).await?;
    let after = watermark(opening.watermark.as_deref())?.unwrap_or(Watermark::START);
    let upgrade = upgrade.map_err(|_| {
        Refused::new(ErrorCode::BadArgument, "the stream is a WebSocket; upgrade the connection")
    })?;
    let upgrade = upgrade
        .read_buffer_size(1_024)
        .write_buffer_size(0)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX);
    let place = edge.direct_line.streams.take(&claims.conversation)?;
    let token = edge.open_streams.token();
    if opening.trial {
        return Ok(upgrade.on_upgrade(move |socket| async move {
            trial::answer(edge, socket, place).await;
            drop(token);
        }));
    }
    let log = match edge.log_of(&claims, &headers).await? {
        Some(log) => log,
        None => opened(&edge, &claims, &headers).await?,
    };
    Ok(upgrade.on_upgrade(move |socket| async move {
        let hints = edge.wakes.subscribe(log.id);
        let present = edge.presence.attend(log.id);
        let stream = Stream {
            edge,
            log,
            ticket,
            reading,
            socket,
            after,
            hints,
            place,
            _present: present,
            _open: token,
        };
        stream.run().await;
    }))
}

/// A page may open its stream before it starts the conversation.
async fn opened(edge: &Edge, claims: &Claims, headers: &HeaderMap) -> Result<Log, Refused> {
    let visitor = edge.visitor(claims, None)?;
    let target = store::Target::Key(edge.key_of(claims)?);
    let event = session::Event::Opened { visitor };
    edge.engine.submit(crate::engine::Arrival::event(target, event)).await?;
    edge.log_of(claims, headers).await?.ok_or_else(|| {
        Refused::new(ErrorCode::ServiceUnavailable, "the conversation is not there yet")
    })
}

/// One open stream, on any socket.
struct Stream<S> {
    edge: Arc<Edge>,
    log: Log,
    /// What opened it: void when the key that signed it is retired, and the stream with it.
    ticket: String,
    reading: Reading,
    socket: S,
    after: Watermark,
    hints: Receiver<Hint>,
    place: Place,
    _present: Attendance,
    _open: TaskTrackerToken,
}

/// Why a stream stops.
enum End {
    /// The client went, or cannot be written to.
    Gone,
    /// The client reads too slowly: come back when that is better (close code 1013, try again
    /// later).
    Slow,
    /// The gateway stops, or cannot read: come back (close code 1012, service restart).
    ComeBack,
    /// The key that signed its ticket is retired: come back with a token that is good (close code 1008,
    /// policy violation).
    Void,
}

/// Which entries a stream reads.
#[derive(Clone, Copy)]
enum Entries {
    /// Those of before it was opened.
    Old,
    /// Those it was woken for.
    New,
}

/// What woke the stream.
enum Woken {
    Hint(Hint),
    KeepAlive,
    Heard,
    End(End),
}

impl<S> Stream<S>
where
    S: futures_util::Stream<Item = Result<Message, axum::Error>>
        + Sink<Message, Error = axum::Error>
        + Unpin,
{
    async fn run(mut self) {
        let (code, reason) = match self.serve().await {
            End::Gone => return,
            End::Slow => (1013, "read faster"),
            End::ComeBack => (1012, "come back"),
            End::Void => (1008, "the key that signed this is retired"),
        };
        let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Whether it arrives changes nothing: the client goes on from its watermark either way.
        drop(tokio::time::timeout(CLOSE_WITHIN, self.socket.send(frame)).await);
    }

    async fn serve(&mut self) -> End {
        if let Err(end) = self.catch_up(Entries::Old).await {
            return end;
        }
        let mut heard = Instant::now();
        loop {
            // Every turn, not only when nothing is sent: what goes out says nothing of who listens.
            if heard.elapsed() > SILENT_MAX {
                return End::Gone;
            }
            let woken = self.next().await;
            // Before anything is read: whoever may have forged the ticket is sent nothing more.
            if !self.edge.is_signed(&self.ticket, Purpose::Stream) {
                return End::Void;
            }
            let step = match woken {
                Woken::Hint(Hint::Logged(trace)) => self.push(trace).await,
                Woken::Hint(Hint::Typing { who, on: true }) => self.typing(&who).await,
                // Clients end a typing indicator by themselves, or when a message comes.
                Woken::Hint(Hint::Typing { on: false, .. }) => Ok(()),
                Woken::Hint(Hint::Passing(activity)) => self.passing(&activity).await,
                Woken::KeepAlive => self.send(Message::Text("".into())).await,
                Woken::Heard => {
                    heard = Instant::now();
                    self.place.heard();
                    Ok(())
                }
                Woken::End(end) => Err(end),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn next(&mut self) -> Woken {
        tokio::select! {
            hint = self.hints.recv() => match hint {
                Ok(hint) => Woken::Hint(hint),
                // Fell behind: what was missed is in the log.
                Err(RecvError::Lagged(_)) => Woken::Hint(Hint::Logged(None)),
                Err(RecvError::Closed) => Woken::End(End::ComeBack),
            },
            frame = self.socket.next() => match frame {
                Some(Ok(Message::Close(_)) | Err(_)) | None => Woken::End(End::Gone),
                Some(Ok(_)) => Woken::Heard,
            },
            () = tokio::time::sleep(KEEP_ALIVE) => Woken::KeepAlive,
            () = self.place.given_up() => Woken::End(End::Gone),
            () = self.edge.stopping.cancelled() => Woken::End(End::ComeBack),
        }
    }

    /// Sends what was announced. The span says how much that was: nothing, if it went out together
    /// with what was announced before.
    async fn push(&mut self, trace: Option<Context>) -> Result<(), End> {
        let span = self.edge.tracing.push(trace, self.log.id);
        let sent = self.catch_up(Entries::New).await;
        if let Some(mut span) = span {
            match &sent {
                Ok(activities) => span.set("push.activities", *activities),
                Err(_) => span.fails("cut"),
            }
            span.end();
        }
        sent.map(drop)
    }

    /// Sends everything after the watermark; says how many activities that were.
    async fn catch_up(&mut self, entries: Entries) -> Result<usize, End> {
        let mut total = 0_usize;
        loop {
            let (set, more, newest) =
                self.edge.set_after(&self.log, self.after).await.map_err(|_| End::ComeBack)?;
            let read = set.watermark.unwrap_or(self.after);
            let activities = set.activities.len();
            if !set.activities.is_empty() {
                let set = self.reading.set(set).map_err(|_| End::ComeBack)?;
                self.send(Message::Text(set.to_json().into())).await?;
                if let (Entries::New, Some(at)) = (entries, newest) {
                    self.edge.observer.streamed(at);
                }
            }
            self.after = read;
            total = total.saturating_add(activities);
            if !more {
                return Ok(total);
            }
        }
    }

    async fn typing(&mut self, who: &Typist) -> Result<(), End> {
        self.show(self.log.view().typing(who)).await
    }

    /// The bot types.
    async fn passing(&mut self, activity: &str) -> Result<(), End> {
        match self.log.view().passing(activity) {
            Some(activity) => self.show(activity).await,
            None => Ok(()),
        }
    }

    async fn show(&mut self, activity: String) -> Result<(), End> {
        // No watermark: it has no place in the log.
        let set = ActivitySet { activities: vec![activity], watermark: None };
        let set = self.reading.set(set).map_err(|_| End::ComeBack)?;
        self.send(Message::Text(set.to_json().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        tokio::select! {
            // What can leave at once leaves, also while the gateway stops.
            biased;
            sent = tokio::time::timeout(SEND_WITHIN, self.socket.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::Slow),
            },
            () = self.edge.stopping.cancelled() => Err(End::ComeBack),
        }
    }
}

#[cfg(test)]
mod tests;
