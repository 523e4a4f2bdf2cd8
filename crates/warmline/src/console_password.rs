//! `warmline console-password`: from a password to the hash that opens the console. The password is
//! never shown, and kept nowhere.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, ensure};
use gateway::console::{PASSWORD_BYTES_MAX, PasswordHash};
use secrecy::ExposeSecret;

use crate::typed;

/// Prints the hash, and on a terminal what to do with it.
pub(crate) fn run() -> anyhow::Result<()> {
    let password = typed::secret("Password for the console: ", PASSWORD_BYTES_MAX)?;
    let typed = io::stdin().is_terminal();
    if typed {
        // So that a slip of the finger does not lock its owner out.
        let again = typed::secret("The same once more: ", PASSWORD_BYTES_MAX)?;
        let same = password.expose_secret() == again.expose_secret();
        ensure!(same, "the two passwords differ; nothing was made");
    } else {
        let empty = password.expose_secret().is_empty();
        ensure!(!empty, "there is no password on the standard input");
    }
    let hash = PasswordHash::of(&password)?;
    if typed {
        writeln!(
            io::stderr(),
            "Set WARMLINE_CONSOLE_PASSWORD_HASH (in single quotes), or `password_hash` of [console] or of an \
             [operators.NAME], to this, and start the gateway again:"
        )
        .ok();
    }
    writeln!(io::stdout(), "{}", hash.expose()).context("the hash cannot be printed")?;
    Ok(())
}
