//! The channel's wire: activities kept whole, the shapes and tokens of Direct Line 3.0, and both
//! ways of a bot behind us.
//!
//! What Bot Framework, the Microsoft 365 Agents SDK and Direct Line clients put on the wire is read
//! and written here, so that no other crate spells a member's name. Activities pass through
//! unharmed: whatever this crate has never heard of, a receiver gets as the sender wrote it.
//!
//! It deliberately does not know sessions or storage, and neither does it read the wall clock or draw
//! a random number: what depends on those (the moment, a token's id) is an argument. The one exception
//! is the assertion that a certificate signs for a login. Only three modules wait or open a connection,
//! each behind a feature of its name: `client`, which posts to a bot, `connector`, which has a channel
//! show something, and `verify`, which proves what a bot or a channel presents. The first two share
//! `login`.
//!
//! "Reference" in these pages is the project's page of facts about the Bot Framework wire; "rule
//! A2031" and the like are the numbered rules of the Activity Protocol.

mod json;

pub mod activity;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "connector", feature = "verify"))]
pub mod cloud;
#[cfg(feature = "connector")]
pub mod connector;
pub mod direct_line;
#[cfg(feature = "client")]
pub mod login;
#[cfg(feature = "client")]
mod place;
#[cfg(any(feature = "connector", feature = "verify"))]
mod service_url;
#[cfg(feature = "verify")]
pub mod verify;

pub use activity::{Activity, ActivityError};
