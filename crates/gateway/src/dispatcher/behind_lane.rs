//! Attempts at a bot of the team's own.

use std::sync::Arc;

use bot_framework::{
    Activity,
    client::{Answer, Expects, Post, PostError},
};
use session::{
    Author, Effect, Failure, Visitor, What,
    id::{Number, SenderKey},
};
use store::{Store, Target, Work};

use crate::{
    behind::{Answers, BotLink, Intake, Move, Names, Outgoing},
    channel::{self, Reference},
    dispatcher::{
        Dispatcher, Leave, Opened, attempt::Attempt, desk_lane::MaterialError, words::Reader,
    },
    engine::{Arrival, EngineError},
    keeping::Entry,
    trace::Delivery,
    wakes::Hint,
};

/// The most entries of a live chat that its bot is told, the newest ones.
const MEANWHILE_ENTRIES_MAX: usize = 400;

/// The newest entries among which an answer to an attempt of before is looked for.
const ANSWERS_LOOKED_AT_MAX: usize = 200;

/// Why a bot does not take an activity is said at the first attempt and then at every so many.
const SAID_EVERY: u32 = 10;

impl Dispatcher {
    pub(super) async fn attempt_behind(
        &self,
        link: &Arc<BotLink>,
        work: &Work,
        opened: &Opened,
        effect: &Effect,
        (leave, trace): (Leave, Option<&Delivery>),
    ) -> Attempt {
        // Only what the bot itself says counts for or against it: what fails here gives leave back.
        let permit = match leave {
            Leave::Attempt(permit) => Some(permit),
            Leave::Free => link.gate.breaker.admit(self.clock.now()).ok(),
            Leave::Errand => None,
        };
        let Some(permit) = permit else {
            return Attempt::held_back(self.clock.now(), "bot_away");
        };
        let conversation = self.handles.conversation(&link.tenant, &link.bot, work.conversation);
        let told = self.told(link, work, opened, effect, &conversation).await;
        let activity = match told {
            Ok(Some(activity)) => activity,
            Ok(None) => return Attempt::Failed { failure: Failure::Refused, code: "entry_gone" },
            Err(error) => return self.unreadable(work, &error),
        };
        // Nobody knows what became of the attempt before: the process was killed, or its answer got
        // lost. A turn that runs twice says everything twice.
        // One that answers with its answer may be asked again: what it said is recognised by its place.
        if work.attempts > 1 && link.setup.answers == Answers::ByCall {
            match self.is_answered(work, opened, effect, &activity).await {
                Ok(false) => {}
                Ok(true) => return Attempt::Done,
                Err(error) => return self.unreadable(work, &error),
            }
        }
        let header = trace.map(|trace| trace.attempt().to_string());
        let post = Post {
            activity: activity.to_json(),
            conversation: &conversation,
            traceparent: header.as_deref(),
            within: link.setup.within,
            expects: match link.setup.answers {
                Answers::ByCall => Expects::Nothing,
                Answers::WithAnswer => Expects::Replies,
            },
        };
        match link.client.post(post).await {
            Ok(Answer::Replies(replies)) => {
                permit.answered();
                self.replied(link, (work, effect), replies, trace).await;
                Attempt::Done
            }
            Ok(Answer::Accepted | Answer::Invoke { .. }) => {
                permit.answered();
                Attempt::Done
            }
            Err(error) => {
                let now = self.clock.now();
                match &error {
                    PostError::Refused { .. } => permit.answered(),
                    PostError::Retry { .. } | PostError::Unanswered { .. } => permit.failed(now),
                }
                said_why(link, work, &error);
                let code = error.code();
                match error {
                    PostError::Retry { not_before, .. } => {
                        Attempt::again(work, now, not_before, code)
                    }
                    PostError::Unanswered { .. } => {
                        Attempt::Failed { failure: Failure::Unanswered, code }
                    }
                    PostError::Refused { .. } => {
                        Attempt::Failed { failure: Failure::Refused, code }
                    }
                }
            }
        }
    }

