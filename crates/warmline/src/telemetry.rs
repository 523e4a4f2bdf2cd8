//! The log: to standard error, `RUST_LOG` chooses how much. No message text and no secret ever
//! reaches it, because their types do not print.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// What is logged unless `RUST_LOG` says otherwise.
const DEFAULT: &str = "info";

pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}
