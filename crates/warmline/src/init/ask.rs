//! Questions on the terminal; answers may also come as lines from standard input.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use gateway::secrets::SECRET_BYTES_MAX;
use secrecy::ExposeSecret;

use crate::{
    config::{checked_public_url, is_guid, table},
    init::{GrantType, reference},
    typed,
};

/// How often a question is asked again after an answer that is none.
const ASKED_MAX: usize = 5;

pub(super) struct Questions {
    /// Nothing is asked.
    defaults: bool,
}

impl Questions {
    pub(super) fn new(defaults: bool) -> Self {
        Self { defaults }
    }

    /// An answer that must be given: by an option, else by a person.
    pub(super) fn required(
        &mut self,
        id: &'static str,
        question: &str,
        option: &'static str,
        given: Option<&str>,
    ) -> anyhow::Result<String> {
        if let Some(given) = given {
            return checked(id, given).context(option);
        }
        if self.defaults {
            bail!("{option} is needed with --yes");
        }
        Self::until(question, option, |answer| checked(id, answer))
    }

    /// An answer that may be empty.
    pub(super) fn optional(
        &mut self,
        id: &'static str,
        question: &str,
        option: &'static str,
        given: Option<&str>,
    ) -> anyhow::Result<Option<String>> {
        if let Some(given) = given {
            return checked(id, given).map(Some).context(option);
        }
        if self.defaults {
            return Ok(None);
        }
        Self::until(question, option, |answer| match answer {
            "" => Ok(None),
            answer => checked(id, answer).map(Some),
        })
    }

    /// A secret or a reference to one; typed unseen.
    pub(super) fn secret(
        &mut self,
        question: &str,
        given: Option<&str>,
        default: &str,
    ) -> anyhow::Result<String> {
        if let Some(given) = given {
            return Ok(given.to_owned());
        }
        if self.defaults {
            return Ok(default.to_owned());
        }
        for _ in 0..ASKED_MAX {
            say(&format!("{question} [{default}] "));
            let answer = typed::secret("", SECRET_BYTES_MAX)?;
            let answer = answer.expose_secret().trim();
            let answer = if answer.is_empty() { default } else { answer };
            match checked("desk.client_secret", answer) {
                Ok(answer) => return Ok(answer),
                Err(error) => say(&format!("It {error}.\n")),
            }
        }
        bail!("no answer would do")
    }

    pub(super) fn grant(&mut self) -> anyhow::Result<GrantType> {
        let question = "Does the integration user log in with a password (otherwise with the \
                        client's credentials alone)?";
        let password = self.yes_or_no(question, true)?;
        Ok(if password { GrantType::Password } else { GrantType::ClientCredentials })
    }

    pub(super) fn yes_or_no(&mut self, question: &str, default: bool) -> anyhow::Result<bool> {
        if self.defaults {
            return Ok(default);
        }
        let question = format!("{question} [{}]", if default { "Y/n" } else { "y/N" });
        Self::until(&question, "an option", |answer| match answer.to_lowercase().as_str() {
            "" => Ok(default),
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => bail!("must be y or n"),
        })
    }

    fn until<T>(
        question: &str,
        option: &str,
        mut read: impl FnMut(&str) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        for _ in 0..ASKED_MAX {
            say(&format!("{question} "));
            let mut line = String::new();
            let read_bytes = std::io::stdin().lock().read_line(&mut line);
            if read_bytes.context("nothing could be read")? == 0 {
                bail!("the answers ended; give {option}, or --yes and all options that are needed");
            }
            if !std::io::stdin().is_terminal() {
                say("\n");
            }
            match read(line.trim()) {
                Ok(answer) => return Ok(answer),
                Err(error) => say(&format!("It {error}.\n")),
            }
        }
        bail!("no answer would do")
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// An answer as the setting takes it.
pub(super) fn checked(id: &'static str, text: &str) -> anyhow::Result<String> {
    let setting = table::setting(id).context("there is no such setting")?;
    setting.read_text(text).map_err(anyhow::Error::msg)?;
    match id {
        "desk.instance" => gateway::instance_url(text).map(drop)?,
        "bot.app_id" | "bot.app_tenant" | "bot.endpoint_app_id" if !is_guid(text) => {
            bail!(
                "must be an id, which looks like 00000000-0000-0000-0000-000000000000: the {} on the \
                 Overview page of the app registration in the Entra portal",
                if id == "bot.app_tenant" {
                    "Directory (tenant) ID, not a name such as contoso.onmicrosoft.com,"
                } else {
                    "Application (client) ID, not the object id,"
                }
            )
        }
        "desk.message_token" => reference(text).map(drop).map_err(anyhow::Error::msg)?,
        "public_url" => return checked_public_url(text).map_err(anyhow::Error::msg),
        "listen" => {
            let address = text.parse::<std::net::SocketAddr>();
            address.context("must be an address and a port, for instance 127.0.0.1:8080")?;
        }
        _ => {}
    }
    Ok(text.to_owned())
}
