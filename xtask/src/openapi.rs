//! `cargo xtask openapi`: the committed OpenAPI document, made from the code.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{self, Failure, Workspace};

const FORMATS: [&str; 2] = ["json", "yaml"];

/// Writes `openapi/kayan.json` and `openapi/kayan.yaml`.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Failure> {
    let kayan = run::timed("build the kayan binary", || workspace.build_kayan())?;
    for format in FORMATS {
        let path = committed(workspace, format);
        let document = document(workspace, &kayan, format)?;
        std::fs::write(&path, document).map_err(Failure::io(format!("can't write {}", path.display())))?;
        run::say(run::Mark::Done, &format!("wrote openapi/kayan.{format}"));
    }
    Ok(())
}

/// Fails when a committed document is not the one that the code makes.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let kayan = run::timed("build the kayan binary", || workspace.build_kayan())?;
    let mut stale = Vec::new();
    for format in FORMATS {
        let path = committed(workspace, format);
        if !path.exists() || run::read(&path)? != document(workspace, &kayan, format)? {
            stale.push(format!("openapi/kayan.{format}"));
        }
    }
    if stale.is_empty() {
        run::say(run::Mark::Done, "openapi/ agrees with the code");
        return Ok(());
    }
    Err(Failure::Wrong(format!(
        "{} no longer what the code says; run `cargo xtask openapi` and commit the result",
        stale.join(" and ") + if stale.len() == 1 { " is" } else { " are" }
    )))
}

/// Where the document is committed.
pub(crate) fn committed(workspace: &Workspace, format: &str) -> PathBuf {
    workspace.root.join("openapi").join(format!("kayan.{format}"))
}

fn document(workspace: &Workspace, kayan: &Path, format: &str) -> Result<Vec<u8>, Failure> {
    run::output(Command::new(kayan).args(["openapi", "--format", format]).current_dir(&workspace.root))
}
