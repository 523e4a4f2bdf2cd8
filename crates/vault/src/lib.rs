//! The only holder of raw keys: sealing, unsealing, deriving.
//!
//! Everything Warmline keeps about conversations is sealed with AES-256-GCM before it reaches a
//! disk. One master key stands behind it all:
//!
//! ```text
//!   master key ──derives──► record key of a conversation     its state, its effects
//!        │     ──derives──► keys for named purposes          Direct Line tokens, repeat hashes
//!        └──────wraps─────► data key of a segment            the log entries of that segment
//! ```
//!
//! What is sealed is bound to where it belongs: opening it for another conversation, or under
//! another number, fails. Deleting a wrapped data key makes its segment unreadable for good.
//!
//! The crate deliberately does not know: conversations, rows, files of the store, who may read.
//! A key is never printed, never serialised, and wiped from memory when dropped.

mod master;
mod message;
mod sealed;

pub use master::{MasterKey, MasterKeyError};
pub use message::{
    ENCAPSULATED_BYTES, MESSAGE_MORE_BYTES, MessageError, MessageKey, PUBLIC_KEY_BYTES, ReaderKey,
    ReaderSealing,
};
pub use sealed::{DataKey, DerivedKey, MacKey, Opened, SEALED_MORE_BYTES, SealError, Vault};
