//! What somebody types: a secret that is not seen, or that comes in as one line, and the word without which
//! nothing is undone for ever.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use anyhow::{Context, bail};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Asks for a secret, or takes a line of what is piped in. What has more bytes than may be comes back
/// longer than that, never cut to fit.
pub(crate) fn secret(prompt: &str, bytes_max: usize) -> anyhow::Result<SecretString> {
    if stdin().is_terminal() {
        return Ok(rpassword::prompt_password(prompt).context("nothing could be read")?.into());
    }
    line(stdin().lock(), bytes_max)
}

/// Asks on the terminal whether `what` is meant, to be answered with `word`; without a terminal, only `--yes`
/// will do.
pub(crate) fn confirmed(done: &str, what: &str, word: &str) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("nothing was {done}: there is nobody to ask; say --yes");
    }
    write!(stderr(), "{what} Type {word}: ").ok();
    let mut answer = String::new();
    stdin().read_line(&mut answer).context("nothing could be read")?;
    Ok(answer.trim() == word)
}

/// One line; its end is not part of it.
fn line(input: impl BufRead, bytes_max: usize) -> anyhow::Result<SecretString> {
    // One byte more than a secret and its line end have.
    let most = bytes_max.saturating_add(3);
    let mut line = Zeroizing::new(String::with_capacity(most));
    input.take(most as u64).read_line(&mut line).context("nothing could be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_piped_secret_is_one_line_without_its_end() {
        let read =
            |text: &'static str| line(text.as_bytes(), 100).unwrap().expose_secret().to_owned();
        assert_eq!(read("correct horse\n"), "correct horse");
        assert_eq!(read("correct horse\r\nmore\n"), "correct horse");
        assert_eq!(read(" blanks count "), " blanks count ");
        assert_eq!(read(""), "");
        assert_eq!(read("\n"), "");
    }

    #[test]
    fn a_secret_that_is_too_long_is_not_cut_to_fit() {
        for end in ["", "\n", "\r\n"] {
            let whole = line(format!("{}{end}", "x".repeat(8)).as_bytes(), 8).unwrap();
            assert_eq!(whole.expose_secret().len(), 8);
            let long = line(format!("{}{end}", "x".repeat(9)).as_bytes(), 8).unwrap();
            assert!(long.expose_secret().len() > 8);
        }
    }
}
