//! What the service may be built from.

use kayan_house::{none_of, resolved, root, tree};

/// TLS is rustls over aws-lc-rs. Cargo.lock may list more: it also has optional packages that are never built.
const NEVER: [&str; 4] = ["openssl", "openssl-sys", "native-tls", "ring"];

/// Permissive licences: they require attribution at most.
const LICENCES: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// MPL-2.0 asks who changes one of these files to publish it, and asks nothing of what is linked with them (section 3.3):
/// they are used as they are published. See docs/decisions/0017-passkeys-over-webauthn-rs-core.md.
const UNCHANGED: [&str; 4] = ["crypto-glue", "webauthn-attestation-ca", "webauthn-rs-core", "webauthn-rs-proto"];

#[test]
fn nothing_is_built_with_openssl_or_a_second_tls_provider() {
    let found = resolved().into_iter().filter(|(name, ..)| NEVER.contains(&&**name));
    let offences = found.map(|(name, version, _)| format!("Cargo.lock:1: {name} {version}"));
    none_of(offences.collect(), "`cargo tree --workspace --invert NAME` says who brings it; switch that feature off");
}

#[test]
fn every_dependency_has_a_permissive_licence() {
    let is_unchanged = |name: &str, licence: &str| licence == "MPL-2.0" && UNCHANGED.contains(&name);
    let odd =
        resolved().into_iter().filter(|(name, _, licence)| !is_permissive(licence) && !is_unchanged(name, licence));
    let offences = odd.map(|(name, version, licence)| format!("Cargo.lock:1: {name} {version}: {licence:?}"));
    none_of(offences.collect(), "choose another crate, or add the licence to LICENCES after reading it");
}

// `A OR B` needs one of them, `A AND B` both; `/` is an old way of writing OR.
fn is_permissive(licence: &str) -> bool {
    let plain = licence.replace('/', " OR ").replace(['(', ')'], "");
    let permissive = |one: &str| one.split(" AND ").all(|one| LICENCES.contains(&one.trim()));
    plain.split(" OR ").any(permissive)
}

#[test]
fn every_dependency_comes_from_the_registry_or_the_workspace() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let sources = (1..).zip(lock.lines()).filter(|(_, text)| text.starts_with("source = "));
    let foreign = sources.filter(|(_, text)| !text.contains("registry+https://github.com/rust-lang/crates.io-index"));
    let offences = foreign.map(|(line, text)| format!("Cargo.lock:{line}: {text}"));
    none_of(offences.collect(), "depend on a published version, so that everybody builds the same");
}

#[test]
fn the_lock_file_and_the_licence_are_committed() {
    let files = tree();
    let missing = ["Cargo.lock", "LICENSE"].into_iter().filter(|name| files.iter().all(|file| file.path != *name));
    none_of(missing.map(|name| format!("{name}:1: missing")).collect(), "commit it");
}
