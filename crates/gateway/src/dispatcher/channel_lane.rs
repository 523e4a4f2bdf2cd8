//! Attempts at bringing users what is in the log, through the Connector.
//!
//! To create an activity is not idempotent and has no key (reference 2.5). So what an attempt counts
//! for depends on what became of it:
//!
//! | came of it | counts as made | then |
//! | --- | --- | --- |
//! | surely not taken (429, 412, nobody there, no token) | no | again, as often as its time allows |
//! | perhaps taken (no answer, 5xx) | yes | once more, and then given up |
//! | nothing is known: killed meanwhile | yes | the same |
//! | refused | – | given up |
//!
//! An attempt counts as made from the moment it is claimed, durably; so whatever happens, nothing is
//! sent more often than [`SENDS_MAX`] times.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bot_framework::connector::{ConnectorError, Placed, ServiceUrl};
use session::{
    Author, Conversation, Effect, Failure, What,
    id::{Number, Timestamp},
};
use store::{Store, Work};

use crate::{
    behind::Links,
    channel::{self, ChannelLink, Place, Reference, Sending},
    dispatcher::{Dispatcher, Leave, Opened, attempt::Attempt, desk_lane::MaterialError},
    keeping::{Entry, Keeping},
};

/// How often something is sent that may have arrived: once, and once more.
const SENDS_MAX: u32 = 2;

/// How long one attempt at the Connector may take (design: one attempt).
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How long the roster may take, while somebody waits for a person.
const ROSTER_WITHIN: Duration = Duration::from_secs(4);

/// How long until what may have arrived is sent once more: not into the same trouble. Later, if the
/// Connector asks for it.
const ONCE_MORE_AFTER: Duration = Duration::from_secs(10);

/// The shortest and the longest pause after an attempt that was not taken, unless the Connector says.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));

/// Why the Connector does not take something is said at the first attempt and then at every so many.
const SAID_EVERY: u32 = 10;

/// A conversation as it is spoken into.
struct Spoken {
    reference: Reference,
    to: ServiceUrl,
    /// The user was found to be gone, and gave no sign of life since.
    is_gone: bool,
}

impl Dispatcher {
    pub(super) async fn attempt_show(
        &self,
        work: &Work,
        opened: &Opened,
        (message, part): (Number, u16),
        leave: Leave,
    ) -> Attempt {
        let (now, key) = (self.clock.now(), &opened.key);
        let channels = self.channels.get();
        let Some(link) = channels.of(&key.tenant, &key.bot) else {
            // Taken out of the configuration while effects waited: an operator may put it back.
            return not_yet(work, now, None, "channel_not_configured");
        };
        if work.attempts > SENDS_MAX {
            return Attempt::Failed { failure: Failure::Unanswered, code: "unanswered" };
        }
        let permit = match leave {
            Leave::Attempt(permit) => Some(permit),
            Leave::Free => link.gate.breaker.admit(now).ok(),
            Leave::Errand => None,
        };
        let Some(permit) = permit else { return Attempt::held_back(now, "channel_away") };
        let entry = match self.entry(work, opened, message).await {
            Ok(Some(entry)) => entry,
            // Shredded meanwhile: there is nothing left to show.
            Ok(None) => return Attempt::Done,
            Err(error) => return self.not_readable(work, &error),
        };
        let spoken = match self.spoken(link, work).await {
            // Known to be gone, and not tried in vain again and again; only the bot may.
            Ok(Ok(Spoken { is_gone: true, .. })) if entry.author != Author::Bot => {
                return Attempt::Failed { failure: Failure::Struck, code: "user_unreachable" };
            }
            Ok(Ok(spoken)) => spoken,
            Ok(Err(code)) => return Attempt::Failed { failure: Failure::Refused, code },
            Err(error) => return self.not_readable(work, &error),
        };
        let sending = match self.sending(link, work, opened, (&entry, part), &spoken).await {
            Ok(sending) => sending,
            Err(error) => return self.not_readable(work, &error),
        };
        if matches!(sending, Sending::Nothing) {
            return Attempt::Done;
        }
        let conversation = spoken.reference.conversation_id();
        let tenant = spoken.reference.tenant.as_deref();
        let is_teams = channel::is_teams(&key.channel);
        if is_teams && let Err(wait) = link.may_leave(work.conversation, tenant) {
            return Attempt::NotYet { at: now.after(wait), code: "paced", paced: true };
        }
        let creates = matches!(sending, Sending::Send(_) | Sending::Reply { .. });
        let deletes = matches!(sending, Sending::Delete { .. });
        let told = sent(link, &spoken.to, &conversation, sending).await;
        let now = self.clock.now();
        match told {
            Ok(placed) => {
                permit.answered();
                match placed.id.filter(|_| creates && part == 0) {
                    Some(id) => Attempt::Placed { number: message, placed_as: id.into() },
                    None => Attempt::Done,
                }
            }
            // It was taken back already, perhaps by an attempt whose answer got lost.
            Err(ConnectorError::Refused { code: "activity_not_found", .. }) if deletes => {
                permit.answered();
                Attempt::Done
            }
            Err(error) => {
                if is_sign_of_life(&error) {
                    permit.answered();
                } else {
                    permit.failed(now);
                }
                said_why(link, work, &error);
                came_of(work, now, &error)
            }
        }
    }

