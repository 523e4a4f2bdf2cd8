//! Recording what goes over the wire, and playing one side of it again.
//!
//! Owns the recording with its limits, its form as lines of JSON, and where a replay stands. What a
//! person wrote is in a recording to the letter: this is a simulator, and that is the point of it.
//!
//! ```text
//! {"recording":1,"at":1767225600000}                                 the first line
//! {"ms":0,"way":"in","body":{…},"status":200,"answer":{…}}           from the primary bot
//! {"ms":41,"way":"out","body":{…},"outcome":"answered","status":200}  to its webhook
//! ```

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::ledger::Outcome;

/// How many lines a recording has at most: hours of one conversation, or minutes of a load test.
const LINES_MAX: usize = 10_000;

/// How large a recording may grow, and what may be played, in bytes.
pub(crate) const RECORDING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is being recorded, or was.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    on: bool,
    user: Option<String>,
    started_at: u64,
    lines: Vec<(u64, String)>,
    bytes: usize,
    full: bool,
}

impl Recorder {
    /// Begins anew; with a user, only what is about that `userId`.
    pub(crate) fn start(&mut self, user: Option<String>, now: u64) {
        *self = Self { on: true, user, started_at: now, ..Self::default() };
    }

    pub(crate) fn stop(&mut self) {
        self.on = false;
    }

    /// How it stands, for the admin API.
    pub(crate) fn state(&self) -> Value {
        json!({"on": self.on, "lines": self.lines.len(), "bytes": self.bytes, "full": self.full})
    }

    pub(crate) fn came_in(&mut self, at: u64, body: &Value, status: u16, answer: &Value) {
        if self.wants(body) {
            let ms = at.saturating_sub(self.started_at);
            let line = json!({
                "ms": ms, "way": "in", "body": body, "status": status, "answer": answer,
            });
            self.add(ms, &line);
        }
    }

    pub(crate) fn went_out(&mut self, at: u64, body: &Value, outcome: Outcome) {
        if self.wants(body) {
            let ms = at.saturating_sub(self.started_at);
            let line = json!({
                "ms": ms, "way": "out", "body": body,
                "outcome": outcome.name(), "status": outcome.status(),
            });
            self.add(ms, &line);
        }
    }

    fn wants(&self, body: &Value) -> bool {
        self.on && self.user.as_deref().is_none_or(|user| body["userId"] == user)
    }

    fn add(&mut self, ms: u64, line: &Value) {
        let line = line.to_string();
        if self.lines.len() == LINES_MAX || self.bytes + line.len() > RECORDING_BYTES_MAX / 2 {
            // Better a beginning that is whole than a middle with holes.
            (self.on, self.full) = (false, true);
            return;
        }
        self.bytes += line.len();
        self.lines.push((ms, line));
    }

    /// All lines, by the time at which each began.
    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by_key(|(ms, _)| *ms);
        let mut text = json!({"recording": 1, "at": self.started_at}).to_string();
        for (_, line) in lines {
            text.push('\n');
            text.push_str(line);
        }
        text.push('\n');
        text
    }
}

/// Why a recording cannot be played.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRecording {
    #[error("line {0} is not a line of a recording")]
    Line(usize),
    #[error("it has no callback to play")]
    Empty,
    #[error("it has more than 10,000 lines")]
    TooLong,
}

/// One callback to be posted again, and how long after the first line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) ms: u64,
    pub(crate) body: Map<String, Value>,
}

#[derive(Deserialize)]
struct Line {
    ms: u64,
    way: Way,
    body: Value,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    In,
    Out,
}

/// The callbacks of a recording.
pub(crate) fn steps(text: &str) -> Result<VecDeque<Step>, BadRecording> {
    let mut begin = None;
    let mut steps = VecDeque::new();
    for (index, line) in text.lines().enumerate() {
        let bad = || BadRecording::Line(index + 1);
        if index > LINES_MAX {
            return Err(BadRecording::TooLong);
        }
        let value: Value = serde_json::from_str(line).map_err(|_| bad())?;
        if index == 0 && value["recording"] == 1 {
            continue;
        }
        let Line { ms, way, body } = Line::deserialize(value).map_err(|_| bad())?;
        let begin = *begin.get_or_insert(ms);
        if way == Way::Out {
            let Value::Object(body) = body else { return Err(bad()) };
            steps.push_back(Step { ms: ms.saturating_sub(begin), body });
        }
    }
    if steps.is_empty() { Err(BadRecording::Empty) } else { Ok(steps) }
}

