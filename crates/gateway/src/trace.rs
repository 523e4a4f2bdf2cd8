//! Traces: what one message went through, across the outbox and the desk, as one tree of spans.
//!
//! ```text
//!  POST …/activities                       the caller's request
//!  ├─ commit user_said                     from the queue to the fsync
//!  ├─ push                                 what the user's stream got of it
//!  └─ deliver say                          from the decision to its end; its context lies in the outbox
//!     ├─ attempt say                       one for each attempt; goes to ServiceNow as `traceparent`
//!     ├─ commit sent
//!     └─ POST …/receiveMessage             the desk's callback, which brought the context back
//!        ├─ commit callback
//!        └─ push
//! ```
//!
//! A span is made here when it ends, as a plain value with ids of our own: a delivery begins in one
//! process and may end in the next one. Each live chat has a trace of its own besides, whose ids follow
//! from the session's ([`Context::of_chat`]): what has no context goes there.
//!
//! Spans hold ids, codes, sizes and times; never what people say or are called, never a secret. They
//! leave through a bounded queue ([`Spans`]); who takes them away is its user's business. Switched off
//! (the default) every call here is one branch.

mod context;
mod delivery;
mod open;
mod sampling;
mod span;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::http::HeaderMap;
use session::{Event, id::SessionId};
use store::{ConversationId, SessionRow, Work};
use tokio::sync::mpsc;

pub use context::Context;
pub(crate) use delivery::{Came, Delivery};
pub(crate) use open::OpenSpan;
pub use sampling::{Sampling, WrongShare};
pub use span::{Kind, Span, SpanId, TraceId, Value};

use crate::{
    clock::Clock,
    engine::{Arrival, Happening},
    trace::{delivery::Note, open::Ids},
};

/// Spans that may wait to be taken away, about 400 bytes each. A receiver that is away for longer than
/// it takes to fill this costs spans, never messages.
const SPANS_WAITING_MAX: usize = 8_192;

/// The header and the client variable that carry a context (W3C Trace Context).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Where spans go; cheap to clone. The default is switched off.
#[derive(Debug, Clone, Default)]
pub struct Tracing(Option<Arc<On>>);

#[derive(Debug)]
struct On {
    spans: mpsc::Sender<Span>,
    lost: Arc<AtomicU64>,
    sampling: Sampling,
    clock: Clock,
}

/// Finished spans, to be taken away. It ends when the last [`Tracing`] is gone.
#[derive(Debug)]
pub struct Spans {
    waiting: mpsc::Receiver<Span>,
    lost: Arc<AtomicU64>,
}

impl Spans {
    /// Waits for finished spans and adds up to `limit` of them; zero when there will be no more.
    pub async fn next(&mut self, into: &mut Vec<Span>, limit: usize) -> usize {
        self.waiting.recv_many(into, limit).await
    }

    /// Takes what waits, up to `limit`, without waiting for more.
    pub fn take(&mut self, into: &mut Vec<Span>, limit: usize) {
        into.extend(std::iter::from_fn(|| self.waiting.try_recv().ok()).take(limit));
    }

