//! What an archive's files look like from here: names and bytes, opened by whoever may touch disks.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

use protocol::entry::MAX_ENTRY_BYTES;

/// The most bytes of a file that is read whole: everything but a log's entries.
pub const MAX_WHOLE_BYTES: u64 = 64 * 1024 * 1024;

/// An archive's files by their paths, parts separated by `/`.
pub trait Files {
    /// Every path, in any order.
    fn paths(&self) -> Vec<String>;

    /// Opens a file for reading from its beginning; `None` where there is none of that path.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    fn open<'a>(&'a self, path: &str) -> io::Result<Option<Box<dyn BufRead + 'a>>>;
}

/// Files in memory.
pub type Memory = BTreeMap<String, Vec<u8>>;

impl Files for Memory {
    fn paths(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }

    fn open<'a>(&'a self, path: &str) -> io::Result<Option<Box<dyn BufRead + 'a>>> {
        Ok(self
            .get(path)
            .map(|bytes| Box::new(bytes.as_slice()) as Box<dyn BufRead + 'a>))
    }
}

/// Why a file could not be had whole.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// There is none.
    #[error("it is not in the archive")]
    Missing,
    /// More than [`MAX_WHOLE_BYTES`].
    #[error("it has more than {MAX_WHOLE_BYTES} bytes")]
    TooLarge,
    /// Reading failed.
    #[error("it could not be read: {0}")]
    Io(#[from] io::Error),
}

/// A whole file.
///
/// # Errors
/// See [`Unread`].
pub fn read_whole(files: &dyn Files, path: &str) -> Result<Vec<u8>, Unread> {
    let reader = files.open(path)?.ok_or(Unread::Missing)?;
    let mut bytes = Vec::new();
    reader.take(MAX_WHOLE_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= MAX_WHOLE_BYTES) {
        Ok(bytes)
    } else {
        Err(Unread::TooLarge)
    }
}

/// One line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextLine {
    /// The buffer holds it, without its end.
    Line,
    /// It is longer than an entry may be, or nothing ends it.
    Malformed,
    /// There is none.
    End,
}

/// Reads the next line into the buffer, never more than an entry may have.
///
/// # Errors
/// Where reading fails.
pub fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<NextLine> {
    line.clear();
    let bound = u64::try_from(MAX_ENTRY_BYTES + 1).unwrap_or(u64::MAX);
    reader.take(bound).read_until(b'\n', line)?;
    Ok(match line.last() {
        None => NextLine::End,
        Some(b'\n') => {
            line.pop();
            NextLine::Line
        }
        Some(_) => NextLine::Malformed,
    })
}

impl dyn Files + '_ {
    /// Whether there is a file of this path that can be opened.
    pub(crate) fn paths_hold(&self, path: &str) -> bool {
        matches!(self.open(path), Ok(Some(_)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_is_read_up_to_what_an_entry_may_have() {
        let read = |text: &[u8]| {
            let (mut reader, mut line) = (text, Vec::new());
            let next = next_line(&mut reader, &mut line).unwrap();
            (next, line.len())
        };
        let longest = [&[b'x'; MAX_ENTRY_BYTES][..], b"\n"].concat();
        assert_eq!(read(&longest), (NextLine::Line, MAX_ENTRY_BYTES));
        let longer = [&[b'x'; MAX_ENTRY_BYTES + 1][..], b"\n"].concat();
        assert_eq!(read(&longer).0, NextLine::Malformed);
        assert_eq!(read(b"cut").0, NextLine::Malformed);
        assert_eq!(read(b"\n"), (NextLine::Line, 0));
        assert_eq!(read(b"").0, NextLine::End);
    }
}
