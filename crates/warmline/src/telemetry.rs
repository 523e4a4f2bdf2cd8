//! The log and the traces. The log goes to standard error, `RUST_LOG` chooses how much. No message text and no secret ever
//! reaches it, because their types do not print.

mod otlp;
pub(crate) mod traces;

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// Starts the log; `default` is what is logged unless `RUST_LOG` says otherwise.
pub(crate) fn start(default: &str) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|asked| !asked.is_empty());
    let parsed = EnvFilter::try_new(asked.as_deref().unwrap_or(default));
    let wrong = parsed.is_err();
    fmt()
        .with_env_filter(parsed.unwrap_or_else(|_| EnvFilter::new(default)))
        // A log that cannot be written costs log lines and nothing else; the default answer to a
        // failed write is another write to standard error, which panics.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    if wrong {
        tracing::warn!("RUST_LOG cannot be read; the log is at {default}");
    }
}