    /// Where and to whom the conversation is spoken into, or why it cannot be: a code.
    async fn spoken(
        &self,
        link: &ChannelLink,
        work: &Work,
    ) -> Result<Result<Spoken, &'static str>, MaterialError> {
        let Some(conversation) = self.conversation(work).await? else {
            return Ok(Err("entry_gone"));
        };
        let is_gone = conversation.unreachable;
        let kept = conversation.visitor.and_then(|visitor| visitor.reference);
        let Some(reference) = kept.and_then(|kept| Reference::from_json(&kept.0).ok()) else {
            return Ok(Err("no_reference"));
        };
        Ok(match link.connector.may_call(&reference.service_url) {
            Ok(to) => Ok(Spoken { reference, to, is_gone }),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    bot = link.bot.as_str(),
                    "a conversation's serviceUrl is not trusted any more"
                );
                Err(error.code())
            }
        })
    }

    /// The state of the effect's conversation.
    pub(super) async fn conversation(
        &self,
        work: &Work,
    ) -> Result<Option<Conversation>, MaterialError> {
        let id = work.conversation;
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await?;
        let Some((key, state)) = row.and_then(|row| Some((row.key, row.state?))) else {
            return Ok(None);
        };
        Ok(Some(Keeping::new(&self.vault, &key)?.read_state(&state)?.conversation))
    }

    /// What the Connector is sent for an entry.
    async fn sending(
        &self,
        link: &ChannelLink,
        work: &Work,
        opened: &Opened,
        (entry, part): (&Entry, u16),
        spoken: &Spoken,
    ) -> Result<Sending, MaterialError> {
        let refers_to = channel::refers_to(entry);
        let id = match refers_to {
            Some(number) => self.id_there(work, opened, number).await?,
            None => None,
        };
        let links = self.links(link, work, opened);
        let place = Place {
            reference: &spoken.reference,
            channel: opened.key.channel.as_str(),
            language: self.language,
            links: Some(&links),
        };
        if let Some(asking) = self.asking(link, (work, opened), (entry, part), &place).await {
            return Ok(asking);
        }
        Ok(place.sending(entry, part, |number| id.clone().filter(|_| refers_to == Some(number))))
    }

    /// What the addresses of a bot's attachments become.
    fn links(&self, link: &ChannelLink, work: &Work, opened: &Opened) -> Links {
        let (tenant, bot) = (link.tenant.clone(), link.bot.clone());
        let (files, handles) = (Arc::clone(&self.files), self.handles.clone());
        let desk = self.media.links(&opened.key, work.conversation);
        Links { files, handles, tenant, bot, base: link.base.clone(), desk }
    }

    /// The channel's own id of what stands in this entry: what it gave the user's words, or how it
    /// shows ours.
    async fn id_there(
        &self,
        work: &Work,
        opened: &Opened,
        number: Number,
    ) -> Result<Option<String>, MaterialError> {
        if let Some(entry) = self.entry(work, opened, number).await?
            && entry.author == Author::User
        {
            return Ok(channel::own_id(&entry));
        }
        let id = work.conversation;
        let read = move |store: &dyn Store| store.placed_as(id, number);
        Ok(crate::blocking(&self.store, read).await?.map(String::from))
    }

    /// The same request with the address of the person, from their channel's roster: the desk knows
    /// people by it. It is asked for when a chat begins, and remembered; without an answer the chat goes
    /// without.
    pub(super) async fn with_email(
        &self,
        work: &Work,
        opened: &Opened,
        effect: &Effect,
    ) -> Option<Effect> {
        let begins = match effect.what {
            What::Ask { email: None, .. } => true,
            What::Say { email: None, .. } => false,
            _ => return None,
        };
        if !channel::is_teams(&opened.key.channel) {
            return None;
        }
        let channels = self.channels.get();
        let link = channels.of(&opened.key.tenant, &opened.key.bot)?;
        let mut effect = effect.clone();
        let known = link.people.of(work.conversation, Instant::now());
        if let (What::Say { email, .. }, Some(known)) = (&mut effect.what, known) {
            *email = known.map(String::from);
            return Some(effect);
        }
        let spoken = self.spoken(link, work).await.ok()?.ok()?;
        let member = &spoken.reference.user.id;
        let conversation = spoken.reference.conversation_id();
        let asked = link.connector.member(&spoken.to, &conversation, member, ROSTER_WITHIN).await;
        let asked = asked.inspect_err(|error| {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                bot = link.bot.as_str(),
                begins,
                "the roster does not tell who talks to a person; the desk gets no e-mail address"
            );
        });
        let (address, called) = match asked {
            Ok(member) => (member.email.or(member.user_principal_name), member.name),
            Err(_) => (None, None),
        };
        let kept = address.as_deref().map(Box::from);
        link.people.keep(work.conversation, kept, Instant::now());
        match &mut effect.what {
            What::Ask { email, name, .. } => {
                *email = address;
                *name = name.take().or(called);
            }
            What::Say { email, .. } => *email = address,
            _ => {}
        }
        Some(effect)
    }

    fn not_readable(&self, work: &Work, error: &MaterialError) -> Attempt {
        tracing::error!(
            error = error as &dyn std::error::Error,
            effect.row = work.effect.0,
            "what is for a user cannot be read"
        );
        not_yet(work, self.clock.now(), None, "log_unreadable")
    }
}

