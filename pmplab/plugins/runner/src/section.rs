//! The custom section `pmplab:component` of a component, found without reading the file whole.

/// Name of the section in which a component says what it is.
const NAME: &[u8] = b"pmplab:component";
const MAGIC: [u8; 4] = *b"\0asm";
/// Longer than this, no section of ours is.
const LONGEST: u64 = 1 << 20;

/// Why a file has no such section.
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
pub fn find<E>(
    mut read: impl FnMut(u64, u64) -> Result<Vec<u8>, E>,
) -> Result<Option<String>, Fault<E>> {
    let head = read(0, 8).map_err(Fault::Read)?;
    match head.as_slice() {
        [] => return Err(Fault::Not("an empty file".to_owned())),
        [magic @ .., _, _, 0, 0] if magic == MAGIC => {
            return Err(Fault::Not("a core WebAssembly module".to_owned()));
        }
        [magic @ .., _, _, 1, 0] if magic == MAGIC => {}
        _ => return Err(Fault::Not("no WebAssembly at all".to_owned())),
    }
    let mut at = 8;
    let mut found = None;
    loop {
        let start = read(at, 64).map_err(Fault::Read)?;
        let Some((&id, rest)) = start.split_first() else {
            return Ok(found);
        };
        let Some((length, size)) = leb(rest) else {
            return Err(Fault::Not("a damaged component".to_owned()));
        };
        let body = at + 1 + size as u64;
        if id == 0 && length <= LONGEST && named(&rest[size..]) {
            let text = read(body, length).map_err(Fault::Read)?;
            let (name, skip) = leb(&text).unwrap_or_default();
            let from = skip.saturating_add(usize::try_from(name).unwrap_or(usize::MAX));
            found = text
                .get(from..)
                .map(|text| String::from_utf8_lossy(text).into_owned());
        }
        at = body + length;
    }
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

    fn look(file: &[u8]) -> Result<Option<String>, Fault<()>> {
        find(|at, length| {
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

    #[test]
    fn the_section_is_found_behind_others() {
        let file = component(&[
            (1, &[7; 300]),
            (0, b"\x04name1234"),
            (0, b"\x10pmplab:component{\"name\":\"http\"}"),
        ]);
        assert_eq!(look(&file), Ok(Some("{\"name\":\"http\"}".to_owned())));
    }

    #[test]
    fn a_component_without_it_has_none() {
        assert_eq!(look(&component(&[(1, &[7; 3])])), Ok(None));
    }

    #[test]
    fn what_is_no_component_is_named() {
        let not = |text: &str| Err(Fault::Not(text.to_owned()));
        assert_eq!(look(b"\0asm\x01\0\0\0"), not("a core WebAssembly module"));
        assert_eq!(look(b"hello world"), not("no WebAssembly at all"));
        assert_eq!(look(b""), not("an empty file"));
        assert_eq!(
            look(b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\xff\xff"),
            not("a damaged component")
        );
    }
}
