//! A finished span: plain values.

use std::{borrow::Cow, num::NonZero};

use session::id::Timestamp;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($number:ident);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZero<$number>);

        impl $name {
            /// Zero is no id.
            pub fn new(id: $number) -> Option<Self> {
                NonZero::new(id).map(Self)
            }

            pub(super) fn fresh() -> Self {
                Self(NonZero::new(fastrand::$number(..)).unwrap_or(NonZero::<$number>::MIN))
            }

            /// The number; written in hexadecimal digits where people read it.
            pub fn get(self) -> $number {
                self.0.get()
            }
        }
    )*};
}

ids! {
    /// Of a trace.
    TraceId(u128);
    /// Of a span in its trace.
    SpanId(u64);
}

/// A span that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Itself.
    pub id: SpanId,
    /// What it hangs under; `None` for the first of a trace.
    pub parent: Option<SpanId>,
    /// Whether the parent is a span of another process: a caller's, or the desk's echo.
    pub from_afar: bool,
    /// The chat it belongs to, where that is another trace.
    pub link: Option<(TraceId, SpanId)>,
    /// What it is called.
    pub name: Cow<'static, str>,
    /// Its place between caller and called.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub began: u64,
    /// Nanoseconds since 1970.
    pub ended: u64,
    /// The machine code of its failure.
    pub failed: Option<&'static str>,
    /// Ids, codes, sizes and times.
    pub attributes: Vec<(&'static str, Value)>,
}

/// A span's place between caller and called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers a request.
    Server,
    /// Makes one.
    Client,
    /// Hands over to somebody who takes it later.
    Producer,
    /// Neither.
    Internal,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A code or an id.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Cow::Owned(text.to_owned()))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A stored time as spans count it.
pub(super) fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000)
}