async fn sent(
    link: &ChannelLink,
    to: &ServiceUrl,
    conversation: &str,
    sending: Sending,
) -> Result<Placed, ConnectorError> {
    let connector = &link.connector;
    match sending {
        Sending::Send(activity) => connector.send(to, conversation, activity, SEND_WITHIN).await,
        Sending::Reply { to: answered, activity } => {
            let reply = activity.clone();
            match connector.reply(to, conversation, &answered, reply, SEND_WITHIN).await {
                // What it answers was taken back; the answer still stands.
                Err(ConnectorError::Refused { code: "activity_not_found", .. }) => {
                    connector.send(to, conversation, activity, SEND_WITHIN).await
                }
                told => told,
            }
        }
        Sending::Update { id, activity } => {
            connector.update(to, conversation, &id, activity, SEND_WITHIN).await
        }
        Sending::Delete { id } => {
            connector.delete(to, conversation, &id, SEND_WITHIN).await.map(|()| Placed { id: None })
        }
        Sending::Nothing => Ok(Placed { id: None }),
    }
}

/// What follows from a failure.
fn came_of(work: &Work, now: Timestamp, error: &ConnectorError) -> Attempt {
    let code = error.code();
    match error {
        ConnectorError::NotTaken { not_before, .. } => not_yet(work, now, *not_before, code),
        ConnectorError::Ambiguous { not_before, .. } if work.attempts < SENDS_MAX => {
            let after = not_before.unwrap_or_default().max(ONCE_MORE_AFTER);
            Attempt::Again { at: now.after(after), code, made: true }
        }
        ConnectorError::Ambiguous { .. } => Attempt::Failed { failure: Failure::Unanswered, code },
        ConnectorError::Gone { .. } => Attempt::Failed { failure: Failure::Gone, code },
        ConnectorError::TooLarge { .. } | ConnectorError::Refused { .. } => {
            Attempt::Failed { failure: Failure::Refused, code }
        }
    }
}

/// Attempts that do not count cannot tell how long to wait; the effect's age does: each pause is half
/// of it.
fn not_yet(work: &Work, now: Timestamp, asked: Option<Duration>, code: &'static str) -> Attempt {
    let (shortest, longest) = PAUSES;
    let pause =
        (now.since(work.at) / 2).clamp(shortest, longest).mul_f64(0.75 + fastrand::f64() / 2.0);
    let at = now.after(asked.map_or(pause, |asked| asked.max(pause)));
    Attempt::NotYet { at, code, paced: false }
}

