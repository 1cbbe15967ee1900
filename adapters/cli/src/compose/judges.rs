//! What the compiled-in adapters say of the connection strings in the settings, before anything is opened.

use crate::config::{
    DatabaseKind,
    load::{Judges, RedisJudge},
};

/// They open no connection and change nothing.
pub(crate) const JUDGES: Judges = Judges { dsn, redis: REDIS };

#[cfg(feature = "redis")]
const REDIS: Option<RedisJudge> = Some(redis);
#[cfg(not(feature = "redis"))]
const REDIS: Option<RedisJudge> = None;

fn dsn(kind: DatabaseKind, text: &str, files: bool) -> Result<(), String> {
    match kind {
        #[cfg(feature = "sqlite")]
        DatabaseKind::Sqlite => {
            use kayan_sqlite::{Dsn, Mode, Place};
            let dsn: Dsn = text.parse().map_err(told)?;
            if !files {
                return Ok(());
            }
            kayan_sqlite::check(&dsn).map_err(told)?;
            match (&dsn.place, dsn.mode) {
                (Place::File(path), Mode::Create) => crate::config::files::writable(path).map_err(told),
                _ => Ok(()),
            }
        }
        #[cfg(feature = "postgres")]
        DatabaseKind::Postgres => {
            let dsn: kayan_postgres::Dsn = text.parse().map_err(told)?;
            if files { dsn.check_files().map_err(told) } else { Ok(()) }
        }
        #[cfg(feature = "mysql")]
        DatabaseKind::Mysql => {
            let dsn: kayan_mysql::Dsn = text.parse().map_err(told)?;
            if files { dsn.check_files().map_err(told) } else { Ok(()) }
        }
        // that it is not compiled in is told elsewhere
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        _ => Ok(()),
    }
}

#[cfg(feature = "redis")]
fn redis(text: &str, files: bool) -> Result<(), String> {
    let url: kayan_redis::RedisUrl = text.parse().map_err(told)?;
    if files { url.check_files().map_err(told) } else { Ok(()) }
}

fn told<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}
