//! The session controller: what should happen, decided without doing anything.
//!
//! [`step`] takes a conversation, something that happened, what the conversation cannot know by
//! itself and the time, and returns the new conversation together with the messages to log and the
//! effects to carry out. Every rule about routing, the life of a session and what user, bot and
//! agent are told lives here and nowhere else.
//!
//! ```text
//!             user or bot asks                an agent took it           first word after that
//!   bot talk ─────────────────► waiting ───────────────────► connected ───────────────► active
//!      ▲                         │    │                          │                         │
//!      │   withdrawn, user left  │    │ nobody, not routed,      │ ended by anybody        │
//!      ├──────── cancelled ◄─────┘    │ refused, silent, late    ▼                         │
//!      ├──────── fail ◄───────────────┴──── lost, unreachable ─ completed ◄────────────────┘
//!      └──────────────────────────────────────────────────────────┘
//! ```
//!
//! The crate deliberately does not know: clocks, randomness (fresh ids come in with the event),
//! storage, HTTP, ServiceNow's JSON, activities, the wording of notices. It only derives the
//! (de)serialisation of its state; writing and sealing it is the engine's job.

pub mod id;
pub mod parts;

mod asked;
mod conversation;
mod deadline;
mod effect;
mod event;
mod gap;
mod notice;
mod phrase;
mod policy;
mod resend;
mod said;
mod step;
mod under_way;

pub use asked::{Asked, Given, Question, SKIP, Wants, keeps_all};
pub use conversation::{
    Answer, AskedBy, Changing, Conversation, HELD_WORDS_MAX, LATE_WORDS_FOR, OVERTAKEN_FOR, Past,
    Phase, Route, Session, Stage, Status, Talk, Visitor, Waiting,
};
pub use deadline::Wake;
pub use effect::{BotNews, Effect, Failure, Hold, Milestone, Reached, Record, Strike, What};
pub use event::{Callback, Claims, Compared, Event, Facts, Missed, News, Rejected};
pub use gap::{BEHIND_GAP_BYTES_MAX, BEHIND_GAP_MAX, BEHIND_GAP_WITHIN, BehindGap};
pub use notice::{EndReason, EndedBy, FileRefusal, Notice};
pub use phrase::{fold, guarded, is_phrase};
pub use policy::{Behind, Phrases, Policy};
pub use resend::{TooLate, resendable};
pub use said::{
    Agent, Author, Choice, Content, Context, File, Line, Masked, Message, Payload, Said, Unlogged,
};
pub use step::{Step, step, wants_holder};
pub use under_way::{Expected, UNDER_WAY_FOR, UNDER_WAY_MAX, UnderWay, Way};
