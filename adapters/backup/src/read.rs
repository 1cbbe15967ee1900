//! Reads a backup file, block by block, and finds whatever is wrong with it.

#[cfg(test)]
mod tests;

use std::io::{BufRead, Read};

use flate2::bufread::ZlibDecoder;
use kayan_sql::{Value, backup::Kind};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};

use crate::{
    format::{Counts, Damage, END, FORMAT, Header, Hex, LONGEST, LONGEST_LINE, MAGIC, ROWS, Summary, TABLE, TableHead},
    seal::{BlockPlace, FileKey},
    values,
};

/// What comes next in a file.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// A table begins.
    Table(TableHead),
    /// Rows of it.
    Rows(Vec<Vec<Value>>),
    /// The end, and nothing is wrong.
    End(Summary),
}

/// A file that is being read.
pub struct Reader<R> {
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
    /// Reads the header, and whether the key is the one.
    pub fn begin(mut input: R, secret: Option<&SecretSlice<u8>>) -> Result<Self, Damage> {
        let first = line(&mut input)?;
        let format =
            std::str::from_utf8(&first).ok().and_then(|line| line.strip_prefix(MAGIC)).ok_or(Damage::Foreign)?;
        match format.strip_suffix('\n') {
            Some(FORMAT) => {}
            Some(other) if other.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(Damage::Format(other.to_owned()));
            }
            _ => return Err(Damage::Foreign),
        }
        let second = line(&mut input)?;
        if !second.ends_with(b"\n") {
            return Err(Damage::Header("it does not end".to_owned()));
        }
        let header: Header = serde_json::from_slice(&second).map_err(|error| Damage::Header(error.to_string()))?;
        let key = match (&header.encryption, secret) {
            (None, None) => None,
            (None, Some(_)) => return Err(Damage::NotEncrypted),
            (Some(_), None) => return Err(Damage::NoKey),
            (Some(encryption), Some(secret)) => {
                let key = FileKey::derive(secret.expose_secret(), &encryption.salt.0).map_err(|_| Damage::WrongKey)?;
                (key.check() == encryption.check.0).then_some(key).ok_or(Damage::WrongKey).map(Some)?
            }
        };
        let digest = Sha256::new_with_prefix(&first).chain_update(&second);
        let (file, at) = (digest.clone().finalize().into(), (first.len() + second.len()) as u64);
        Ok(Self { input, header, key, file, digest, at, block: 0, kinds: Vec::new(), counts: Vec::new() })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What comes next; nothing behind the end may be asked for.
    pub fn next(&mut self) -> Result<Item, Damage> {
        let mut frame = [0; 5];
        self.fill(&mut frame)?;
        let [last, length @ ..] = frame;
        let length = u64::from(u32::from_be_bytes(length));
        if last > 1 || length > LONGEST {
            return Err(self.changed("there is no such block"));
        }
        let mut bytes = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(Damage::Cut { block: self.block, at: self.at + 5 + bytes.len() as u64 });
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
            _ => return Err(self.changed("it is not what stands there")),
        };
        self.at += 5 + length;
        self.block += 1;
        Ok(item)
    }

    fn open(&self, bytes: Vec<u8>, last: bool) -> Result<Vec<u8>, Damage> {
        let place = BlockPlace { file: &self.file, number: self.block, last };
        let packed = match &self.key {
            None => bytes,
            Some(key) => key.open(&place, bytes).ok_or_else(|| self.changed("the key does not open it"))?,
        };
        let mut plain = Vec::new();
        let mut unpacking = ZlibDecoder::new(packed.as_slice()).take(LONGEST + 1);
        let unpacked = unpacking.read_to_end(&mut plain);
        let rest = unpacking.into_inner().into_inner();
        if unpacked.is_err() || !rest.is_empty() || plain.len() as u64 > LONGEST {
            return Err(self.changed("it can't be unpacked"));
        }
        Ok(plain)
    }

    fn table(&mut self, head: &[u8]) -> Result<Item, Damage> {
        let head: TableHead = serde_json::from_slice(head).map_err(|_| self.changed("it names no table"))?;
        self.kinds = head.kinds().ok_or_else(|| self.changed("it names an unknown kind of column"))?;
        if self.counts.iter().any(|(name, _)| *name == head.table) {
            return Err(self.changed("its table comes a second time"));
        }
        self.counts.push((head.table.clone(), 0));
        Ok(Item::Table(head))
    }

    fn rows(&mut self, rows: &[u8]) -> Result<Item, Damage> {
        let rows = values::read(&self.kinds, rows).ok_or_else(|| self.changed("its rows can't be read"))?;
        match self.counts.last_mut() {
            Some((_, count)) => *count += rows.len() as u64,
            None => return Err(self.changed("its rows are of no table")),
        }
        Ok(Item::Rows(rows))
    }

    /// The counts at the end must be those of what was read.
    fn counted(&self, counts: &[u8]) -> Result<Counts, Damage> {
        let told: Counts = serde_json::from_slice(counts).map_err(|_| self.changed("it tells no numbers of rows"))?;
        let with_rows: Vec<_> = told.iter().filter(|(_, count)| *count > 0).collect();
        let read: Vec<_> = self.counts.iter().filter(|(_, count)| *count > 0).collect();
        if with_rows == read { Ok(told) } else { Err(self.changed("there are not as many rows as it tells")) }
    }

    /// The digest, and nothing behind it.
    fn end(&mut self) -> Result<Hex<32>, Damage> {
        let mut told = [0; 32];
        self.fill(&mut told)?;
        if told != <[u8; 32]>::from(self.digest.clone().finalize()) {
            return Err(Damage::Digest);
        }
        if self.input.fill_buf()?.is_empty() { Ok(Hex(told)) } else { Err(Damage::Added { at: self.at + 32 }) }
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), Damage> {
        let mut bytes = Vec::with_capacity(into.len());
        (&mut self.input).take(into.len() as u64).read_to_end(&mut bytes)?;
        if bytes.len() < into.len() {
            return Err(Damage::Cut { block: self.block, at: self.at + bytes.len() as u64 });
        }
        into.copy_from_slice(&bytes);
        Ok(())
    }

    fn changed(&self, why: &'static str) -> Damage {
        Damage::Changed { block: self.block, at: self.at, why }
    }
}

/// Reads a file to its end; `each` may find something wrong, too.
pub fn read_all<R: BufRead>(
    mut reader: Reader<R>,
    mut each: impl FnMut(&Item) -> Result<(), Damage>,
) -> Result<(Header, Summary), Damage> {
    loop {
        let item = reader.next()?;
        each(&item)?;
        if let Item::End(summary) = item {
            return Ok((reader.header().clone(), summary));
        }
    }
}

fn line(input: &mut impl BufRead) -> Result<Vec<u8>, Damage> {
    let mut line = Vec::new();
    input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}
