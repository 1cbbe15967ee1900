//! The lines of a file, read with bounded memory.

use std::io::{self, BufRead, Read};

use kayan_core::MAX_LINE_BYTES;

/// A line's number, from 1, and its text without the line end; `None` if it is too long.
pub(super) type Numbered<'a> = (u64, Option<&'a [u8]>);

/// Reads line by line.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0, bytes: 0 }
    }

    /// The number of bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Option<Numbered<'_>>> {
        self.buffer.clear();
        // One more for the end of the line.
        let most = MAX_LINE_BYTES as u64 + 1;
        let read = Read::take(&mut self.reader, most).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if self.buffer.len() > MAX_LINE_BYTES {
            self.skip()?;
            return Ok(Some((self.number, None)));
        }
        Ok(Some((self.number, Some(&self.buffer))))
    }

    /// Skips to the end of the line.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Ok(());
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let skipped = end.map_or(available.len(), |at| at + 1);
            self.reader.consume(skipped);
            self.bytes += skipped as u64;
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_one_read() {
        let longest = "x".repeat(MAX_LINE_BYTES);
        let text = format!("a\n\n{longest}\n{longest}x\n{longest}{longest}y\nb");
        let mut lines = Lines::new(text.as_bytes());
        let mut seen = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            seen.push((number, line.map(<[u8]>::len)));
        }
        assert_eq!(seen, [(1, Some(1)), (2, Some(0)), (3, Some(MAX_LINE_BYTES)), (4, None), (5, None), (6, Some(1))]);
        assert_eq!(lines.bytes(), text.len() as u64);
        let mut cut = Lines::new(&text.as_bytes()[..text.len() - 3]);
        while cut.next().unwrap().is_some() {}
        assert_eq!(cut.number, 5);
    }
}
