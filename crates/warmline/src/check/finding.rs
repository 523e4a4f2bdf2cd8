//! What was found: one finding each, with a stable code for programs and words for people.

use std::fmt::Write as _;

use gateway::{BotSetup, DeskSetup};
use serde::Serialize;

/// How it stands with what was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It works, and something should be seen to.
    Warn,
    /// It does not work.
    Fail,
    /// Not looked at, or not in use.
    Skip,
}

/// Whose it is; nothing of it for what belongs to the installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desk: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bot: Option<String>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) status: Status,
    /// What was looked at.
    pub(super) check: &'static str,
    /// What was found, for programs.
    pub(super) code: &'static str,
    #[serde(flatten)]
    pub(super) subject: Subject,
    /// What was found, for people.
    pub(super) found: String,
    /// What to set, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Subject {
    pub(super) fn of_desk(desk: &DeskSetup) -> Self {
        let (tenant, desk) = (Some(desk.tenant.to_string()), Some(desk.desk.to_string()));
        Self { tenant, desk, bot: None }
    }

    pub(super) fn of_bot(bot: &BotSetup) -> Self {
        let (tenant, bot) = (Some(bot.tenant.to_string()), Some(bot.bot.to_string()));
        Self { tenant, desk: None, bot }
    }

    /// Its name for people.
    fn words(&self) -> Option<String> {
        let tenant = self.tenant.as_deref()?;
        let (kind, name) = match (&self.desk, &self.bot) {
            (Some(desk), _) => ("desk", desk),
            (None, Some(bot)) => ("bot", bot),
            (None, None) => return None,
        };
        Some(format!("{kind} {name} of tenant {tenant}"))
    }
}

impl Finding {
    fn new(status: Status, check: &'static str, code: &'static str, found: String) -> Self {
        Self { status, check, code, subject: Subject::default(), found, fix: None }
    }

    pub(super) fn ok(check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self::new(Status::Ok, check, code, found.into())
    }

    pub(super) fn warn(check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self::new(Status::Warn, check, code, found.into())
    }

    pub(super) fn fail(check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self::new(Status::Fail, check, code, found.into())
    }

    pub(super) fn skip(check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self::new(Status::Skip, check, code, found.into())
    }

    /// What to set, and where.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(super) fn about(mut self, subject: &Subject) -> Self {
        self.subject = subject.clone();
        self
    }

    /// Its line; whose it is only where there is more than one that it could be.
    pub(super) fn line(&self, named: bool) -> String {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Skip => "skip",
        };
        let mut line = format!("{status:<4}  {:<20}  ", self.check);
        if let Some(subject) = self.subject.words().filter(|_| named) {
            let _ = write!(line, "{subject}: ");
        }
        line.push_str(&plain(&self.found));
        if let Some(fix) = &self.fix {
            let _ = write!(line, " – {}", plain(fix));
        }
        line
    }
}

/// Words of other machines cannot break the line or play with the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_what_to_do() {
        let finding = Finding::fail("webhook.secret", "stripped", "it is\nlost\x1b[31m")
            .fix("set the proxy to pass Authorization");
        assert_eq!(
            finding.line(true),
            "fail  webhook.secret        it is lost [31m – set the proxy to pass Authorization"
        );
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!((&json["status"], &json["code"]), (&"fail".into(), &"stripped".into()));
    }

    #[test]
    fn whose_it_is_is_said_where_there_are_several() {
        let subject =
            Subject { tenant: Some("acme".to_owned()), desk: Some("it".to_owned()), bot: None };
        let finding = Finding::ok("instance.token", "granted", "a token").about(&subject);
        assert!(finding.line(true).ends_with("desk it of tenant acme: a token"));
        assert!(finding.line(false).ends_with("  a token"));
    }
}
