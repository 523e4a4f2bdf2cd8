//! Who works at the desk and how work reaches them: agents, queues, and the rules between them.
//!
//! Owns the settings and what they mean by themselves, such as whether a schedule is open; who is
//! offered what is the instance's business.

use std::{collections::BTreeMap, time::Duration};

use jiff::{
    Timestamp,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use serde::Serialize;

/// How many chats an agent takes at once unless told otherwise: so many that no test or demo is
/// held up by it.
const CAPACITY: u32 = 1_000;

/// The longest wait that is told in seconds; from here on it is told in minutes.
const SECONDS_TOLD_BELOW: u64 = 60;

/// One agent of this instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentProfile {
    /// Names the agent in every order of the desk.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The presence is *Available*; else it is *Away*.
    pub available: bool,
    /// How many chats, offers included, the agent has at once. A chat that is transferred to the
    /// agent or picked by hand counts and is not refused.
    pub capacity: u32,
    /// The skills, to the letter.
    pub skills: Vec<String>,
    /// The ids of the queues whose work the agent gets; none at all stands for every queue.
    pub queues: Vec<String>,
}

impl AgentProfile {
    /// An agent who is available to every queue.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            available: true,
            capacity: CAPACITY,
            skills: Vec::new(),
            queues: Vec::new(),
        }
    }
}

/// One queue of this instance. A chat goes to the first whose conditions its context meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueProfile {
    /// Names the queue in every order of the desk.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The values that context variables must have, to the letter. The keys are compared as they
    /// are stored, and they are stored in lower case (reference 3.5). None at all take every chat.
    pub conditions: BTreeMap<String, String>,
    /// Skills that an agent must have for any work of this queue.
    pub skills: Vec<String>,
    /// When it is open. Closed, it takes no chat; those that wait stay.
    pub schedule: Schedule,
    /// Its chats are offered before those of queues with a higher number; age decides between
    /// equals.
    pub priority: u32,
    /// The trigger *Max Wait* of this queue; absent leaves it to `Config::max_wait`.
    pub max_wait: Option<Duration>,
}

impl QueueProfile {
    /// A queue that takes every chat at any time.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            conditions: BTreeMap::new(),
            skills: Vec::new(),
            schedule: Schedule::Always,
            priority: 0,
            max_wait: None,
        }
    }

    /// The same queue for chats whose context variable `key` has exactly this value.
    #[must_use]
    pub fn when(mut self, key: &str, value: &str) -> Self {
        self.conditions.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// When a queue is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At any time.
    Always,
    /// At no time.
    Never,
    /// During these hours.
    Weekly(Vec<Hours>),
}

/// Open hours, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The day on which they begin; absent for every day.
    pub day: Option<Weekday>,
    /// From this time on.
    pub opens: Time,
    /// Until just before this time; on the next day if it is not later than `opens`.
    pub closes: Time,
}

impl Schedule {
    /// Whether it is open at this moment, in milliseconds since the epoch.
    pub(crate) fn is_open(&self, now: u64) -> bool {
        let hours = match self {
            Self::Always => return true,
            Self::Never => return false,
            Self::Weekly(hours) => hours,
        };
        let moment = i64::try_from(now).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let Some(moment) = moment.map(|moment| moment.to_zoned(TimeZone::UTC)) else {
            return false;
        };
        hours.iter().any(|hours| hours.have(moment.weekday(), moment.time()))
    }
}

impl Hours {
    fn have(self, day: Weekday, time: Time) -> bool {
        let on = |day| self.day.is_none_or(|own| own == day);
        if self.opens < self.closes {
            return on(day) && self.opens <= time && time < self.closes;
        }
        (on(day) && self.opens <= time) || (on(day.previous()) && time < self.closes)
    }
}

/// Who of several eligible agents is offered a chat. Optional skills come first in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Assignment {
    /// The first of the list who has room.
    #[default]
    InOrder,
    /// The one with the largest free part of the capacity, as the rule *Most capacity* does.
    MostFree,
}

