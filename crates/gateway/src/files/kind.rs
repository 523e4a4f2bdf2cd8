//! What a file is: by its first bytes, whatever its bringer claims; and whether it may be brought.
//!
//! A claim that the bytes do not contradict is kept, as bytes alone cannot tell all types apart. One that
//! they contradict is replaced by what they say, and a name that says something else gets the right
//! ending, so that a page can never be made to look like a picture. It judges no content: that is what
//! the scanner is for.

use super::FileError;

/// How much of a file is looked at, in bytes: every signature and the first entries of an archive, by
/// which documents are told from one another.
pub(super) const SNIFFED_BYTES: usize = 8 * 1024;

/// The longest name that is kept, in characters.
const NAME_CHARS_MAX: usize = 200;

/// The longest media type that is kept, in characters.
const KIND_CHARS_MAX: usize = 200;

/// The longest ending of a name that a longer name keeps, in characters.
const ENDING_CHARS_MAX: usize = 20;

/// What a file is of which nothing is known.
const UNKNOWN: &str = "application/octet-stream";

/// What a file is called that has no name.
const NAMELESS: &str = "file";

/// Types that are the same under several names, or that share a container which their first bytes do not
/// tell apart. The first of each list is what it is called here.
const FAMILIES: &[&[&str]] = &[
    &["image/jpeg", "image/jpg", "image/pjpeg"],
    &["image/png", "image/x-png", "image/apng"],
    &["image/bmp", "image/x-ms-bmp", "image/x-bmp"],
    &["image/heif", "image/heic", "image/heic-sequence", "image/heif-sequence", "image/avif"],
    &["image/vnd.microsoft.icon", "image/x-icon"],
    &["image/vnd.dwg", "application/acad", "image/x-dwg"],
    &[
        "video/mp4",
        "audio/mp4",
        "audio/m4a",
        "audio/x-m4a",
        "video/quicktime",
        "video/x-m4v",
        "video/3gpp",
        "audio/3gpp",
        "audio/aac",
    ],
    &["video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska"],
    &["audio/ogg", "video/ogg", "application/ogg", "audio/opus", "audio/vorbis"],
    &["audio/mpeg", "audio/mp3", "video/mpeg"],
    &["audio/x-wav", "audio/wav", "audio/wave", "audio/vnd.wave"],
    &["audio/x-flac", "audio/flac"],
    &["audio/x-aiff", "audio/aiff"],
    &["audio/midi", "audio/mid"],
    &["video/x-ms-wmv", "video/x-ms-asf", "audio/x-ms-wma"],
    &["video/x-msvideo", "video/avi"],
    &["application/pdf", "application/x-pdf"],
    &["application/rtf", "text/rtf", "text/richtext"],
    &["application/postscript", "application/illustrator"],
    &["application/gzip", "application/x-gzip", "application/x-tgz"],
    &["application/vnd.rar", "application/x-rar-compressed", "application/x-rar"],
    &["application/x-bzip2", "application/x-bzip"],
    &[
        "application/x-ole-storage",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.ms-outlook",
        "application/vnd.visio",
        "application/vnd.ms-project",
        "application/x-msi",
    ],
    &["application/font-sfnt", "font/ttf", "font/otf", "font/sfnt"],
    &["application/font-woff", "font/woff", "font/woff2"],
    &["application/x-x509-ca-cert", "application/x-pem-file", "application/pkix-cert"],
    &["text/html", "application/xhtml+xml"],
    &[
        "text/x-shellscript",
        "application/x-sh",
        "application/x-shellscript",
        "text/x-sh",
        "text/x-python",
    ],
    &[
        "application/x-executable",
        "application/x-elf",
        "application/x-sharedlib",
        "application/x-object",
    ],
    &[
        "application/vnd.microsoft.portable-executable",
        "application/x-msdownload",
        "application/x-dosexec",
        "application/x-ms-dos-executable",
    ],
];

/// Types that the bytes tell for certain, whatever else they are called.
const EXACT: [&str; 4] = ["image/jpeg", "image/gif", "image/webp", "image/bmp"];

/// What every zip archive may be.
const ZIP: &str = "application/zip";

/// Which files may be brought. A pattern is an ending (`.exe`), a type (`image/png`), or a kind of type
/// (`image/*`).
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    /// `None` allows everything that is not refused.
    pub(super) only: Option<Vec<String>>,
    pub(super) never: Vec<String>,
}

impl Allowed {
    /// `called` is the name before it was put right.
    fn lets_in(&self, judged: &Judged, called: &str) -> bool {
        let called = Judged { name: called.to_owned(), kind: judged.kind.clone() };
        let is = |pattern: &String| judged.is(&pattern.to_ascii_lowercase());
        let was = |pattern: &String| called.is(&pattern.to_ascii_lowercase());
        !self.never.iter().any(|pattern| is(pattern) || was(pattern))
            && self.only.as_ref().is_none_or(|only| only.iter().any(is))
    }
}

/// What a file is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) name: String,
    pub(super) kind: String,
}

impl Judged {
    /// Judges a file by its first bytes, and refuses what may not be brought.
    pub(super) fn of(
        name: &str,
        claimed: &str,
        first: &[u8],
        allowed: &Allowed,
    ) -> Result<Self, FileError> {
        let judged = Self::without_rules(name, claimed, first);
        if allowed.lets_in(&judged, &clean_name(name)) {
            Ok(judged)
        } else {
            Err(FileError::NotAllowed)
        }
    }

