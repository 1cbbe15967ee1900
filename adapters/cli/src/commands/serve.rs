//! `kayan serve`: runs the HTTP service, from start to graceful shutdown.

use std::{
    io::{self, IsTerminal, Write as _},
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use kayan_core::Kayan;
use kayan_http::{Draining, Limits};
use kayan_ports::Keys;
use kayan_sql::Driver;
use kayan_telemetry::AuditLog;
use kayan_worker::Worker;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    compose::{self, Observed},
    config::{Config, Environment, LogFormat},
    exit::Exit,
};

/// How long `/health/ready` returns 503 before new connections are refused, so that load balancers notice.
const NOTICE: Duration = Duration::from_secs(1);
/// How often a database that was unavailable at start is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Serves until a signal stops it.
pub(crate) fn run(flags: Vec<(String, String)>) -> Result<(), Exit> {
    let loaded = super::load(flags, super::Purpose::Serve).map_err(Exit::config)?;
    let logs = compose::logs(&loaded.config)?;
    for warning in &loaded.warnings {
        tracing::warn!(setting = warning.setting, "{}", warning.text);
    }
    let traces = compose::traces(&loaded.config)?;
    let observed = Observed { logs: logs.clone(), metrics: compose::metrics()? };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Exit::failed)?;
    let served = runtime.block_on(serve(&loaded.config, observed));
    if let Some(traces) = traces {
        traces.close();
    }
    logs.flush();
    served
}

async fn serve(config: &Config, observed: Observed) -> Result<(), Exit> {
    let Observed { logs, metrics } = observed.clone();
    let driver = compose::database(config)?;
    let keys = compose::keys(config, &driver)?;
    let prepared = prepare(config, &*driver, &*keys).await;
    let late = match prepared {
        Err(exit) if exit.is_unavailable() => {
            tracing::error!("{}; not ready until the database is there", exit.reason());
            true
        }
        other => other.map(|()| false)?,
    };
    let log = compose::audit_log(config)?;
    let listener = listen(config)?;
    let address = listener.local_addr().map_err(Exit::failed)?;
    // Port 0 takes a free one.
    let here = Config { port: address.port(), ..config.clone() };
    let app = compose::application(&here, &driver, keys.clone(), log.as_ref(), observed)?;
    learn_seals(&app.kayan, late).await;
    let draining = Draining::default();
    let listener = tokio::net::TcpListener::from_std(listener).map_err(Exit::failed)?;
    let limits = Limits { connections: config.max_connections, ..Limits::default() };
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    logs.flush();
    banner(config, address);
    let worker = Worker {
        kayan: &app.kayan,
        health: &app.health,
        clock: &*app.clock,
        entropy: &*app.entropy,
        audit_retention: config.audit_retention,
    };
    tokio::select! {
        () = kayan_http::serve(app.clone(), &draining, listener, limits, told_to_stop(draining.clone())) => {}
        Err(exit) = prepare_late(config, &*driver, &*keys, &app.kayan), if late => return Err(exit),
        () = worker.run(async || Ok(driver.maintain().await?)) => {}
        () = metrics.upkeep() => {}
        () = reopen_when_told(log.as_deref()) => {}
    }
    if let Some(log) = log {
        log.close();
    }
    tracing::info!("stopped");
    Ok(())
}

/// Reopens the audit log on SIGHUP, if there is one.
async fn reopen_when_told(log: Option<&AuditLog>) {
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => {
            while hangup.recv().await.is_some() {
                if let Some(log) = log {
                    log.reopen();
                } else {
                    tracing::info!("SIGHUP received, but no audit log is configured");
                }
            }
        }
        Err(error) => tracing::error!(%error, "can't listen for SIGHUP; the audit log is not reopened"),
    }
    std::future::pending::<()>().await;
}

/// Migrates once the database is available; an error then ends the service, as it would have at start.
async fn prepare_late(config: &Config, driver: &dyn Driver, keys: &dyn Keys, kayan: &Kayan) -> Result<(), Exit> {
    loop {
        tokio::time::sleep(AGAIN).await;
        match prepare(config, driver, keys).await {
            Err(exit) if exit.is_unavailable() => {}
            other => {
                learn_seals(kayan, other.is_err()).await;
                return other;
            }
        }
    }
}

/// Before any event is written, unless the database is unavailable. If it fails, sealing does it later.
async fn learn_seals(kayan: &Kayan, not_yet: bool) {
    if !not_yet && let Err(error) = kayan.learn_seals().await {
        tracing::warn!(%error, "how far the audit trail is sealed could not be read; it is retried later");
    }
}

/// The service waits for pending migrations, must not use an unknown schema, and must not start with secrets that don't open
/// its keys.
async fn prepare(config: &Config, driver: &dyn Driver, keys: &dyn Keys) -> Result<(), Exit> {
    match super::prepare(config, driver).await {
        Ok(()) => Ok(keys.unlock().await?),
        Err(exit) if exit.is_pending() => {
            tracing::warn!("migrations are pending: not ready until `kayan migrate up` has run");
            Ok(())
        }
        other => other,
    }
}

fn listen(config: &Config) -> Result<TcpListener, Exit> {
    let address = SocketAddr::new(config.host, config.port);
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            Exit::failed(format!("KAYAN_PORT: port {} is taken; stop what listens there or set another", config.port))
        }
        io::ErrorKind::PermissionDenied => {
            Exit::failed(format!("KAYAN_PORT: this user may not listen on port {}; set one from 1024 up", config.port))
        }
        io::ErrorKind::AddrNotAvailable => {
            Exit::failed(format!("KAYAN_HOST: {} is not an address of this machine", config.host))
        }
        _ => Exit::failed(format!("can't listen on {address}: {error}")),
    })?;
    listener.set_nonblocking(true).map_err(Exit::failed)?;
    Ok(listener)
}

async fn told_to_stop(draining: Draining) {
    let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "can't listen for signals; stop the service by killing it");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = interrupt.recv() => {
            draining.begin();
            tracing::info!("stopping: interrupted");
        }
        _ = terminate.recv() => {
            draining.begin();
            tracing::info!("stopping: requests in flight finish first");
            tokio::select! {
                () = tokio::time::sleep(NOTICE) => {}
                _ = interrupt.recv() => {}
            }
        }
    }
}

/// In development, prints the URLs and how to begin.
fn banner(config: &Config, address: SocketAddr) {
    let base = match &config.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None if address.ip().is_loopback() || address.ip().is_unspecified() => {
            format!("http://localhost:{}", address.port())
        }
        None => format!("http://{address}"),
    };
    // A log in JSON is read by programs.
    if config.env != Environment::Development || config.log_format == LogFormat::Json {
        return;
    }
    let (bold, plain) = if io::stderr().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let text = format!(
        "\n  {bold}Kayan {version}{plain} is running, in development\n\n    \
         service   {base}\n    \
         docs      {base}/docs\n    \
         passkeys  {base}/docs/passkeys\n    \
         health    {base}/health\n\n    \
         first admin   kayan admin user create --email you@example.com --role admin\n    \
         stop          Ctrl-C\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    // Errors are ignored: the service runs without this text.
    let _ = writeln!(io::stderr(), "{text}");
}
