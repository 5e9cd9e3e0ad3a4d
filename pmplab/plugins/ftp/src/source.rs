//! What an upload sends: bytes of the script, or a file of the bundle, read in pieces.

use pmplab_plugin::{Failure, File};

/// Bytes read of a file at once.
const PIECE: usize = 1024 * 1024;

pub enum Source {
    Bytes(Vec<u8>),
    File(File),
}

impl Source {
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.size(),
        }
    }

    /// The piece at an offset; empty at the end.
    pub fn piece(&self, offset: u64) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
                let to = bytes.len().min(from + PIECE);
                Ok(bytes[from..to].to_vec())
            }
            Self::File(file) => file.read_at(offset, PIECE),
        }
    }
}
