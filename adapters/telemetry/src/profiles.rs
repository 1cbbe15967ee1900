//! Profiles of this process: jemalloc's of its memory, and one of its processors by sampling.

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

/// Samples in a second and thread: not a divisor of anything that happens regularly.
const FREQUENCY: i32 = 99;
/// Where a stack must not be walked: whoever is interrupted there may hold a lock that walking it needs.
const NOT_IN: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];
/// What readers of a heap profile leave out: the allocator's own part of each stack.
const ALLOCATOR: &str = "_rjem_.*|prof_.*|imalloc.*|_?je_.*";

/// The profiler of this process, whose allocator is jemalloc.
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
        // It writes a file and reads it again.
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
        // Names are looked up in the program's file.
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
                // Memory that decays at once is given back now.
                for kind in ["dirty", "muzzy"] {
                    let name = format!("arena.{arena}.{kind}_decay_ms\0");
                    let decay = name.name();
                    // Not every number up to there has an arena.
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

/// The stack from where the sampler has interrupted it on.
fn without_sampler(frames: &mut Frames) {
    let is_own = |symbols: &Vec<pprof::Symbol>| symbols.iter().any(|symbol| symbol.name().contains("pprof::"));
    if let Some(last) = frames.frames.iter().rposition(is_own) {
        frames.frames.drain(..=last);
    }
}

/// The profile, with word to its readers what to leave out.
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

/// Bytes that are resident, by jemalloc's own count, brought up to date.
fn resident() -> Result<u64, tikv_jemalloc_ctl::Error> {
    epoch::advance()?;
    stats::resident::read().map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX))
}
