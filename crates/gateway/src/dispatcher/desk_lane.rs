//! Attempts at the desk.

use std::{sync::Arc, time::Duration};

use servicenow::{Callback, SendError};
use session::{Content, Effect, Event, Said, What, id::Number, parts};
use store::{Store, StoreError, Target, Work};

use crate::{
    desk::{
        media::{Handed, Lost, Others, Owned},
        news,
        request::{self, HISTORY_ENTRIES_MAX, Material},
        signal::ToDesk,
    },
    dispatcher::{
        DeskLink, Dispatcher, Leave, Opened, Reach, attempt::Attempt, breaker::Permit,
        words::Reader,
    },
    engine::{Arrival, EngineError},
    keeping::{Entry, KeepingError},
    notices,
    trace::{Context, Delivery},
};

/// Why a desk does not take a request is said at the first attempt and then at every so many.
const SAID_EVERY: u32 = 10;

/// How long until an attempt whose file is on its way comes back.
const FILE_PAUSE: Duration = Duration::from_millis(500);

/// Why the files of a message are not at the desk.
enum Ungiven {
    UnderWay,
    /// The desk does not take one for now.
    Later(SendError),
    /// It is our own trouble, which the desk must not pay for.
    Ours(&'static str),
}

/// Why the entries an effect names cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum MaterialError {
    #[error("the log cannot be read")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keeping(#[from] KeepingError),
}

impl Dispatcher {
    /// One attempt at any effect: the desk's here, the bot's and the channel's next door.
    pub(super) async fn attempt(
        &self,
        work: &Work,
        opened: &Opened,
        effect: &Effect,
        leave: Leave,
        trace: Option<&Delivery>,
    ) -> Attempt {
        if let What::Show { message, part, .. } = effect.what {
            return self.attempt_show(work, opened, (message, part), leave).await;
        }
        let Some((desk, _)) = effect.what.desk_lane() else {
            return self.attempt_bot(work, opened, effect, (leave, trace)).await;
        };
        let Some(link) = self.desks.get(&(opened.key.tenant.clone(), desk.clone())) else {
            // Taken out of the configuration while effects waited: an operator may put it back.
            return Attempt::again(work, self.clock.now(), None, "desk_not_configured");
        };
        self.attempt_at(link, work, opened, effect, (leave, trace)).await
    }

    fn permit(&self, link: &DeskLink, leave: Leave) -> Option<Permit> {
        match leave {
            Leave::Attempt(permit) => Some(permit),
            Leave::Free => link.gate.breaker.admit(self.clock.now()).ok(),
            Leave::Errand => None,
        }
    }

