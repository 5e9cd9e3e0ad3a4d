//! The chunked transfer coding (RFC 9112, section 7.1).

use crate::response::{MAX_HEAD, Malformed, excerpt};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Hex digits of a size; the count of those seen.
    Size(u8),
    /// Behind the size: padding and extensions, which mean nothing to us.
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The start of a line behind the last chunk.
    TrailerStart,
    Trailer,
    EndLf,
}

/// Where in a chunked body we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunked {
    part: Part,
    left: u64,
    /// Bytes of extensions and trailers so far: they have no end of their own.
    idle: usize,
    /// A colon was seen in this trailer line.
    named: bool,
}

impl Default for Chunked {
    fn default() -> Self {
        Self {
            part: Part::Size(0),
            left: 0,
            idle: 0,
            named: false,
        }
    }
}

/// What a piece of bytes brought first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `len` bytes of the body, `skip` bytes into the piece.
    Data { skip: usize, len: usize },
    /// Nothing more; the body goes on.
    More,
    /// The body ended after so many bytes.
    End { used: usize },
}

impl Chunked {
    /// Bytes left of the current chunk.
    pub const fn left(&self) -> u64 {
        if matches!(self.part, Part::Data) {
            self.left
        } else {
            0
        }
    }

    /// Goes on until the next piece of data or the end.
    ///
    /// # Errors
    /// The framing is wrong.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        for (at, &byte) in bytes.iter().enumerate() {
            match self.part {
                Part::Data => {
                    let rest = bytes.len() - at;
                    let len = usize::try_from(self.left).map_or(rest, |left| left.min(rest));
                    self.left -= len as u64;
                    if self.left == 0 {
                        self.part = Part::DataCr;
                    }
                    return Ok(Step::Data { skip: at, len });
                }
                Part::EndLf if byte == b'\n' => return Ok(Step::End { used: at + 1 }),
                Part::TrailerStart if byte == b'\n' => return Ok(Step::End { used: at + 1 }),
                _ => self.framing(byte).ok_or_else(|| {
                    Malformed(format!(
                        "wrong byte in the chunked framing, at `{}`",
                        excerpt(&bytes[at..])
                    ))
                })?,
            }
        }
        Ok(Step::More)
    }

    /// One byte outside of the data; none: it is wrong.
    fn framing(&mut self, byte: u8) -> Option<()> {
        self.part = match (self.part, byte) {
            (Part::Size(digits @ ..32), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                self.left = self.left.checked_mul(16)?.checked_add(u64::from(digit))?;
                Part::Size(digits + 1)
            }
            (Part::Size(1..), b'\r') | (Part::Extension, b'\r') => Part::SizeLf,
            (Part::Size(1..), b';' | b' ' | b'\t') => Part::Extension,
            (Part::Extension, byte) if byte != b'\n' => self.idle(Part::Extension)?,
            (Part::SizeLf, b'\n') if self.left == 0 => Part::TrailerStart,
            (Part::SizeLf, b'\n') => Part::Data,
            (Part::DataCr, b'\r') => Part::DataLf,
            (Part::DataLf, b'\n') => Part::Size(0),
            (Part::TrailerStart, b'\r') => Part::EndLf,
            (Part::TrailerStart, b':' | b' ' | b'\t') => return None,
            (Part::TrailerStart, _) => {
                self.named = false;
                self.idle(Part::Trailer)?
            }
            (Part::Trailer, b'\n') if self.named => Part::TrailerStart,
            (Part::Trailer, byte) if byte != b'\n' => {
                self.named |= byte == b':';
                self.idle(Part::Trailer)?
            }
            _ => return None,
        };
        Some(())
    }

    fn idle(&mut self, part: Part) -> Option<Part> {
        self.idle += 1;
        (self.idle <= MAX_HEAD).then_some(part)
    }
}
