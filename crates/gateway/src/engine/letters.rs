//! Dead letters, looked at and dealt with by a person: between two batches, each order in a
//! transaction of its own.
//!
//! Orders run on the engine's thread. So what one of them finds is not changed by anybody until it
//! is done, and of two people who want the same letter only the first gets it.

use std::sync::Arc;

use session::{Effect, TooLate, id::ConversationKey, resendable};
use store::{Changes, DeadLetter, LaneKey, OutboxId, Person, Resend, Sight, Target, Transaction};

use crate::{
    engine::{BatchError, Tools, batch::transact},
    keeping::Keeping,
};

/// What a person wants of dead letters, as far as there are any for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LetterOrder {
    /// What they may see.
    pub(crate) sight: Sight,
    /// What they want.
    pub(crate) what: WantedLetter,
}

/// To see letters, or to deal with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedLetter {
    /// To see the newest, at most so many.
    Newest(usize),
    /// To see one.
    One(OutboxId),
    /// To have one sent again.
    Resend(OutboxId),
    /// To have one forgotten.
    Drop(OutboxId),
}

/// Why a letter cannot be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsendable {
    /// The rules of the session forbid it.
    #[error(transparent)]
    TooLate(#[from] TooLate),
    /// Its body or its conversation's state does not open.
    #[error(
        "it cannot be read: it is damaged, or its conversation is gone; drop it if it stays so \
         after an update"
    )]
    Unreadable,
}

impl Unsendable {
    /// The machine code; stable.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TooLate(why) => why.code(),
            Self::Unreadable => "unreadable",
        }
    }
}

/// A dead letter, opened as far as it can be.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// As the store keeps it.
    pub(crate) letter: DeadLetter,
    /// Whose it is; `None` when its conversation is gone.
    pub(crate) owner: Option<Arc<ConversationKey>>,
    /// What was to be done; `None` when nobody can read it.
    pub(crate) effect: Option<Effect>,
    /// Whether it may be sent again.
    pub(crate) resend: Result<(), Unsendable>,
}

/// What an order leads to.
pub(super) struct Found {
    /// The letters it is about; none where there is none. One that was to be sent again and may not
    /// be says so itself.
    pub(super) letters: Vec<Judged>,
    /// The lane that has work again.
    pub(super) lane: Option<LaneKey>,
}

/// Carries an order out; when this returns it is durable.
pub(super) fn carry_out(tools: &Tools, order: &LetterOrder) -> Result<Found, BatchError> {
    transact(&*tools.store, |tx| in_transaction(tools, order, tx))
}

fn in_transaction(
    tools: &Tools,
    order: &LetterOrder,
    tx: &mut dyn Transaction,
) -> Result<Found, BatchError> {
    let LetterOrder { sight, what } = order;
    let letters = match what {
        WantedLetter::Newest(limit) => tools.store.dead_letters(sight, *limit)?,
        WantedLetter::One(id) | WantedLetter::Resend(id) | WantedLetter::Drop(id) => {
            tools.store.dead_letter(*id, sight)?.into_iter().collect()
        }
    };
    let judged = letters.into_iter().map(|letter| judge(tools, letter, tx));
    let letters: Vec<Judged> = judged.collect::<Result<_, _>>()?;
    let (mut changes, mut lane) = (Changes::default(), None);
    match (what, letters.first()) {
        (WantedLetter::Resend(id), Some(judged)) if judged.resend.is_ok() => {
            if let Some(again) = again(tools, *id, judged) {
                changes.resent.push(again);
                lane = Some(judged.letter.lane.clone());
            }
        }
        (WantedLetter::Drop(id), Some(_)) => changes.buried.push(*id),
        (
            WantedLetter::Newest(_)
            | WantedLetter::One(_)
            | WantedLetter::Resend(_)
            | WantedLetter::Drop(_),
            _,
        ) => {}
    }
    tx.save(&changes)?;
    Ok(Found { letters, lane })
}

/// With the whole budget of its kind.
fn again(tools: &Tools, id: OutboxId, judged: &Judged) -> Option<Resend> {
    let (owner, effect) = (judged.owner.as_ref()?, judged.effect.as_ref()?);
    let policies = tools.policies.get();
    let policy = policies.of(&owner.tenant, &owner.bot)?;
    let expires_at = tools.clock.now().after(policy.within(&effect.what));
    Some(Resend { effect: id, expires_at })
}

fn judge(
    tools: &Tools,
    letter: DeadLetter,
    tx: &mut dyn Transaction,
) -> Result<Judged, BatchError> {
    let found = tx.resolve(&[&Target::Conversation(letter.conversation)])?.into_iter().next();
    let Some(row) = found.flatten().map(|resolved| resolved.conversation) else {
        let resend = Err(Unsendable::Unreadable);
        return Ok(Judged { letter, owner: None, effect: None, resend });
    };
    let owner = row.key;
    let keeping = Keeping::new(&tools.vault, &owner)?;
    let effect = keeping.read_effect(letter.number, &letter.body).ok();
    let state = row.state.as_deref().and_then(|sealed| keeping.read_state(sealed).ok());
    let known = tools.policies.get().of(&owner.tenant, &owner.bot).is_some();
    let resend = match (&effect, state) {
        (Some(effect), Some(kept)) if known => {
            let holder = match effect.what.desk_lane() {
                Some((desk, user)) => {
                    let (tenant, desk, user) = (owner.tenant.clone(), desk.clone(), user.clone());
                    tx.holder(&Person { tenant, desk, user })?
                }
                None => None,
            };
            resendable(&kept.conversation, &effect.what, holder.as_ref()).map_err(Into::into)
        }
        _ => Err(Unsendable::Unreadable),
    };
    Ok(Judged { letter, owner: Some(owner), effect, resend })
}
