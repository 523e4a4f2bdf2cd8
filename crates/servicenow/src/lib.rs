//! The desk's wire: what goes to a ServiceNow instance through the Virtual Agent Bot Integration
//! API, what comes back on the webhook, and the client that carries the one and gets the other.
//!
//! | module | owns |
//! | --- | --- |
//! | [`request`] | the requests, as types that both sides of the wire can use |
//! | [`callback`] | reading a callback of any dialect into [`Signal`]s |
//! | [`signal`] | the closed list of what a callback can say |
//! | [`item`] | something to show to the user, whatever control it came as |
//! | `client` (feature `client`) | OAuth, sending, catching up, examining, and what to do next when sending did not work |
//!
//! What this crate deliberately does not know: conversations and sessions (a callback says what it
//! says, who it is for is decided elsewhere), storage, and when to try again. The client makes one
//! attempt and sorts its failure by what its caller should do next; schedules and budgets are the
//! caller's. Only the refresh of a bearer token that was refused happens inside one attempt.
//!
//! Section numbers in comments ("reference 5.3") point into `servicenow-bot-integration.md`.

pub mod callback;
#[cfg(feature = "client")]
pub mod client;
pub mod item;
mod loose;
pub mod request;
pub mod signal;
#[cfg(feature = "client")]
mod token;

pub use callback::{Callback, ClientVariablesIn, ReadError, read};
#[cfg(feature = "client")]
pub use client::{
    Accepted, Client, ClientConfig, ConfigError, CredentialFault, Credentials, FetchError, Grant,
    MISSED_MAX, MessagesReadable, MissedMessage, MissedQuery, NotASysId, Ordering,
    RefreshTokenKeeper, SendError, SettingNames, TokenExamined, TokenWatch, instance_url,
};
pub use item::{Asks, Choice, Control, Item, MORE, Question, UiType, control};
pub use request::{
    Action, Attachment, ClientVariables, HistoryEntry, Message, MessageStatus, MessageUpdate,
    Request,
};
pub use signal::{Agent, Signal};
