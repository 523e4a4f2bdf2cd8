//! What files are kept by. Where it comes from is its caller's business.

use std::time::Duration;

use super::{bucket::BucketSetup, kind::Allowed, scan::ScannerAddress};

/// How and where files are kept.
#[derive(Debug, Clone, Default)]
pub struct FileSetup {
    /// The bucket that they lie in; `None` for the folder `files` in the data directory.
    pub bucket: Option<BucketSetup>,
    /// What holds for them.
    pub rules: FileRules,
    /// What looks into them before they are kept; `None` for nothing.
    pub scanning: Option<Scanning>,
}

impl FileSetup {
    /// Whether it says the same, secrets included.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        let same_bucket = match (&self.bucket, &other.bucket) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_as(other),
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_bucket && self.rules == other.rules && self.scanning == other.scanning
    }
}

/// What holds for files that users and agents send each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRules {
    /// The largest file, in bytes.
    pub file_bytes: u64,
    /// The most files in one message.
    pub in_message: usize,
    /// The most that one conversation's files may take, in sealed bytes.
    pub conversation_bytes: u64,
    /// The most that one tenant's files may take, in sealed bytes.
    pub tenant_bytes: u64,
    /// The most of that which strangers' may take: of users whom no site's server names.
    pub strangers_bytes: u64,
    /// The most that all files may take, in sealed bytes.
    pub all_bytes: u64,
    /// How long they are kept.
    pub kept_for: Duration,
    /// How long those of strangers are kept.
    pub strangers_kept_for: Duration,
    /// Patterns of the files that users may bring; `None` for all that are not refused.
    pub only: Option<Vec<String>>,
    /// Patterns of the files that users may not bring.
    pub never: Vec<String>,
}

/// What users may not bring unless somebody says otherwise: what runs, or can run, when it is opened;
/// pages of the web, pictures with scripts and documents with macros among it.
pub const REFUSED: [&str; 82] = [
    ".exe",
    ".com",
    ".scr",
    ".pif",
    ".bat",
    ".cmd",
    ".ps1",
    ".vbs",
    ".vbe",
    ".js",
    ".jse",
    ".wsf",
    ".wsh",
    ".hta",
    ".msi",
    ".msp",
    ".cpl",
    ".dll",
    ".lnk",
    ".reg",
    ".jar",
    ".app",
    ".apk",
    ".deb",
    ".rpm",
    ".sh",
    ".iso",
    ".url",
    ".chm",
    ".xll",
    ".wll",
    ".docm",
    ".dotm",
    ".xlsm",
    ".xltm",
    ".xlam",
    ".pptm",
    ".potm",
    ".ppam",
    ".library-ms",
    ".search-ms",
    ".settingcontent-ms",
    ".one",
    ".ps1xml",
    ".psm1",
    ".psd1",
    ".msc",
    ".scf",
    ".sct",
    ".vhd",
    ".vhdx",
    ".img",
    ".jnlp",
    ".msix",
    ".msixbundle",
    ".appx",
    ".appref-ms",
    ".application",
    ".gadget",
    ".inf",
    ".ws",
    ".wsc",
    ".vb",
    ".pyw",
    ".command",
    ".desktop",
    ".html",
    ".htm",
    ".shtml",
    ".xhtml",
    ".xht",
    ".svg",
    ".svgz",
    ".mht",
    ".mhtml",
    "application/vnd.microsoft.portable-executable",
    "application/x-executable",
    "application/x-mach-binary",
    "text/x-shellscript",
    "text/html",
    "application/xhtml+xml",
    "image/svg+xml",
];

impl Default for FileRules {
    fn default() -> Self {
        Self {
            file_bytes: 25 * 1024 * 1024,
            in_message: 10,
            conversation_bytes: 256 * 1024 * 1024,
            tenant_bytes: 4 * 1024 * 1024 * 1024,
            strangers_bytes: 1024 * 1024 * 1024,
            all_bytes: 8 * 1024 * 1024 * 1024,
            kept_for: Duration::from_hours(30 * 24),
            strangers_kept_for: Duration::from_hours(3 * 24),
            only: None,
            never: REFUSED.map(str::to_owned).to_vec(),
        }
    }
}

impl FileRules {
    pub(super) fn allowed(&self) -> Allowed {
        Allowed { only: self.only.clone(), never: self.never.clone() }
    }
}

/// A virus scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanning {
    /// Where clamd is.
    pub clamd: ScannerAddress,
    /// What happens while it cannot say anything.
    pub without: WithoutScanner,
}

/// What happens to files while no scanner answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutScanner {
    /// They are refused, to be sent again later.
    Refuse,
    /// They are taken as they are.
    Take,
}
