//! `kayan admin user import`: one thread reads and parses lines while another imports the ones before.

mod lines;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
    thread,
};

use indicatif::ProgressBar;
use kayan_core::{
    BATCH_BYTES, BATCH_LINES, ImportOutcome, ImportUsers, Kayan, LineReport, Operator, ReadLine, SeenUsers,
};
use kayan_ports::{HashCost, Scope, terminal};
use tokio::sync::mpsc;

use self::lines::Lines;
use crate::{
    args::{Format, transfer::Import},
    exit::Exit,
    output,
};

/// The maximum number of batches that wait to be imported.
const WAITING: usize = 2;

/// Lines, and how much of the file has been read with them.
struct Batch {
    lines: Vec<ReadLine>,
    bytes: u64,
    /// Whether this is the end of the file.
    last: bool,
}

pub(crate) async fn run(args: Import) -> Result<(), Exit> {
    let (input, length) = open(&args.file)?;
    let mut report = Report::open(&args)?;
    let kayan = Arc::new(super::open().await?);
    let operator = Operator::at_the_command_line(args.tenant.map_or(Scope::System, Scope::Tenant));
    let most = if args.allow_costly { HashCost::Costly } else { HashCost::Ordinary };
    let mut batches = read(&kayan, &operator, most, input)?;
    let bar = output::progress(length);
    let (mut seen, mut counts) = (SeenUsers::default(), Counts::default());
    let mut ended = Ok(());
    while let Some(batch) = batches.recv().await {
        match bring_in(&kayan, &operator, batch, args.dry_run, &mut seen, &bar).await {
            Ok(reports) => {
                counts.add(&reports);
                bar.suspend(|| report.write(&reports))?;
            }
            Err(exit) => {
                ended = Err(exit);
                break;
            }
        }
    }
    bar.finish_and_clear();
    report.flush()?;
    output::note(format_args!("{}", counts.told(args.dry_run)));
    if let Err(exit) = ended {
        return Err(exit.hinting("run the command again to continue"));
    }
    if counts.failed == 0 { Ok(()) } else { Err(Exit::failed(format!("{} of the lines failed", counts.failed))) }
}

async fn bring_in(
    kayan: &Kayan,
    operator: &Operator,
    batch: io::Result<Batch>,
    dry_run: bool,
    seen: &mut SeenUsers,
    bar: &ProgressBar,
) -> Result<Vec<LineReport>, Exit> {
    let Batch { lines, bytes, .. } = batch.map_err(|error| Exit::failed(format!("the file can't be read: {error}")))?;
    let reports = kayan.import_users(operator, ImportUsers { lines, dry_run, seen }).await.map_err(Exit::failed)?;
    bar.set_position(bytes);
    Ok(reports)
}

