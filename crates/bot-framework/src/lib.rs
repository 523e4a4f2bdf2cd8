//! The channel's wire: activities kept whole, the shapes and tokens of Direct Line 3.0, and both
//! ways of a bot behind us.
//!
//! What Bot Framework, the Microsoft 365 Agents SDK and Direct Line clients put on the wire is read
//! and written here, so that no other crate spells a member's name. Activities pass through
//! unharmed: whatever this crate has never heard of, a receiver gets as the sender wrote it.
//!
//! It deliberately does not know sessions or storage, and neither does it read the wall clock or draw
//! a random number: what depends on those (the moment, a token's id) is an argument. Only two modules
//! wait or open a connection, each behind a feature of its name: `client`, which posts to a bot, and
//! `verify`, which proves what a bot presents.
//!
//! "Reference" in these pages is the project's page of facts about the Bot Framework wire; "rule
//! A2031" and the like are the numbered rules of the Activity Protocol.

mod json;

pub mod activity;
#[cfg(feature = "client")]
pub mod client;
pub mod direct_line;
#[cfg(feature = "verify")]
pub mod verify;

pub use activity::{Activity, ActivityError};
