//! An effect's way from the decision to its end, through as many attempts and processes as it takes.

use std::sync::Arc;

use session::id::EffectNumber;
use store::Work;

use crate::trace::{
    On,
    context::Context,
    open::{Ids, OpenSpan},
    span::{Kind, SpanId, TraceId, nanos},
};

/// How a note is written: trace, delivery, parent, flags.
const NOTE_BYTES: usize = 16 + 8 + 8 + 1;

/// What lies in the outbox beside an effect: the delivery's own ids, given when it was decided, and
/// what it hangs under. So whichever process ends it tells of the same span, and what was sent at one
/// attempt is true of the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The delivery.
    context: Context,
    parent: SpanId,
}

impl Note {
    /// A new delivery under this span.
    pub(super) fn under(parent: Context) -> Self {
        Self { context: Context { span: SpanId::fresh(), ..parent }, parent: parent.span }
    }

    /// The delivery of an effect for which nothing was noted: made of what is known at any time, so
    /// that it is the same at every attempt.
    pub(super) fn of_chat(chat: Context, number: EffectNumber) -> Self {
        // An odd number of even bits: neighbours become strangers.
        let own = chat.span.get() ^ number.0.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let span = SpanId::new(own).unwrap_or(chat.span);
        Self { context: Context { span, ..chat }, parent: chat.span }
    }

    pub(super) fn to_bytes(&self) -> Box<[u8]> {
        let Context { trace, span, sampled } = self.context;
        let mut bytes = Vec::with_capacity(NOTE_BYTES);
        bytes.extend(trace.get().to_be_bytes());
        bytes.extend(span.get().to_be_bytes());
        bytes.extend(self.parent.get().to_be_bytes());
        bytes.push(u8::from(sampled));
        bytes.into_boxed_slice()
    }

    /// A note that cannot be read costs a trace and nothing else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (trace, rest) = bytes.split_first_chunk::<16>()?;
        let (span, rest) = rest.split_first_chunk::<8>()?;
        let (parent, rest) = rest.split_first_chunk::<8>()?;
        let [flags] = rest else { return None };
        let context = Context {
            trace: TraceId::new(u128::from_be_bytes(*trace))?,
            span: SpanId::new(u64::from_be_bytes(*span))?,
            sampled: flags & 1 == 1,
        };
        Some(Self { context, parent: SpanId::new(u64::from_be_bytes(*parent))? })
    }
}

/// One look at a delivery: an attempt, or what comes instead of one.
pub(crate) struct Delivery {
    whole: OpenSpan,
    attempt: Option<OpenSpan>,
}

/// What a look at a delivery came to.
pub(crate) enum Came {
    /// It is over, for better or worse.
    Settled {
        /// The machine code of its failure.
        failed: Option<&'static str>,
    },
    /// An attempt was made in vain; there will be others.
    Again,
    /// Nothing was sent: its destination may not be bothered now.
    Held,
}

impl Delivery {
    pub(super) fn begin(on: &Arc<On>, note: &Note, work: &Work, kind: &'static str) -> Self {
        let Note { context, parent } = *note;
        let ids = Ids { context, parent: Some(parent) };
        let (name, began) = (format!("deliver {kind}"), nanos(work.at));
        let mut whole = OpenSpan::known(on, &ids, name, Kind::Producer, began);
        describe(&mut whole, work, kind);
        let name = format!("attempt {kind}");
        let mut attempt = OpenSpan::child(on, context, name, Kind::Client);
        describe(&mut attempt, work, kind);
        attempt.set("attempt", work.attempts);
        let waited = on.clock.now().since(work.at).as_millis();
        attempt.set("delivery.waited_ms", u64::try_from(waited).unwrap_or(u64::MAX));
        Self { whole, attempt: Some(attempt) }
    }

    /// What comes of the effect belongs here, at whichever attempt.
    pub(crate) fn context(&self) -> Context {
        self.whole.context()
    }

    /// What goes to the destination with this attempt.
    pub(crate) fn attempt(&self) -> Context {
        self.attempt.as_ref().unwrap_or(&self.whole).context()
    }

    /// There is no attempt this time.
    pub(crate) fn without_attempt(&mut self) {
        self.attempt = None;
    }

    /// This look is over.
    pub(crate) fn ended(self, code: &'static str, came: &Came) {
        let Self { mut whole, attempt } = self;
        let in_vain = match came {
            Came::Settled { failed } => *failed,
            Came::Again => Some(code),
            Came::Held => return,
        };
        if let Some(mut attempt) = attempt {
            attempt.set_code("delivery.outcome", code);
            if let Some(code) = in_vain {
                attempt.fails(code);
            }
            attempt.end();
        }
        if let Came::Settled { failed } = came {
            whole.set_code("delivery.outcome", code);
            if let Some(code) = failed {
                whole.fails(code);
            }
            whole.end_now();
        }
    }
}

fn describe(span: &mut OpenSpan, work: &Work, kind: &'static str) {
    span.set_code("delivery.kind", kind);
    span.set("delivery.row", work.effect.0);
    span.set("conversation.row", work.conversation.0);
    span.belongs_to(work.session.as_ref());
}
