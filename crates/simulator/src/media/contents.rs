//! What a file is made of: bytes in memory, bytes that are made as they are read, or, of a large file
//! that came in, nothing but how many there were and their digest.
//!
//! So files of any size pass both ways while memory stays as it was.

use aws_lc_rs::digest::{self, SHA256};
use axum::body::Bytes;

use super::WHOLE_BYTES_MAX;

/// How many bytes are made at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// The bytes of a file.
#[derive(Debug, Clone)]
pub(crate) enum Contents {
    /// Here they are.
    Whole(Bytes),
    /// So many, made as they are read, and the same each time.
    Made(u64),
    /// So many came; they are gone.
    Counted(u64),
}

/// Contents and their SHA-256.
pub(crate) type Filled = (Contents, String);

impl Contents {
    /// How many bytes the file has.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Made(size) | Self::Counted(size) => *size,
        }
    }

    /// How many bytes of memory it takes.
    pub(crate) fn kept(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Made(_) | Self::Counted(_) => 0,
        }
    }
}

/// Takes in bytes of which nobody knows yet how many there will be.
pub(crate) struct Filling {
    digest: digest::Context,
    whole: Vec<u8>,
    size: u64,
    max: u64,
}

/// The file is larger than the instance takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Filling {
    /// For at most so many bytes.
    pub(crate) fn new(max: u64) -> Self {
        Self { digest: digest::Context::new(&SHA256), whole: Vec::new(), size: 0, max }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        self.size += bytes.len() as u64;
        if self.size > self.max {
            return Err(TooLarge);
        }
        self.digest.update(bytes);
        if self.size <= WHOLE_BYTES_MAX as u64 {
            self.whole.extend_from_slice(bytes);
        } else {
            self.whole = Vec::new();
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Filled {
        let contents = if self.size <= WHOLE_BYTES_MAX as u64 {
            Contents::Whole(self.whole.into())
        } else {
            Contents::Counted(self.size)
        };
        (contents, hexadecimal(self.digest.finish().as_ref()))
    }
}

/// A file of this many bytes that are made as they are read. Computing the digest takes about a
/// second for each gigabyte.
pub(crate) fn made(size: u64) -> Filled {
    let mut digest = digest::Context::new(&SHA256);
    Blocks::new(size).for_each(|block| digest.update(&block));
    (Contents::Made(size), hexadecimal(digest.finish().as_ref()))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&SHA256, bytes).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// The bytes of a made file, block by block: noise, with each block's number at its beginning so
/// that none can be taken for another.
pub(crate) struct Blocks {
    noise: Vec<u8>,
    left: u64,
    number: u64,
}

impl Blocks {
    pub(crate) fn new(size: u64) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let noise = (0..BLOCK_BYTES).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        });
        Self { noise: noise.collect(), left: size, number: 0 }
    }
}

impl Iterator for Blocks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        if size == 0 {
            return None;
        }
        let mut block = self.noise[..size].to_vec();
        let number = self.number.to_le_bytes();
        let head = size.min(number.len());
        block[..head].copy_from_slice(&number[..head]);
        self.left -= size as u64;
        self.number += 1;
        Some(block.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_as_long_as_it_says_and_the_same_each_time() {
        for size in [0, 1, 7, 65_536, 65_537, 200_000] {
            let bytes: Vec<u8> = Blocks::new(size).flatten().collect();
            assert_eq!(bytes.len() as u64, size);
            let (contents, digest) = made(size);
            assert_eq!((contents.size(), digest), (size, sha256(&bytes)));
        }
        let blocks: Vec<_> = Blocks::new(131_072).collect();
        assert_ne!(blocks[0], blocks[1]);
    }

    #[test]
    fn a_small_file_is_kept_and_a_large_one_is_counted() {
        let mut filling = Filling::new(u64::MAX);
        filling.push(b"ab").unwrap();
        filling.push(b"c").unwrap();
        let (contents, digest) = filling.finish();
        assert!(matches!(contents, Contents::Whole(bytes) if bytes == "abc"));
        assert_eq!(digest, sha256(b"abc"));

        let size = WHOLE_BYTES_MAX as u64 + 1;
        let mut filling = Filling::new(size);
        Blocks::new(size).for_each(|block| filling.push(&block).unwrap());
        let (contents, digest) = filling.finish();
        assert!(matches!(contents, Contents::Counted(counted) if counted == size));
        assert_eq!(digest, made(size).1);
    }

    #[test]
    fn more_than_the_instance_takes_is_refused() {
        let mut filling = Filling::new(3);
        assert_eq!(filling.push(b"ab"), Ok(()));
        assert_eq!(filling.push(b"cd"), Err(TooLarge));
    }
}
