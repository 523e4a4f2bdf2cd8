//! Which pictures Teams draws: PNG, JPEG and GIF, up to a megabyte and 1,024 pixels each way (reference 6).

use std::{collections::HashMap, sync::LazyLock};

/// The largest picture that Teams draws, in bytes.
const TEAMS_PICTURE_BYTES_MAX: u64 = 1024 * 1024;

/// The widest and the highest, in pixels.
const TEAMS_PICTURE_PIXELS_MAX: u32 = 1_024;

/// How much of the beginning of a picture is looked at, in bytes: a camera's words and a small picture
/// stand before the size.
pub(crate) const START_BYTES: usize = 256 * 1024;

/// Pictures by their addresses as the desk writes them.
pub(crate) type Pictures = HashMap<String, Picture>;

/// Nothing is known of any.
pub(crate) static NO_PICTURES: LazyLock<Pictures> = LazyLock::new(HashMap::new);

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Its media type.
    pub(crate) kind: String,
    bytes: u64,
    /// Width and height, if they were found.
    pixels: Option<(u32, u32)>,
}

impl Picture {
    /// A picture of so many bytes in all, of which the beginning is here.
    pub(crate) fn read(kind: &str, bytes: u64, start: &[u8]) -> Self {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Self { kind, bytes, pixels: pixels(start) }
    }

    /// Whether it is known that Teams draws it.
    pub(super) fn fits_teams(&self) -> bool {
        let is_small = |(width, height): (u32, u32)| {
            width <= TEAMS_PICTURE_PIXELS_MAX && height <= TEAMS_PICTURE_PIXELS_MAX
        };
        is_drawn_in_teams(&self.kind)
            && self.bytes <= TEAMS_PICTURE_BYTES_MAX
            && self.pixels.is_some_and(is_small)
    }
}

/// Whether Teams draws pictures of this type at all.
pub(super) fn is_drawn_in_teams(kind: &str) -> bool {
    ["image/png", "image/jpeg", "image/gif"].contains(&kind)
}

/// Width and height as the beginning of a PNG, a GIF or a JPEG tells them.
fn pixels(start: &[u8]) -> Option<(u32, u32)> {
    if start.starts_with(b"\x89PNG\r\n\x1a\n") {
        let size = |at: usize| Some(u32::from_be_bytes(*start.get(at..)?.first_chunk()?));
        return Some((size(16)?, size(20)?));
    }
    if start.starts_with(b"GIF8") {
        let size = |at: usize| Some(u16::from_le_bytes(*start.get(at..)?.first_chunk()?).into());
        return Some((size(6)?, size(8)?));
    }
    start.strip_prefix(b"\xff\xd8").and_then(frame)
}

/// The size in a JPEG's frame, which stands behind segments of any other kind.
fn frame(mut rest: &[u8]) -> Option<(u32, u32)> {
    loop {
        let [0xff, marker, behind @ ..] = rest else { return None };
        // One may be filled up with more of its first byte.
        if *marker == 0xff {
            rest = &rest[1..];
            continue;
        }
        let length = usize::from(u16::from_be_bytes(*behind.first_chunk()?));
        // Frames, without tables (C4), extensions (C8) and conditioning (CC).
        if (0xc0..=0xcf).contains(marker) && ![0xc4, 0xc8, 0xcc].contains(marker) {
            let size =
                |at: usize| Some(u16::from_be_bytes(*behind.get(at..)?.first_chunk()?).into());
            return Some((size(5)?, size(3)?));
        }
        rest = behind.get(length.max(2)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &size].concat()
    }

    fn gif(width: u16, height: u16) -> Vec<u8> {
        let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
        [b"GIF89a".as_slice(), &size].concat()
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
        let table = b"\xff\xc4\0\x04ab";
        [b"\xff\xd8\xff\xe1\0\x06Exif\xff".as_slice(), table, b"\xff\xc2\0\x0b\x08", &size].concat()
    }

    #[test]
    fn the_size_is_read_from_each_kind() {
        assert_eq!(pixels(&png(1_024, 70_000)), Some((1_024, 70_000)));
        assert_eq!(pixels(&gif(3, 258)), Some((3, 258)));
        assert_eq!(pixels(&jpeg(640, 480)), Some((640, 480)));
        for whole in [png(7, 8), gif(7, 8), jpeg(7, 8)] {
            for end in 0..whole.len() {
                assert_eq!(pixels(&whole[..end]), None, "{whole:?} cut at {end}");
            }
        }
        for other in [b"".as_slice(), b"<svg/>", b"\xff\xd8\xff\xd9\0\0", b"\xff\xd8\xff\xff"] {
            assert_eq!(pixels(other), None);
        }
    }

    #[test]
    fn teams_draws_what_is_small_and_of_a_kind_it_knows() {
        const MEGABYTE: u64 = 1024 * 1024;
        for (kind, bytes, start, drawn) in [
            ("image/png", MEGABYTE, png(1_024, 1_024), true),
            ("image/PNG; x=y", 9, png(1, 1), true),
            ("image/gif", 9, gif(1, 1), true),
            ("image/jpeg", 9, jpeg(1, 1), true),
            ("image/png", MEGABYTE + 1, png(1, 1), false),
            ("image/png", 9, png(1_025, 1), false),
            ("image/png", 9, png(1, 1_025), false),
            ("image/webp", 9, png(1, 1), false),
            ("image/svg+xml", 9, b"<svg/>".to_vec(), false),
            ("image/png", 9, Vec::new(), false),
        ] {
            assert_eq!(Picture::read(kind, bytes, &start).fits_teams(), drawn, "{kind} {bytes}");
        }
    }
}
