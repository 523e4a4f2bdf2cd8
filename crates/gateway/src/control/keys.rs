//! What an operator does with keys: sees how far they are, rotates and retires them.

use std::{path::Path, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use vault::{MasterKey, RootId, RootSeen, Vault};

use crate::{
    app::{StartError, open_alone, this_command},
    audit::{self, Deed, Entry, KeyKind, Who},
    clock::Clock,
    control::{KeysOrder, MasterKeys, MasterOrder, Orders, Outcome, Refusal},
    edge::direct_line::private::ring as message_keys,
    keys::{KeysError, KeysSeen, NEW_MASTER, Ring, line_of},
};

/// Does what was ordered; what it changes is durable when it answers.
pub(super) async fn carry_out(orders: &Orders, order: KeysOrder, who: Who) -> Outcome<KeysSeen> {
    let keys = &orders.keys;
    let roots = keys.ring.roots();
    let changed = match &order {
        KeysOrder::KeysStatus => Ok(()),
        KeysOrder::RotateKeys => keys.rotate().await.map(|_| ()),
        KeysOrder::RetireKey { root } => keys.retire(root).await,
        KeysOrder::RotateMessages => orders.messages.rotate().await.map(|_| ()),
    };
    let seen = keys.seen().await;
    let newest = newest_message_key(seen.as_ref().ok());
    let done = changed.and(seen);
    if let Some(entry) = entry_of(&order, who, &roots, (&keys.ring.vault, newest), &done) {
        orders.audit.record_now(entry).await;
    }
    let name = match order {
        KeysOrder::KeysStatus => "status",
        KeysOrder::RotateKeys => "rotate",
        KeysOrder::RetireKey { .. } => "retire",
        KeysOrder::RotateMessages => "rotate_messages",
    };
    told(name, done)
}

/// The same of the master key.
pub(super) async fn change_master(
    orders: &Orders,
    order: MasterOrder,
    who: Who,
) -> Outcome<MasterKeys> {
    let (name, put_down) = (name_of(&order), code_of(&order));
    let done = orders.keys.change_master(move |ring| master(ring, &order)).await;
    for entry in master_entries(put_down, &who, &done) {
        orders.audit.record_now(entry).await;
    }
    told(name, done.map(|_| MasterKeys))
}

fn name_of(order: &MasterOrder) -> &'static str {
    match order {
        MasterOrder::BeginMaster { .. } => "begin_master",
        MasterOrder::FinishMaster { .. } => "finish_master",
    }
}

/// How the audit trail calls it when it is done.
fn code_of(order: &MasterOrder) -> &'static str {
    match order {
        MasterOrder::BeginMaster { .. } => "begun",
        MasterOrder::FinishMaster { .. } => "done",
    }
}

/// One line in the log, and what is answered.
fn told<T>(order: &'static str, done: Result<T, KeysError>) -> Outcome<T> {
    let refused = done.is_err();
    tracing::info!(keys.order = order, refused, "an operator dealt with keys");
    done.map_err(|error| refusal_of(&error))
}

/// The key for messages that pages seal to, after an order.
fn newest_message_key(seen: Option<&KeysSeen>) -> Box<str> {
    let newest = seen.and_then(|seen| seen.messages.first());
    newest.map_or_else(|| audit::UNKNOWN.into(), |line| line.id.as_str().into())
}

/// What the audit trail has of an order, also of one that was not carried out. `roots` are those that
/// there were before it; the vault, and the name of the newest key for messages, are as they are after it.
fn entry_of<T>(
    order: &KeysOrder,
    who: Who,
    roots: &[RootSeen],
    (vault, newest): (&Vault, Box<str>),
    done: &Result<T, KeysError>,
) -> Option<Entry> {
    let deed = match order {
        KeysOrder::KeysStatus => return None,
        KeysOrder::RotateKeys => new_root(vault.current()),
        KeysOrder::RotateMessages => message_keys::rotated(&newest),
        KeysOrder::RetireKey { root } => {
            let known = roots.iter().map(|seen| seen.id.to_string()).find(|id| id == root);
            let id = known.map_or_else(|| audit::UNKNOWN.into(), Into::into);
            Deed::KeyRetired { id }
        }
    };
    let outcome = done.as_ref().map_or_else(KeysError::code, |_| "done");
    Some(Entry::new(who, deed).with(outcome))
}

