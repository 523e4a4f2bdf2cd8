//! `warmline console-password`: from a password to the hash that opens the console. The password is
//! never shown, and kept nowhere.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail, ensure};
use gateway::console::{PASSWORD_BYTES_MAX, PasswordHash};
use secrecy::{ExposeSecret, SecretString};

/// Prints the hash, and on a terminal what to do with it.
pub(crate) fn run() -> anyhow::Result<()> {
    let typed = io::stdin().is_terminal();
    let password = if typed { asked()? } else { piped(io::stdin().lock())? };
    let hash = PasswordHash::of(&password)?;
    if typed {
        writeln!(
            io::stderr(),
            "Set WARMLINE_CONSOLE_PASSWORD_HASH to this, in single quotes, and start the gateway \
             again:"
        )
        .ok();
    }
    writeln!(io::stdout(), "{}", hash.expose()).context("the hash cannot be printed")?;
    Ok(())
}

/// Twice, so that a slip of the finger does not lock its owner out.
fn asked() -> anyhow::Result<SecretString> {
    let ask = |prompt: &str| -> anyhow::Result<SecretString> {
        let typed = rpassword::prompt_password(prompt);
        Ok(typed.context("the password cannot be read from the terminal")?.into())
    };
    let first = ask("Password for the console: ")?;
    let second = ask("The same once more: ")?;
    if first.expose_secret() != second.expose_secret() {
        bail!("the two passwords differ; nothing was made");
    }
    Ok(first)
}

/// One line; its end is not part of it.
fn piped(input: impl BufRead) -> anyhow::Result<SecretString> {
    let mut line = String::new();
    // One more than may be, and its end: what is longer shows as too long.
    let most = PASSWORD_BYTES_MAX as u64 + 2;
    input.take(most).read_line(&mut line).context("the password cannot be read")?;
    let password: SecretString = line.trim_end_matches(['\r', '\n']).into();
    ensure!(!password.expose_secret().is_empty(), "there is no password on the standard input");
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piped_password_is_one_line_without_its_end() {
        let read =
            |text: &'static str| piped(text.as_bytes()).map(|p| p.expose_secret().to_owned());
        assert_eq!(read("correct horse\n").unwrap(), "correct horse");
        assert_eq!(read("correct horse\r\nmore\n").unwrap(), "correct horse");
        assert_eq!(read(" blanks count ").unwrap(), " blanks count ");
        assert!(read("").is_err());
        assert!(read("\n").is_err());
    }

    #[test]
    fn a_password_that_is_too_long_is_not_cut() {
        let long = format!("{}\n", "x".repeat(PASSWORD_BYTES_MAX + 1));
        let password = piped(long.as_bytes()).unwrap();
        assert!(PasswordHash::of(&password).is_err());
    }
}