    async fn attempt_at(
        &self,
        link: &DeskLink,
        work: &Work,
        opened: &Opened,
        effect: &Effect,
        (leave, trace): (Leave, Option<&Delivery>),
    ) -> Attempt {
        // Only what the desk itself says counts for or against it: what fails here gives leave back.
        let Some(permit) = self.permit(link, leave) else {
            return Attempt::held_back(self.clock.now(), "desk_away");
        };
        let with_email = self.with_email(work, opened, effect).await;
        let effect = with_email.as_ref().unwrap_or(effect);
        let material = match self.material(work, opened, &effect.what).await {
            Ok(material) => material,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    effect.row = work.effect.0,
                    "what an effect names cannot be read"
                );
                return Attempt::again(work, self.clock.now(), None, "log_unreadable");
            }
        };
        let (now, reach) = (self.clock.now(), link.reach.get());
        let material = match self.with_files(link, (work, opened), effect, &reach, material).await {
            Ok(material) => material,
            Err(Ungiven::UnderWay) => {
                let at = self.clock.now().after(FILE_PAUSE);
                return Attempt::NotYet { at, code: "file_under_way", paced: true };
            }
            Err(Ungiven::Later(error)) => {
                let now = self.clock.now();
                permit.failed(now);
                return Attempt::of_send(&error, work, now);
            }
            Err(Ungiven::Ours(code)) => {
                drop(permit);
                return Attempt::again(work, self.clock.now(), None, code);
            }
        };
        let files = material.said.as_ref().map(|(said, _)| said.files.clone()).unwrap_or_default();
        let desk = (opened.key.tenant.clone(), link.desk.clone());
        // In the body what is the same at every attempt, in the header this one.
        let (body, header) = trace.map(|trace| (trace.context(), trace.attempt())).unzip();
        let Some(request) = request::of(effect, &opened.key, &reach.dress, material, now, body)
        else {
            return Attempt::Failed { failure: session::Failure::Refused, code: "entry_gone" };
        };
        let header = header.map(|context| context.to_string());
        match reach.client.send_traced(&request.to_bytes(), header.as_deref()).await {
            Ok(accepted) => {
                permit.answered();
                self.media.done_with(&desk, &files);
                if matches!(effect.what, What::Say { .. }) {
                    self.wakes.tell_desk(ToDesk::Spoke((*opened.key).clone()));
                }
                if let (Some(callback), Some(session)) = (accepted.callback, &work.session) {
                    let (tenant, desk) = desk;
                    let target = Target::Session { tenant, desk, session: session.clone() };
                    self.answered(target, link, callback, body).await;
                }
                Attempt::Done
            }
            Err(error) => {
                let now = self.clock.now();
                match &error {
                    SendError::Retry { .. } => permit.failed(now),
                    // A refusal is an answer, too.
                    SendError::Refused { .. } => {
                        permit.answered();
                        self.media.done_with(&desk, &files);
                    }
                }
                said_why(link, work, &error);
                Attempt::of_send(&error, work, now)
            }
        }
    }

    /// The files of a message are seen to before it goes: those that go no further are told of, and what
    /// was said with them goes all the same.
    async fn with_files(
        &self,
        link: &DeskLink,
        (work, opened): (&Work, &Opened),
        effect: &Effect,
        reach: &Arc<Reach>,
        mut material: Material,
    ) -> Result<Material, Ungiven> {
        let (What::Say { user, part, .. }, Some((said, _))) = (&effect.what, &material.said) else {
            return Ok(material);
        };
        // Of words in parts they go with the last.
        if said.files.is_empty() || part.is_some_and(|part| part + 1 < parts::to_desk(said)) {
            return Ok(material);
        }
        let desk = (opened.key.tenant.clone(), link.desk.clone());
        let owned = Owned {
            conversation: work.conversation,
            keeping: Arc::clone(&opened.keeping),
            desk: &desk,
            user: user.as_str(),
        };
        let Handed { lost, others } = self.media.handed(reach, &owned, &said.files).await;
        self.tell_lost(work, &lost).await?;
        match others {
            Others::Ready(attachments) => {
                material.attachments = attachments;
                material.lost = lost.into_iter().map(|lost| lost.name).collect();
                Ok(material)
            }
            Others::UnderWay => Err(Ungiven::UnderWay),
            Others::Later(error) => Err(Ungiven::Later(error)),
            Others::Ours(code) => Err(Ungiven::Ours(code)),
        }
    }

    /// Tells the user of files that go no further, before the message goes without them: told again, it
    /// is recognised, and not told at all it would be lost.
    async fn tell_lost(&self, work: &Work, lost: &[Lost]) -> Result<(), Ungiven> {
        for Lost { name, why, key } in lost {
            let (name, why, key) = (name.clone(), *why, key.clone());
            let event = Event::FileLost { name, why, key };
            let target = Target::Conversation(work.conversation);
            match self.engine.submit(Arrival::event(target, event)).await {
                Ok(_) => {}
                Err(error) if error.passes() => return Err(Ungiven::Ours("user_not_told")),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a user was not told that a file did not go through"
                ),
            }
        }
        Ok(())
    }

    /// In synchronous mode the answer itself is a callback (reference 4.3).
    async fn answered(
        &self,
        target: Target,
        link: &DeskLink,
        callback: Callback,
        trace: Option<Context>,
    ) {
        let claims = news::claims_of(&callback);
        self.observer.unnamed(news::unnamed(&callback));
        let (news, _) = news::read(callback, &link.reach.get().wording);
        let arrival = Arrival::callback(target, None, claims, news).traced(trace);
        // It comes only once; the attempt waits until it is taken.
        match self.engine.submit_at_last(arrival, &self.stop).await {
            // Its conversation may have been erased meanwhile.
            Ok(_) | Err(EngineError::NotFound) => {}
            Err(EngineError::Rejected(rejected)) => {
                tracing::warn!(code = rejected.code(), "a synchronous answer was refused");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "a synchronous answer could not be taken in"
            ),
        }
    }

    async fn material(
        &self,
        work: &Work,
        opened: &Opened,
        what: &What,
    ) -> Result<Material, MaterialError> {
        match what {
            What::Ask { upto, context, .. } => {
                let history = self
                    .words_upto(work, opened, *upto, HISTORY_ENTRIES_MAX, Reader::Agent)
                    .await?;
                let (mut handed, mut transcript) = (None, Vec::new());
                if let Some(number) = *context {
                    // The transcript, if one came along, is the entry before.
                    for entry in self.entries(work, opened, number, 2).await? {
                        match entry.content {
                            Content::Context(context) if entry.number == number => {
                                handed = Some(context);
                            }
                            Content::Transcript(lines) => transcript = lines,
                            _ => {}
                        }
                    }
                }
                Ok(Material { history, transcript, context: handed, ..Material::default() })
            }
            What::Say { message, .. } => {
                let said = match self.entry(work, opened, *message).await? {
                    Some(Entry { content: Content::Said(said), at, .. }) => Some((said, at)),
                    // For the agent, who reads no other notices.
                    Some(Entry { content: Content::Notice(notice), at, .. }) => {
                        Some((Said::words(notices::words(self.language, &notice)), at))
                    }
                    Some(_) | None => None,
                };
                Ok(Material { said, ..Material::default() })
            }
            What::End { .. }
            | What::Greet
            | What::ToBot { .. }
            | What::TellBot { .. }
            | What::Show { .. } => Ok(Material::default()),
        }
    }

    pub(super) async fn entry(
        &self,
        work: &Work,
        opened: &Opened,
        number: Number,
    ) -> Result<Option<Entry>, MaterialError> {
        let entries = self.entries(work, opened, number, 1).await?;
        Ok(entries.into_iter().find(|entry| entry.number == number))
    }

    pub(super) async fn entries(
        &self,
        work: &Work,
        opened: &Opened,
        upto: Number,
        limit: usize,
    ) -> Result<Vec<Entry>, MaterialError> {
        let id = work.conversation;
        let read = move |store: &dyn Store| store.entries_upto(id, upto, limit);
        let rows = crate::blocking(&self.store, read).await?;
        Ok(opened.keeping.read_entries(&self.vault, &rows)?)
    }
}

/// The sentence names the setting to look at. Not at every attempt: a desk may be away for hours.
fn said_why(link: &DeskLink, work: &Work, error: &SendError) {
    if work.attempts % SAID_EVERY == 1 {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            desk = link.desk.as_str(),
            attempt = work.attempts,
            "the desk did not take a request"
        );
    }
}
