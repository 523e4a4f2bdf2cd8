//! The built-in bot: greets, answers a few help-desk questions, and says what became of a live chat.
//!
//! It stands in until a team connects a bot of its own. It keeps nothing: what it says follows from
//! the message alone, so a delivery that is repeated leads to the same words.

use serde::Deserialize;
use session::{BotNews, EndReason, Said};

/// What it knows when no other file is configured.
const HELP_DESK: &str = include_str!("bot/help-desk.json");

/// The bot.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltInBot {
    greeting: String,
    fallback: String,
    topics: Vec<Topic>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    /// Any of these words, as a whole word in any case, brings up the topic.
    words: Vec<String>,
    answer: String,
}

impl BuiltInBot {
    /// Reads a bot from JSON: `greeting`, `fallback` and `topics` of `words` and `answer`.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The bot that comes with Warmline.
    pub fn help_desk() -> Result<Self, serde_json::Error> {
        Self::from_json(HELP_DESK)
    }

    pub(crate) fn greet(&self) -> Said {
        Said::words(&self.greeting)
    }

    pub(crate) fn answer(&self, text: &str) -> Said {
        let text = text.to_lowercase();
        let words: Vec<_> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let hits = |topic: &Topic| {
            topic.words.iter().filter(|word| words.contains(&word.to_lowercase().as_str())).count()
        };
        let best = self.topics.iter().rev().max_by_key(|topic| hits(topic));
        let best = best.filter(|topic| hits(topic) > 0);
        Said::words(best.map_or(&self.fallback, |topic| &topic.answer))
    }

    /// Its next line after a live chat.
    pub(crate) fn hear(news: &BotNews) -> Option<Said> {
        let words = match news {
            BotNews::Accepted { .. } => return None,
            BotNews::Completed { agent: Some(agent), .. } => {
                format!("I hope {agent} could help. Is there anything else I can do for you?")
            }
            BotNews::Completed { agent: None, .. } => {
                "I hope that helped. Is there anything else I can do for you?".to_owned()
            }
            BotNews::Failed { reason: EndReason::UserCancelled } => {
                "All right, no agent then. What can I do for you?".to_owned()
            }
            BotNews::Failed { .. } => {
                "You did not get to talk to anybody, I am sorry. I can try to \
                                       help, or type “agent” to ask again."
                    .to_owned()
            }
        };
        Some(Said::words(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topic_with_most_of_its_words_answers() {
        let bot = BuiltInBot::help_desk().unwrap();
        let password = bot.answer("How do I RESET my password?").text;
        assert!(password.to_lowercase().contains("password"), "{password}");
        assert_ne!(bot.answer("the vpn is slow").text, password);
        assert_eq!(bot.answer("").text, bot.fallback);
        assert_eq!(bot.answer("passwordless").text, bot.fallback, "whole words only");
    }

    #[test]
    fn it_says_what_became_of_the_live_chat() {
        let done =
            BotNews::Completed { agent: Some("Dana".to_owned()), reason: EndReason::AgentEnded };
        assert!(BuiltInBot::hear(&done).unwrap().text.contains("Dana"));
        let failed = BotNews::Failed { reason: EndReason::NoAgent };
        assert!(BuiltInBot::hear(&failed).unwrap().text.contains("sorry"));
        assert_eq!(BuiltInBot::hear(&BotNews::Accepted { agent: None }), None);
    }
}
