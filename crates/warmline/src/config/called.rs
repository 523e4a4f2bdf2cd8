//! What settings are called where they were set, for sentences that send somebody there.

use super::draft::{Draft, Owner};

/// The settings of a desk or a bot, and those of the installation, by the names that whoever configured them
/// finds them under: a variable, or a setting of the file with the desk or bot that it belongs to. Without the
/// line, which moves: what is said may be read much later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called<'a> {
    draft: &'a Draft,
    owner: &'a Owner,
}

impl<'a> Called<'a> {
    pub(crate) fn new(draft: &'a Draft, owner: &'a Owner) -> Self {
        Self { draft, owner }
    }

    /// What the setting with this id is called; what it could be set by if it is not.
    pub(crate) fn setting(&self, id: &str) -> String {
        let of_owner =
            ["tenant.", "operator.", "desk.", "bot."].iter().any(|at| id.starts_with(at));
        self.draft.called(if of_owner { self.owner } else { &Owner::House }, id)
    }
}

#[cfg(test)]
impl Called<'static> {
    /// Where variables alone configure everything.
    pub(crate) fn by_variables() -> Self {
        static NOTHING: std::sync::LazyLock<Draft> = std::sync::LazyLock::new(Draft::default);
        Self::new(&NOTHING, &Owner::House)
    }
}
