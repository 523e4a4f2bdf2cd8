//! The files that the instance has: uploads, what it fetched, and what agents send.
//!
//! Owns the store, its limits and the life of an upload; [`contents`] has what large files are
//! instead of bytes. Who may come for a file is the doors' business.

pub(crate) mod contents;

use std::collections::{HashMap, VecDeque};

use axum::body::Bytes;

use self::contents::{Contents, Filled};
use crate::profile::MediaState;

/// The largest file that is kept whole, in bytes: it lies in memory. Of a larger one only size and
/// digest are kept; how large one may be at all is a setting of the profile.
pub(crate) const WHOLE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What all files may take together, in bytes; the oldest go first.
const STORE_BYTES_MAX: usize = 100 * 1024 * 1024;

/// How many files are kept, so that empty ones do not pile up; the oldest go first.
const FILES_MAX: usize = 10_000;

/// How many characters of a name or a type are kept: what a file system would take.
const NAME_CHARS_MAX: usize = 255;

/// Where files are found; reference 9.8.
pub(crate) const PATH: &str = "/api/now/v1/cs/media";

/// The key of a picture that every instance has.
pub(crate) const SAMPLE_KEY: &str = "5a3d1e0f53130010cf8cddeeff7b0001";

/// That picture, and the one of every agent.
const SAMPLE: &[u8] = include_bytes!("media/plan.png");
pub(crate) const FACE: &[u8] = include_bytes!("media/face.png");

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) contents: Contents,
    /// SHA-256 of its bytes, in lower-case hexadecimal digits.
    pub(crate) sha256: String,
    /// When the virus scan is over, in milliseconds since the epoch, and what it says then.
    pub(crate) scan: (u64, MediaState),
}

impl File {
    /// A file that needs no scan.
    pub(crate) fn new(name: &str, content_type: &str, bytes: Bytes) -> Self {
        let sha256 = contents::sha256(&bytes);
        Self::of(name, content_type, (Contents::Whole(bytes), sha256))
    }

    /// The same of what was filled or made.
    pub(crate) fn of(name: &str, content_type: &str, (contents, sha256): Filled) -> Self {
        let cut = |text: &str, or: &str| -> String {
            let text = if text.trim().is_empty() { or } else { text };
            text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
        };
        let name = cut(name, "unnamed");
        let content_type = cut(content_type, "application/octet-stream");
        Self { name, content_type, contents, sha256, scan: (0, MediaState::Available) }
    }

    pub(crate) fn state(&self, now: u64) -> MediaState {
        if now < self.scan.0 { MediaState::Pending } else { self.scan.1 }
    }

    /// Whether it can be sent and loaded.
    pub(crate) fn is_available(&self, now: u64) -> bool {
        matches!(self.state(now), MediaState::Available | MediaState::ConditionallyAvailable)
    }
}

/// All files, by their keys.
#[derive(Debug)]
pub(crate) struct Media {
    files: HashMap<String, File>,
    /// The keys of those that may go, oldest first.
    oldest: VecDeque<String>,
    bytes: usize,
}

impl Default for Media {
    fn default() -> Self {
        let sample = File::new("plan.png", "image/png", Bytes::from_static(SAMPLE));
        let files = HashMap::from([(SAMPLE_KEY.to_owned(), sample)]);
        Self { files, oldest: VecDeque::new(), bytes: 0 }
    }
}

impl Media {
    /// Keeps a file.
    pub(crate) fn keep(&mut self, key: String, file: File) {
        self.bytes += file.contents.kept();
        self.oldest.push_back(key.clone());
        self.files.insert(key, file);
        while self.bytes > STORE_BYTES_MAX || self.files.len() > FILES_MAX {
            let Some(gone) = self.oldest.pop_front().and_then(|key| self.files.remove(&key)) else {
                break;
            };
            self.bytes -= gone.contents.kept();
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&File> {
        self.files.get(key)
    }

    /// The file behind an address of the media API, whatever host it names.
    pub(crate) fn at(&self, url: &str) -> Option<&File> {
        let (_, key) = url.split_once(PATH)?;
        self.get(key.strip_prefix('/')?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_file_makes_room() {
        let mut media = Media::default();
        let file = File::new("a", "", Bytes::from(vec![0; WHOLE_BYTES_MAX]));
        for key in 0..=STORE_BYTES_MAX / WHOLE_BYTES_MAX {
            media.keep(key.to_string(), file.clone());
        }
        assert!(media.get("0").is_none() && media.get("1").is_some());
        assert!(media.bytes <= STORE_BYTES_MAX);
    }

    #[test]
    fn a_file_is_what_its_scan_says_when_that_is_over() {
        let mut file = File::new(" ", "text/plain\r\n", Bytes::new());
        assert_eq!((file.name.as_str(), file.content_type.as_str()), ("unnamed", "text/plain"));
        file.scan = (10, MediaState::NotAvailable);
        assert_eq!(file.state(9), MediaState::Pending);
        assert_eq!(file.state(10), MediaState::NotAvailable);
        assert!(!file.is_available(9) && !file.is_available(10));
    }

    #[test]
    fn a_file_is_found_by_its_address() {
        let mut media = Media::default();
        media.keep("k".to_owned(), File::new("a", "b", Bytes::new()));
        for (url, found) in [
            ("/api/now/v1/cs/media/k", true),
            ("http://127.0.0.1:9/api/now/v1/cs/media/k", true),
            ("/api/now/v1/cs/media/other", false),
            ("/elsewhere/k", false),
        ] {
            assert_eq!(media.at(url).is_some(), found, "{url}");
        }
    }
}
