//! What an operator does with the sealed secrets of the configuration: keeps and forgets them.

use std::sync::Arc;

use store::Store;
use vault::Vault;

use crate::{
    audit::{Audit, Who},
    control::{Outcome, Refusal, SecretName, SecretOrder},
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
    pub(super) async fn carry_out(&self, order: SecretOrder, who: Who) -> Outcome<SecretName> {
        let (done, name, value) = match order {
            SecretOrder::KeepSecret { name, value } => ("keep", name, Some(value)),
            SecretOrder::ForgetSecret { name } => ("forget", name, None),
        };
        let forgets = value.is_none();
        let (store, vault, whose) =
            (Arc::clone(&self.store), Arc::clone(&self.vault), name.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let was_there = secrets::is_there(&*store, &whose);
            (secrets::keep(&*store, &vault, &whose, value.as_ref()), was_there)
        });
        let outcome = match kept.await {
            Ok((kept, was_there)) => {
                let entry = secrets::entry_of(who, &name, forgets, was_there, &kept);
                self.audit.record_now(entry).await;
                match kept {
                    Ok(kept) if forgets && !kept.was_there => Err(no_such(&name)),
                    Ok(kept) if kept.in_files => Err(secrets::still_in_files()),
                    Ok(_) => Ok(SecretName(name.clone())),
                    Err(error) => Err(refusal_of(&error)),
                }
            }
            Err(_) => Err(Refusal::new("failed", "the gateway failed; see its log")),
        };
        let refused = outcome.is_err();
        // What was refused may be anything, in the place of a name too.
        let named = if refused { "" } else { name.as_str() };
        tracing::info!(
            secret.order = done,
            secret.name = named,
            refused,
            "an operator dealt with a sealed secret"
        );
        outcome
    }
}

fn no_such(name: &str) -> Refusal {
    Refusal::new(
        secrets::NO_SUCH,
        format!("there is no secret {name}; `warmline secret list` shows what there is"),
    )
}

fn refusal_of(error: &SecretError) -> Refusal {
    match error {
        SecretError::Name | SecretError::Value => Refusal::new(error.code(), error.to_string()),
        SecretError::Store(_) | SecretError::Seal(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "a secret cannot be sealed");
            Refusal::new(
                error.code(),
                "the store failed and nothing was done; see the gateway's log",
            )
        }
    }
}
