//! What an operator does with keys: sees how far they are, rotates and retires them.

use std::{path::Path, sync::Arc};

use secrecy::ExposeSecret;
use vault::{MasterKey, Vault};

use crate::{
    app::{StartError, open_alone, this_command},
    audit::{self, Deed, Entry, KeyKind, Who},
    clock::Clock,
    control::{
        Answer, Orders, Outcome, Refusal,
        wire::{KeyOrder, Understood},
    },
    keys::{KeysError, KeysSeen, Ring, line_of},
};

/// Does what was ordered; what it changes is durable when it answers.
pub(super) async fn carry_out(orders: &Orders, order: KeyOrder, who: Who) -> Answer {
    let (keys, name) = (&orders.keys, order.name());
    let rotated = rotated(&order);
    let done = match order {
        KeyOrder::KeysStatus => keys.seen().await.map(Some),
        KeyOrder::RotateKeys => match keys.rotate().await {
            Ok(_) => keys.seen().await.map(Some),
            Err(error) => Err(error),
        },
        KeyOrder::RetireKey { root } => match keys.retire(&root).await {
            Ok(()) => keys.seen().await.map(Some),
            Err(error) => Err(error),
        },
        KeyOrder::BeginMaster { .. } | KeyOrder::FinishMaster { .. } => {
            keys.change(move |ring| master(ring, &order)).await.map(|()| None)
        }
    };
    if let (Ok(_), Some(kind)) = (&done, rotated) {
        let deed = deed(kind, &keys.ring.vault);
        orders.audit.record_now(Entry::new(who, deed)).await;
    }
    let outcome = outcome_of(done);
    tracing::info!(
        keys.order = name,
        refused = matches!(outcome, Outcome::Error(_)),
        "an operator dealt with keys"
    );
    outcome.into()
}

/// What an order rotates, when it is carried out.
fn rotated(order: &KeyOrder) -> Option<KeyKind> {
    match order {
        KeyOrder::RotateKeys => Some(KeyKind::Data),
        KeyOrder::FinishMaster { .. } => Some(KeyKind::Master),
        KeyOrder::KeysStatus | KeyOrder::RetireKey { .. } | KeyOrder::BeginMaster { .. } => None,
    }
}

fn deed(kind: KeyKind, vault: &Vault) -> Deed {
    // A master key has no name that is shown.
    let id = if kind == KeyKind::Data { vault.current().to_string() } else { "new".to_owned() };
    Deed::KeyRotated { kind, id: id.into() }
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
    let done = match &order {
        KeyOrder::KeysStatus => seen(&ring).map(Some),
        KeyOrder::RotateKeys => ring.rotate().and_then(|_| seen(&ring)).map(Some),
        KeyOrder::RetireKey { .. } => Err(KeysError::NeedsGateway),
        KeyOrder::BeginMaster { .. } | KeyOrder::FinishMaster { .. } => {
            master(&ring, &order).map(|()| None)
        }
    };
    if let (Ok(_), Some(kind)) = (&done, rotated(&order)) {
        let deed = deed(kind, &ring.vault);
        audit::record_alone(store, &ring.vault, clock, Entry::new(this_command(), deed))?;
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