    /// How many spans found no room since this was last asked.
    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

impl Tracing {
    /// Switched on.
    pub fn on(clock: Clock, sampling: Sampling) -> (Self, Spans) {
        let (spans, waiting) = mpsc::channel(SPANS_WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let on = On { spans, lost: Arc::clone(&lost), sampling, clock };
        (Self(Some(Arc::new(on))), Spans { waiting, lost })
    }

    /// Whether anything is recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A caller's request begins. It goes on with the caller's trace if it names one.
    pub(crate) fn request(
        &self,
        method: &'static str,
        route: &'static str,
        headers: &HeaderMap,
    ) -> Option<OpenSpan> {
        let on = self.0.as_ref()?;
        let parent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let ids = on.ids(parent.and_then(Context::parse));
        Some(OpenSpan::request(on, &ids, method, route))
    }

    /// A callback of the desk begins. Whose trace it belongs to is known when it was read:
    /// [`OpenSpan::joins`]. What its header may say of a trace is not ours and is not heard.
    pub(crate) fn callback(&self, route: &'static str) -> Option<OpenSpan> {
        let on = self.0.as_ref()?;
        Some(OpenSpan::request(on, &on.ids(None), "POST", route))
    }

    /// The trace of a live chat, for what has no other.
    pub(crate) fn chat(&self, session: Option<&SessionId>) -> Option<Context> {
        self.0.as_ref()?.chat(session?)
    }

    /// What an event led to is being committed.
    pub(crate) fn commit(&self, arrival: &Arrival) -> Option<OpenSpan> {
        let (on, parent) = (self.0.as_ref()?, arrival.trace?);
        let name = format!("commit {}", name_of(&arrival.happening));
        Some(OpenSpan::child(on, parent, name, Kind::Internal))
    }

    /// What lies in the outbox beside an effect, so that its delivery belongs to the trace it comes of.
    pub(crate) fn note(&self, parent: Option<Context>) -> Option<Box<[u8]>> {
        let (_, parent) = (self.0.as_ref()?, parent?);
        Some(Note::under(parent).to_bytes())
    }

    /// An effect is being carried out, or given up.
    pub(crate) fn delivery(&self, work: &Work, kind: &'static str) -> Option<Delivery> {
        let on = self.0.as_ref()?;
        let note = match work.trace.as_deref().and_then(Note::read) {
            Some(note) => note,
            // Decided when nobody kept traces, or resent by a person.
            None => Note::of_chat(on.chat(work.session.as_ref()?)?, work.number),
        };
        Some(Delivery::begin(on, &note, work, kind))
    }

    /// Something goes out on a user's stream.
    pub(crate) fn push(
        &self,
        parent: Option<Context>,
        conversation: ConversationId,
    ) -> Option<OpenSpan> {
        let (on, parent) = (self.0.as_ref()?, parent?);
        let mut push = OpenSpan::child(on, parent, "push", Kind::Producer);
        push.set("conversation.row", conversation.0);
        Some(push)
    }

    /// A live chat is over: the span that all of its trace hangs under.
    pub(crate) fn chat_ended(&self, row: &SessionRow) {
        let (Some(on), Some(ended_at)) = (self.0.as_ref(), row.ended_at) else { return };
        let Some(context) = on.chat(&row.id) else { return };
        let mut chat = OpenSpan::chat(on, context, span::nanos(row.opened_at));
        chat.set("session.id", row.id.as_str());
        chat.set("session.status", &*row.status);
        chat.set("session.reason", &*row.reason);
        chat.set("desk", row.person.desk.as_str());
        chat.set("conversation.row", row.conversation.0);
        chat.end_at(span::nanos(ended_at));
    }
}

impl On {
    /// The ids of a span under this one, or of one with which a trace begins.
    fn ids(&self, parent: Option<Context>) -> Ids {
        if let Some(parent) = parent.filter(|_| self.sampling.follows_callers()) {
            return Ids::under(parent);
        }
        // Even then it is the caller's trace; whether it is recorded is ours to say.
        let mut ids = parent.map_or_else(Ids::root, Ids::under);
        ids.context.sampled = self.sampling.takes(ids.context.trace);
        ids
    }

    fn chat(&self, session: &SessionId) -> Option<Context> {
        let mut chat = Context::of_chat(session)?;
        chat.sampled = self.sampling.takes(chat.trace);
        Some(chat)
    }

    fn record(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What happened, in a word.
fn name_of(happening: &Happening) -> &'static str {
    match happening {
        Happening::Callback { .. } | Happening::Event(Event::Desk(_)) => "callback",
        Happening::Event(event) => match event {
            Event::Opened { .. } => "opened",
            Event::UserSaid { .. } => "user_said",
            Event::UserDid { .. } => "user_did",
            Event::UserEnds => "user_ends",
            Event::UserGone => "user_gone",
            Event::UserSeen { .. } => "user_seen",
            Event::FilesRefused { .. } => "files_refused",
            Event::OperatorEnds { .. } => "operator_ends",
            Event::BotBegan { .. } => "bot_began",
            Event::BotSaid { .. } => "bot_said",
            Event::BotDid { .. } => "bot_did",
            Event::BotRevised { .. } => "bot_revised",
            Event::BotWithdrew { .. } => "bot_withdrew",
            Event::BotBrought { .. } => "bot_brought",
            Event::BotEnds { .. } => "bot_ends",
            Event::BotAsked { .. } => "bot_asked",
            Event::Desk(_) => "callback",
            Event::Sent { .. } => "sent",
            Event::NotSent { .. } => "not_sent",
            Event::FileUnderWay { .. } => "file_under_way",
            Event::FileThere { .. } => "file_there",
            Event::FileLost { .. } => "file_lost",
            Event::FileNotPassedOn { .. } => "file_not_passed_on",
            Event::FileLinked { .. } => "file_linked",
            Event::Delayed { .. } => "delayed",
            Event::Deadline { .. } => "deadline",
            Event::CaughtUp { .. } => "caught_up",
            Event::UserAway => "user_away",
            Event::UserBack => "user_back",
        },
    }
}
