//! The built-in bot: greets, answers a few help-desk questions, and says what became of a live chat.
//!
//! It stands in until a team connects a bot of its own. It keeps nothing: what it says follows from
//! the message alone, so a delivery that is repeated leads to the same words.

use serde::Deserialize;
use session::{
    BotNews, EndReason, Said,
    id::{BotId, TenantId},
};

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

/// The built-in bot of every bot's conversations, looked up by who owns them.
#[derive(Debug)]
pub(crate) struct BuiltInBots {
    own: Vec<(TenantId, BotId, BuiltInBot)>,
    /// For bots that have none of their own.
    common: BuiltInBot,
}

impl BuiltInBots {
    pub(crate) fn new(common: BuiltInBot) -> Self {
        Self { own: Vec::new(), common }
    }

    pub(crate) fn add(&mut self, tenant: TenantId, bot: BotId, own: BuiltInBot) {
        self.own.push((tenant, bot, own));
    }

    pub(crate) fn of(&self, tenant: &TenantId, bot: &BotId) -> &BuiltInBot {
        let found = self.own.iter().find(|(owner, whose, _)| owner == tenant && whose == bot);
        found.map_or(&self.common, |(.., own)| own)
    }
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
        Said::words(self.topic(text).unwrap_or(&self.fallback))
    }

    /// What it knows about this, if anything.
    fn topic(&self, text: &str) -> Option<&str> {
        let text = text.to_lowercase();
        let words: Vec<_> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let hits = |topic: &Topic| {
            topic.words.iter().filter(|word| words.contains(&word.to_lowercase().as_str())).count()
        };
        let best = self.topics.iter().rev().max_by_key(|topic| hits(topic));
        best.filter(|topic| hits(topic) > 0).map(|topic| topic.answer.as_str())
    }

    /// Its next line after a live chat. `meanwhile` is the newest thing the user said in it: after a
    /// chat that failed it is still open.
    pub(crate) fn hear(&self, news: &BotNews, meanwhile: Option<&str>) -> Option<Said> {
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
            BotNews::Failed { reason } => {
                format!("{} {}", sorry(*reason), self.instead(meanwhile))
            }
        };
        Some(Said::words(words))
    }

    /// What it can do where no person could.
    fn instead(&self, meanwhile: Option<&str>) -> String {
        match meanwhile.map(|text| self.topic(text)) {
            None => "I can try to help, or type “agent” to ask again.".to_owned(),
            Some(Some(answer)) => {
                format!("About what you wrote meanwhile: {answer} Or type “agent” to ask again.")
            }
            Some(None) => "I have what you wrote meanwhile, but I do not know that one. Try a few \
                           other words, or type “agent” to ask again."
                .to_owned(),
        }
    }
}

fn sorry(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Lost => "I am sorry that your chat broke off.",
        EndReason::Rejected => "The service desk did not take it, I am sorry.",
        EndReason::Unreachable => "I am sorry that the service desk could not be reached.",
        EndReason::UserLeft => "You were away for a while, so your request was withdrawn.",
        EndReason::OperatorEnded => "Your chat was ended by the operator, I am sorry.",
        EndReason::AgentEnded
        | EndReason::UserEnded
        | EndReason::UserCancelled
        | EndReason::DeskCancelled
        | EndReason::NoAgent
        | EndReason::NotRouted
        | EndReason::Refused
        | EndReason::Silence
        | EndReason::WaitedTooLong => "You did not get to talk to anybody, I am sorry.",
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
        let bot = BuiltInBot::help_desk().unwrap();
        let hear = |news, meanwhile| bot.hear(news, meanwhile).map(|said| said.text);
        assert!(hear(&done, Some("the vpn is slow")).unwrap().contains("Dana"));
        let failed = BotNews::Failed { reason: EndReason::NoAgent };
        assert!(hear(&failed, None).unwrap().contains("sorry"));
        assert_eq!(hear(&BotNews::Accepted { agent: None }, Some("vpn")), None);
    }

    #[test]
    fn after_a_chat_that_failed_it_takes_up_what_the_user_wrote_meanwhile() {
        let bot = BuiltInBot::help_desk().unwrap();
        let failed = BotNews::Failed { reason: EndReason::Unreachable };
        let hear = |meanwhile| bot.hear(&failed, meanwhile).unwrap().text;
        let known = hear(Some("the vpn is slow"));
        assert!(known.contains(&bot.answer("vpn").text), "{known}");
        let unknown = hear(Some("my cat is ill"));
        assert!(unknown.contains("what you wrote meanwhile"), "{unknown}");
        assert!(![known, unknown].contains(&hear(None)));
    }
}
