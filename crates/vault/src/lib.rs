//! The only holder of raw keys: sealing, unsealing, deriving.
//!
//! Everything Warmline keeps about conversations is sealed with AES-256-GCM before it reaches a
//! disk. The master key comes from outside and opens a ring of root keys, which is kept with the data:
//!
//! ```text
//!   master key ──seals──► key ring: root keys, the newest current ──┐
//!                           │  derives ► record key of a conversation    its state, its effects
//!                           │  derives ► keys that sign                  tokens, addresses, cookies
//!                           │  wraps ──► data key of a segment, a file   its entries, its chunks
//!                           └─ an identity key, which stays
//!                              derives ► keys that recognise             repeats, handles of bots
//! ```
//!
//! What is sealed under a root key names it. A new root key is made current, everything is sealed anew
//! under it, and the old one leaves the ring; what signs does so with the newest and proves with all.
//!
//! What is sealed is bound to where it belongs: opening it for another conversation, or under
//! another number, fails. Deleting a wrapped data key makes its segment unreadable for good.
//!
//! The crate deliberately does not know: conversations, rows, files of the store, who may read.
//! A key is never printed, never serialised, and wiped from memory when dropped.

mod master;
mod message;
mod record;
mod ring;
mod sealed;
mod shared;
mod signing;
mod vault;

pub use master::{MasterKey, MasterKeyError};
pub use message::{
    ENCAPSULATED_BYTES, MESSAGE_MORE_BYTES, MessageError, MessageKey, PUBLIC_KEY_BYTES, ReaderKey,
    ReaderSealing,
};
pub use record::RecordKey;
pub use ring::{ROOTS_MAX, RootId};
pub use sealed::{DataKey, DerivedKey, MacKey, Opened, SEALED_MORE_BYTES, SealError};
pub use signing::Signing;
pub use vault::{RingChange, RootSeen, Vault};
