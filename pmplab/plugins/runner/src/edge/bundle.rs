//! The bundle as the checker reads it: a directory that the host opened read-only.

use pmplab_dsl::{ComponentFile, FileError, Files};
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};

use crate::component::{self, Fault};

/// Deeper than this, no bundle goes.
const DEEPEST: usize = 16;

pub struct Bundle(pub Descriptor);

impl Bundle {
    pub fn open() -> Option<Self> {
        super::directory("/bundle").map(Self)
    }

    fn file(&self, path: &str) -> Result<Descriptor, FileError> {
        self.0
            .open_at(
                PathFlags::SYMLINK_FOLLOW,
                clean(path),
                OpenFlags::empty(),
                DescriptorFlags::READ,
            )
            .map_err(unread)
    }
}

/// `./a` is `a`.
fn clean(path: &str) -> &str {
    path.trim_start_matches("./")
}

fn unread(code: ErrorCode) -> FileError {
    match code {
        ErrorCode::NoEntry | ErrorCode::NotDirectory => FileError::NotFound,
        ErrorCode::NotPermitted => FileError::Outside,
        ErrorCode::IsDirectory => FileError::Other("it is a directory".to_owned()),
        other => FileError::Other(other.message().to_owned()),
    }
}

/// Up to `length` bytes from `offset`; less at the end of the file.
fn read(file: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        let (part, end) = file
            .read(length - bytes.len() as u64, offset + bytes.len() as u64)
            .map_err(unread)?;
        bytes.extend_from_slice(&part);
        if end || part.is_empty() {
            break;
        }
    }
    Ok(bytes)
}

impl Files for Bundle {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        read(&self.file(path)?, 0, u64::MAX)
    }

    fn list(&self) -> Vec<String> {
        let mut names = Vec::new();
        list(&self.0, "", DEEPEST, &mut names);
        names.sort();
        names
    }

    fn component(&self, path: &str) -> Result<ComponentFile, FileError> {
        let file = self.file(path)?;
        component::look(|offset, length| read(&file, offset, length)).map_err(|fault| match fault {
            Fault::Not(found) => FileError::NotAComponent { found },
            Fault::Read(error) => error,
        })
    }
}

fn list(folder: &Descriptor, prefix: &str, depth: usize, names: &mut Vec<String>) {
    let Ok(entries) = folder.read_directory() else {
        return;
    };
    while let Ok(Some(entry)) = entries.read_directory_entry() {
        let name = format!("{prefix}{}", entry.name);
        if entry.type_ != DescriptorType::Directory {
            names.push(name);
        } else if depth > 0
            && let Ok(inner) = folder.open_at(
                PathFlags::empty(),
                &entry.name,
                OpenFlags::DIRECTORY,
                DescriptorFlags::READ,
            )
        {
            list(&inner, &format!("{name}/"), depth - 1, names);
        }
    }
}
