//! The step by table: every stage against everything that can happen.
//!
//! [`given`] builds conversations, [`render`] writes a [`Step`](crate::Step) as one line, and the
//! other files hold the tables, one per side of the conversation. A table names every stage of
//! [`given::STAGES`]; one that forgets a stage fails.

mod answers;
mod bot;
mod carried;
mod caught_up;
mod clock;
mod delivery;
mod desk;
mod diagram;
mod fallback;
mod gap;
mod given;
mod late;
mod milestones;
mod operator;
mod presence;
mod rejections;
mod render;
mod repeats;
mod resend;
mod stored;
mod under_way;
mod user;
