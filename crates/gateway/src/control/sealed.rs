//! What an operator does with the sealed secrets of the configuration: keeps and forgets them.

use std::sync::Arc;

use store::Store;
use vault::Vault;

use crate::{
    audit::{Audit, Deed, Entry, Who},
    control::{Answer, Outcome, Refusal, wire::SecretOrder},
    secrets::{self, SecretError},
};

/// The sealed secrets, for an operator.
pub(crate) struct Sealed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) audit: Audit,
}

impl Sealed {
    /// Does what was ordered; what it changes is durable when it answers. The log has the name only.
    pub(super) async fn carry_out(&self, order: SecretOrder, who: Who) -> Answer {
        let (done, name, value) = match order {
            SecretOrder::KeepSecret { name, value } => ("keep", name, Some(value)),
            SecretOrder::ForgetSecret { name } => ("forget", name, None),
        };
        let forgets = value.is_none();
        let (store, vault, whose) =
            (Arc::clone(&self.store), Arc::clone(&self.vault), name.clone());
        let kept = tokio::task::spawn_blocking(move || {
            secrets::keep(&*store, &vault, &whose, value.as_ref())
        });
        let outcome = match kept.await {
            Ok(Ok(false)) if forgets => Outcome::Error(no_such(&name)),
            Ok(Ok(before)) => {
                let name_of = || name.as_str().into();
                let deed = match (forgets, before) {
                    (true, _) => Deed::SecretForgotten { name: name_of() },
                    (false, true) => Deed::SecretRotated { name: name_of() },
                    (false, false) => Deed::SecretKept { name: name_of() },
                };
                self.audit.record_now(Entry::new(who, deed)).await;
                Outcome::Secret(name.clone())
            }
            Ok(Err(error)) => Outcome::Error(refusal_of(&error)),
            Err(_) => Outcome::Error(Refusal::new("failed", "the gateway failed; see its log")),
        };
        let refused = matches!(outcome, Outcome::Error(_));
        // What was refused may be anything, in the place of a name too.
        let named = if refused { "" } else { name.as_str() };
        tracing::info!(
            secret.order = done,
            secret.name = named,
            refused,
            "an operator dealt with a sealed secret"
        );
        outcome.into()
    }
}

fn no_such(name: &str) -> Refusal {
    Refusal::new(
        "no_such_secret",
        format!("there is no secret {name}; `warmline secret list` shows what there is"),
    )
}

fn refusal_of(error: &SecretError) -> Refusal {
    match error {
        SecretError::Name => Refusal::new("bad_name", error.to_string()),
        SecretError::Value => Refusal::new("bad_value", error.to_string()),
        SecretError::Store(_) | SecretError::Seal(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "a secret cannot be sealed");
            Refusal::new("failed", "the store failed and nothing was done; see the gateway's log")
        }
    }
}