    pub(super) fn without_rules(name: &str, claimed: &str, first: &[u8]) -> Self {
        let name = clean_name(name);
        let claimed = essence(claimed);
        let guesses = mime_guess::from_path(&name);
        let claimed = claimed.or_else(|| guesses.first_raw().map(str::to_owned));
        let Some(found) = infer::get(first) else {
            let kind = match claimed {
                Some(claimed) if is_borne_out(&claimed, first) => claimed,
                Some(_) | None if is_text(first) => "text/plain".to_owned(),
                Some(_) | None => UNKNOWN.to_owned(),
            };
            return Self { name, kind };
        };
        let agree = |claim: &str| is_one_of(claim, found.mime_type());
        let kind = match claimed {
            // Browsers know pictures by one name only.
            Some(_) if EXACT.contains(&found.mime_type()) => found.mime_type().to_owned(),
            Some(claimed) if agree(&claimed) => claimed,
            Some(_) | None => found.mime_type().to_owned(),
        };
        let mut endings = guesses.iter_raw().peekable();
        let name = if endings.peek().is_none()
            || endings.any(agree)
            || has_ending(&name, found.extension())
        {
            name
        } else {
            format!("{name}.{}", found.extension())
        };
        Self { name, kind }
    }

    fn is(&self, pattern: &str) -> bool {
        if pattern.starts_with('.') {
            // Windows takes an ending for what it is also behind these.
            let name = self.name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
            return name.ends_with(pattern);
        }
        match pattern.strip_suffix("/*") {
            Some(group) => self.kind.split('/').next() == Some(group),
            None => self.kind == pattern || family(&self.kind) == pattern,
        }
    }
}

/// Whether a name ends so already. Lists of endings do not know the type of every ending: to them a `.exe`
/// may be anything.
fn has_ending(name: &str, ending: &str) -> bool {
    let name = name.trim_end_matches(['.', ' ']);
    name.rsplit_once('.').is_some_and(|(_, own)| own.eq_ignore_ascii_case(ending))
}

/// A media type without its parameters, in small letters; `None` if it says nothing.
pub(crate) fn essence(kind: &str) -> Option<String> {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        !part.is_empty() && part.chars().all(allowed)
    };
    let whole = essence.split_once('/').is_some_and(|(group, kind)| token(group) && token(kind));
    (whole && essence.len() <= KIND_CHARS_MAX && essence != UNKNOWN).then_some(essence)
}

/// What a type is called here.
fn family(kind: &str) -> &str {
    FAMILIES.iter().find(|family| family.contains(&kind)).map_or(kind, |family| family[0])
}

/// Whether bytes in which one type was found may be of the claimed one.
fn is_one_of(claimed: &str, found: &str) -> bool {
    let (claimed, found) = (family(claimed), family(found));
    claimed == found
        || is_zip(claimed) && is_zip(found)
        || found == "text/xml" && is_xml(claimed)
        // What begins like a page, a script or XML is also text, and nothing runs it as such.
        || found.starts_with("text/") && (claimed == "text/plain" || claimed == "text/markdown")
}

fn is_zip(kind: &str) -> bool {
    kind == ZIP
        || kind == "application/x-zip-compressed"
        || kind == "application/java-archive"
        || kind.ends_with("+zip")
        || kind.starts_with("application/vnd.openxmlformats-officedocument.")
        || kind.starts_with("application/vnd.oasis.opendocument.")
        || kind.starts_with("application/vnd.ms-") && kind.ends_with(".12")
}

fn is_xml(kind: &str) -> bool {
    kind == "text/xml" || kind == "application/xml" || kind.ends_with("+xml")
}

/// Whether bytes without a signature may be of the claimed type.
fn is_borne_out(claimed: &str, first: &[u8]) -> bool {
    let claimed = family(claimed);
    let (group, _) = claimed.split_once('/').unwrap_or_default();
    let is_of_words = group == "text"
        || is_xml(claimed)
        || claimed.ends_with("+json")
        || matches!(claimed, "application/json" | "application/javascript" | "application/yaml");
    if is_of_words {
        return is_text(first);
    }
    // What always has a signature has it.
    let always = matches!(group, "image" | "audio" | "video" | "font")
        || is_zip(claimed)
        || FAMILIES.iter().any(|family| family[0] == claimed);
    !always
}

/// Whether the first bytes are words of some alphabet.
fn is_text(first: &[u8]) -> bool {
    if first.starts_with(&[0xFF, 0xFE]) || first.starts_with(&[0xFE, 0xFF]) {
        return true;
    }
    let whole = match std::str::from_utf8(first) {
        Ok(_) => true,
        // The last character may be cut; older alphabets have no zeros either.
        Err(error) => error.error_len().is_none() || !first.contains(&0),
    };
    whole && !first.iter().any(|byte| *byte < 0x20 && !b"\t\n\r\x0C\x1B".contains(byte))
}

/// A name as it is kept: the last part of a path, without what cannot be seen, not too long.
pub(crate) fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks that turn the direction of writing make `exe.jpg` of `gpj.exe`.
    let turns = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{061C}');
    let seen = last.chars().filter(|c| !c.is_control() && !turns(*c));
    // Behind a colon Windows looks for a stream within the file that stands before it.
    let name: String = seen.map(|c| if c == ':' { '_' } else { c }).collect();
    let name = name.trim();
    if name.trim_matches('.').is_empty() {
        return NAMELESS.to_owned();
    }
    let length = name.chars().count();
    if length <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ending_length = ending.chars().count();
    if ending.is_empty() || ending_length > ENDING_CHARS_MAX {
        return name.chars().take(NAME_CHARS_MAX).collect();
    }
    let start: String = name.chars().take(NAME_CHARS_MAX - ending_length - 1).collect();
    format!("{start}.{ending}")
}

#[cfg(test)]
mod tests;
