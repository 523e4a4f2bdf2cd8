//! Numbers of payment cards (ISO/IEC 7812): 13 to 19 digits, the last of which checks the others.

use std::ops::Range;

use super::signs::Group;

/// The fewest digits of a number.
const DIGITS_MIN: usize = 13;

/// The most.
const DIGITS_MAX: usize = 19;

/// Where the numbers are.
pub(super) fn find(runs: &[Vec<Group>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in runs {
        in_run(run, &mut found);
    }
    found
}

/// Looks for numbers that begin and end with a group, the longest first.
fn in_run(run: &[Group], found: &mut Vec<Range<usize>>) {
    let mut first = 0;
    while first < run.len() {
        let mut best = None;
        let mut digits = Vec::with_capacity(DIGITS_MAX);
        for (last, group) in run.iter().enumerate().skip(first) {
            if group.touched || digits.len() + group.digits.len() > DIGITS_MAX {
                break;
            }
            digits.extend_from_slice(&group.digits);
            let groups = &run[first..=last];
            let whole = (first == 0 || !run[first].is_near)
                && run.get(last + 1).is_none_or(|next| !next.is_near)
                && groups.iter().skip(1).all(|group| group.is_near);
            if digits.len() >= DIGITS_MIN && (whole || is_usual(groups)) && is_number(&digits) {
                best = Some(last);
            }
        }
        match best {
            Some(last) => {
                found.push(run[first].place.start..run[last].place.end);
                first = last + 1;
            }
            None => first += 1,
        }
    }
}

/// Whether this is how a number is written among others: at one piece, in two, in fours, or as two houses
/// do.
fn is_usual(groups: &[Group]) -> bool {
    let lengths: Vec<_> = groups.iter().map(|group| group.digits.len()).collect();
    match lengths.as_slice() {
        [_] | [4, 6, 4 | 5] => true,
        [first, last] => *first >= 4 && *last >= 4,
        [fours @ .., last] => fours.iter().all(|length| *length == 4) && (1..=4).contains(last),
        [] => false,
    }
}

/// By the first digit, which no clock and no telephone number of most countries has, and by the last.
fn is_number(digits: &[u8]) -> bool {
    let issued = digits.first().is_some_and(|first| (2..=6).contains(first));
    issued && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weighed = digits.iter().rev().enumerate();
    let sum: u32 = weighed
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}
