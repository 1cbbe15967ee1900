//! The file that keeps a development database's secrets.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kayan_ports::Entropy;
use zeroize::Zeroizing;

use super::secret::Secret;
use super::setting::Setting;
use super::settings::secrets::{JWT, SESSION};

/// The settings that the file keeps.
pub(crate) const KEPT: [Setting<Secret>; 2] = [SESSION, JWT];

/// The file has two lines; a much longer one was not written here.
const MAX_BYTES: u64 = 4096;

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsFileError {
    /// Others than the owner may read or write it.
    #[error("{} may be read by others (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not what was written.
    #[error("{} is damaged", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("{} can't be {verb}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Read or made.
        verb: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl SecretsFileError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Exposed { path, .. } => format!("run: chmod 600 {}", path.display()),
            Self::Broken { path } => format!("remove {} to have new secrets generated", path.display()),
            Self::Io { .. } => {
                let both = KEPT.map(|setting| setting.name).join(" and ");
                format!(
                    "let KAYAN_DB_DSN name a folder that this user may write to, or set {both} (openssl rand -base64 32)"
                )
            }
        }
    }
}

/// Secrets in base64, in the order of `KEPT`.
pub(crate) type Secrets = [Zeroizing<String>; KEPT.len()];

/// New secrets of 32 random bytes each.
pub(crate) fn generate(entropy: &dyn Entropy) -> Secrets {
    KEPT.map(|_| {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut());
        Zeroizing::new(STANDARD.encode(*bytes))
    })
}

/// Reads the secrets; `None` without a file.
pub(crate) fn read(path: &Path) -> Result<Option<Secrets>, SecretsFileError> {
    let failed = |source| SecretsFileError::Io { path: path.to_owned(), verb: "read", source };
    let broken = || SecretsFileError::Broken { path: path.to_owned() };
    match fs::metadata(path) {
        Ok(data) if !data.is_file() => return Err(broken()),
        Ok(_) => {}
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(failed(why)),
    }
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretsFileError::Exposed { path: path.to_owned(), mode });
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(failed)?;
    let content = std::str::from_utf8(&content).map_err(|_| broken())?;
    parse(content).map(Some).ok_or_else(broken)
}

fn parse(content: &str) -> Option<Secrets> {
    let line = |name: &str| {
        let text = content.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        (STANDARD.decode(text).ok()?.len() == 32).then(|| Zeroizing::new(text.to_owned()))
    };
    let [session, jwt] = KEPT.map(|setting| line(setting.name));
    Some([session?, jwt?])
}

/// Reads the secrets, or generates and writes them. Processes that do so at the same time all get the same ones.
pub(crate) fn read_or_create(path: &Path, entropy: &dyn Entropy) -> Result<Secrets, SecretsFileError> {
    if let Some(secrets) = read(path)? {
        return Ok(secrets);
    }
    let failed = |source| SecretsFileError::Io { path: path.to_owned(), verb: "made", source };
    let mut unique = [0; 8];
    entropy.fill(&mut unique);
    let draft = path.with_added_extension(format!("{:016x}", u64::from_ne_bytes(unique)));
    let written = write(&draft, &generate(entropy));
    // a link appears complete or not at all, and never replaces a file
    let kept = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match kept {
        Err(why) if why.kind() != ErrorKind::AlreadyExists => Err(failed(why)),
        _ => read(path)?.ok_or_else(|| failed(io::Error::from(ErrorKind::NotFound))),
    }
}

fn write(path: &Path, secrets: &Secrets) -> io::Result<()> {
    let mut content = Zeroizing::new("# Kayan's secrets for development. Keep them to yourself.\n".to_owned());
    for (setting, secret) in KEPT.iter().zip(secrets) {
        let _ = writeln!(content, "{}={}", setting.name, secret.as_str());
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use tempfile::tempdir;

    use super::*;
    use crate::config::tests::Counting;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn secrets_are_made_once_and_kept_for_the_owner_alone() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("kayan.secrets");
        assert!(read(&path).unwrap().is_none());
        let made = read_or_create(&path, &Counting::from(1)).unwrap();
        assert_ne!(made[0], made[1]);
        assert_eq!(read_or_create(&path, &Counting::from(99)).unwrap(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the draft is gone");
    }

    #[test]
    fn sixteen_at_once_get_the_same_secrets() {
        for round in 0..20 {
            let folder = tempdir().unwrap();
            let path = folder.path().join("kayan.secrets");
            let start = Barrier::new(16);
            let all: Vec<Secrets> = std::thread::scope(|scope| {
                let one = |seed| {
                    let (path, start) = (&path, &start);
                    scope.spawn(move || {
                        start.wait();
                        read_or_create(path, &Counting::from(seed)).unwrap()
                    })
                };
                let threads: Vec<_> = (0..16_u8).map(|n| one(n * 7 + round)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(all.iter().all(|secrets| *secrets == all[0]));
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("kayan.secrets");
        read_or_create(&path, &Counting::from(1)).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            set_mode(&path, mode);
            let error = read(&path).unwrap_err();
            assert!(matches!(error, SecretsFileError::Exposed { .. }), "{error}");
            assert!(error.to_string().contains(&format!("{mode:04o}")) && error.hint().contains("chmod 600"));
        }
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_alone() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("kayan.secrets");
        read_or_create(&path, &Counting::from(1)).unwrap();
        let whole = fs::read(&path).unwrap();
        let half = whole.get(..whole.len() / 2).unwrap();
        for content in [&b""[..], half, b"\xff\xfe", b"KAYAN_SESSION_SECRET=c2hvcnQ=\nKAYAN_JWT_SECRET=c2hvcnQ=\n"] {
            fs::write(&path, content).unwrap();
            let error = read_or_create(&path, &Counting::from(2)).unwrap_err();
            assert!(matches!(error, SecretsFileError::Broken { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        let error = read(folder.path()).unwrap_err();
        assert!(matches!(error, SecretsFileError::Broken { .. }), "a folder: {error}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_clear_error() {
        let folder = tempdir().unwrap();
        let error = read_or_create(&folder.path().join("no/kayan.secrets"), &Counting::from(1)).unwrap_err();
        assert!(error.to_string().contains("can't be made") && error.hint().contains("KAYAN_SESSION_SECRET"));
    }
}
