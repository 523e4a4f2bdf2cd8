//! What an operator does with dead letters: lists, shows, resends, drops. Used by the socket's server
//! and, while no gateway runs, by the command itself.

use session::id::{SessionId, TenantId};
use store::{OutboxId, Sight};

use crate::{
    audit::{Audit, Deed, Entry, Who},
    clock::rfc3339,
    control::{
        Letter, ListLetters, OneLetter, Outcome, Refusal,
        meaning::{meaning_of, of_bot, of_channel},
    },
    engine::{Engine, EngineError, Judged, LetterOrder, WantedLetter},
    plain::plain,
};

/// Letters in a list unless asked otherwise.
pub const LETTERS_PER_LIST: usize = 20;

/// The most letters in a list: the engine looks at each of them between two batches.
pub const LETTERS_PER_LIST_MAX: usize = 200;

/// The most characters of a user's id that are shown: enough to tell two users apart who are looked
/// at side by side.
const USER_CHARS_MAX: usize = 6;

/// The dead letters, for an operator. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Letters {
    engine: Engine,
    audit: Audit,
}

impl Letters {
    pub(crate) fn new(engine: Engine, audit: Audit) -> Self {
        Self { engine, audit }
    }

    /// The newest, as far as a list goes. Each order is one line in the log.
    pub(crate) async fn list(&self, order: ListLetters) -> Outcome<Vec<Letter>> {
        let outcome = self.newest(&Sight::ALL, order.limit.min(LETTERS_PER_LIST_MAX)).await;
        log("list", None, &outcome.as_ref().map(|_| None));
        outcome
    }

    /// Does what was ordered; what it changes is durable when it answers. Each order is one line in
    /// the log.
    pub(crate) async fn carry_out(&self, order: OneLetter, who: Who) -> Outcome<Letter> {
        let outcome = self.ask(order, who, Sight::ALL).await;
        let name = match order {
            OneLetter::Show { .. } => "show",
            OneLetter::Resend { .. } => "resend",
            OneLetter::Drop { .. } => "drop",
        };
        log(name, Some(order.id()), &outcome.as_ref().map(Some));
        outcome
    }

    /// The same for somebody who writes that line in words of their own, and for whom there may be less.
    pub(crate) async fn ask(&self, order: OneLetter, who: Who, sight: Sight) -> Outcome<Letter> {
        let outcome = self.asked(order, sight).await;
        if let Some(deed) = deed_of(order) {
            let (tenant, code) = match &outcome {
                Ok(letter) => (letter.tenant.as_deref(), "done"),
                Err(refusal) => (None, refusal.code.as_str()),
            };
            let tenant = tenant.and_then(|tenant| TenantId::new(tenant).ok());
            self.audit.record_now(Entry::new(who, deed).of(tenant).with(code)).await;
        }
        outcome
    }

    /// The newest that whoever looks may see.
    pub(crate) async fn newest(&self, sight: &Sight, limit: usize) -> Outcome<Vec<Letter>> {
        let newest = LetterOrder { sight: sight.clone(), what: WantedLetter::Newest(limit) };
        let found = self.engine.letters(newest).await.map_err(|error| refusal_of(&error))?;
        Ok(found.into_iter().map(redacted).collect())
    }

    async fn asked(&self, order: OneLetter, sight: Sight) -> Outcome<Letter> {
        let what = match order {
            OneLetter::Show { id } => WantedLetter::One(OutboxId(id)),
            OneLetter::Resend { id } => WantedLetter::Resend(OutboxId(id)),
            OneLetter::Drop { id } => WantedLetter::Drop(OutboxId(id)),
        };
        let asked = LetterOrder { sight, what };
        let found = self.engine.letters(asked).await.map_err(|error| refusal_of(&error))?;
        let id = order.id();
        let judged = found.into_iter().next().ok_or_else(|| {
            Refusal::new(
                "no_such_letter",
                format!(
                    "there is no dead letter {id}: there never was, or somebody has resent or dropped \
                     it; `warmline dead-letters list` shows what there is"
                ),
            )
        })?;
        let letter = redacted(judged);
        match (order, &letter.unsendable) {
            (OneLetter::Resend { .. }, Some(refusal)) => Err(Refusal::new(
                &refusal.code,
                format!("dead letter {id} is not sent again: {}", refusal.message),
            )),
            (OneLetter::Resend { .. }, None)
            | (OneLetter::Show { .. } | OneLetter::Drop { .. }, _) => Ok(letter),
        }
    }
}

/// What of an order is written down for later: whoever only looks leaves no record.
fn deed_of(order: OneLetter) -> Option<Deed> {
    match order {
        OneLetter::Show { .. } => None,
        OneLetter::Resend { id } => Some(Deed::LetterResent { id }),
        OneLetter::Drop { id } => Some(Deed::LetterDropped { id }),
    }
}

fn redacted(judged: Judged) -> Letter {
    let Judged { letter, owner, effect, resend } = judged;
    let what = effect.as_ref().map(|effect| &effect.what);
    let desk = what.and_then(|what| what.desk_lane()).map(|(desk, _)| desk.to_string());
    let request_id = letter.session.as_ref().filter(|_| desk.is_some());
    Letter {
        id: letter.effect.0,
        at: rfc3339(letter.at),
        tenant: owner.as_ref().map(|key| key.tenant.to_string()),
        channel: owner.as_ref().map(|key| key.channel.to_string()),
        bot: owner.as_ref().map(|key| key.bot.to_string()),
        user: owner.as_ref().map(|key| shortened(&key.user)),
        desk: desk.clone(),
        effect: what.map_or("unreadable", session::What::kind).to_owned(),
        session: letter.session.as_ref().map(SessionId::to_string),
        request_id: request_id.map(|session| format!("{session}.{}", letter.number)),
        attempts: letter.attempts,
        meaning: match what {
            Some(session::What::Show { .. }) => of_channel(&letter.reason),
            Some(_) if desk.is_none() => of_bot(&letter.reason),
            Some(_) | None => meaning_of(&letter.reason),
        }
        .to_owned(),
        reason: letter.reason.into(),
        unsendable: resend.err().map(|why| Refusal::new(why.code(), why.to_string())),
    }
}

/// At most half of an id, and the sign that it goes on.
pub(crate) fn shortened(user: &str) -> String {
    let shown = (user.chars().count() / 2).min(USER_CHARS_MAX);
    let mut short = plain(user, shown);
    short.push('…');
    short
}

fn refusal_of(error: &EngineError) -> Refusal {
    match error {
        EngineError::Busy => {
            Refusal::new("busy", "the gateway is busy and nothing was done; try again in a moment")
        }
        EngineError::Stopping => Refusal::new(
            "stopping",
            "the gateway is stopping and nothing was done; try again when it has stopped",
        ),
        EngineError::Rejected(_) | EngineError::NotFound | EngineError::Failed(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "dead letters cannot be read");
            Refusal::new("failed", "the store failed and nothing was done; see the gateway's log")
        }
    }
}

/// One line for each order: who looks into it later sees what people did.
fn log(done: &'static str, id: Option<i64>, outcome: &Result<Option<&Letter>, &Refusal>) {
    let letter = outcome.ok().flatten();
    tracing::info!(
        letter.order = done,
        letter.id = id,
        letter.outcome = outcome.err().map_or("done", |refusal| refusal.code.as_str()),
        delivery.kind = letter.map(|letter| letter.effect.as_str()),
        session.id = letter.and_then(|letter| letter.session.as_deref()),
        "an operator dealt with dead letters"
    );
}
