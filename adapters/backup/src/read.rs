//! Reads a backup file, block by block, and reports anything that is not as it was written.

#[cfg(test)]
mod tests;

use std::io::{BufRead, Read};

use flate2::bufread::ZlibDecoder;
use kayan_sql::{Value, backup::Kind};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};

use crate::{
    format::{
        Contents, Counts, END, FORMAT, Header, Hex, MAGIC, MAX_BLOCK, MAX_LINE, ROWS, ReadError, Summary, TABLE,
        TableHead,
    },
    seal::{BlockPlace, FileKey},
    values,
};

/// The next part of a file.
#[derive(Debug, PartialEq)]
pub(crate) enum Item {
    /// A table begins.
    Table(TableHead),
    /// Rows of it.
    Rows(Vec<Vec<Value>>),
    /// The end; nothing was wrong.
    End(Summary),
}

/// A file that is being read.
pub(crate) struct Reader<R> {
    input: R,
    header: Header,
    key: Option<FileKey>,
    file: [u8; 32],
    digest: Sha256,
    at: u64,
    block: u64,
    kinds: Vec<Kind>,
    counts: Counts,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header, and checks the key.
    pub(crate) fn begin(mut input: R, secret: Option<&SecretSlice<u8>>) -> Result<Self, ReadError> {
        let first = line(&mut input)?;
        let format =
            std::str::from_utf8(&first).ok().and_then(|line| line.strip_prefix(MAGIC)).ok_or(ReadError::Foreign)?;
        match format.strip_suffix('\n') {
            Some(FORMAT) => {}
            Some(other) if other.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(ReadError::Format(other.to_owned()));
            }
            _ => return Err(ReadError::Foreign),
        }
        let second = line(&mut input)?;
        if !second.ends_with(b"\n") {
            return Err(ReadError::Header("it does not end".to_owned()));
        }
        let header: Header = serde_json::from_slice(&second).map_err(|error| ReadError::Header(error.to_string()))?;
        let key = match (&header.encryption, secret) {
            (None, None) => None,
            (None, Some(_)) => return Err(ReadError::NotEncrypted),
            (Some(_), None) => return Err(ReadError::NoKey),
            (Some(encryption), Some(secret)) => {
                let key =
                    FileKey::derive(secret.expose_secret(), &encryption.salt.0).map_err(|_| ReadError::WrongKey)?;
                (key.check() == encryption.check.0).then_some(key).ok_or(ReadError::WrongKey).map(Some)?
            }
        };
        let digest = Sha256::new_with_prefix(&first).chain_update(&second);
        let (file, at) = (digest.clone().finalize().into(), (first.len() + second.len()) as u64);
        Ok(Self { input, header, key, file, digest, at, block: 0, kinds: Vec::new(), counts: Vec::new() })
    }

    /// What the file says of itself.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the next part; not to be called again after the end.
    pub(crate) fn next(&mut self) -> Result<Item, ReadError> {
        let mut frame = [0; 5];
        self.fill(&mut frame)?;
        let [last, length @ ..] = frame;
        let length = u64::from(u32::from_be_bytes(length));
        if last > 1 || length > MAX_BLOCK {
            return Err(self.changed("it is no block"));
        }
        let mut bytes = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(ReadError::Cut { block: self.block, at: self.at + 5 + bytes.len() as u64 });
        }
        self.digest.update(frame);
        self.digest.update(&bytes);
        let plain = self.open(bytes, last == 1)?;
        let item = match plain.split_first() {
            Some((&TABLE, head)) if last == 0 => self.table(head)?,
            Some((&ROWS, rows)) if last == 0 => self.rows(rows)?,
            Some((&END, counts)) if last == 1 => {
                let counts = self.counted(counts)?;
                self.at += 5 + length;
                self.block += 1;
                return Ok(Item::End(Summary { counts, digest: self.end()? }));
            }
            _ => return Err(self.changed("its content is out of place")),
        };
        self.at += 5 + length;
        self.block += 1;
        Ok(item)
    }

    fn open(&self, bytes: Vec<u8>, last: bool) -> Result<Vec<u8>, ReadError> {
        let place = BlockPlace { file: &self.file, number: self.block, last };
        let packed = match &self.key {
            None => bytes,
            Some(key) => key.open(&place, bytes).ok_or_else(|| self.changed("the key does not open it"))?,
        };
        let mut plain = Vec::new();
        let mut unpacking = ZlibDecoder::new(packed.as_slice()).take(MAX_BLOCK + 1);
        let unpacked = unpacking.read_to_end(&mut plain);
        let rest = unpacking.into_inner().into_inner();
        if unpacked.is_err() || !rest.is_empty() || plain.len() as u64 > MAX_BLOCK {
            return Err(self.changed("it can't be unpacked"));
        }
        Ok(plain)
    }

    fn table(&mut self, head: &[u8]) -> Result<Item, ReadError> {
        let head: TableHead = serde_json::from_slice(head).map_err(|_| self.changed("it names no table"))?;
        self.kinds = head.kinds().ok_or_else(|| self.changed("it names an unknown kind of column"))?;
        if self.counts.iter().any(|(name, _)| *name == head.table) {
            return Err(self.changed("its table comes a second time"));
        }
        self.counts.push((head.table.clone(), 0));
        Ok(Item::Table(head))
    }

    fn rows(&mut self, rows: &[u8]) -> Result<Item, ReadError> {
        let rows = values::read(&self.kinds, rows).ok_or_else(|| self.changed("its rows can't be read"))?;
        match self.counts.last_mut() {
            Some((_, count)) => *count += rows.len() as u64,
            None => return Err(self.changed("its rows are of no table")),
        }
        Ok(Item::Rows(rows))
    }

    /// Compares the counts at the end with what was read.
    fn counted(&self, counts: &[u8]) -> Result<Counts, ReadError> {
        let said: Counts = serde_json::from_slice(counts).map_err(|_| self.changed("it has no numbers of rows"))?;
        let with_rows: Vec<_> = said.iter().filter(|(_, count)| *count > 0).collect();
        let read: Vec<_> = self.counts.iter().filter(|(_, count)| *count > 0).collect();
        if with_rows == read { Ok(said) } else { Err(self.changed("there are not as many rows as it says")) }
    }

    /// Reads the digest, and makes sure that nothing follows it.
    fn end(&mut self) -> Result<Hex<32>, ReadError> {
        let mut said = [0; 32];
        self.fill(&mut said)?;
        if said != <[u8; 32]>::from(self.digest.clone().finalize()) {
            return Err(ReadError::Digest);
        }
        if self.input.fill_buf()?.is_empty() { Ok(Hex(said)) } else { Err(ReadError::Added { at: self.at + 32 }) }
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), ReadError> {
        let mut bytes = Vec::with_capacity(into.len());
        (&mut self.input).take(into.len() as u64).read_to_end(&mut bytes)?;
        if bytes.len() < into.len() {
            return Err(ReadError::Cut { block: self.block, at: self.at + bytes.len() as u64 });
        }
        into.copy_from_slice(&bytes);
        Ok(())
    }

    fn changed(&self, why: &'static str) -> ReadError {
        ReadError::Changed { block: self.block, at: self.at, why }
    }
}

/// Reads a file to its end; `each` may refuse a part.
pub(crate) fn read_all<R: BufRead>(
    mut reader: Reader<R>,
    mut each: impl FnMut(&Item) -> Result<(), ReadError>,
) -> Result<Contents, ReadError> {
    loop {
        let item = reader.next()?;
        each(&item)?;
        if let Item::End(summary) = item {
            return Ok(Contents { header: reader.header, summary });
        }
    }
}

/// Reads a backup to its end.
pub fn verify(input: impl BufRead, secret: Option<&SecretSlice<u8>>) -> Result<Contents, ReadError> {
    read_all(Reader::begin(input, secret)?, |_| Ok(()))
}

fn line(input: &mut impl BufRead) -> Result<Vec<u8>, ReadError> {
    let mut line = Vec::new();
    input.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}
