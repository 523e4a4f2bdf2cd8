//! Numbers of JSON that are written in another way than people write them.

/// The most digits of a number that is written out. What is longer is nobody's number.
const WRITTEN_OUT_DIGITS_MAX: usize = 40;

/// A whole number that is written with a point or an exponent (`4.1e15`), in plain digits; `None` for anything
/// else, and for a number with a part behind the point.
pub(super) fn written_out(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_plain = unsigned.len() == whole.len();
    if is_plain || whole.is_empty() || [whole, part].iter().any(|it| !is_digits(it)) {
        return None;
    }
    let digits = format!("{whole}{part}");
    // Where the point stands in these digits: behind so many of them.
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.into())?;
    let point = usize::try_from(point).ok()?;
    let (before, behind) = digits.split_at(point.min(digits.len()));
    let before = before.trim_start_matches('0');
    let zeros = point.saturating_sub(digits.len());
    let is_whole = behind.bytes().all(|digit| digit == b'0');
    let fits = !before.is_empty() && before.len().saturating_add(zeros) <= WRITTEN_OUT_DIGITS_MAX;
    (is_whole && fits).then(|| format!("{before}{}", "0".repeat(zeros)))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_written_out_however_it_is_written() {
        for (text, expected) in [
            ("4.111111111111111e15", Some("4111111111111111")),
            ("4111111111111111.0", Some("4111111111111111")),
            ("4111111111111111e0", Some("4111111111111111")),
            ("0.4111111111111111E+16", Some("4111111111111111")),
            ("41111111111111110000e-4", Some("4111111111111111")),
            ("-4.111111111111111e15", Some("4111111111111111")),
            ("4.2e3", Some("4200")),
            ("0.0041e4", Some("41")),
            ("4e39", Some("4000000000000000000000000000000000000000")),
            ("4e40", None),
            ("4e2147483647", None),
            ("4e-2147483648", None),
            ("4e99999999999999999999", None),
            ("4111111111111111", None),
            ("4.111111111111111e14", None),
            ("4.1", None),
            ("0.0", None),
            ("0e5", None),
            ("e5", None),
            (".5e1", None),
            ("4.1.1e5", None),
            ("4e", None),
            ("4e1e1", None),
            ("four", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(written_out(text).as_deref(), expected, "{text}");
        }
    }
}
