//! The simulator seen from outside: a raw HTTP client plays every flow, and a receiver of its own
//! writes down what comes back. Nothing here is shared with Warmline's client.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test as tests do")]

mod admin;
mod azure;
mod clients;
mod delivery;
mod desk_api;
mod desks;
mod doors;
mod faults;
mod flows;
mod media;
mod missed;
mod rig;
mod users;
mod versions;