/// The input, and its length if known.
fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), Exit> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let failed = |error| Exit::failed(format!("{} can't be read: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let data = file.metadata().map_err(failed)?;
    if data.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    Ok((Box::new(file), data.is_file().then_some(data.len())))
}

/// Reads on a thread of its own, until the first error.
fn read(
    kayan: &Arc<Kayan>,
    operator: &Operator,
    most: HashCost,
    input: Box<dyn Read + Send>,
) -> Result<mpsc::Receiver<io::Result<Batch>>, Exit> {
    let (send, receive) = mpsc::channel(WAITING);
    let (kayan, operator) = (Arc::clone(kayan), operator.clone());
    let reading = move || {
        let mut lines = Lines::new(BufReader::with_capacity(256 * 1024, input));
        loop {
            let batch = next(&kayan, &operator, most, &mut lines);
            let ended = batch.as_ref().map_or(true, |batch| batch.last);
            // The receiver is gone if the import has failed.
            if send.blocking_send(batch).is_err() || ended {
                return;
            }
        }
    };
    thread::Builder::new().name("kayan-import-reader".to_owned()).spawn(reading).map_err(Exit::failed)?;
    Ok(receive)
}

/// The next lines, of which some may be empty.
fn next(kayan: &Kayan, operator: &Operator, most: HashCost, lines: &mut Lines<impl io::BufRead>) -> io::Result<Batch> {
    let (mut batch, begun, mut last) = (Vec::with_capacity(BATCH_LINES), lines.bytes(), false);
    while batch.len() < BATCH_LINES && lines.bytes() - begun < BATCH_BYTES as u64 {
        match lines.next()? {
            None => {
                last = true;
                break;
            }
            Some((number, None)) => batch.push(Kayan::overlong_line(number)),
            Some((number, Some(line))) => batch.extend(kayan.read_line(operator, most, number, line)),
        }
    }
    Ok(Batch { lines: batch, bytes: lines.bytes(), last })
}

/// The destination of the report.
struct Report {
    out: Box<dyn Write>,
    format: Format,
}

impl Report {
    /// A file always has JSON, whatever the format on standard output.
    fn open(args: &Import) -> Result<Self, Exit> {
        let (out, format): (Box<dyn Write>, _) = match &args.report {
            None => (Box::new(io::stdout()), args.format),
            Some(path) => {
                let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
                let failed = |error| Exit::failed(format!("{} can't be written: {error}", path.display()));
                (Box::new(file.map_err(failed)?), Format::Json)
            }
        };
        Ok(Self { out: Box::new(BufWriter::new(out)), format })
    }

    /// Flushes the report, so that it survives if the process is killed.
    fn write(&mut self, reports: &[LineReport]) -> Result<(), Exit> {
        let mut text = String::new();
        for report in reports {
            match self.format {
                Format::Json => text.push_str(&terminal::json(&serde_json::to_string(report).map_err(Exit::failed)?)),
                Format::Table if matches!(report.fate, ImportOutcome::Imported(_) | ImportOutcome::WouldImport) => {
                    continue;
                }
                Format::Table => text.push_str(&row(report)),
            }
            text.push('\n');
        }
        let written = self.out.write_all(text.as_bytes());
        self.judge(written)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Exit> {
        let flushed = self.out.flush();
        self.judge(flushed)
    }

    fn judge(&mut self, written: io::Result<()>) -> Result<(), Exit> {
        match written {
            // The reader has closed the pipe; the import continues.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.out = Box::new(io::sink());
                Ok(())
            }
            written => written.map_err(|error| Exit::failed(format!("the report can't be written: {error}"))),
        }
    }
}

/// Fixed columns, because the widths of a table are only known at its end.
fn row(report: &LineReport) -> String {
    let why = match &report.fate {
        ImportOutcome::Refused(refusal) => refusal.to_string(),
        ImportOutcome::Exists(id) | ImportOutcome::Imported(id) => id.to_string(),
        ImportOutcome::WouldImport => String::new(),
    };
    // It may contain a key of the file, and so control characters.
    format!("{:>9}  {:<8}  {}", report.line, report.fate.as_str(), terminal::one_line(&why))
}

/// The number of lines by result.
#[derive(Default)]
struct Counts {
    imported: u64,
    existing: u64,
    failed: u64,
    cutting: u64,
}

impl Counts {
    fn add(&mut self, reports: &[LineReport]) {
        for report in reports {
            self.cutting += u64::from(report.cutting);
            match report.fate {
                ImportOutcome::Imported(_) | ImportOutcome::WouldImport => self.imported += 1,
                ImportOutcome::Exists(_) => self.existing += 1,
                ImportOutcome::Refused(_) => self.failed += 1,
            }
        }
    }

    fn told(&self, dry_run: bool) -> String {
        let Self { imported, existing, failed, cutting } = self;
        let done = if dry_run { "would be imported" } else { "imported" };
        let all = imported + existing + failed;
        let told = format!("{all} users: {imported} {done}, {existing} exist already, {failed} failed");
        if *cutting == 0 {
            return told;
        }
        format!(
            "{told}\n{cutting} {done} with bcrypt: only the first 72 bytes of their passwords count until the next login"
        )
    }
}
