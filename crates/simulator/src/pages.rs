//! The built pages, inside the binary.
//!
//! Owns nothing but the look-up; the pages' sources are in `web/`.

use std::borrow::Cow;

use rust_embed::RustEmbed;

/// What `web/` was built into. Without Node it does not exist, and then no page does.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Pages;

/// A built file by its path under `web/dist`, such as `desk.html` or `assets/desk-1a2b.js`: its
/// media type and its bytes. `None` when there is no such file, or the pages were not built.
pub fn page(path: &str) -> Option<(String, Cow<'static, [u8]>)> {
    let file = Pages::get(path)?;
    Some((file.metadata.mimetype().to_owned(), file.data))
}
