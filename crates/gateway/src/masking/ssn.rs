//! Social security numbers of the United States: three, two and four digits in groups. Without the
//! groups nine digits are anything.

use std::ops::Range;

use super::signs::Group;

/// Where the numbers are.
pub(super) fn find(text: &str, runs: &[Vec<Group>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in runs {
        let mut at = 0;
        while let Some(groups) = run.get(at..at + 3) {
            if is_number(groups) && !goes_on(text, run, at) {
                found.push(groups[0].place.start..groups[2].place.end);
                at += 3;
            } else {
                at += 1;
            }
        }
    }
    found
}

fn is_number(groups: &[Group]) -> bool {
    let lengths = groups.iter().map(|group| group.digits.len());
    if !lengths.eq([3, 2, 4]) || groups.iter().any(|group| group.touched) {
        return false;
    }
    let value =
        |at: usize| groups[at].digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(*digit));
    !matches!(value(0), 0 | 666 | 900..) && value(1) != 0 && value(2) != 0
}

/// Whether it is a part of a longer row, which is another number: one more group, set off by the same sign
/// as these are from each other. A blank is between any two things.
fn goes_on(text: &str, run: &[Group], at: usize) -> bool {
    let between = |left: usize| {
        let (left, right) = (run.get(left)?, run.get(left + 1)?);
        text.get(left.place.end..right.place.start)
    };
    let Some(own) = between(at).filter(|own| !own.trim().is_empty()) else { return false };
    at.checked_sub(1).and_then(between) == Some(own) || between(at + 2) == Some(own)
}
