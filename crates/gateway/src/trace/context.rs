//! Where a trace goes on: the two ids that travel, and how they are written (W3C Trace Context).

use std::fmt;

use session::id::SessionId;

use crate::trace::span::{SpanId, TraceId};

/// A trace, the span in it that is the parent of what comes, and whether anybody records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// Whether it is recorded. What is not still travels, so that nobody on the way begins anew.
    pub sampled: bool,
}

impl Context {
    /// Reads a `traceparent`. Of versions to come the part is read that they share with ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (version, rest) = (text.get(..2)?, bytes.get(55..)?);
        let dashes = [2, 35, 52].iter().all(|&at| bytes[at] == b'-');
        let ends = rest.is_empty() || (version != "00" && rest.starts_with(b"-"));
        if !dashes || !ends || version == "ff" {
            return None;
        }
        hex(version)?;
        Some(Self {
            trace: TraceId::new(hex(text.get(3..35)?)?)?,
            span: SpanId::new(u64::try_from(hex(text.get(36..52)?)?).ok()?)?,
            sampled: hex(text.get(53..55)?)? & 1 == 1,
        })
    }

    /// The trace of a live chat and the span that stands for the chat: both follow from the session's
    /// id, so every process knows them and no table is needed. Whoever reads a session's id in a log
    /// finds its trace by the same digits. `None` for an id that is not made as ours are.
    pub fn of_chat(session: &SessionId) -> Option<Self> {
        let digits = session.as_str().strip_prefix("ses_").filter(|digits| digits.len() == 32)?;
        let id = hex(digits)?;
        let low = u64::try_from(id & u128::from(u64::MAX)).ok()?;
        Some(Self { trace: TraceId::new(id)?, span: SpanId::new(low)?, sampled: true })
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace.get(), self.span.get())
    }
}

/// Small letters and digits only: `from_str_radix` would take a sign and capitals, too.
fn hex(text: &str) -> Option<u128> {
    let own = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.bytes().all(own).then(|| u128::from_str_radix(text, 16).ok())?
}
