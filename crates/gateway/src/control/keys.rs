//! What an operator does with keys: sees how far they are, rotates and retires them.

use std::{path::Path, sync::Arc};

use secrecy::ExposeSecret;
use vault::{MasterKey, RootSeen, Vault};

use crate::{
    app::{StartError, open_alone, this_command},
    audit::{self, Deed, Entry, KeyKind, Who},
    clock::Clock,
    control::{
        Answer, Orders, Outcome, Refusal,
        wire::{KeyOrder, Understood},
    },
    keys::{KeysError, KeysSeen, NEW_MASTER, Ring, line_of},
};

/// Does what was ordered; what it changes is durable when it answers.
pub(super) async fn carry_out(orders: &Orders, order: KeyOrder, who: Who) -> Answer {
    let (keys, order) = (&orders.keys, Arc::new(order));
    let roots = keys.ring.roots();
    let done = match &*order {
        KeyOrder::KeysStatus => keys.seen().await.map(Some),
        KeyOrder::RotateKeys => match keys.rotate().await {
            Ok(_) => keys.seen().await.map(Some),
            Err(error) => Err(error),
        },
        KeyOrder::RetireKey { root } => match keys.retire(root).await {
            Ok(()) => keys.seen().await.map(Some),
            Err(error) => Err(error),
        },
        KeyOrder::BeginMaster { .. } | KeyOrder::FinishMaster { .. } => {
            let order = Arc::clone(&order);
            keys.change_master(move |ring| master(ring, &order)).await.map(|()| None)
        }
    };
    for entry in entries_of(&order, &who, &roots, &keys.ring.vault, &done) {
        orders.audit.record_now(entry).await;
    }
    let outcome = outcome_of(done);
    tracing::info!(
        keys.order = order.name(),
        refused = matches!(outcome, Outcome::Error(_)),
        "an operator dealt with keys"
    );
    outcome.into()
}

/// What the audit trail has of an order, also of one that was not carried out. `roots` are those that
/// there were before it.
fn entries_of<T>(
    order: &KeyOrder,
    who: &Who,
    roots: &[RootSeen],
    vault: &Vault,
    done: &Result<T, KeysError>,
) -> Vec<Entry> {
    // A master key has no name that is shown.
    let master = || Deed::KeyRotated { kind: KeyKind::Master, id: NEW_MASTER.into() };
    let root = || {
        let id = vault.current().to_string().into();
        Deed::KeyRotated { kind: KeyKind::Data, id }
    };
    let (deed, code) = match order {
        KeyOrder::KeysStatus => return Vec::new(),
        KeyOrder::RotateKeys => (root(), "done"),
        KeyOrder::RetireKey { root } => {
            let known = roots.iter().map(|seen| seen.id.to_string()).find(|id| id == root);
            let id = known.map_or_else(|| audit::UNKNOWN.into(), Into::into);
            (Deed::KeyRetired { id }, "done")
        }
        KeyOrder::BeginMaster { .. } => (master(), "begun"),
        KeyOrder::FinishMaster { .. } => (master(), "done"),
    };
    let outcome = done.as_ref().map_or_else(KeysError::code, |_| code);
    let mut entries = vec![Entry::new(who.clone(), deed).with(outcome)];
    let was_current = roots.last().map(|seen| seen.id);
    if matches!(order, KeyOrder::BeginMaster { .. }) && was_current != Some(vault.current()) {
        entries.push(Entry::new(who.clone(), root()).with("done"));
    }
    entries
}

/// The same on data that no gateway is using. What is to be sealed anew is, by the gateway that starts
/// there next. Blocks.
pub fn keys_without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: &Clock,
    line: &[u8],
) -> Result<Answer, StartError> {
    let order = match super::wire::read(line) {
        Ok(Understood::Keys(order)) => order,
        Ok(
            Understood::Letters(_)
            | Understood::Secret(_)
            | Understood::Files(_)
            | Understood::Person(_),
        ) => {
            return Ok(Refusal::new("bad_request", "this is no order about keys").into());
        }
        Err(refusal) => return Ok(refusal.into()),
    };
    let store = open_alone(data_dir, &vault)?;
    let ring = Ring::new(Arc::clone(&store), Arc::new(vault), clock.clone());
    let roots = ring.roots();
    let done = match &order {
        KeyOrder::KeysStatus => seen(&ring).map(Some),
        KeyOrder::RotateKeys => ring.rotate().and_then(|_| seen(&ring)).map(Some),
        KeyOrder::RetireKey { .. } => Err(KeysError::NeedsGateway),
        KeyOrder::BeginMaster { .. } | KeyOrder::FinishMaster { .. } => {
            master(&ring, &order).map(|()| None)
        }
    };
    for entry in entries_of(&order, &this_command(), &roots, &ring.vault, &done) {
        audit::record_alone(Arc::clone(&store), &ring.vault, clock, entry)?;
    }
    Ok(outcome_of(done).into())
}

fn seen(ring: &Ring) -> Result<KeysSeen, KeysError> {
    let left = ring.left()?;
    Ok(KeysSeen {
        roots: ring.roots().iter().map(|root| line_of(root, None)).collect(),
        percent: if left.all() == 0 { 100 } else { 0 },
        left,
        unreadable: 0,
        files: None,
        master_key_changes: ring.vault.master_changes(),
    })
}

fn master(ring: &Ring, order: &KeyOrder) -> Result<(), KeysError> {
    let key = |text: &secrecy::SecretString| {
        MasterKey::from_hex(text.expose_secret()).map_err(|_| KeysError::WrongMasterKey)
    };
    match order {
        KeyOrder::BeginMaster { in_use, next } => ring.begin_master(&key(in_use)?, &key(next)?),
        KeyOrder::FinishMaster { newest } => ring.finish_master(&key(newest)?),
        KeyOrder::KeysStatus | KeyOrder::RotateKeys | KeyOrder::RetireKey { .. } => Ok(()),
    }
}

fn outcome_of(done: Result<Option<KeysSeen>, KeysError>) -> Outcome {
    match done {
        Ok(Some(seen)) => Outcome::Keys(Box::new(seen)),
        Ok(None) => Outcome::MasterKey,
        Err(error) => {
            if matches!(error, KeysError::Store(_) | KeysError::Seal(_)) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "an order about keys failed"
                );
            }
            Outcome::Error(Refusal::new(error.code(), error.to_string()))
        }
    }
}
