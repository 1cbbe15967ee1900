//! DSNs of every kind: none is a panic, and no error and no debug print tells a password.
#![no_main]

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

/// No message has a reason to hold it.
const PASSWORD: &str = "Zq7xVb2nMk4w";

/// Where PostgreSQL's password begins, if what follows makes it a DSN at all.
const POSTGRES: [&str; 5] = [
    "postgres://u:",
    "postgres://h/db?password=",
    "postgresql:///db?host=h&sslmode=require&password=",
    "password=",
    "host=db user=u password='",
];
/// Where MySQL's does.
const MYSQL: [&str; 4] = ["u:", "u:x@", "u:)/", "mysql://u:"];

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (before, after) = text.split_once('\n').unwrap_or(("", text));
    let anywhere = format!("{before}{PASSWORD}{after}");
    for text in [text, &anywhere] {
        refusal_of::<kayan_postgres::Dsn>(text);
        refusal_of::<kayan_mysql::Dsn>(text);
        refusal_of::<kayan_sqlite::Dsn>(text);
    }
    // A made-up text may have it for a host, too, which is no secret.
    if after.contains(PASSWORD) {
        return;
    }
    for start in POSTGRES {
        print_of::<kayan_postgres::Dsn>(&format!("{start}{PASSWORD}{after}"));
    }
    for start in MYSQL {
        print_of::<kayan_mysql::Dsn>(&format!("{start}{PASSWORD}{after}"));
    }
});

/// Wherever the password stands, an error does not repeat it; unless it stands for an option's name, where no password can
/// be that goes on to an @.
fn refusal_of<D: FromStr<Err: Display + Debug>>(text: &str) {
    let Err(error) = text.parse::<D>() else { return };
    let names_an_option = error.to_string().starts_with("option \"");
    let ends_the_login = text.rsplit_once(PASSWORD).is_some_and(|(_, after)| after.contains('@'));
    if !names_an_option || ends_the_login {
        hides(text, &format!("{error} {error:?}"));
    }
}

/// Where it is the password, what is parsed does not show it either.
fn print_of<D: FromStr<Err: Display + Debug> + Debug>(text: &str) {
    match text.parse::<D>() {
        Ok(dsn) => hides(text, &format!("{dsn:?}")),
        Err(error) => hides(text, &format!("{error} {error:?}")),
    }
}

fn hides(text: &str, told: &str) {
    assert!(!told.contains(PASSWORD), "{text:?} is told as {told:?}");
}
