//! Writes a backup file, block by block.

use std::io::{self, Write};

use flate2::{Compression, write::ZlibEncoder};
use kayan_sql::{
    Value,
    backup::{TABLES, Table},
};
use sha2::{Digest as _, Sha256};

use crate::{
    format::{BLOCK_SIZE, Counts, END, FORMAT, Header, Hex, MAGIC, MAX_BLOCK, ROWS, Summary, TABLE, TableHead},
    seal::{BlockPlace, FileKey},
    values,
};

/// A file that is being written.
pub(crate) struct Writer<W> {
    out: W,
    digest: Sha256,
    key: Option<FileKey>,
    file: [u8; 32],
    blocks: u64,
    counts: Counts,
    table: Option<&'static str>,
    rows: Vec<u8>,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the header; the key is the one that the header describes.
    pub(crate) fn begin(out: W, header: &Header, key: Option<FileKey>) -> io::Result<Self> {
        let head = format!("{MAGIC}{FORMAT}\n{}\n", serde_json::to_string(header)?);
        let file = Sha256::digest(&head).into();
        let counts = TABLES.iter().map(|table| (table.name.to_owned(), 0)).collect();
        let (digest, rows) = (Sha256::new(), vec![ROWS]);
        let mut writer = Self { out, digest, key, file, blocks: 0, counts, table: None, rows, written: 0 };
        writer.put(head.as_bytes())?;
        Ok(writer)
    }

    /// Adds rows; all rows of a table must come together.
    pub(crate) fn add(&mut self, table: &'static Table, rows: &[Vec<Value>]) -> io::Result<()> {
        if self.table != Some(table.name) {
            self.flush()?;
            self.table = Some(table.name);
            let columns = table.columns.iter().map(|(name, kind)| ((*name).to_owned(), kind.as_str().to_owned()));
            let head = TableHead { table: table.name.to_owned(), columns: columns.collect() };
            self.block([&[TABLE], serde_json::to_vec(&head)?.as_slice()].concat(), false)?;
        }
        if let Some((_, count)) = self.counts.iter_mut().find(|(name, _)| name == table.name) {
            *count += rows.len() as u64;
        }
        for row in rows {
            values::write(row, &mut self.rows);
            if self.rows.len() >= BLOCK_SIZE {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// The number of bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes the end, and returns the output.
    pub(crate) fn finish(mut self) -> io::Result<(W, Summary)> {
        self.flush()?;
        let end = [&[END], serde_json::to_vec(&self.counts)?.as_slice()].concat();
        self.block(end, true)?;
        let digest = Hex(self.digest.clone().finalize().into());
        self.out.write_all(&digest.0)?;
        Ok((self.out, Summary { counts: self.counts, digest }))
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.rows.len() > 1 {
            let rows = std::mem::replace(&mut self.rows, vec![ROWS]);
            self.block(rows, false)?;
        }
        Ok(())
    }

    fn block(&mut self, plain: Vec<u8>, last: bool) -> io::Result<()> {
        if plain.len() as u64 > MAX_BLOCK {
            return Err(io::Error::other("a row is too long for a backup"));
        }
        let mut packed = ZlibEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::default());
        packed.write_all(&plain)?;
        let mut bytes = packed.finish()?;
        if let Some(key) = &self.key {
            let place = BlockPlace { file: &self.file, number: self.blocks, last };
            bytes = key.seal(&place, bytes).map_err(io::Error::other)?;
        }
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.put(&[&[u8::from(last)], length.to_be_bytes().as_slice()].concat())?;
        self.blocks += 1;
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}