fn new_root(root: RootId) -> Deed {
    Deed::KeyRotated { kind: KeyKind::Data, id: root.to_string().into() }
}

/// The same of the master key, with which a new root key may have become current. A master key has no name that
/// is shown.
fn master_entries(
    put_down: &'static str,
    who: &Who,
    done: &Result<Option<RootId>, KeysError>,
) -> Vec<Entry> {
    let deed = Deed::KeyRotated { kind: KeyKind::Master, id: NEW_MASTER.into() };
    let code = done.as_ref().map_or_else(KeysError::code, |_| put_down);
    let mut entries = vec![Entry::new(who.clone(), deed).with(code)];
    if let Ok(Some(root)) = done {
        entries.push(Entry::new(who.clone(), new_root(*root)).with("done"));
    }
    entries
}

/// The same on data that no gateway is using. What is to be sealed anew is, by the gateway that starts
/// there next. Blocks.
pub fn keys_without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: &Clock,
    order: &KeysOrder,
) -> Result<Outcome<KeysSeen>, StartError> {
    let store = open_alone(data_dir, &vault)?;
    let ring = Ring::new(Arc::clone(&store), Arc::new(vault), clock.clone());
    let roots = ring.roots();
    let changed = match order {
        KeysOrder::KeysStatus => Ok(()),
        KeysOrder::RotateKeys => ring.rotate().map(|_| ()),
        KeysOrder::RetireKey { .. } => Err(KeysError::NeedsGateway),
        KeysOrder::RotateMessages => {
            message_keys::rotate_alone(&*store, &ring.vault, clock.now()).map(|_| ())
        }
    };
    let seen = seen(&ring);
    let newest = newest_message_key(seen.as_ref().ok());
    let done = changed.and(seen);
    let after = (&*ring.vault, newest);
    if let Some(entry) = entry_of(order, this_command(), &roots, after, &done) {
        audit::record_alone(store, &ring.vault, clock, entry)?;
    }
    Ok(done.map_err(|error| refusal_of(&error)))
}

/// The master key changed on data that no gateway is using. Blocks.
pub fn master_without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: &Clock,
    order: &MasterOrder,
) -> Result<Outcome<MasterKeys>, StartError> {
    let store = open_alone(data_dir, &vault)?;
    let ring = Ring::new(Arc::clone(&store), Arc::new(vault), clock.clone());
    let done = master(&ring, order);
    for entry in master_entries(code_of(order), &this_command(), &done) {
        audit::record_alone(Arc::clone(&store), &ring.vault, clock, entry)?;
    }
    Ok(done.map(|_| MasterKeys).map_err(|error| refusal_of(&error)))
}

fn seen(ring: &Ring) -> Result<KeysSeen, KeysError> {
    let left = ring.left()?;
    Ok(KeysSeen {
        roots: ring.roots().iter().map(|root| line_of(root, None)).collect(),
        percent: if left.all() == 0 { 100 } else { 0 },
        left,
        unreadable: 0,
        files: None,
        files_stuck: None,
        messages: ring.messages()?,
        in_files: ring.store.scrub_due()?.is_some(),
        master_key_changes: ring.vault.master_changes(),
    })
}

fn master(ring: &Ring, order: &MasterOrder) -> Result<Option<RootId>, KeysError> {
    let key = |text: &SecretString| {
        MasterKey::from_hex(text.expose_secret()).map_err(|_| KeysError::WrongMasterKey)
    };
    match order {
        MasterOrder::BeginMaster { in_use, next } => ring.begin_master(&key(in_use)?, &key(next)?),
        MasterOrder::FinishMaster { newest } => ring.finish_master(&key(newest)?).map(|()| None),
    }
}

fn refusal_of(error: &KeysError) -> Refusal {
    if matches!(error, KeysError::Store(_) | KeysError::Seal(_)) {
        tracing::error!(error = error as &dyn std::error::Error, "an order about keys failed");
    }
    Refusal::new(error.code(), error.to_string())
}
