//! One HTTP client for everything that goes out: to a desk, to a bot, to whoever gives out tokens
//! and publishes keys.
//!
//! | module | owns |
//! | --- | --- |
//! | [`http`](mod@http) | one request, one deadline, one bounded answer |
//! | [`headers`] | what an answer's headers say, whoever sent it |
//! | [`token`] | a bearer token: fetched once for everybody, renewed ahead of its end, replaced when refused |
//! | [`refusals`] | how long what was refused is left alone |
//! | [`guard`] | which addresses may be connected to for a host, by who says its name |
//! | [`addresses`] | which addresses are public, and which nobody means |
//! | [`private`] | hosts that may be in a private network all the same |
//! | [`trust`] | whose certificates are believed |
//! | [`reach`](mod@reach) | how far away a host is, by its name |
//!
//! What this crate deliberately does not know: what an answer means, when to try again, whose
//! credentials there are and how they are presented. It makes one attempt and says how far that got.

pub mod addresses;
pub mod guard;
pub mod headers;
pub mod http;
pub mod private;
pub mod reach;
pub mod refusals;
pub mod token;
pub mod trust;

pub use self::http::{ANSWER_BYTES_MAX, Answer, Head, HttpClient, HttpError, Pieces, Sent};
pub use guard::{Names, Said};
pub use private::{PrivateHost, PrivateHostError, PrivateHosts};
pub use reach::{Reach, reach};
pub use refusals::Refusals;
pub use trust::{NoAuthorities, authorities_of};
