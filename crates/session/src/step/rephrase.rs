//! What the user says to the desk, in two forms: as everybody may read it, and as the desk gets it.

use crate::{
    asked::Answered,
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
    match answered {
        None => {}
        Some(Answered::Chosen { value, label }) => {
            // A card gives the bare value, and people read labels.
            if let Some(label) = label.filter(|_| said.answer.is_some()) {
                said.text = label;
            }
            said.choice = Some(value);
        }
        Some(Answered::InForm(words)) => said.in_form = Some(words),
        Some(Answered::InSecret) => {
            // The words go with the effects that deliver them, and are gone with these.
            let text = mask(said, key);
            let parts = parts::parts(&text).into_iter();
            return ForDesk::Unlogged(parts.map(|part| Unlogged(part.into())).collect());
        }
    }
    ForDesk::of(said)
}

/// Puts the mask in place of the words, and gives these. The original holds them too.
pub(super) fn mask(said: &mut Said, key: Option<&SenderKey>) -> String {
    let text = std::mem::replace(&mut said.text, MASK.to_owned());
    let typed = said.own_words.take().unwrap_or(text);
    let text = said.answer.take().map_or(typed, |given| given.value);
    (said.payload, said.quoted) = (None, None);
    said.masked = Some(Masked { key: key.cloned() });
    text
}
