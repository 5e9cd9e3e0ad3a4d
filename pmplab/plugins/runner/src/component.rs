//! What a component says of itself, found without reading the file whole: its section `pmplab:component`, its exports.

use pmplab_dsl::ComponentFile;
use wasmparser::{BinaryReader, ComponentExportSectionReader};

/// Name of the section in which a component says what it is.
const NAME: &[u8] = b"pmplab:component";
const MAGIC: [u8; 4] = *b"\0asm";
const CUSTOM: u8 = 0;
const EXPORT: u8 = 11;
/// Longer than this, no section that is read here is.
const LONGEST: u64 = 1 << 20;

/// Why a file is of no use.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// It is something else: what, in a few words.
    Not(String),
    Read(E),
}

/// Looks through the sections of a file that `read(offset, length)` reads; at the end of the file it returns less.
///
/// # Errors
/// When it is no component, or cannot be read.
pub fn look<E>(
    mut read: impl FnMut(u64, u64) -> Result<Vec<u8>, E>,
) -> Result<ComponentFile, Fault<E>> {
    let not = |what: &str| Err(Fault::Not(what.to_owned()));
    let head = read(0, 8).map_err(Fault::Read)?;
    match head.as_slice() {
        [] => return not("an empty file"),
        [magic @ .., _, _, 0, 0] if magic == MAGIC => return not("a core WebAssembly module"),
        [magic @ .., _, _, 1, 0] if magic == MAGIC => {}
        _ => return not("no WebAssembly at all"),
    }
    let mut at = 8;
    let mut found = ComponentFile::default();
    loop {
        let start = read(at, 64).map_err(Fault::Read)?;
        let Some((&id, rest)) = start.split_first() else {
            return Ok(found);
        };
        let Some((length, size)) = leb(rest) else {
            return not("a damaged component");
        };
        let body = at + 1 + size as u64;
        if id == CUSTOM && length <= LONGEST && named(&rest[size..]) {
            let text = read(body, length).map_err(Fault::Read)?;
            let (name, skip) = leb(&text).unwrap_or_default();
            let from = skip.saturating_add(usize::try_from(name).unwrap_or(usize::MAX));
            found.section = text
                .get(from..)
                .map(|text| String::from_utf8_lossy(text).into_owned());
        }
        if id == EXPORT {
            let bytes = read(body, length.min(LONGEST)).map_err(Fault::Read)?;
            let Ok(names) = exports(&bytes) else {
                return not("a damaged component");
            };
            found.exports.extend(names);
        }
        at = body + length;
    }
}

fn exports(section: &[u8]) -> Result<Vec<String>, wasmparser::BinaryReaderError> {
    ComponentExportSectionReader::new(BinaryReader::new(section, 0))?
        .into_iter()
        .map(|export| Ok(export?.name.name.to_owned()))
        .collect()
}

fn named(rest: &[u8]) -> bool {
    leb(rest)
        .is_some_and(|(length, size)| length == NAME.len() as u64 && rest[size..].starts_with(NAME))
}

/// An unsigned LEB128 number of 32 bits, and how many bytes it takes.
fn leb(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(file: &[u8]) -> Result<ComponentFile, Fault<()>> {
        super::look(|at, length| {
            let from = (at as usize).min(file.len());
            let to = (from + length as usize).min(file.len());
            Ok(file[from..to].to_vec())
        })
    }

    fn component(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut file = b"\0asm\x0d\0\x01\0".to_vec();
        for (id, body) in sections {
            file.push(*id);
            file.push((body.len() & 0x7f) as u8 | 0x80);
            file.push((body.len() >> 7) as u8);
            file.extend_from_slice(body);
        }
        file
    }

    /// An export section with one instance in it.
    fn export(name: &str) -> Vec<u8> {
        let name = name.as_bytes();
        [&[1, 0, name.len() as u8], name, &[5, 0, 0]].concat()
    }

    #[test]
    fn the_section_is_found_behind_others() {
        let file = component(&[
            (1, &[7; 300]),
            (0, b"\x04name1234"),
            (0, b"\x10pmplab:component{\"name\":\"http\"}"),
        ]);
        let found = look(&file).unwrap();
        assert_eq!(found.section.as_deref(), Some("{\"name\":\"http\"}"));
    }

    #[test]
    fn exports_of_all_sections_are_listed_in_order() {
        let file = component(&[
            (11, &export("wasi:cli/run@0.2.0")),
            // What a component within exports is no export of this one.
            (4, &component(&[(11, &export("inner"))])),
            (11, &export("pmplab:protocol/plugin@0.1.0")),
        ]);
        assert_eq!(
            look(&file).unwrap().exports,
            ["wasi:cli/run@0.2.0", "pmplab:protocol/plugin@0.1.0"]
        );
    }

    #[test]
    fn a_component_that_says_nothing_has_nothing() {
        let file = component(&[(1, &[7; 3])]);
        assert_eq!(look(&file), Ok(ComponentFile::default()));
    }

    #[test]
    fn what_is_no_component_is_named() {
        let not = |text: &str| Err(Fault::Not(text.to_owned()));
        assert_eq!(look(b"\0asm\x01\0\0\0"), not("a core WebAssembly module"));
        assert_eq!(look(b"hello world"), not("no WebAssembly at all"));
        assert_eq!(look(b""), not("an empty file"));
        let damaged = not("a damaged component");
        assert_eq!(
            look(b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\xff\xff"),
            damaged
        );
        assert_eq!(look(&component(&[(11, &[9, 9, 9])])), damaged);
        assert_eq!(
            look(b"\0asm\x0d\0\x01\0\x0b\xff\xff\xff\xff\x0f\x01"),
            damaged
        );
    }
}
