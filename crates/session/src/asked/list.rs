//! Several options in one answer, with commas between.

use super::{Answered, OPTIONS_KEPT_MAX, TYPED_BYTES_MAX, label, value};
use crate::{phrase::fold, said::Choice};

/// The most pieces, with commas between, in which one answer is looked for: all options, with a comma
/// in each.
const PIECES_MAX: usize = 2 * OPTIONS_KEPT_MAX;

/// The most values that a card may give: more than anybody ticks.
const GIVEN_PIECES_MAX: usize = 500;

/// What people put between.
const BETWEEN: [char; 3] = [',', ';', '\n'];

/// One of what was listed.
#[derive(PartialEq, Eq)]
struct Listed<'a> {
    value: &'a str,
    label: &'a str,
}

impl<'a> Listed<'a> {
    fn of(choice: &'a Choice) -> Self {
        Self { value: &choice.value, label: &choice.label }
    }
}

/// What a card lists: values to the letter. Where not all options are kept, a piece that is none of
/// them is one of the others, whose label nobody knows.
pub(super) fn by_values(options: &[Choice], text: &str, cut: bool) -> Option<Answered> {
    let (mut found, mut rest): (Vec<Listed<'_>>, _) = (Vec::new(), Some(text));
    for pieces in 0.. {
        let Some(left) = rest else { break };
        if pieces == GIVEN_PIECES_MAX {
            return None;
        }
        let left = left.trim_start();
        // A value may hold commas itself: the longest that stands here.
        let behind = |choice: &&'_ Choice| {
            let behind = left.strip_prefix(choice.value.as_str())?.trim_start();
            (behind.is_empty() || behind.starts_with(',')).then_some(behind)
        };
        let known = options
            .iter()
            .filter(|choice| !choice.value.is_empty())
            .filter_map(|choice| Some((Listed::of(choice), behind(&choice)?)))
            .max_by_key(|(listed, _)| listed.value.len());
        let (listed, behind) = match known {
            Some(known) => known,
            None if cut => {
                let end = left.find(',').unwrap_or(left.len());
                let piece = left[..end].trim_end();
                (Listed { value: piece, label: piece }, &left[end..])
            }
            None => return None,
        };
        if !listed.value.is_empty() && !found.contains(&listed) {
            found.push(listed);
        }
        rest = behind.strip_prefix(',');
    }
    chosen(&found)
}

/// What was typed: labels, values, or places counted from one.
pub(super) fn typed(options: &[Choice], text: &str) -> Option<Answered> {
    if text.len() > TYPED_BYTES_MAX {
        return None;
    }
    let typed = Pieces::of(text);
    if typed.exact.len() > PIECES_MAX {
        return None;
    }
    // Folded once: an answer is compared with every option, at every place.
    let labels: Vec<_> = options.iter().map(|choice| Pieces::of(label(choice))).collect();
    let values: Vec<_> = options.iter().map(|choice| Pieces::of(value(choice))).collect();
    let mut found: Vec<Listed<'_>> = Vec::new();
    let mut at = 0;
    while at < typed.exact.len() {
        let (place, taken) = longest(&labels, &typed, at)
            .or_else(|| longest(&values, &typed, at))
            .or_else(|| Some((typed.exact[at].parse::<usize>().ok()?.checked_sub(1)?, 1)))?;
        let listed = Listed::of(options.get(place)?);
        if !found.contains(&listed) {
            found.push(listed);
        }
        at += taken;
    }
    chosen(&found)
}

/// A text between its commas.
struct Pieces<'a> {
    exact: Vec<&'a str>,
    folded: Vec<String>,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        let exact: Vec<_> = text.split(BETWEEN).map(str::trim).take(PIECES_MAX + 1).collect();
        let folded = exact.iter().map(|piece| fold(piece)).collect();
        Self { exact, folded }
    }

    /// Whether it stands in `whole` from there on: to the letter, or in whatever case.
    fn stands_in(&self, whole: &Self, at: usize, to_the_letter: bool) -> bool {
        let upto = at + self.exact.len();
        if to_the_letter {
            let is_blank = self.exact.iter().all(|piece| piece.is_empty());
            !is_blank && whole.exact.get(at..upto) == Some(self.exact.as_slice())
        } else {
            let is_blank = self.folded.iter().all(String::is_empty);
            !is_blank && whole.folded.get(at..upto) == Some(self.folded.as_slice())
        }
    }
}

/// Which of these stands in `typed` from there on, and how many pieces it takes: one may hold commas
/// itself, so the longest.
fn longest(all: &[Pieces<'_>], typed: &Pieces<'_>, at: usize) -> Option<(usize, usize)> {
    let best = |to_the_letter| {
        let standing =
            all.iter().enumerate().filter(|(_, one)| one.stands_in(typed, at, to_the_letter));
        // The first of equals.
        standing.rev().max_by_key(|(_, one)| one.exact.len())
    };
    let (exact, alike) = (best(true), best(false));
    let is_longer = |(_, one): &(usize, &Pieces<'_>)| {
        exact.as_ref().is_none_or(|(_, exact)| one.exact.len() > exact.exact.len())
    };
    let (place, one) = alike.filter(is_longer).or(exact)?;
    Some((place, one.exact.len()))
}

fn chosen(found: &[Listed<'_>]) -> Option<Answered> {
    let join = |part: fn(&Listed<'_>) -> String, with: &str| {
        found.iter().map(part).collect::<Vec<_>>().join(with)
    };
    (!found.is_empty()).then(|| Answered::Chosen {
        value: join(|one| one.value.to_owned(), ","),
        label: Some(join(|one| one.label.to_owned(), ", ")),
    })
}
