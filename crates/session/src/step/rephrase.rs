//! What the user says to the desk, in two forms: as everybody may read it, and as the desk gets it.

use crate::{
    asked::{Answered, Given},
    id::SenderKey,
    parts,
    said::{Masked, Said, Unlogged},
};

/// What the desk gets of an entry of the user's.
pub(super) enum ForDesk {
    /// What the log says, in so many parts.
    Logged { parts: u16 },
    /// These parts, which the log must not hold.
    Unlogged(Vec<Unlogged>),
}

impl ForDesk {
    pub(super) fn of(said: &Said) -> Self {
        Self::Logged { parts: parts::to_desk(said) }
    }

    /// How many messages tell it.
    pub(super) fn parts(&self) -> u16 {
        match self {
            Self::Logged { parts } => *parts,
            Self::Unlogged(words) => u16::try_from(words.len()).unwrap_or(u16::MAX),
        }
    }
}

/// What stands in the log for words that are the desk's alone.
const MASK: &str = "••••••";

/// The words as everybody may read them, which answer a question so; and what the desk gets of them.
pub(super) fn rephrase(
    said: &mut Said,
    answered: Option<Answered>,
    key: Option<&SenderKey>,
) -> ForDesk {
    let by_card = said.answer.is_some();
    let by_button = said.choice.take().is_some();
    match answered {
        None => {}
        Some(Answered::Chosen { value, label }) => {
            // A button may send the bare value, and people read labels.
            let is_bare = by_card || by_button && said.text.trim() == value;
            if let Some(label) = label.filter(|_| is_bare) {
                said.text = label;
            }
            said.choice = Some(value);
        }
        Some(Answered::InForm(words)) => said.in_form = Some(words),
        Some(Answered::InSecret) => return mask(said, key),
    }
    ForDesk::of(said)
}

/// The words go with the effects that deliver them, and are gone with these. The original holds them
/// too.
fn mask(said: &mut Said, key: Option<&SenderKey>) -> ForDesk {
    let text = match said.answer.take() {
        Some(Given { value, .. }) => value,
        None => std::mem::take(&mut said.text),
    };
    MASK.clone_into(&mut said.text);
    (said.payload, said.quoted) = (None, None);
    said.masked = Some(Masked { key: key.cloned() });
    ForDesk::Unlogged(parts::parts(&text).into_iter().map(|part| Unlogged(part.into())).collect())
}
