//! Attempts at the bot: one of the team's own gets what it is told over HTTP, the built-in one answers
//! on the spot.

use session::{
    Author, BotNews, Content, Effect, Event, Said, What,
    id::{Number, SenderKey},
};
use store::{Target, Work};

use crate::{
    bot::BuiltInBot,
    channel::words,
    dispatcher::{Dispatcher, Leave, Opened, attempt::Attempt, desk_lane::MaterialError},
    engine::{Arrival, EngineError, Happening},
    keeping::Entry,
    trace::Delivery,
};

/// How far back the built-in bot looks for the user's own words in a live chat that failed.
const MEANWHILE_ENTRIES_MAX: usize = 200;

impl Dispatcher {
    pub(super) async fn attempt_bot(
        &self,
        work: &Work,
        opened: &Opened,
        effect: &Effect,
        (leave, trace): (Leave, Option<&Delivery>),
    ) -> Attempt {
        let bots = self.bots.get();
        if let Some(link) = bots.behind(&opened.key.tenant, &opened.key.bot) {
            return self.attempt_behind(link, work, opened, effect, (leave, trace)).await;
        }
        let language = self.language;
        let bot = bots.built_in.of(&opened.key.tenant, &opened.key.bot);
        let line = match &effect.what {
            What::Greet => Some(bot.greet(language)),
            What::TellBot { news: news @ BotNews::Failed { .. }, after, upto, .. } => {
                match self.meanwhile(work, opened, *after, *upto).await {
                    Ok(meanwhile) => bot.hear(language, news, meanwhile.as_deref()),
                    Err(again) => return again,
                }
            }
            What::TellBot { news, .. } => bot.hear(language, news, None),
            What::ToBot { message } => match self.said(work, opened, *message).await {
                Ok(said) => said.map(|said| match words::without_files(&said.text) {
                    None => BuiltInBot::answer_to_files(language),
                    Some(words) => bot.answer(language, &words),
                }),
                Err(again) => return again,
            },
            What::Ask { .. } | What::Say { .. } | What::End { .. } | What::Show { .. } => None,
        };
        match line {
            Some(said) => self.bot_says(work, said, trace).await,
            None => Attempt::Done,
        }
    }

    async fn said(
        &self,
        work: &Work,
        opened: &Opened,
        message: Number,
    ) -> Result<Option<Said>, Attempt> {
        match self.entry(work, opened, message).await {
            Ok(Some(Entry { content: Content::Said(said), .. })) => Ok(Some(said)),
            // Shredded meanwhile: there is nothing left to answer.
            Ok(_) => Ok(None),
            Err(error) => Err(self.unreadable(work, &error)),
        }
    }

    /// The newest thing the user said in a live chat: in the entries after `after` up to `upto`.
    async fn meanwhile(
        &self,
        work: &Work,
        opened: &Opened,
        after: Number,
        upto: Number,
    ) -> Result<Option<String>, Attempt> {
        let entries = self.entries(work, opened, upto, MEANWHILE_ENTRIES_MAX).await;
        let entries = entries.map_err(|error| self.unreadable(work, &error))?;
        let own = entries.into_iter().rev().filter(|entry| entry.number > after);
        let mut own = own.filter(|entry| entry.author == Author::User);
        Ok(own.find_map(|entry| match entry.content {
            Content::Said(said) => Some(said.text),
            Content::Done(_)
            | Content::Revised { .. }
            | Content::Withdrawn { .. }
            | Content::Notice(_)
            | Content::Context(_)
            | Content::Transcript(_) => None,
        }))
    }

    pub(super) fn unreadable(&self, work: &Work, error: &MaterialError) -> Attempt {
        tracing::error!(
            error = error as &dyn std::error::Error,
            effect.row = work.effect.0,
            "what the bot should answer cannot be read"
        );
        Attempt::again(work, self.clock.now(), None, "log_unreadable")
    }

    /// The bot's line, recognised by the effect it answers: an attempt made twice says it once.
    async fn bot_says(&self, work: &Work, said: Said, trace: Option<&Delivery>) -> Attempt {
        let key = SenderKey::new(&format!("bot:{}", work.number)).ok();
        let arrival = Arrival {
            target: Target::Conversation(work.conversation),
            happening: Happening::Event(Event::BotSaid { said, answers: None, key }),
            settles: None,
            placed_as: None,
            masked: false,
            trace: trace.map(Delivery::attempt),
        };
        match self.engine.submit(arrival).await {
            Ok(_) => Attempt::Done,
            Err(EngineError::Busy | EngineError::Stopping) => {
                Attempt::again(work, self.clock.now(), None, "busy")
            }
            // It was erased meanwhile, and this has left the outbox.
            Err(EngineError::NotFound) => Attempt::Done,
            Err(error @ (EngineError::Rejected(_) | EngineError::Failed(_))) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    effect.row = work.effect.0,
                    "the bot's line could not be taken in"
                );
                Attempt::again(work, self.clock.now(), None, "not_taken_in")
            }
        }
    }
}
