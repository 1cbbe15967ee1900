//! Which crate may know which, and who may name a concrete adapter.

use std::collections::BTreeMap;

use kayan_house::{Dependency, none_of, packages, rust, rust_in};

/// Who may depend on whom. Optional dependencies count; those for tests are further down.
const ARROWS: [(&str, &[&str]); 24] = [
    ("kayan-ports", &[]),
    ("kayan-core", &["kayan-ports"]),
    ("kayan-http", &["kayan-core", "kayan-ports"]),
    ("kayan-worker", &["kayan-core", "kayan-ports"]),
    ("kayan-sql", &["kayan-ports"]),
    ("kayan-sqlite", &["kayan-ports", "kayan-sql"]),
    ("kayan-mysql", &["kayan-ports", "kayan-sql"]),
    ("kayan-postgres", &["kayan-ports", "kayan-sql", "kayan-tls"]),
    // it takes the rows out of a database, and puts them back
    ("kayan-backup", &["kayan-ports", "kayan-sql"]),
    ("kayan-breach", &["kayan-ports", "kayan-outbound"]),
    ("kayan-oidc", &["kayan-ports", "kayan-outbound"]),
    ("kayan-outbound", &["kayan-tls"]),
    ("kayan-sms", &["kayan-ports", "kayan-outbound"]),
    ("kayan-redis", &["kayan-ports", "kayan-tls"]),
    ("kayan-cache", &["kayan-ports"]),
    ("kayan-fakes", &["kayan-ports"]),
    // its own JWTs are verified as other services verify them
    ("kayan-crypto", &["kayan-ports", "kayan-verify"]),
    ("kayan-webauthn", &["kayan-ports"]),
    ("kayan-mail", &["kayan-ports", "kayan-tls"]),
    ("kayan-authenticator", &[]),
    ("kayan-mail-server", &[]),
    // it times the statements that a driver is given
    ("kayan-telemetry", &["kayan-ports", "kayan-sql", "kayan-tls"]),
    ("kayan-tls", &[]),
    ("kayan-verify", &[]),
];

/// What the tests of any of these may use besides: fakes, the laws to be kept, the real cryptography, because a fake
/// signature proves nothing, an authenticator that makes real ones, and a mail server.
const FOR_TESTS: [&str; 7] = [
    "kayan-fakes",
    "kayan-cache",
    "kayan-contract",
    "kayan-crypto",
    "kayan-webauthn",
    "kayan-authenticator",
    "kayan-mail-server",
];

/// Only tests depend on these, so they may depend on anything.
const ENDS: [&str; 8] =
    ["kayan", "kayan-contract", "kayan-fuzz", "kayan-guide", "kayan-journeys", "kayan-house", "kayan-bench", "xtask"];

/// What use-cases must not be able to reach: a runtime, a database, the network, chance.
const NOT_IN_THE_CORE: [&str; 9] =
    ["tokio", "rusqlite", "tokio-postgres", "mysql_async", "redis", "poem", "reqwest", "rand", "getrandom"];

/// Modules through which a use-case could reach the machine.
const OUTSIDE: [&str; 4] = ["std::fs", "std::env", "std::process", "std::thread"];

const CONCRETE: [&str; 12] = [
    "kayan_sqlite",
    "kayan_postgres",
    "kayan_mysql",
    "kayan_redis",
    "kayan_cache",
    "kayan_crypto",
    "kayan_webauthn",
    "kayan_oidc",
    "kayan_mail",
    "kayan_breach",
    "kayan_sms",
    "kayan_outbound",
];

/// `compose.rs` and the files of its folder.
fn is_composition_root(path: &str) -> bool {
    path == "adapters/cli/src/compose.rs" || path.starts_with("adapters/cli/src/compose/")
}

/// The first `names` names of a path.
fn first(path: &str, names: usize) -> &str {
    let end = path.match_indices("::").nth(names - 1);
    path.get(..end.map_or(path.len(), |(at, _)| at)).unwrap_or_default()
}

fn is_ours(name: &str) -> bool {
    name == "kayan" || name == "xtask" || name.starts_with("kayan-")
}

#[test]
fn crates_know_only_what_the_arrows_allow() {
    let arrows: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let mut offences = Vec::new();
    for package in packages().into_iter().filter(|package| !ENDS.contains(&&*package.name)) {
        let Some(allowed) = arrows.get(&*package.name) else {
            offences.push(format!("{}:1: {} has no arrow", package.manifest, package.name));
            continue;
        };
        let allowed = |it: &Dependency| {
            allowed.contains(&&*it.name) || (it.for_tests && FOR_TESTS.contains(&&*it.name)) || !is_ours(&it.name)
        };
        let forbidden = package.dependencies.iter().filter(|it| !allowed(it));
        offences.extend(forbidden.map(|it| format!("{}:1: {} → {}", package.manifest, package.name, it.name)));
    }
    none_of(offences, "remove the dependency, or draw the arrow in ARROWS (tests/house/tests/walls.rs) and say why");
}

#[test]
fn no_production_crate_depends_on_the_fakes() {
    let production = packages().into_iter().filter(|package| !package.manifest.starts_with("tests/"));
    let linking = production
        .filter(|package| package.dependencies.iter().any(|it| it.name == "kayan-fakes" && !it.for_tests))
        .map(|package| format!("{}:1: {} → kayan-fakes", package.manifest, package.name));
    none_of(linking.collect(), "what a process uses lies in adapters; make it a dependency of the tests");
}

#[test]
fn use_cases_cannot_reach_a_runtime_a_database_the_network_or_chance() {
    let core = packages().into_iter().filter(|package| ["kayan-core", "kayan-ports"].contains(&&*package.name));
    let mut offences = Vec::new();
    for package in core {
        let reached = package.dependencies.iter().filter(|it| !it.for_tests && NOT_IN_THE_CORE.contains(&&*it.name));
        offences.extend(reached.map(|it| format!("{}:1: {} → {}", package.manifest, package.name, it.name)));
    }
    none_of(offences, "what a use-case needs of the world comes in through a port");
}

#[test]
fn use_cases_touch_no_file_environment_process_or_thread() {
    let mut offences = Vec::new();
    for source in rust().into_iter().filter(|it| it.path.starts_with("src/") || it.path.starts_with("ports/src/")) {
        let mut paths = source.production().paths;
        paths.retain(|path| OUTSIDE.contains(&first(&path.text, 2)));
        offences.extend(paths.iter().map(|path| source.at(path.line, &path.text)));
    }
    none_of(offences, "what a use-case needs of the world comes in through a port");
}

#[test]
fn only_the_composition_root_names_concrete_adapters() {
    let mut offences = Vec::new();
    for source in rust_in("adapters/cli/src/").into_iter().filter(|source| !is_composition_root(&source.path)) {
        let mut paths = source.code().paths;
        paths.retain(|path| CONCRETE.contains(&first(&path.text, 1)));
        offences.extend(paths.iter().map(|path| source.at(path.line, &path.text)));
    }
    none_of(offences, "name it in adapters/cli/src/compose and hand on the port");
}

#[test]
fn only_the_composition_root_asks_for_cargo_features() {
    let mut offences = Vec::new();
    for source in rust().into_iter().filter(|source| !is_composition_root(&source.path)) {
        let mut attributes = source.code().attributes;
        attributes.retain(|it| it.text.starts_with("cfg") && it.text.contains("feature="));
        offences.extend(attributes.iter().map(|it| source.at(it.line, &it.text)));
    }
    none_of(offences, "`cfg(feature)` lives in adapters/cli/src/compose; if you need it elsewhere, you need a port");
}
