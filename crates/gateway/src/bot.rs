//! The built-in bot: greets, answers a few help-desk questions, and says what became of a live chat.
//!
//! It stands in until a team connects a bot of its own. It keeps nothing: what it says follows from
//! the message alone, so a delivery that is repeated leads to the same words.

mod english;
mod german;

use serde::Deserialize;
use session::{
    BotNews, Said,
    id::{BotId, TenantId},
};

use crate::notices::Language;

/// What it knows when no other file is configured.
const HELP_DESK: &str = include_str!("bot/help-desk.json");
const HELP_DESK_GERMAN: &str = include_str!("bot/help-desk.de.json");

/// The bot.
#[derive(Debug, Clone)]
pub struct BuiltInBot {
    english: Knowledge,
    german: Knowledge,
}

/// What it knows in one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Knowledge {
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

/// What the user said in a live chat that failed, as far as the bot is concerned.
#[derive(Debug, Clone, Copy)]
enum Meanwhile<'a> {
    /// Nothing.
    Nothing,
    /// Something to which this is the answer.
    Known(&'a str),
    /// Something that it knows nothing about.
    Unknown,
}

impl BuiltInBot {
    /// Reads a bot from JSON: `greeting`, `fallback` and `topics` of `words` and `answer`. It knows
    /// the same in every language.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let knowledge: Knowledge = serde_json::from_str(text)?;
        Ok(Self { english: knowledge.clone(), german: knowledge })
    }

    /// The bot that comes with Warmline.
    pub fn help_desk() -> Result<Self, serde_json::Error> {
        let (english, german) =
            (serde_json::from_str(HELP_DESK)?, serde_json::from_str(HELP_DESK_GERMAN)?);
        Ok(Self { english, german })
    }

    fn knows(&self, language: Language) -> &Knowledge {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
        }
    }

    pub(crate) fn greet(&self, language: Language) -> Said {
        Said::words(&self.knows(language).greeting)
    }

    pub(crate) fn answer(&self, language: Language, text: &str) -> Said {
        let knowledge = self.knows(language);
        Said::words(knowledge.topic(text).unwrap_or(&knowledge.fallback))
    }

    /// Its answer to files and nothing else: their names are no question.
    pub(crate) fn answer_to_files(language: Language) -> Said {
        Said::words(match language {
            Language::English => english::FILES,
            Language::German => german::FILES,
        })
    }

    /// Its next line after a live chat. `meanwhile` is the newest thing the user said in it: after a
    /// chat that failed it is still open.
    pub(crate) fn hear(
        &self,
        language: Language,
        news: &BotNews,
        meanwhile: Option<&str>,
    ) -> Option<Said> {
        let meanwhile = match meanwhile.map(|text| self.knows(language).topic(text)) {
            None => Meanwhile::Nothing,
            Some(None) => Meanwhile::Unknown,
            Some(Some(answer)) => Meanwhile::Known(answer),
        };
        let words = match language {
            Language::English => english::line(news, meanwhile),
            Language::German => german::line(news, meanwhile),
        };
        Some(Said::words(words?))
    }
}

impl Knowledge {
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
}

#[cfg(test)]
mod tests {
    use session::EndReason;

    use super::*;

    const EN: Language = Language::English;

    #[test]
    fn the_topic_with_most_of_its_words_answers() {
        let bot = BuiltInBot::help_desk().unwrap();
        let password = bot.answer(EN, "How do I RESET my password?").text;
        assert!(password.to_lowercase().contains("password"), "{password}");
        assert_ne!(bot.answer(EN, "the vpn is slow").text, password);
        assert_eq!(bot.answer(EN, "").text, bot.english.fallback);
        assert_eq!(bot.answer(EN, "passwordless").text, bot.english.fallback, "whole words only");
    }

    #[test]
    fn to_files_alone_it_says_in_its_language_how_to_get_a_person() {
        let [english, german] =
            [EN, Language::German].map(|language| BuiltInBot::answer_to_files(language).text);
        assert!(english.contains("“agent”"), "{english}");
        assert!(german.contains("„Mitarbeiter“"), "{german}");
    }

    #[test]
    fn it_says_what_became_of_the_live_chat() {
        let done =
            BotNews::Completed { agent: Some("Dana".to_owned()), reason: EndReason::AgentEnded };
        let bot = BuiltInBot::help_desk().unwrap();
        let hear = |news, meanwhile| bot.hear(EN, news, meanwhile).map(|said| said.text);
        assert!(hear(&done, Some("the vpn is slow")).unwrap().contains("Dana"));
        let failed = BotNews::Failed { reason: EndReason::NoAgent };
        assert!(hear(&failed, None).unwrap().contains("sorry"));
        assert_eq!(hear(&BotNews::Accepted { agent: None }, Some("vpn")), None);
    }

    #[test]
    fn after_a_chat_that_failed_it_takes_up_what_the_user_wrote_meanwhile() {
        let bot = BuiltInBot::help_desk().unwrap();
        let failed = BotNews::Failed { reason: EndReason::Unreachable };
        let hear = |meanwhile| bot.hear(EN, &failed, meanwhile).unwrap().text;
        let known = hear(Some("the vpn is slow"));
        assert!(known.contains(&bot.answer(EN, "vpn").text), "{known}");
        let unknown = hear(Some("my cat is ill"));
        assert!(unknown.contains("what you wrote meanwhile"), "{unknown}");
        assert!(![known, unknown].contains(&hear(None)));
    }

    #[test]
    fn in_german_it_knows_as_much_and_says_everything_in_german() {
        let bot = BuiltInBot::help_desk().unwrap();
        let de = Language::German;
        assert_eq!(bot.german.topics.len(), bot.english.topics.len());
        for (german, english) in bot.german.topics.iter().zip(&bot.english.topics) {
            assert_ne!(german.answer, english.answer);
            assert_eq!(bot.answer(de, &german.words[0]).text, german.answer);
        }
        let reasons = [
            EndReason::Lost,
            EndReason::Rejected,
            EndReason::Unreachable,
            EndReason::UserLeft,
            EndReason::UserCancelled,
            EndReason::NoAgent,
        ];
        let mut news: Vec<_> =
            reasons.into_iter().map(|reason| BotNews::Failed { reason }).collect();
        for agent in [Some("Dana".to_owned()), None] {
            news.push(BotNews::Completed { agent, reason: EndReason::AgentEnded });
        }
        for news in news {
            for meanwhile in [None, Some("VPN"), Some("xyzzy")] {
                let german = bot.hear(de, &news, meanwhile).unwrap().text;
                assert_ne!(german, bot.hear(EN, &news, meanwhile).unwrap().text);
                assert!(german.ends_with(['.', '?']), "{german}");
            }
        }
        assert_eq!(bot.hear(de, &BotNews::Accepted { agent: None }, None), None);
    }
}
