//! Social security numbers of the United States: three, two and four digits in groups. Without the
//! groups nine digits are anything.

use std::ops::Range;

use super::Sign;

/// The digits of each group.
const GROUPS: [usize; 3] = [3, 2, 4];

/// Where the numbers are.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let signs: Vec<_> =
        text.char_indices().map(|(at, c)| (at..at + c.len_utf8(), Sign::of(c))).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < signs.len() {
        match number(&signs, at) {
            Some(end) => {
                found.push(signs[at].0.start..signs[end - 1].0.end);
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

/// The end of the number that begins here.
fn number(signs: &[(Range<usize>, Sign)], first: usize) -> Option<usize> {
    let is_part = |at: usize| matches!(signs.get(at), Some((_, Sign::Digit(_) | Sign::Letter)));
    let is_gap = |at: usize| matches!(signs.get(at), Some((_, Sign::Gap)));
    // A longer row of groups is another number.
    let goes_on = |next: Option<usize>, after: Option<usize>| {
        next.is_some_and(is_part)
            || next.is_some_and(is_gap) && after.is_some_and(|at| digit_at(signs, at).is_some())
    };
    if goes_on(first.checked_sub(1), first.checked_sub(2)) {
        return None;
    }
    let mut at = first;
    let mut values = [0_u32; 3];
    for (group, length) in GROUPS.into_iter().enumerate() {
        if group > 0 {
            is_gap(at).then_some(())?;
            at += 1;
        }
        for _ in 0..length {
            values[group] = values[group] * 10 + u32::from(digit_at(signs, at)?);
            at += 1;
        }
    }
    let [area, middle, serial] = values;
    let given_out = !matches!(area, 0 | 666 | 900..) && middle != 0 && serial != 0;
    (given_out && !goes_on(Some(at), Some(at + 1))).then_some(at)
}

fn digit_at(signs: &[(Range<usize>, Sign)], at: usize) -> Option<u8> {
    match signs.get(at) {
        Some((_, Sign::Digit(digit))) => Some(*digit),
        _ => None,
    }
}
