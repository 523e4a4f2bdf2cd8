//! What an operator does with dead letters: lists, shows, resends, drops. Used by the socket's server
//! and, while no gateway runs, by the command itself.

use session::id::{SessionId, TenantId};
use store::OutboxId;

use crate::{
    audit::{Audit, Deed, Entry, Who},
    clock::rfc3339,
    control::{
        Answer, Letter, Order, Outcome, Refusal,
        meaning::{meaning_of, of_bot, of_channel},
    },
    engine::{Engine, EngineError, Judged, LetterOrder},
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

    /// Does what was ordered; what it changes is durable when it answers. Each order is one line in
    /// the log.
    pub(crate) async fn carry_out(&self, order: Order, who: Who) -> Answer {
        let outcome = self.ask(order, who).await;
        log(order, &outcome);
        outcome.into()
    }

    /// The same for somebody who writes that line in words of their own. It goes on when whoever asked
    /// is gone: what is done is put down, too.
    pub(crate) async fn ask(&self, order: Order, who: Who) -> Outcome {
        let letters = self.clone();
        let asking = tokio::spawn(async move { letters.put_down(order, who).await });
        asking.await.unwrap_or_else(|_| {
            Outcome::Error(Refusal::new("failed", "the gateway failed; see its log"))
        })
    }

    async fn put_down(&self, order: Order, who: Who) -> Outcome {
        let outcome = self.asked(order).await;
        if let Some(deed) = deed_of(order) {
            let (tenant, code) = match &outcome {
                Outcome::Letter(letter) => (letter.tenant.as_deref(), "done"),
                Outcome::Error(refusal) => (None, refusal.code.as_str()),
                Outcome::Letters(_)
                | Outcome::Secret(_)
                | Outcome::Erased(_)
                | Outcome::Files(_)
                | Outcome::FilesDropped(_)
                | Outcome::Keys(_)
                | Outcome::MasterKey => (None, "done"),
            };
            let tenant = tenant.and_then(|tenant| TenantId::new(tenant).ok());
            self.audit.record_now(Entry::new(who, deed).of(tenant).with(code)).await;
        }
        outcome
    }

    /// The newest letters of these tenants, or of all.
    pub(crate) async fn newest_of(&self, own: Option<&[TenantId]>, limit: usize) -> Outcome {
        let Some(own) = own else {
            return self.asked(Order::List { limit }).await;
        };
        match self.engine.letters(LetterOrder::NewestOf(own.into(), limit)).await {
            Ok(found) => Outcome::Letters(found.into_iter().map(redacted).collect()),
            Err(error) => Outcome::Error(refusal_of(&error)),
        }
    }

    async fn asked(&self, order: Order) -> Outcome {
        let asked = match order {
            Order::List { limit } => LetterOrder::Newest(limit.min(LETTERS_PER_LIST_MAX)),
            Order::Show { id } => LetterOrder::One(OutboxId(id)),
            Order::Resend { id } => LetterOrder::Resend(OutboxId(id)),
            Order::Drop { id } => LetterOrder::Drop(OutboxId(id)),
        };
        match self.engine.letters(asked).await {
            Ok(found) => outcome_of(order, found),
            Err(error) => Outcome::Error(refusal_of(&error)),
        }
    }
}

/// What of an order is written down for later: whoever only looks leaves no record.
fn deed_of(order: Order) -> Option<Deed> {
    match order {
        Order::List { .. } | Order::Show { .. } => None,
        Order::Resend { id } => Some(Deed::LetterResent { id }),
        Order::Drop { id } => Some(Deed::LetterDropped { id }),
    }
}

fn outcome_of(order: Order, found: Vec<Judged>) -> Outcome {
    let id = match order {
        Order::List { .. } => return Outcome::Letters(found.into_iter().map(redacted).collect()),
        Order::Show { id } | Order::Resend { id } | Order::Drop { id } => id,
    };
    let Some(judged) = found.into_iter().next() else {
        return Outcome::Error(Refusal::new(
            "no_such_letter",
            format!(
                "there is no dead letter {id}: there never was, or somebody has resent or dropped \
                 it; `warmline dead-letters list` shows what there is"
            ),
        ));
    };
    let letter = redacted(judged);
    match (order, &letter.unsendable) {
        (Order::Resend { .. }, Some(refusal)) => Outcome::Error(Refusal::new(
            &refusal.code,
            format!("dead letter {id} is not sent again: {}", refusal.message),
        )),
        (Order::Resend { .. }, None)
        | (Order::List { .. } | Order::Show { .. } | Order::Drop { .. }, _) => {
            Outcome::Letter(Box::new(letter))
        }
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
fn log(order: Order, outcome: &Outcome) {
    let (done, id) = match order {
        Order::List { .. } => ("list", None),
        Order::Show { id } => ("show", Some(id)),
        Order::Resend { id } => ("resend", Some(id)),
        Order::Drop { id } => ("drop", Some(id)),
    };
    let (result, kind, session) = match outcome {
        Outcome::Letters(_)
        | Outcome::Secret(_)
        | Outcome::Files(_)
        | Outcome::FilesDropped(_)
        | Outcome::Erased(_)
        | Outcome::Keys(_)
        | Outcome::MasterKey => ("done", None, None),
        Outcome::Letter(letter) => {
            ("done", Some(letter.effect.as_str()), letter.session.as_deref())
        }
        Outcome::Error(refusal) => (refusal.code.as_str(), None, None),
    };
    tracing::info!(
        letter.order = done,
        letter.id = id,
        letter.outcome = result,
        delivery.kind = kind,
        session.id = session,
        "an operator dealt with dead letters"
    );
}
