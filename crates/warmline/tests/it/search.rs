//! Looking for secrets and words in what was logged, shown and kept: as they are, and in the forms in
//! which something that carries them would write them down.

use std::{collections::HashMap, fmt::Write};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// The shortest secret that is looked for in other forms, in bytes; of a shorter one so little is certain
/// in base64 that it stands in many a text by chance.
const ENCODED_BYTES_MIN: usize = 6;

/// A form in which a secret may be found.
struct Form {
    bytes: Vec<u8>,
    secret: String,
    name: &'static str,
}

/// Everything that must not be found.
pub(crate) struct Search {
    forms: Vec<Form>,
    /// By their first two bytes, so that megabytes are looked through in one go.
    by_start: HashMap<[u8; 2], Vec<usize>>,
}

impl Search {
    pub(crate) fn of(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let forms: Vec<_> = secrets.into_iter().flat_map(|secret| forms(&secret.into())).collect();
        let mut by_start: HashMap<_, Vec<_>> = HashMap::new();
        for (at, form) in forms.iter().enumerate() {
            assert!(form.bytes.len() >= 2, "{:?} is too short to be looked for", form.secret);
            by_start.entry([form.bytes[0], form.bytes[1]]).or_default().push(at);
        }
        Self { forms, by_start }
    }

    /// What of it is in there, and how it is written; `None` if nothing is.
    pub(crate) fn found_in(&self, bytes: impl AsRef<[u8]>) -> Option<String> {
        let bytes = bytes.as_ref();
        let starts = bytes.windows(2).enumerate();
        let mut candidates = starts
            .filter_map(|(at, start)| Some((at, self.by_start.get(&[start[0], start[1]])?)))
            .flat_map(|(at, forms)| forms.iter().map(move |form| (at, &self.forms[*form])));
        let found = candidates.find(|(at, form)| bytes[*at..].starts_with(&form.bytes));
        found.map(|(_, form)| format!("{:?} ({})", form.secret, form.name))
    }
}

fn forms(secret: &str) -> Vec<Form> {
    let form = |name, bytes| Form { bytes, secret: secret.to_owned(), name };
    let mut all = vec![form("as it is", secret.as_bytes().to_vec())];
    if secret.len() < ENCODED_BYTES_MIN {
        return all;
    }
    let hex = hex(secret);
    all.push(form("in capital hexadecimal digits", hex.to_uppercase().into()));
    all.push(form("in hexadecimal digits", hex.into()));
    // What stands before it, as the name in Basic, shifts it by none, one or two bytes.
    for before in 0..3 {
        let shifted = [&vec![0; before], secret.as_bytes()].concat();
        let certain = |text: String| {
            // Letters that hold bits of a neighbour are not certain.
            let upto = text.len() - usize::from(shifted.len() % 3 != 0);
            text.as_bytes()[(before * 8).div_ceil(6)..upto].to_vec()
        };
        all.push(form("in base64", certain(STANDARD_NO_PAD.encode(&shifted))));
        all.push(form("in base64 for addresses", certain(URL_SAFE_NO_PAD.encode(&shifted))));
    }
    all
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    /// With bits that the two alphabets of base64 write differently.
    const SECRET: &str = "a?secret~ÿ~of>ours";

    #[test]
    fn a_secret_is_found_in_each_form_wherever_it_stands() {
        let search = Search::of([SECRET, "short"]);
        let whole = |before: &str| format!("{before}{SECRET} and more");
        for before in ["", "a", "ab", "abc", "client:", "a longer name:"] {
            let hex = hex(&whole(before));
            for (planted, name) in [
                (whole(before), "(as it is)"),
                (STANDARD.encode(whole(before)), "in base64"),
                (URL_SAFE.encode(whole(before)), "in base64"),
                (STANDARD.encode(format!("{before}{SECRET}")), "in base64"),
                (URL_SAFE_NO_PAD.encode(format!("{before}{SECRET}")), "in base64"),
                (hex.to_uppercase(), "(in capital hexadecimal digits)"),
                (hex, "(in hexadecimal digits)"),
            ] {
                let text = format!("outcome=\"done\" header={planted} ended");
                let found = search.found_in(&text).unwrap_or_else(|| panic!("{name} in {text}"));
                assert!(found.contains(SECRET) && found.contains(name), "{found} in {text}");
            }
        }
        let found = search.found_in(b"\xff\x00short\xfe").unwrap();
        assert_eq!(found, "\"short\" (as it is)");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let search = Search::of([SECRET, "short"]);
        let near = &SECRET[..SECRET.len() - 1];
        for text in ["", "s", "nothing of it", near, &STANDARD.encode(near), "c2hvcnQ="] {
            assert_eq!(search.found_in(text), None, "{text}");
        }
    }
}
