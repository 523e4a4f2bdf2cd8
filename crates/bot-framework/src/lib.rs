//! The channel's wire: activities kept whole, and the shapes and tokens of Direct Line 3.0.
//!
//! What Bot Framework, the Microsoft 365 Agents SDK and Direct Line clients put on the wire is read
//! and written here, so that no other crate spells a member's name. Activities pass through
//! unharmed: whatever this crate has never heard of, a receiver gets as the sender wrote it.
//!
//! It deliberately does not know sessions, storage or sockets: nothing here waits, reads a clock,
//! draws a random number or opens a connection. What depends on those (the moment, a token's id) is
//! an argument.
//!
//! "Reference" in these pages is the project's page of facts about the Bot Framework wire; "rule
//! A2031" and the like are the numbered rules of the Activity Protocol.

mod json;

pub mod activity;
pub mod direct_line;

pub use activity::{Activity, ActivityError};
