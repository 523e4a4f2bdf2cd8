//! The desk's words and ours: what a callback means as news, what was missed, what an effect looks like as a
//! request. Nothing here decides what should happen.

pub(crate) mod media;
pub(crate) mod missed;
pub(crate) mod news;
pub(crate) mod refresh_token;
pub(crate) mod request;
pub(crate) mod signal;
