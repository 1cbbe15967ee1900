//! Creates a backup: one snapshot of a database, written while it is read.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use kayan_ports::{Clock, Entropy, Failure};
use kayan_sql::{
    Driver,
    backup::{self, Part},
};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::{
    format::{Contents, Encryption, Header, Hex},
    seal::FileKey,
    write::Writer,
};

/// Why no backup was created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The database can't be read, or cryptography failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The backup can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes everything in the database to `out`, as of one moment, and returns `out` with what was written.
///
/// The schema must be up to date. With a secret, of 32 bytes or more, the blocks are encrypted. `progress` is called with the
/// number of bytes written so far.
pub async fn create<W: Write + Send>(
    driver: &dyn Driver,
    secret: Option<&SecretSlice<u8>>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    out: W,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(W, Contents), CreateError> {
    let mut creation = Creation { driver, secret, clock, entropy, progress, out: Some(out), begun: None };
    let mut failed = None;
    let mut take = |part| match creation.take(part) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let taken = backup::take_out(driver, &mut take).await;
    if let Some(error) = failed {
        return Err(error);
    }
    taken.map_err(Failure::from)?;
    let (header, writer) = creation.begun.ok_or_else(out_of_order)?;
    let (out, summary) = writer.finish()?;
    Ok((out, Contents { header, summary }))
}

/// A backup that is being created.
struct Creation<'c, W> {
    driver: &'c dyn Driver,
    secret: Option<&'c SecretSlice<u8>>,
    clock: &'c dyn Clock,
    entropy: &'c dyn Entropy,
    progress: &'c mut (dyn FnMut(u64) + Send),
    /// Where to write; the writer has it once the header is written.
    out: Option<W>,
    begun: Option<(Header, Writer<W>)>,
}

impl<W: Write> Creation<'_, W> {
    fn take(&mut self, part: Part) -> Result<(), CreateError> {
        match (part, &mut self.begun) {
            (Part::Version(schema_version), None) => {
                let (header, key) = self.header(schema_version)?;
                let out = self.out.take().ok_or_else(out_of_order)?;
                let writer = Writer::begin(out, &header, key)?;
                self.begun = Some((header, writer));
            }
            (Part::Rows(table, rows), Some((_, writer))) => {
                writer.add(table, &rows)?;
                (self.progress)(writer.written());
            }
            _ => return Err(out_of_order().into()),
        }
        Ok(())
    }

    fn header(&self, schema_version: u32) -> Result<(Header, Option<FileKey>), Failure> {
        let sealing = |secret: &SecretSlice<u8>| {
            let mut salt = [0; 32];
            self.entropy.fill(&mut salt);
            FileKey::derive(secret.expose_secret(), &salt)
                .map(|key| (Encryption { salt: Hex(salt), check: Hex(key.check()) }, key))
        };
        let (encryption, key) = self.secret.map(sealing).transpose()?.unzip();
        let header = Header {
            schema_version,
            kayan: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: self.clock.now(),
            database: self.driver.dialect().folder().to_owned(),
            encryption,
        };
        Ok((header, key))
    }
}

fn out_of_order() -> Failure {
    Failure::Fault("the database's answers come in another order than the questions".to_owned())
}
