//! Files of the bundle, read in pieces.

use crate::Failure;
use std::path::{Component, Path};

#[cfg(target_family = "wasm")]
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

/// A folder that may be read; in a component the bundle's.
#[derive(Debug)]
pub struct Folder {
    #[cfg(target_family = "wasm")]
    root: Descriptor,
    #[cfg(not(target_family = "wasm"))]
    root: std::path::PathBuf,
}

/// A file, open to be read at any place.
#[derive(Debug)]
pub struct File {
    #[cfg(target_family = "wasm")]
    file: Descriptor,
    #[cfg(not(target_family = "wasm"))]
    file: std::fs::File,
    size: u64,
}

impl File {
    /// Bytes that it had when it was opened.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// A path that stays where it is told to.
fn inside(path: &str) -> Result<&str, Failure> {
    let plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if plain && !path.is_empty() {
        Ok(path)
    } else {
        Err(Failure::bad_value(format!(
            "`{path}` is no path inside the bundle"
        )))
    }
}

fn unreadable(path: &str, why: impl std::fmt::Display) -> Failure {
    Failure::bad_value(format!("`{path}` cannot be read: {why}"))
}

#[cfg(target_family = "wasm")]
impl Folder {
    /// What a host gave.
    #[must_use]
    pub const fn new(root: Descriptor) -> Self {
        Self { root }
    }

    /// Opens a file below it.
    ///
    /// # Errors
    /// `config.bad-value` for a path that leads out, or at which nothing can be read.
    pub fn open(&self, path: &str) -> Result<File, Failure> {
        let file = self
            .root
            .open_at(
                PathFlags::empty(),
                inside(path)?,
                OpenFlags::empty(),
                DescriptorFlags::READ,
            )
            .map_err(|code| unreadable(path, code.name()))?;
        let size = file
            .stat()
            .map_err(|code| unreadable(path, code.name()))?
            .size;
        Ok(File { file, size })
    }
}

#[cfg(target_family = "wasm")]
impl File {
    /// Reads at most so many bytes from an offset; none at the end.
    ///
    /// # Errors
    /// `config.bad-value`: it cannot be read any more.
    pub fn read_at(&self, offset: u64, at_most: usize) -> Result<Vec<u8>, Failure> {
        self.file
            .read(at_most as u64, offset)
            .map(|(bytes, _)| bytes)
            .map_err(|code| unreadable("the file", code.name()))
    }
}

#[cfg(not(target_family = "wasm"))]
impl Folder {
    /// A folder of this machine.
    #[must_use]
    pub const fn new(root: std::path::PathBuf) -> Self {
        Self { root }
    }

    /// Opens a file below it.
    ///
    /// # Errors
    /// `config.bad-value` for a path that leads out, or at which nothing can be read.
    pub fn open(&self, path: &str) -> Result<File, Failure> {
        let file = std::fs::File::open(self.root.join(inside(path)?))
            .map_err(|why| unreadable(path, why))?;
        let size = file.metadata().map_err(|why| unreadable(path, why))?.len();
        Ok(File { file, size })
    }
}

#[cfg(not(target_family = "wasm"))]
impl File {
    /// Reads at most so many bytes from an offset; none at the end.
    ///
    /// # Errors
    /// `config.bad-value`: it cannot be read any more.
    pub fn read_at(&self, offset: u64, at_most: usize) -> Result<Vec<u8>, Failure> {
        use std::os::unix::fs::FileExt as _;
        let mut bytes = vec![0; at_most];
        let count = self
            .file
            .read_at(&mut bytes, offset)
            .map_err(|why| unreadable("the file", why))?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_at_any_place_and_nothing_outside() {
        let root = std::env::temp_dir().join(format!("pmplab-folder-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("a.txt"), "0123456789").unwrap();
        let folder = Folder::new(root.clone());
        let file = folder.open("./a.txt").unwrap();
        assert_eq!(file.size(), 10);
        assert_eq!(file.read_at(4, 3).unwrap(), b"456");
        assert_eq!(file.read_at(8, 100).unwrap(), b"89");
        assert_eq!(file.read_at(10, 100).unwrap(), b"");
        for outside in ["../a.txt", "/etc/hosts", ""] {
            let why = folder.open(outside).unwrap_err();
            assert!(why.message.ends_with("is no path inside the bundle"));
        }
        let why = folder.open("b.txt").unwrap_err();
        assert!(why.message.starts_with("`b.txt` cannot be read: "));
        std::fs::remove_dir_all(root).unwrap();
    }
}
