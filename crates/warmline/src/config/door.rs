//! Secrets that open a door of ours. The operator chooses them and machines present them, so they can be as
//! long as they should be; what ServiceNow, Azure or a bucket ask for has the form that they give it.

use secrecy::{ExposeSecret, SecretString};

use super::{
    ConfigError, Remark,
    draft::{Draft, Owner},
    environment::Environment,
    value::{Secret, Value},
};

/// A door that such a secret opens. A widget's key is none: it stands in pages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door {
    Webhook,
    WebhookPrevious,
    DirectLine,
    Metrics,
}

impl Door {
    const ALL: [Self; 4] = [Self::Webhook, Self::WebhookPrevious, Self::DirectLine, Self::Metrics];

    /// The setting that is its secret.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Webhook => "desk.webhook_secret",
            Self::WebhookPrevious => "desk.webhook_secret_previous",
            Self::DirectLine => "bot.direct_line_secret",
            Self::Metrics => "metrics.token",
        }
    }

    /// The fewest characters with which a gateway starts. Only people choose the token of metrics, and none was
    /// ever shorter.
    fn least(self) -> usize {
        match self {
            Self::Webhook | Self::WebhookPrevious | Self::DirectLine => SECRET_CHARS_MIN,
            Self::Metrics => SECRET_CHARS_GOOD,
        }
    }
}

/// The fewest characters of a good secret: 64 bits if they are hexadecimal digits, which nobody finds by
/// asking. One that is shorter is not kept any more, and a gateway that is set up with it says so.
const SECRET_CHARS_GOOD: usize = 16;

/// The fewest with which a gateway starts: whoever asks all day finds a shorter one.
const SECRET_CHARS_MIN: usize = 6;

/// The fewest of them that differ: less is a key that was held down.
const SECRET_CHARS_DIFFERENT_MIN: usize = 3;

/// The longest secret that travels in a header, in bytes.
const SECRET_BYTES_MAX: usize = 1_024;

/// Whether this secret may open that door; [`ConfigError::Wrong`] says what it should be.
pub(super) fn fits(
    draft: &Draft,
    owner: &Owner,
    door: Door,
    secret: &SecretString,
) -> Result<(), ConfigError> {
    has(draft, owner, door, secret, door.least())
}

fn has(
    draft: &Draft,
    owner: &Owner,
    door: Door,
    secret: &SecretString,
    least: usize,
) -> Result<(), ConfigError> {
    let wrong = |problem| ConfigError::Wrong { name: draft.name(owner, door.id()), problem };
    let secret = secret.expose_secret();
    sendable(secret).and_then(|()| strong(secret, least)).map_err(wrong)
}

/// What to see to about the secret of this door, which its way names.
pub(super) fn remark(secret: &SecretString, way: &str) -> Option<Remark> {
    let short = secret.expose_secret().len() < SECRET_CHARS_GOOD;
    let text = || {
        format!(
            "{way} has fewer than {SECRET_CHARS_GOOD} characters, and anybody may try secrets there; make a \
             better one with: openssl rand -hex 32"
        )
    };
    short.then(|| Remark::weak(text()))
}

/// A secret that travels in a header must be one that a header can carry; otherwise every caller
/// would be refused and nobody could see why.
fn sendable(secret: &str) -> Result<(), String> {
    if secret.len() > SECRET_BYTES_MAX {
        return Err("is longer than 1,024 bytes".to_owned());
    }
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "holds a blank, a line end or a character that no header can carry (a line end \
                    at the end of a mounted file is the usual one)"
                .to_owned(),
        );
    }
    Ok(())
}

/// Anybody may try secrets at a door.
fn strong(secret: &str, least: usize) -> Result<(), String> {
    const MAKE: &str = "make one with: openssl rand -hex 32";
    if secret.len() < least {
        return Err(format!(
            "needs {least} characters at least, because anybody may try secrets there; {MAKE}"
        ));
    }
    let mut different: Vec<_> = secret.bytes().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < SECRET_CHARS_DIFFERENT_MIN {
        return Err(format!("repeats a few characters, which anybody may try; {MAKE}"));
    }
    Ok(())
}

/// Whether this secret may be kept under its name (`vault:NAME`) for every door that the configuration says
/// it opens. Whoever keeps one chooses it just now, so it has to be a good one.
pub(crate) fn may_be_kept(
    environment: &Environment,
    name: &str,
    secret: &SecretString,
) -> Result<(), ConfigError> {
    let draft = Draft::read(environment)?;
    let house = [Owner::House];
    for owner in draft.desks().chain(draft.bots()).chain(&house) {
        for door in Door::ALL {
            // Each owner has settings of its own kind only.
            if let Some((Value::Secret(Secret::Vault(named)), _)) = draft.found(owner, door.id())
                && named == name
            {
                has(&draft, owner, door, secret, SECRET_CHARS_GOOD)?;
            }
        }
    }
    Ok(())
}
