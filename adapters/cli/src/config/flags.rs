//! Every setting as a command-line flag.

use clap::{Arg, ArgMatches, Command};

use super::settings::{self, SECTIONS};

/// Adds a flag for each setting to a command. The help shows the variable and the default.
pub(crate) fn add(command: Command) -> Command {
    let settings = SECTIONS.iter().flat_map(|section| section.settings.iter().map(|setting| (section.title, setting)));
    command.args(settings.map(|(title, setting)| {
        let spec = setting.spec();
        let flag = Arg::new(spec.name)
            .long(spec.flag())
            .value_name("VALUE")
            .help(setting.long_help())
            .help_heading(title)
            // so that -1 is checked against the setting's range
            .allow_negative_numbers(true);
        if spec.is_switch { flag.num_args(0..=1).default_missing_value("true") } else { flag }
    }))
}

/// The flags that were given, by the settings' names.
pub(crate) fn given(matches: &ArgMatches) -> Vec<(String, String)> {
    let value = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    settings::all()
        .map(|setting| setting.spec().name)
        .filter_map(|name| Some((name.to_owned(), value(name)?)))
        .collect()
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
