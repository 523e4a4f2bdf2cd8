//! A span that is not over yet.

use std::{borrow::Cow, sync::Arc};

use axum::http::StatusCode;
use session::id::SessionId;
use tokio::time::Instant;

use crate::{
    engine::{EngineError, Outcome},
    trace::{
        On,
        context::Context,
        span::{Kind, Span, SpanId, TraceId, Value},
    },
};

/// The ids of a span to be.
pub(super) struct Ids {
    pub(super) context: Context,
    pub(super) parent: Option<SpanId>,
}

impl Ids {
    /// With which a trace begins.
    pub(super) fn root() -> Self {
        let (trace, span) = (TraceId::fresh(), SpanId::fresh());
        Self { context: Context { trace, span, sampled: true }, parent: None }
    }

    pub(super) fn under(parent: Context) -> Self {
        Self { context: Context { span: SpanId::fresh(), ..parent }, parent: Some(parent.span) }
    }
}

/// A span that is not over yet. Dropped, it is not recorded: what was broken off has no end that
/// could be told.
pub(crate) struct OpenSpan(Box<Inner>);

struct Inner {
    on: Arc<On>,
    sampled: bool,
    began: Instant,
    span: Span,
}

impl OpenSpan {
    fn new(on: &Arc<On>, ids: &Ids, name: Cow<'static, str>, kind: Kind, began: u64) -> Self {
        let Context { trace, span: id, sampled } = ids.context;
        let span = Span {
            trace,
            id,
            parent: ids.parent,
            from_afar: false,
            link: None,
            name,
            kind,
            began,
            ended: began,
            failed: None,
            attributes: Vec::new(),
        };
        Self(Box::new(Inner { on: Arc::clone(on), sampled, began: Instant::now(), span }))
    }

    pub(super) fn request(
        on: &Arc<On>,
        ids: &Ids,
        method: &'static str,
        route: &'static str,
    ) -> Self {
        let name = format!("{method} {route}").into();
        let mut request = Self::new(on, ids, name, Kind::Server, on.clock.nanos());
        request.0.span.from_afar = ids.parent.is_some();
        request.set_code("http.request.method", method);
        request.set_code("http.route", route);
        request
    }

    pub(super) fn child(
        on: &Arc<On>,
        parent: Context,
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
    ) -> Self {
        Self::new(on, &Ids::under(parent), name.into(), kind, on.clock.nanos())
    }

    /// One whose ids and beginning were settled before.
    pub(super) fn known(
        on: &Arc<On>,
        ids: &Ids,
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        began: u64,
    ) -> Self {
        Self::new(on, ids, name.into(), kind, began)
    }

    pub(super) fn chat(on: &Arc<On>, context: Context, began: u64) -> Self {
        Self::known(on, &Ids { context, parent: None }, "chat", Kind::Internal, began)
    }

    /// What comes of it belongs here.
    pub(crate) fn context(&self) -> Context {
        let Span { trace, id: span, .. } = self.0.span;
        Context { trace, span, sampled: self.0.sampled }
    }

    /// A callback belongs to the trace whose context it brought back, or to its chat's.
    pub(crate) fn joins(&mut self, brought: Option<&str>, session: Option<&SessionId>) {
        let chat = session.and_then(|session| self.0.on.chat(session));
        let brought = brought.and_then(Context::parse);
        if let Some(parent) = brought.or(chat) {
            let span = &mut self.0.span;
            (span.trace, span.parent, span.from_afar) = (parent.trace, Some(parent.span), true);
            self.0.sampled = parent.sampled;
        }
        self.belongs_to(session);
    }

    /// Says which chat it is about.
    pub(crate) fn belongs_to(&mut self, session: Option<&SessionId>) {
        let Some(session) = session else { return };
        self.set("session.id", session.as_str());
        let chat = Context::of_chat(session).filter(|chat| chat.trace != self.0.span.trace);
        self.0.span.link = chat.map(|chat| (chat.trace, chat.span));
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if self.0.sampled {
            self.0.span.attributes.push((name, value.into()));
        }
    }

    pub(crate) fn set_code(&mut self, name: &'static str, code: &'static str) {
        self.0.span.attributes.push((name, Value::Text(Cow::Borrowed(code))));
    }

    pub(crate) fn fails(&mut self, code: &'static str) {
        self.0.span.failed = Some(code);
    }

    /// It is over.
    pub(crate) fn end(self) {
        let took = u64::try_from(self.0.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let ended = self.0.span.began.saturating_add(took);
        self.end_at(ended);
    }

    /// It is over, and began before this process was there to take the time.
    pub(super) fn end_now(self) {
        let now = self.0.on.clock.nanos();
        self.end_at(now);
    }

    pub(super) fn end_at(self, ended: u64) {
        let Inner { on, sampled, mut span, .. } = *self.0;
        span.ended = ended.max(span.began);
        if sampled {
            on.record(span);
        }
    }

    /// A request was answered.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.set("http.response.status_code", u32::from(status.as_u16()));
        if status.is_server_error() {
            self.fails("server_error");
        }
        self.end();
    }

    /// A commit came to this.
    pub(crate) fn committed(mut self, told: &Result<Outcome, EngineError>) {
        match told {
            Ok(outcome) => self.set("conversation.row", outcome.conversation.0),
            Err(error) => self.fails(code_of(error)),
        }
        self.end();
    }
}

fn code_of(error: &EngineError) -> &'static str {
    match error {
        EngineError::Rejected(rejected) => rejected.code(),
        EngineError::NotFound => "not_found",
        EngineError::Busy => "busy",
        EngineError::Stopping => "stopping",
        EngineError::Failed(_) => "failed",
    }
}
