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
//! sent more often than [`SENDS_MAX`] times. What follows from a failure: [`mod@came_of`].

mod came_of;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bot_framework::connector::{ConnectorError, Placed, ServiceUrl};
use session::{
    Author, Conversation, Effect, Failure, What,
    id::{EffectNumber, Number},
};
use store::{Store, Work};

use came_of::{SENDS_MAX, came_of, is_sign_of_life, not_yet, said_why};

use crate::{
    behind::Links,
    channel::{self, ChannelLink, Place, Reference, Sending},
    dispatcher::{Dispatcher, Leave, Opened, attempt::Attempt, desk_lane::MaterialError},
    keeping::{Entry, Keeping},
};

/// How long one attempt at the Connector may take (design: one attempt).
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How long the roster may take, while somebody waits for a person.
const ROSTER_WITHIN: Duration = Duration::from_secs(4);

/// Why a part of words is not brought whose beginning was given up.
pub(super) const PART_MISSING: &str = "part_missing";

/// A conversation as it is spoken into.
struct Spoken {
    reference: Reference,
    to: ServiceUrl,
    /// The user was found to be gone, and gave no sign of life since.
    is_gone: bool,
}

impl Dispatcher {
    #[expect(
        clippy::too_many_lines,
        reason = "one attempt, with each reason not to make it in its turn"
    )]
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
        match self.is_cut(work, part).await {
            Ok(false) => {}
            Ok(true) => {
                return Attempt::Failed { failure: Failure::Struck, code: PART_MISSING };
            }
            Err(error) => return self.not_readable(work, &error),
        }
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

    /// Whether a part of the same words that stands before this one was given up: what follows would be read as if
    /// nothing were missing. The parts of words are ordered together, so their numbers follow each other.
    async fn is_cut(&self, work: &Work, part: u16) -> Result<bool, MaterialError> {
        if part == 0 {
            return Ok(false);
        }
        let (id, number) = (work.conversation, work.number);
        let first = EffectNumber(number.0.saturating_sub(part.into()));
        let read = move |store: &dyn Store| store.has_dead_letter(id, first..number);
        Ok(crate::blocking(&self.store, read).await?)
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
        let pictures = self.pictures(opened, (entry, part), &links).await;
        let place = Place {
            reference: &spoken.reference,
            channel: opened.key.channel.as_str(),
            language: self.language,
            links: Some(&links),
            pictures: &pictures,
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
