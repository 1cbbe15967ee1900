//! Every setting as a command-line flag.

use clap::{Arg, ArgMatches, Command};

use super::setting::Kind;
use super::table::TABLE;

/// Adds a flag for each setting to a command. The help shows the variable and the default.
pub(crate) fn add(command: Command) -> Command {
    command.args(TABLE.iter().map(|setting| {
        let flag = Arg::new(setting.name)
            .long(setting.flag())
            .value_name("VALUE")
            .help(setting.long_help())
            .help_heading(setting.feature.title())
            // so that -1 is judged by the setting's range
            .allow_negative_numbers(true);
        match setting.kind {
            Kind::Switch => flag.num_args(0..=1).default_missing_value("true"),
            _ => flag,
        }
    }))
}

/// The flags that were given, by the settings' names.
pub(crate) fn given(matches: &ArgMatches) -> Vec<(String, String)> {
    let value = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    TABLE.iter().filter_map(|setting| Some((setting.name.to_owned(), value(setting.name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Vec<(String, String)> {
        let command = add(Command::new("serve").no_binary_name(true));
        given(&command.try_get_matches_from(args).unwrap())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn every_setting_is_a_flag_and_no_two_are_the_same() {
        add(Command::new("serve")).debug_assert();
        for (flag, name) in [
            ("--port", "KAYAN_PORT"),
            ("--db-dsn", "KAYAN_DB_DSN"),
            ("--log-level", "KAYAN_LOG_LEVEL"),
            ("--otel-service-name", "OTEL_SERVICE_NAME"),
        ] {
            assert_eq!(parse(&[flag, "x"]), [pair(name, "x")]);
        }
    }

    #[test]
    fn only_given_flags_count_and_switches_need_no_value() {
        assert_eq!(parse(&[]), []);
        assert_eq!(
            parse(&["--auto-migrate", "--port=1"]),
            [pair("KAYAN_PORT", "1"), pair("KAYAN_AUTO_MIGRATE", "true")]
        );
        assert_eq!(parse(&["--auto-migrate=false"]), [pair("KAYAN_AUTO_MIGRATE", "false")]);
        assert_eq!(parse(&["--port", "-1"]), [pair("KAYAN_PORT", "-1")]);
    }

    #[test]
    fn the_help_shows_variable_range_and_default() {
        let help = add(Command::new("serve")).render_long_help().to_string();
        for part in ["--port", "0 to 65535", "[env: KAYAN_PORT]", "[default: 8080]", "[default: 5m]", "Rate limiting:"]
        {
            assert!(help.contains(part), "{part}");
        }
    }
}