    /// What the bot is sent for this effect.
    async fn told(
        &self,
        link: &BotLink,
        work: &Work,
        opened: &Opened,
        effect: &Effect,
        conversation: &str,
    ) -> Result<Option<Activity>, MaterialError> {
        let visitor = self.conversation(work).await?.and_then(|conversation| conversation.visitor);
        let name = visitor.as_ref().and_then(|visitor| visitor.name.as_deref());
        let reference = visitor.as_ref().and_then(|visitor| reference_of(opened, visitor));
        let reference = reference.as_ref();
        let outgoing = Outgoing { link, key: &opened.key, conversation, reference, name };
        let decided = (effect.number, work.at);
        Ok(match &effect.what {
            What::Greet => Some(outgoing.greeting(effect.number, work.at)),
            What::ToBot { message } => {
                let entry = self.entry(work, opened, *message).await?;
                let names = match &entry {
                    Some(entry) if reference.is_some() => self.names(work, entry).await?,
                    Some(_) | None => Names::default(),
                };
                entry.and_then(|entry| outgoing.activity(&entry, names))
            }
            What::TellBot { news, after, upto, .. } => {
                let mut entries = self
                    .words_upto(work, opened, *upto, MEANWHILE_ENTRIES_MAX, Reader::Bot)
                    .await?;
                entries.retain(|entry| entry.number > *after);
                Some(outgoing.status(decided, news, &entries))
            }
            What::Ask { .. } | What::Say { .. } | What::End { .. } | What::Show { .. } => None,
        })
    }

    /// The entries that its channel's own ids in this one name.
    async fn names(&self, work: &Work, entry: &Entry) -> Result<Names, MaterialError> {
        let id = work.conversation;
        let (answers, about) = (channel::own_reply_to(entry), channel::own_about(entry));
        let read = move |store: &dyn Store| {
            let named = |shown: Option<String>| {
                shown.map_or(Ok(None), |shown| store.placed_entry(id, &shown))
            };
            Ok(Names { answers: named(answers)?, about: named(about)? })
        };
        Ok(crate::blocking(&self.store, read).await?)
    }

    /// Whether the bot has answered this activity already, as far as its answers say what they answer.
    /// To a greeting they do not (reference 3.4); then anything that it said is one.
    async fn is_answered(
        &self,
        work: &Work,
        opened: &Opened,
        effect: &Effect,
        activity: &Activity,
    ) -> Result<bool, MaterialError> {
        let newest = Number(u64::MAX);
        let entries = self.entries(work, opened, newest, ANSWERS_LOOKED_AT_MAX).await?;
        let id = activity.id();
        let answers = |entry: &Entry| {
            let payload = entry.content.payload();
            let answer = payload.and_then(|payload| Activity::parse(payload.0.as_bytes()).ok());
            answer.is_some_and(|answer| answer.reply_to_id() == id)
        };
        let mut of_bot = entries.iter().filter(|entry| entry.author == Author::Bot);
        Ok(match effect.what {
            What::Greet => of_bot.next().is_some(),
            _ => of_bot.any(answers),
        })
    }

    /// Takes in what came with the answer, in order. Each is recognised by the effect that it answers
    /// and its place, so that an attempt made twice says it once.
    async fn replied(
        &self,
        link: &BotLink,
        (work, effect): (&Work, &Effect),
        replies: Vec<Activity>,
        trace: Option<&Delivery>,
    ) {
        let answers = match &effect.what {
            What::ToBot { message } => Some(*message),
            _ => None,
        };
        for (place, reply) in replies.into_iter().enumerate() {
            let intake = Intake {
                setup: &link.setup,
                answers,
                key: SenderKey::new(&format!("bot:{}.{place}", work.number)).ok(),
                fresh: self.clock.fresh_session(),
            };
            match intake.read(reply) {
                Move::Event(event) => {
                    let target = Target::Conversation(work.conversation);
                    let arrival = Arrival::event(target, *event);
                    let arrival = arrival.traced(trace.map(Delivery::attempt));
                    // It comes only once: asked again, the bot would do everything again.
                    let taken = self.engine.submit_at_last(arrival, &self.stop).await;
                    // Its conversation may have been erased meanwhile.
                    if let Err(error) = taken
                        && !matches!(error, EngineError::NotFound)
                    {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            effect.row = work.effect.0,
                            "an answer of the bot's could not be taken in"
                        );
                    }
                }
                Move::Passing(activity) => {
                    let hint = Hint::Passing(activity.to_json().into());
                    self.wakes.wake(work.conversation, hint);
                }
                Move::Nothing => {}
            }
        }
    }
}

/// How the conversation's channel knows it, where that is one that proves people.
fn reference_of(opened: &Opened, visitor: &Visitor) -> Option<Reference> {
    if !channel::is_carried(&opened.key.channel) {
        return None;
    }
    Reference::from_json(&visitor.reference.as_ref()?.0).ok()
}

/// The sentence names the setting to look at. Not at every attempt: a bot may be away for long.
fn said_why(link: &BotLink, work: &Work, error: &PostError) {
    if work.attempts % SAID_EVERY == 1 {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            bot = link.bot.as_str(),
            attempt = work.attempts,
            "the bot did not take an activity"
        );
    }
}
