//! The scripted agent: what it does, and when, after each thing that happens in a chat.
//!
//! Owns the lines and their timing. It has no clock: it only plans moves at moments, and the
//! instance performs them when those moments come. The same chat always gets the same answers.

use std::time::Duration;

/// The lines of the scripted agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Said right after acceptance. `{agent}` stands for the agent's name.
    pub greeting: String,
    /// One for each line of the user, over and over.
    pub answers: Vec<String>,
    /// A line of the user that has one of these words ends the chat. Lower case.
    pub closing_words: Vec<String>,
    /// Said before the chat is ended.
    pub goodbye: String,
    /// How long the agent types before each line.
    pub typing_for: Duration,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            greeting: "Hello, this is {agent}. How can I help?".to_owned(),
            answers: [
                "Let me look that up for you.",
                "I found it, and I have made a note in your record.",
                "Is there anything else I can do?",
            ]
            .map(str::to_owned)
            .to_vec(),
            closing_words: ["thanks", "thank", "goodbye"].map(str::to_owned).to_vec(),
            goodbye: "You are welcome. Have a good day!".to_owned(),
            typing_for: Duration::from_millis(800),
        }
    }
}

/// One thing an agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Move {
    Typing(bool),
    Write(String),
    End,
}

/// A move and the moment for it, in milliseconds since the epoch.
pub(crate) type Planned = (u64, Move);

impl Script {
    /// The moves after a chat was accepted at `now`.
    pub(crate) fn greet(&self, agent: &str, now: u64) -> Vec<Planned> {
        self.say(self.greeting.replace("{agent}", agent), now)
    }

    /// The moves after the user's line number `turn` (from 0), starting no sooner than `from`.
    pub(crate) fn answer(&self, line: &str, turn: usize, from: u64) -> Vec<Planned> {
        if self.closes(line) {
            let mut moves = self.say(self.goodbye.clone(), from);
            let last = moves.last().map_or(from, |(due, _)| *due);
            moves.push((last, Move::End));
            return moves;
        }
        match self.answers.len() {
            0 => Vec::new(),
            count => self.say(self.answers[turn % count].clone(), from),
        }
    }

    fn say(&self, text: String, from: u64) -> Vec<Planned> {
        let written = from.saturating_add(millis(self.typing_for));
        vec![
            (from, Move::Typing(true)),
            (written, Move::Typing(false)),
            (written, Move::Write(text)),
        ]
    }

    fn closes(&self, line: &str) -> bool {
        line.split(|c: char| !c.is_alphanumeric())
            .any(|word| self.closing_words.iter().any(|closing| *closing == word.to_lowercase()))
    }
}

/// A span as whole milliseconds; no span used here comes near the limit.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_round_in_a_cycle() {
        let script = Script::default();
        let said = |turn| match script.answer("hello", turn, 0).pop() {
            Some((_, Move::Write(text))) => text,
            other => panic!("expected a line, got {other:?}"),
        };
        assert_ne!(said(0), said(1));
        assert_eq!(said(0), said(script.answers.len()));
    }

    #[test]
    fn a_closing_word_ends_the_chat_and_part_of_a_word_does_not() {
        let script = Script::default();
        for (line, closes) in
            [("Thanks!", true), ("ok, thank you", true), ("thanksgiving menu", false), ("", false)]
        {
            let ended = script.answer(line, 0, 0).iter().any(|(_, step)| *step == Move::End);
            assert_eq!(ended, closes, "{line}");
        }
    }

    #[test]
    fn each_line_is_typed_before_it_is_written() {
        let script = Script { typing_for: Duration::from_millis(5), ..Script::default() };
        assert_eq!(
            script.greet("Dana", 100),
            vec![
                (100, Move::Typing(true)),
                (105, Move::Typing(false)),
                (105, Move::Write("Hello, this is Dana. How can I help?".to_owned())),
            ]
        );
    }
}
