//! The doors: how ServiceNow proves itself at the webhook, how we prove ourselves to it, and what is
//! taken out of what users say.

mod desk;
mod masking;
mod webhook;
