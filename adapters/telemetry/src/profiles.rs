//! Profiles of this process: memory by jemalloc, and CPU by sampling.

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use async_trait::async_trait;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jemalloc_pprof::PROF_CTL;
use kayan_ports::{ProfileError, Profiler, Resident};
use pprof::{
    Frames, ProfilerGuardBuilder,
    protos::{Message as _, Profile},
};
use tikv_jemalloc_ctl::{Access, AsName as _, arenas, epoch, stats};
use tokio::{sync::Mutex, task::spawn_blocking};

/// Samples per second and thread; 99, so that it is not in step with timers.
const FREQUENCY: i32 = 99;
/// Libraries in which no stack is walked: the interrupted thread may hold a lock that walking needs.
const NOT_IN: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];
/// The allocator's own frames, which readers of a heap profile leave out.
const ALLOCATOR: &str = "_rjem_.*|prof_.*|imalloc.*|_?je_.*";

/// The profiler of this process; its allocator must be jemalloc.
#[derive(Debug, Default)]
pub struct Profiles {
    busy: Mutex<()>,
}

#[async_trait]
impl Profiler for Profiles {
    async fn heap(&self) -> Result<Vec<u8>, ProfileError> {
        let _alone = self.busy.try_lock().map_err(|_| ProfileError::Busy)?;
        let off = || ProfileError::Unavailable("the allocator was built or started without profiling".to_owned());
        let mut control = PROF_CTL.as_ref().ok_or_else(off)?.clone().lock_owned().await;
        // Blocks: it writes a file and reads it again.
        let dumped = spawn_blocking(move || if control.activated() { Some(control.dump_pprof()) } else { None });
        match dumped.await {
            Ok(Some(Ok(profile))) => without_allocator(&profile),
            Ok(Some(Err(error))) => Err(unavailable(format!("{error}; is there a folder for temporary files?"))),
            Ok(None) => Err(off()),
            Err(_panicked) => Err(unavailable("the dump could not be read")),
        }
    }

    async fn cpu(&self, time: Duration) -> Result<Vec<u8>, ProfileError> {
        let _alone = self.busy.try_lock().map_err(|_| ProfileError::Busy)?;
        let guard = ProfilerGuardBuilder::default().frequency(FREQUENCY).blocklist(&NOT_IN).build();
        let guard = guard.map_err(unavailable)?;
        tokio::time::sleep(time).await;
        // Blocks: it looks up names in the program's file.
        let profile = spawn_blocking(move || {
            let report = guard.report().frames_post_processor(without_sampler).build();
            written(&report.and_then(|report| report.pprof()).map_err(unavailable)?)
        });
        profile.await.unwrap_or_else(|_panicked| Err(unavailable("the profile could not be written")))
    }

    async fn purge(&self) -> Result<Resident, ProfileError> {
        let _alone = self.busy.try_lock().map_err(|_| ProfileError::Busy)?;
        let purged = spawn_blocking(|| {
            let before = resident()?;
            for arena in 0..arenas::narenas::read()? {
                // A decay time of 0 returns the unused memory to the system at once.
                for kind in ["dirty", "muzzy"] {
                    let name = format!("arena.{arena}.{kind}_decay_ms\0");
                    let decay = name.name();
                    // Some numbers have no arena.
                    let Ok(usual) = Access::<isize>::read(decay) else { continue };
                    decay.write(0_isize)?;
                    decay.write(usual)?;
                }
            }
            Ok(Resident { before, after: resident()? })
        });
        let purged: Result<_, tikv_jemalloc_ctl::Error> =
            purged.await.map_err(|_panicked| unavailable("the allocator did not answer"))?;
        purged.map_err(unavailable)
    }
}

/// Removes the sampler's own frames from a stack.
fn without_sampler(frames: &mut Frames) {
    let is_own = |symbols: &Vec<pprof::Symbol>| symbols.iter().any(|symbol| symbol.name().contains("pprof::"));
    if let Some(last) = frames.frames.iter().rposition(is_own) {
        frames.frames.drain(..=last);
    }
}

/// The profile with `drop_frames` set, so that its readers leave out the allocator's frames.
fn without_allocator(gzipped: &[u8]) -> Result<Vec<u8>, ProfileError> {
    let mut plain = Vec::new();
    GzDecoder::new(gzipped).read_to_end(&mut plain).map_err(unavailable)?;
    let mut profile = Profile::decode(&*plain).map_err(unavailable)?;
    profile.drop_frames = i64::try_from(profile.string_table.len()).map_err(unavailable)?;
    profile.string_table.push(ALLOCATOR.to_owned());
    written(&profile)
}

fn written(profile: &Profile) -> Result<Vec<u8>, ProfileError> {
    let mut gzipped = GzEncoder::new(Vec::new(), Compression::default());
    gzipped.write_all(&profile.encode_to_vec()).and_then(|()| gzipped.finish()).map_err(unavailable)
}

fn unavailable(why: impl ToString) -> ProfileError {
    ProfileError::Unavailable(why.to_string())
}

/// The resident memory in bytes, by jemalloc's refreshed statistics.
fn resident() -> Result<u64, tikv_jemalloc_ctl::Error> {
    epoch::advance()?;
    stats::resident::read().map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX))
}
