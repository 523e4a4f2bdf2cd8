//! A text as it is looked through for numbers: digits and letters of all kinds as the plain ones, without
//! what nobody sees. Each sign knows its place in the text.

use std::ops::Range;

/// What a character is to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Digit(u8),
    /// A letter of an alphabet: as a plain capital if it is one, in whatever form.
    Letter(char),
    /// Stands between groups: a blank, a dash, markup.
    Blank,
    /// Stands between groups, and between numbers as well.
    Mark,
    Other,
}

/// A sign and where it stands.
pub(super) struct Placed {
    pub(super) sign: Sign,
    pub(super) place: Range<usize>,
}

/// The most signs between two groups of one number.
pub(super) const GAP_MAX: usize = 8;

/// The longest tag that is read as such, in bytes.
const TAG_BYTES_MAX: usize = 256;

/// The longest entity, in bytes.
const ENTITY_BYTES_MAX: usize = 12;

/// Tags with as many digits may hold a number themselves.
const TAG_DIGITS_MAX: usize = 8;

/// The zeros of all scripts (Unicode's `Nd`); each has its nine others behind it.
const ZEROS: [char; 68] = [
    '0',
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{11f50}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e4f0}',
    '\u{1e950}',
    '\u{1fbf0}',
];

/// The signs of a text.
pub(super) fn of(text: &str) -> Vec<Placed> {
    let mut signs = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (sign, length) = match c {
            '<' => tag(rest).map_or((Some(Sign::Other), 1), |length| (Some(Sign::Blank), length)),
            '&' => entity(rest)
                .map_or((Some(Sign::Other), 1), |(meant, length)| (of_char(meant), length)),
            c => (of_char(c), c.len_utf8()),
        };
        let place = at..at + length;
        at = place.end;
        signs.extend(sign.map(|sign| Placed { sign, place }));
    }
    signs
}

/// Nothing for what nobody sees.
fn of_char(c: char) -> Option<Sign> {
    Some(match c {
        '0'..='9' => digit(c, '0'),
        'a'..='z' | 'A'..='Z' => Sign::Letter(c.to_ascii_uppercase()),
        ' '
        | '-'
        | '\t'
        | '*'
        | '`'
        | '~'
        | '|'
        | '\\'
        | '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2212}'
        | '\u{fe63}'
        | '\u{ff0d}' => Sign::Blank,
        '.' | '/' | ',' | '+' | '_' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{b7}'
        | '\u{2022}' | '\u{2027}' | '\u{2028}' | '\u{2029}' | '\u{2044}' | '\u{2219}'
        | '\u{22c5}' | '\u{3001}' | '\u{3002}' | '\u{30fb}' | '\u{ff0b}' | '\u{ff0c}'
        | '\u{ff0e}' | '\u{ff0f}' | '\u{ff3f}' => Sign::Mark,
        // Control characters, signs for how a text is laid out, and such as are written over others.
        '\0'..='\u{8}'
        | '\u{e}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{300}'..='\u{36f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}' => return None,
        '\0'..='\u{7e}' => Sign::Other,
        c if c.is_whitespace() => Sign::Blank,
        '\u{ff21}'..='\u{ff3a}' => letter(c, '\u{ff21}'),
        '\u{ff41}'..='\u{ff5a}' => letter(c, '\u{ff41}'),
        c => {
            let before = ZEROS.partition_point(|zero| *zero <= c);
            match before.checked_sub(1).map(|at| ZEROS[at]) {
                Some(zero) if u32::from(c) - u32::from(zero) < 10 => digit(c, zero),
                // Scripts that put no blanks between words begin behind these.
                Some(_) | None if c < '\u{590}' && c.is_alphabetic() => Sign::Letter(c),
                Some(_) | None => Sign::Other,
            }
        }
    })
}

fn digit(c: char, zero: char) -> Sign {
    u8::try_from(u32::from(c) - u32::from(zero)).map_or(Sign::Other, Sign::Digit)
}

fn letter(c: char, first: char) -> Sign {
    let plain = u8::try_from(u32::from(c) - u32::from(first)).ok();
    plain.map_or(Sign::Other, |at| Sign::Letter(char::from(b'A' + at)))
}

/// How long the tag of HTML is that begins here.
fn tag(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let begins = matches!(bytes.get(1), Some(b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z'));
    let inner = bytes.iter().skip(1).take(TAG_BYTES_MAX);
    let end = inner.clone().position(|byte| matches!(byte, b'<' | b'>')).filter(|_| begins)?;
    let digits = rest.get(..=end)?.chars().filter(|c| c.is_numeric()).count();
    (bytes.get(end + 1) == Some(&b'>') && digits <= TAG_DIGITS_MAX).then_some(end + 2)
}

/// What the entity of HTML means that begins here, and how long it is.
fn entity(rest: &str) -> Option<(char, usize)> {
    let end = rest.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';')?;
    let name = rest.get(1..end)?;
    let meant = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => match name {
            "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
            "ndash" | "mdash" | "hyphen" | "dash" | "minus" => '-',
            "shy" | "zwj" | "zwnj" => '\u{ad}',
            "middot" | "bull" => '\u{b7}',
            "period" => '.',
            "comma" => ',',
            "sol" => '/',
            "plus" => '+',
            "lowbar" => '_',
            "NewLine" => '\n',
            _ => return None,
        },
    };
    Some((meant, end + 1))
}

/// Digits without anything between them.
pub(super) struct Group {
    pub(super) place: Range<usize>,
    pub(super) digits: Vec<u8>,
    /// A letter touches it: a name, or some hash.
    pub(super) touched: bool,
    /// What stands between it and the group before it: nothing but a few blanks or dashes.
    pub(super) is_near: bool,
}

/// Groups that stand beside each other.
pub(super) fn runs(signs: &[Placed]) -> Vec<Vec<Group>> {
    /// A dash with blanks around it.
    const NEAR_MAX: usize = 3;
    let mut runs: Vec<Vec<Group>> = Vec::new();
    let (mut before, mut gap, mut blanks_only) = (Sign::Other, GAP_MAX + 1, true);
    for Placed { sign, place } in signs {
        match *sign {
            Sign::Digit(digit) if matches!(before, Sign::Digit(_)) => {
                if let Some(group) = runs.last_mut().and_then(|run| run.last_mut()) {
                    group.place.end = place.end;
                    group.digits.push(digit);
                }
            }
            Sign::Digit(digit) => {
                let touched = matches!(before, Sign::Letter(_));
                let is_near = blanks_only && gap <= NEAR_MAX;
                let group = Group { place: place.clone(), digits: vec![digit], touched, is_near };
                match runs.last_mut() {
                    Some(run) if gap <= GAP_MAX => run.push(group),
                    _ => runs.push(vec![group]),
                }
                (gap, blanks_only) = (0, true);
            }
            sign @ (Sign::Blank | Sign::Mark) => {
                gap = gap.saturating_add(1);
                blanks_only &= sign == Sign::Blank;
            }
            Sign::Letter(_) | Sign::Other => {
                let last = runs.last_mut().and_then(|run| run.last_mut());
                if let (Sign::Letter(_), Sign::Digit(_), Some(group)) = (*sign, before, last) {
                    group.touched = true;
                }
                gap = GAP_MAX + 1;
            }
        }
        before = *sign;
    }
    runs
}