/// What becomes of an AGENT that no queue takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unrouted {
    /// The interaction closes at once: only the closing text with `completed` is told.
    #[default]
    Closed,
    /// The virtual agent takes it for something said to itself: topic picker, `score` 0
    /// (reference 3.4).
    Fallback,
}

/// The wait estimate: whether there is one, and how it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitStatus {
    /// "Live chat wait status" is off: no wait spinner.
    Off,
    /// Always this text.
    Text(String),
    /// The queue's average wait for each chat ahead and for this one, less what this one has
    /// waited. The average is of the last waits that ended with an agent; until there is one it is
    /// this span.
    Computed(Duration),
}

impl Default for WaitStatus {
    fn default() -> Self {
        Self::Computed(Duration::from_secs(8))
    }
}

/// A span as an instance words it: `8 Seconds`, `1 Minute`. Less than a second is told as one.
pub(crate) fn worded(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000).max(1);
    let (count, unit) = if seconds < SECONDS_TOLD_BELOW {
        (seconds, "Second")
    } else {
        (seconds.div_ceil(SECONDS_TOLD_BELOW), "Minute")
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A text that an agent puts into a chat with one click. Only the desk page knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CannedReply {
    /// Names it on the page.
    pub id: String,
    /// What the page shows to choose from.
    pub title: String,
    /// What is written.
    pub text: String,
}

impl CannedReply {
    pub(super) fn stock() -> Vec<Self> {
        let reply = |id: &str, title: &str, text: &str| Self {
            id: id.to_owned(),
            title: title.to_owned(),
            text: text.to_owned(),
        };
        vec![
            reply("greeting", "Greeting", "Hello, thank you for waiting. How can I help?"),
            reply("moment", "One moment", "One moment please, I am looking that up for you."),
            reply("more", "Anything else?", "Is there anything else I can help you with?"),
            reply("goodbye", "Goodbye", "Thank you for contacting us. Have a good day!"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    fn at(day: i8, hour: i8, minute: i8) -> u64 {
        // The first of November 2026 is a Sunday.
        let moment = date(2026, 11, day).at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        moment.timestamp().as_millisecond().try_into().unwrap()
    }

    #[test]
    fn hours_open_and_close_on_their_day_and_past_midnight() {
        let hours = |day, opens, closes| {
            Schedule::Weekly(vec![Hours { day, opens: time(opens, 0, 0, 0), closes }])
        };
        let monday = Some(Weekday::Monday);
        let office = hours(monday, 9, time(17, 0, 0, 0));
        let night = hours(monday, 22, time(6, 0, 0, 0));
        let to_midnight = hours(None, 9, Time::midnight());
        for (schedule, day, hour, minute, open) in [
            (&office, 2, 8, 59, false),
            (&office, 2, 9, 0, true),
            (&office, 2, 16, 59, true),
            (&office, 2, 17, 0, false),
            (&office, 3, 12, 0, false),
            (&night, 2, 21, 59, false),
            (&night, 2, 23, 0, true),
            (&night, 3, 5, 59, true),
            (&night, 3, 6, 0, false),
            (&night, 3, 23, 0, false),
            (&to_midnight, 4, 23, 59, true),
            (&to_midnight, 4, 0, 0, false),
            (&Schedule::Always, 1, 0, 0, true),
            (&Schedule::Never, 1, 0, 0, false),
        ] {
            let moment = at(day, hour, minute);
            assert_eq!(schedule.is_open(moment), open, "{schedule:?} {day} {hour}:{minute}");
        }
    }

    #[test]
    fn spans_are_worded_as_an_instance_does() {
        for (ms, words) in [
            (0, "1 Second"),
            (1_000, "1 Second"),
            (7_001, "8 Seconds"),
            (59_000, "59 Seconds"),
            (60_000, "1 Minute"),
            (61_000, "2 Minutes"),
        ] {
            assert_eq!(worded(ms), words);
        }
    }
}
