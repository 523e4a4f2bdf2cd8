//! Printing findings while they come, or as JSON at the end.

use std::io::{self, IsTerminal, Write};

use serde_json::json;

use super::finding::{Finding, Status};

/// The version of what `--json` prints.
const VERSION: u32 = 1;

/// How the check ended; the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Well,
    Failing,
    Unreadable,
}

impl Outcome {
    fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failing => 1,
            Self::Unreadable => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Failing => "failing",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What was found so far.
#[expect(clippy::struct_excessive_bools, reason = "ways to print, free of each other")]
pub(super) struct Report {
    findings: Vec<Finding>,
    json: bool,
    quiet: bool,
    /// Say whose each finding is.
    named: bool,
    /// Somebody watches: say what is being looked at.
    watched: bool,
    /// Why nobody could be told.
    unwritten: Option<io::Error>,
}

impl Report {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        let watched = !quiet && io::stderr().is_terminal();
        Self { findings: Vec::new(), json, quiet, named: false, watched, unwritten: None }
    }

    /// From here on findings say whose they are.
    pub(super) fn name_subjects(&mut self) {
        self.named = true;
    }

    /// Something is being looked at; it may take some seconds.
    pub(super) fn looks_at(&self, what: &str) {
        if self.watched {
            // The next line takes its place.
            write!(io::stderr(), "\x1b[2K… {what}\r").ok();
        }
    }

    pub(super) fn say(&mut self, finding: Finding) {
        let wanted = !self.quiet || matches!(finding.status, Status::Warn | Status::Fail);
        if !self.json && wanted {
            if self.watched {
                write!(io::stderr(), "\x1b[2K").ok();
            }
            self.print(&finding.line(self.named));
        }
        self.findings.push(finding);
    }

    fn print(&mut self, line: &str) {
        let mut out = io::stdout();
        let written = writeln!(out, "{line}").and_then(|()| out.flush());
        // A reader that goes away does not need the rest.
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.unwritten = Some(error);
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.findings.iter().any(|finding| finding.status == Status::Fail)
    }

    /// Prints what is to be printed at the end. Gives back the exit code: what nobody could be told is
    /// not well.
    pub(super) fn end(mut self, outcome: Outcome) -> u8 {
        if self.watched {
            write!(io::stderr(), "\x1b[2K").ok();
        }
        if self.json {
            let all = json!({"v": VERSION, "outcome": outcome.name(), "checks": self.findings});
            self.print(&all.to_string());
        } else if !self.quiet {
            let count = |status| self.findings.iter().filter(|f| f.status == status).count();
            let (fails, warns) = (count(Status::Fail), count(Status::Warn));
            self.print(&format!("{fails} failing, {warns} to be seen to"));
        }
        if let Some(error) = self.unwritten {
            writeln!(io::stderr(), "warmline: the findings cannot be printed: {error}").ok();
            return outcome.exit_code().max(Outcome::Failing.exit_code());
        }
        outcome.exit_code()
    }
}
