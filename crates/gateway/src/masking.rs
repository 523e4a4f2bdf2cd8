//! What may not go on: numbers and patterns that a tenant takes out of what users say, before anything
//! is stored. A mask that names the kind stands in their place.
//!
//! Patterns have no back-references, so none takes exponential time; one that begins to match everywhere
//! and never ends may still look at every letter once for each other. What is long is therefore looked
//! through on threads that may take long, few at a time. What a file holds is not looked into.

mod activity;
mod card;
mod iban;
mod number;
mod signs;
mod ssn;

use std::{fmt, ops::Range, sync::Arc};

use bot_framework::Activity;
use regex::{Regex, RegexBuilder};
use tokio::sync::Semaphore;

use crate::notices::{self, Language};

/// Patterns of one tenant's own; each is one pass over every message.
pub const PATTERNS_MAX: usize = 32;

/// The longest pattern, in bytes: what is longer nobody can read any more.
pub const PATTERN_BYTES_MAX: usize = 512;

/// The largest compiled pattern, in bytes; the library's own limit is forty times that.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// What one pattern may keep in mind while it runs, in bytes, for each thread that runs it.
const CACHE_BYTES_MAX: usize = 256 * 1024;

/// The largest activity that is looked through where it came in, in bytes: what people write, in a
/// moment even with as many patterns as there may be.
const IN_PLACE_BYTES_MAX: usize = 4 * 1024;

/// Larger ones that are looked through at a time, so that the store keeps threads, and small ones cores.
const LARGE_AT_ONCE_MAX: usize = 4;

static LARGE: Semaphore = Semaphore::const_new(LARGE_AT_ONCE_MAX);

/// The longest name of a pattern, in characters; it stands in every mask.
const NAME_CHARS_MAX: usize = 40;

/// A kind that is known by how it is made, and not only by how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    /// Numbers of payment cards: 13 to 19 digits with their check digit.
    Card,
    /// International bank account numbers: of a country's length, with their check digits.
    Iban,
    /// Social security numbers of the United States, in groups.
    UsSsn,
}

impl BuiltIn {
    /// All of them, by the names that settings have for them.
    pub const ALL: [(&'static str, Self); 3] =
        [("card", Self::Card), ("iban", Self::Iban), ("us-ssn", Self::UsSsn)];
}

/// What one tenant has taken out.
#[derive(Clone, Default)]
pub struct Masks {
    built_in: Vec<BuiltIn>,
    patterns: Vec<(String, Regex)>,
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.patterns.iter().map(|(name, _)| name);
        f.debug_list().entries(&self.built_in).entries(patterns).finish()
    }
}

/// Why a text is no pattern. The sentence goes on from the pattern's name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is no name before it.
    #[error("must be a name, a colon and a regular expression")]
    NoName,
    /// The name would make a mask that nobody can read.
    #[error(
        "must have a name of {NAME_CHARS_MAX} characters at most, of letters, digits, blanks and hyphens"
    )]
    BadName,
    /// There are too many of them.
    #[error("is one too many: {PATTERNS_MAX} patterns at most")]
    TooMany,
    /// It is too long.
    #[error("is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong,
    /// Compiled it would be too large: a long repetition of a large class, usually.
    #[error("grows too large; repeat less, or smaller classes: [0-9] instead of \\d")]
    TooLarge,
    /// It is none.
    #[error("is no regular expression that is understood here: no look-around, no back-references")]
    Malformed,
    /// It would put a mask between any two characters.
    #[error("matches the empty text as well, so it would mask between any two letters")]
    MatchesNothing,
}

/// An activity was not looked through, so nothing of it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what may not go on could not be looked for; nothing was taken, send it again")]
pub(crate) struct NotMasked;

/// Takes out of an activity what may not go on. Says whether anything was.
pub(crate) async fn mask(
    masks: Arc<Masks>,
    activity: Activity,
    language: Language,
) -> Result<(Activity, bool), NotMasked> {
    let apply = move |mut activity: Activity| {
        let masked = masks.apply(&mut activity, language);
        (activity, masked)
    };
    if activity.to_json().len() <= IN_PLACE_BYTES_MAX {
        return Ok(apply(activity));
    }
    let place = LARGE.acquire().await.map_err(|_| NotMasked)?;
    let work = move || {
        // Its place goes with the work: a caller who hangs up does not end it.
        let _place = place;
        apply(activity)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| NotMasked)
}

