//! What a reader takes for one character, which is never cut: a letter with its accents, a flag, a family of
//! joined faces.

/// Whether a reader's character ends here. The rules of Unicode's grapheme clusters, without those for
/// scripts that nobody writes any more.
pub(super) fn is_border(text: &str, at: usize) -> bool {
    let (before, behind) = text.split_at(at);
    let (Some(last), Some(next)) = (before.chars().next_back(), behind.chars().next()) else {
        return true;
    };
    if continues(next) || last == '\u{200d}' || (last == '\r' && next == '\n') {
        return false;
    }
    if is_flag_letter(last) && is_flag_letter(next) {
        // A flag is two letters: between the second and a third is a border.
        return before.chars().rev().take_while(|c| is_flag_letter(*c)).count() % 2 == 0;
    }
    !(is_hangul_lead(last) && is_hangul(next))
}

/// Whether the character belongs to the one before it: accents, vowel signs, joiners, skin tones.
pub(super) fn continues(c: char) -> bool {
    matches!(
        u32::from(c),
        0x0300..=0x036f
            | 0x0483..=0x0489
            | 0x0591..=0x05bd
            | 0x05bf | 0x05c1 | 0x05c2 | 0x05c4 | 0x05c5 | 0x05c7
            | 0x0610..=0x061a
            | 0x064b..=0x065f
            | 0x0670
            | 0x06d6..=0x06dc
            | 0x06df..=0x06e4
            | 0x06e7 | 0x06e8
            | 0x06ea..=0x06ed
            | 0x0711
            | 0x0730..=0x074a
            | 0x0900..=0x0903
            | 0x093a..=0x093c
            | 0x093e..=0x094f
            | 0x0951..=0x0957
            | 0x0962 | 0x0963
            | 0x0981..=0x0983
            | 0x09bc
            | 0x09be..=0x09cd
            | 0x0a01..=0x0a03
            | 0x0a3c..=0x0a4d
            | 0x0a81..=0x0a83
            | 0x0abc
            | 0x0abe..=0x0acd
            | 0x0b01..=0x0b03
            | 0x0b3c
            | 0x0b3e..=0x0b57
            | 0x0b82
            | 0x0bbe..=0x0bcd
            | 0x0c00..=0x0c04
            | 0x0c3e..=0x0c56
            | 0x0c81..=0x0c83
            | 0x0cbc
            | 0x0cbe..=0x0cd6
            | 0x0d00..=0x0d03
            | 0x0d3e..=0x0d4d
            | 0x0dca..=0x0ddf
            | 0x0e31
            | 0x0e33..=0x0e3a
            | 0x0e47..=0x0e4e
            | 0x0eb1
            | 0x0eb3..=0x0ebc
            | 0x0ec8..=0x0ece
            | 0x0f71..=0x0f84
            | 0x0f8d..=0x0fbc
            | 0x102b..=0x103e
            | 0x135d..=0x135f
            | 0x17b4..=0x17d3
            | 0x180b..=0x180d
            | 0x1160..=0x11ff
            | 0x1ab0..=0x1aff
            | 0x1b34..=0x1b44
            | 0x1dc0..=0x1dff
            | 0x200c | 0x200d
            | 0x20d0..=0x20f0
            | 0x302a..=0x302f
            | 0x3099 | 0x309a
            | 0xd7b0..=0xd7fb
            | 0xfe00..=0xfe0f
            | 0xfe20..=0xfe2f
            | 0xff9e | 0xff9f
            | 0x1f3fb..=0x1f3ff
            | 0xe0020..=0xe007f
            | 0xe0100..=0xe01ef
    )
}

fn is_flag_letter(c: char) -> bool {
    matches!(u32::from(c), 0x1f1e6..=0x1f1ff)
}

fn is_hangul_lead(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x115f | 0xa960..=0xa97c)
}

fn is_hangul(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11ff | 0xac00..=0xd7a3)
}
