//! The component around `graph`: files come from and go to the one preopened folder.
#![allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]

use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

use crate::{Request, compose, imports};

wit_bindgen::generate!({ path: "../../wit/compose", world: "pmplab:compose/composer-component" });

struct Composer;

impl exports::pmplab::compose::composer::Guest for Composer {
    fn compose(request: String) -> Result<String, String> {
        let request: Request = serde_json::from_str(&request).map_err(|e| e.to_string())?;
        let folder = folder()?;
        let (bytes, answer) = compose(&request, &|name| read(&folder, name))?;
        write(&folder, &request.out, &bytes)?;
        serde_json::to_string(&answer).map_err(|e| e.to_string())
    }

    fn imports(file: String) -> Result<String, String> {
        let bytes = read(&folder()?, &file)?;
        serde_json::to_string(&imports(&file, bytes)?).map_err(|e| e.to_string())
    }
}

fn folder() -> Result<Descriptor, String> {
    wasip2::filesystem::preopens::get_directories()
        .into_iter()
        .next()
        .map(|(dir, _)| dir)
        .ok_or_else(|| "no folder was given".into())
}

fn read(folder: &Descriptor, name: &str) -> Result<Vec<u8>, String> {
    let file = folder
        .open_at(
            PathFlags::SYMLINK_FOLLOW,
            name,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )
        .map_err(|e| format!("{name}: {e}"))?;
    let mut bytes = Vec::new();
    loop {
        let (chunk, end) = file
            .read(1 << 20, bytes.len() as u64)
            .map_err(|e| format!("{name}: {e}"))?;
        bytes.extend_from_slice(&chunk);
        if end || chunk.is_empty() {
            return Ok(bytes);
        }
    }
}

fn write(folder: &Descriptor, name: &str, bytes: &[u8]) -> Result<(), String> {
    let file = folder
        .open_at(
            PathFlags::empty(),
            name,
            OpenFlags::CREATE | OpenFlags::TRUNCATE,
            DescriptorFlags::WRITE,
        )
        .map_err(|e| format!("{name}: {e}"))?;
    let mut at = 0;
    while at < bytes.len() {
        at += file
            .write(&bytes[at..], at as u64)
            .map_err(|e| format!("{name}: {e}"))? as usize;
    }
    Ok(())
}

export!(Composer);