/// A recording that is being played to the webhook, in the place of what the instance itself would
/// tell about one conversation.
#[derive(Debug)]
pub(crate) struct Replay {
    /// Tells one replay from the next.
    pub(crate) number: u64,
    /// Whose conversation it takes; without one, the next that asks for something.
    pub(crate) user: Option<String>,
    /// How many times faster than recorded. Zero leaves no pauses at all.
    pub(crate) speed: f64,
    /// The conversation, and when it was taken.
    pub(crate) taken: Option<(u64, u64)>,
    pub(crate) steps: VecDeque<Step>,
    pub(crate) played: usize,
    /// The ids of the recording, and what they are called now.
    pub(crate) ids: HashMap<String, String>,
}

impl Replay {
    /// When the next callback is due.
    pub(crate) fn due(&self) -> Option<u64> {
        let (_, begun_at) = self.taken?;
        let ms = self.steps.front()?.ms;
        Some(begun_at.saturating_add(scaled(ms, self.speed)))
    }

    /// Whether it speaks for this conversation.
    pub(crate) fn drives(&self, conversation: u64) -> bool {
        self.taken.is_some_and(|(number, _)| number == conversation)
    }

    /// How it stands, for the admin API.
    pub(crate) fn state(&self) -> Value {
        let state = match (self.taken, self.steps.is_empty()) {
            (None, _) => "waiting",
            (Some(_), false) => "playing",
            (Some(_), true) => "done",
        };
        json!({"state": state, "played": self.played, "left": self.steps.len()})
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a pause is a few hours at most, and the speed is positive"
)]
fn scaled(ms: u64, speed: f64) -> u64 {
    if speed == 0.0 { 0 } else { (ms as f64 / speed) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_can_be_read_again() {
        let mut recorder = Recorder::default();
        recorder.came_in(5, &json!({"userId": "u"}), 200, &json!({}));
        recorder.start(Some("u".to_owned()), 10);
        recorder.went_out(40, &json!({"userId": "u", "n": 2}), Outcome::Answered(200));
        recorder.came_in(15, &json!({"userId": "u"}), 200, &json!({"status": "success"}));
        recorder.went_out(30, &json!({"userId": "u", "n": 1}), Outcome::TimedOut);
        recorder.went_out(31, &json!({"userId": "other"}), Outcome::TimedOut);
        recorder.stop();
        recorder.went_out(50, &json!({"userId": "u"}), Outcome::TimedOut);
        let text = recorder.text();
        let steps = steps(&text).unwrap();
        // Relative to the first line, in the order in which they began.
        let seen: Vec<_> = steps.iter().map(|step| (step.ms, step.body["n"].clone())).collect();
        assert_eq!(seen, [(15, json!(1)), (25, json!(2))]);
    }

    #[test]
    fn a_recording_that_is_full_stops() {
        let mut recorder = Recorder::default();
        recorder.start(None, 0);
        let large = json!({"text": "x".repeat(RECORDING_BYTES_MAX / 4)});
        recorder.went_out(0, &large, Outcome::Lost);
        recorder.went_out(1, &large, Outcome::Lost);
        recorder.went_out(2, &json!({}), Outcome::Lost);
        let state = recorder.state();
        assert_eq!((&state["on"], &state["full"]), (&json!(false), &json!(true)));
        assert_eq!(state["lines"], 1);
    }

    #[test]
    fn what_is_no_recording_is_refused_by_its_line() {
        let good = r#"{"ms":0,"way":"out","body":{}}"#;
        for (text, error) in [
            (String::new(), BadRecording::Empty),
            (r#"{"recording":1}"#.to_owned(), BadRecording::Empty),
            (format!("{good}\nnonsense"), BadRecording::Line(2)),
            (format!("{good}\n{{\"ms\":1,\"way\":\"up\",\"body\":{{}}}}"), BadRecording::Line(2)),
            (r#"{"ms":0,"way":"out","body":[]}"#.to_owned(), BadRecording::Line(1)),
            (vec![good; LINES_MAX + 2].join("\n"), BadRecording::TooLong),
        ] {
            assert_eq!(steps(&text).unwrap_err(), error);
        }
    }

    #[test]
    fn speed_shortens_the_pauses() {
        assert_eq!([scaled(900, 1.0), scaled(900, 3.0), scaled(900, 0.0)], [900, 300, 0]);
    }
}