impl Masks {
    /// Whether nothing is taken out.
    pub fn is_empty(&self) -> bool {
        self.built_in.is_empty() && self.patterns.is_empty()
    }

    /// Takes this kind out as well.
    pub fn add(&mut self, kind: BuiltIn) {
        if !self.built_in.contains(&kind) {
            self.built_in.push(kind);
        }
    }

    /// Takes out what a pattern of the tenant's own matches: `name: expression`.
    pub fn add_pattern(&mut self, written: &str) -> Result<(), PatternError> {
        let (name, pattern) = written.split_once(':').ok_or(PatternError::NoName)?;
        let (name, pattern) = (name.trim(), pattern.trim());
        let fine = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-');
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(fine) {
            return Err(PatternError::BadName);
        }
        if self.patterns.len() >= PATTERNS_MAX {
            return Err(PatternError::TooMany);
        }
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        let compiled = RegexBuilder::new(pattern)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
                _ => PatternError::Malformed,
            })?;
        if pattern.is_empty() || compiled.is_match("") {
            return Err(PatternError::MatchesNothing);
        }
        self.patterns.push((name.to_owned(), compiled));
        Ok(())
    }

    /// Where the kinds are that are known by how they are made.
    fn find_built_in(&self, text: &str) -> Vec<(BuiltIn, Range<usize>)> {
        if self.built_in.is_empty() || !text.contains(char::is_numeric) {
            return Vec::new();
        }
        let signs = signs::of(text);
        let runs = signs::runs(&signs);
        let of = |kind: &BuiltIn| {
            let found = match kind {
                BuiltIn::Card => card::find(&runs),
                BuiltIn::Iban => iban::find(&signs),
                BuiltIn::UsSsn => ssn::find(text, &runs),
            };
            found.into_iter().map(|range| (*kind, range)).collect::<Vec<_>>()
        };
        self.built_in.iter().flat_map(of).collect()
    }

    /// Where masks are already, in order: a name may come by here twice, and a pattern may match its own mask.
    fn there(&self, text: &str, language: Language) -> Vec<Range<usize>> {
        let built_in = self.built_in.iter().map(|kind| notices::kind(language, *kind));
        let kinds = built_in.chain(self.patterns.iter().map(|(name, _)| name.as_str()));
        let mut there = Vec::new();
        for mask in kinds.map(|kind| notices::mask(language, kind)) {
            there.extend(text.match_indices(&mask).map(|(at, _)| at..at + mask.len()));
        }
        there.sort_by_key(|range| range.start);
        there
    }

    /// The text with masks in it; `None` if there is nothing to take out.
    pub(crate) fn masked(&self, text: &str, language: Language) -> Option<String> {
        let built_in = self.find_built_in(text).into_iter();
        let built_in = built_in.map(|(kind, range)| (range, notices::kind(language, kind)));
        let own = self.patterns.iter().flat_map(|(name, pattern)| {
            let found = pattern.find_iter(text).filter(|found| !found.is_empty());
            found.map(|found| (found.range(), name.as_str()))
        });
        let mut found: Vec<_> = built_in.chain(own).collect();
        if found.is_empty() {
            return None;
        }
        let there = self.there(text, language);
        found.retain(|(range, _)| {
            let before = there.partition_point(|mask| mask.start <= range.start);
            before == 0 || there[before - 1].end < range.end
        });
        if found.is_empty() {
            return None;
        }
        // Of those that begin together the longest, and of equals the first.
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut out = String::with_capacity(text.len());
        let (mut done, mut last) = (0, None);
        for (range, name) in found {
            // What overlaps with what is masked goes with it, and one mask stands for a row of the same.
            if range.start < done || range.start == done && last == Some(name) {
                done = done.max(range.end);
                continue;
            }
            out.push_str(&text[done..range.start]);
            out.push_str(&notices::mask(language, name));
            (done, last) = (range.end, Some(name));
        }
        out.push_str(&text[done..]);
        Some(out)
    }
}

#[cfg(test)]
mod tests;
