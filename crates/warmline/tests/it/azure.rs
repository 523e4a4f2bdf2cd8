//! People in Teams before the real binary, through a stand-in for Azure that judges what is sent to it:
//! what is refused, every flow of a live chat, and what becomes of words when the Connector throttles,
//! fails, or is called by a gateway that is killed.

mod attacks;
mod begun;
mod crashes;
mod files;
mod flows;
mod people;
pub(crate) mod rig;
mod storms;
pub(crate) mod whole;
