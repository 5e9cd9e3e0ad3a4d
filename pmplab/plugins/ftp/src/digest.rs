//! Checksums of what goes by.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Which checksum is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Crc32,
    Sha256,
    None,
}

/// A checksum in the making.
#[derive(Debug)]
pub enum Digest {
    Crc32(crc32fast::Hasher),
    Sha256(Box<Sha256>),
    None,
}

impl Digest {
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Kind::Sha256 => Self::Sha256(Box::default()),
            Kind::None => Self::None,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::None => {}
        }
    }

    /// As lower-case hex; none when none was wanted.
    #[must_use]
    pub fn hex(self) -> Option<String> {
        match self {
            Self::Crc32(hasher) => Some(format!("{:08x}", hasher.finalize())),
            Self::Sha256(hasher) => {
                let mut hex = String::with_capacity(64);
                for byte in hasher.finalize() {
                    let _ = write!(hex, "{byte:02x}");
                }
                Some(hex)
            }
            Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_that_everyone_computes() {
        let of = |kind| {
            let mut digest = Digest::new(kind);
            digest.update(b"1234");
            digest.update(b"56789");
            digest.hex()
        };
        assert_eq!(of(Kind::Crc32).as_deref(), Some("cbf43926"));
        assert_eq!(
            of(Kind::Sha256).as_deref(),
            Some("15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225")
        );
        assert_eq!(of(Kind::None), None);
    }
}