/// Whether the Connector itself said no, and not that nobody could ask it.
fn is_sign_of_life(error: &ConnectorError) -> bool {
    match error {
        ConnectorError::NotTaken { code, .. } => matches!(*code, "throttled" | "busy_conversation"),
        ConnectorError::Ambiguous { .. } => false,
        ConnectorError::Gone { .. }
        | ConnectorError::TooLarge { .. }
        | ConnectorError::Refused { .. } => true,
    }
}

/// The sentence says what to look at. Not at every attempt: a Connector may be away for long.
fn said_why(link: &ChannelLink, work: &Work, error: &ConnectorError) {
    if work.attempts % SAID_EVERY == 1 {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            bot = link.bot.as_str(),
            attempt = work.attempts,
            "the Connector did not take an activity"
        );
    }
}

#[cfg(test)]
mod tests {
    use session::id::EffectNumber;
    use store::{ConversationId, LaneKey, OutboxId};

    use super::*;
    use crate::dispatcher::attempt::within_budget;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// Decided ten seconds ago, with a minute left.
    fn work(attempts: u32) -> Work {
        Work {
            effect: OutboxId(1),
            conversation: ConversationId(1),
            number: EffectNumber(1),
            lane: LaneKey("channel".into()),
            session: None,
            body: Vec::new(),
            attempts,
            at: Timestamp(NOW.0 - 10_000),
            expires_at: Timestamp(NOW.0 + 60_000),
            struck: false,
            trace: None,
        }
    }

    fn not_taken(not_before: Option<Duration>) -> ConnectorError {
        ConnectorError::NotTaken { code: "throttled", not_before, sentence: String::new() }
    }

    fn ambiguous() -> ConnectorError {
        let (code, not_before, sentence) = ("channel_failed", None, String::new());
        ConnectorError::Ambiguous { code, not_before, sentence }
    }

    #[test]
    fn what_may_have_arrived_is_sent_once_more_and_then_given_up() {
        let first = came_of(&work(1), NOW, &ambiguous());
        let Attempt::Again { at, made: true, .. } = first else { panic!("{first:?}") };
        assert_eq!(at, NOW.after(ONCE_MORE_AFTER));
        let second = came_of(&work(SENDS_MAX), NOW, &ambiguous());
        assert!(
            matches!(second, Attempt::Failed { failure: Failure::Unanswered, .. }),
            "{second:?}"
        );
    }

    #[test]
    fn what_was_not_taken_does_not_count_and_waits_as_long_as_it_is_asked_to() {
        for attempts in [1, SENDS_MAX] {
            let came = came_of(&work(attempts), NOW, &not_taken(None));
            let Attempt::NotYet { at, paced: false, .. } = came else { panic!("{came:?}") };
            // Half its age, give or take a quarter.
            let wait = at.since(NOW);
            assert!((3_750..=6_250).contains(&wait.as_millis()), "{wait:?}");
        }
        let came = came_of(&work(1), NOW, &not_taken(Some(Duration::from_secs(30))));
        let Attempt::NotYet { at, .. } = came else { panic!("{came:?}") };
        assert_eq!(at, NOW.after(Duration::from_secs(30)));
    }

    #[test]
    fn it_waits_to_the_end_of_its_budget_and_no_longer() {
        let came = came_of(&work(1), NOW, &not_taken(Some(Duration::from_secs(61))));
        let came = within_budget(came, &work(1), NOW);
        let Attempt::NotYet { at, .. } = came else { panic!("{came:?}") };
        assert_eq!(at, work(1).expires_at);
        let came = within_budget(came_of(&work(1), at, &not_taken(None)), &work(1), at);
        assert!(matches!(came, Attempt::Failed { failure: Failure::Expired, .. }), "{came:?}");
    }

    #[test]
    fn a_user_who_is_gone_is_told_apart_from_a_message_that_is_refused() {
        let sentence = String::new;
        let gone = ConnectorError::Gone { code: "blocked_by_user", sentence: sentence() };
        let large = ConnectorError::TooLarge { code: "message_too_large", sentence: sentence() };
        let refused =
            ConnectorError::Refused { code: "bad_argument", status: 400, sentence: sentence() };
        for (error, failure) in
            [(gone, Failure::Gone), (large, Failure::Refused), (refused, Failure::Refused)]
        {
            assert!(is_sign_of_life(&error), "the Connector is there");
            let came = came_of(&work(1), NOW, &error);
            let Attempt::Failed { failure: found, .. } = came else { panic!("{came:?}") };
            assert_eq!(found, failure);
        }
        assert!(is_sign_of_life(&not_taken(None)) && !is_sign_of_life(&ambiguous()));
    }
}
