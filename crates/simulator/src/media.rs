//! The files that the instance has: uploads, what it fetched, and what agents send.
//!
//! Owns the store, its limits and the life of an upload. Who may come for a file is the doors'
//! business.

use std::collections::{HashMap, VecDeque};

use axum::body::Bytes;

use crate::profile::MediaState;

/// The largest file, in bytes. A real instance takes 1 GB; these lie in memory.
pub(crate) const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;

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
    pub(crate) bytes: Bytes,
    /// When the virus scan is over, in milliseconds since the epoch, and what it says then.
    pub(crate) scan: (u64, MediaState),
}

impl File {
    /// A file that needs no scan.
    pub(crate) fn new(name: &str, content_type: &str, bytes: Bytes) -> Self {
        let cut = |text: &str, or: &str| -> String {
            let text = if text.trim().is_empty() { or } else { text };
            text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
        };
        let name = cut(name, "unnamed");
        let content_type = cut(content_type, "application/octet-stream");
        Self { name, content_type, bytes, scan: (0, MediaState::Available) }
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
    /// Keeps a file that is no larger than [`FILE_BYTES_MAX`].
    pub(crate) fn keep(&mut self, key: String, file: File) {
        self.bytes += file.bytes.len();
        self.oldest.push_back(key.clone());
        self.files.insert(key, file);
        while self.bytes > STORE_BYTES_MAX || self.files.len() > FILES_MAX {
            let Some(gone) = self.oldest.pop_front().and_then(|key| self.files.remove(&key)) else {
                break;
            };
            self.bytes -= gone.bytes.len();
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
        let file = File::new("a", "", Bytes::from(vec![0; FILE_BYTES_MAX]));
        for key in 0..=STORE_BYTES_MAX / FILE_BYTES_MAX {
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
