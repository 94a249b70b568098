//! The fuzz target of the configuration file.
#![expect(clippy::panic, reason = "a target fails by panicking")]

use super::*;

const NAME: &str = "shop.toml";

/// An error names a line of the file; what `bookstored config` prints of a valid file is a file with the same settings.
pub(crate) fn service_configuration(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match load(text) {
        Ok(configuration) => {
            let report = configuration.report();
            let again = load(&report).unwrap_or_else(|error| panic!("{error}: {report}"));
            assert_eq!(values(&again.report()), values(&report));
        }
        Err(error) => {
            let error = error.to_string();
            let line = error
                .strip_prefix(NAME)
                .and_then(|rest| rest.split(':').nth(1)?.parse().ok());
            let lines = 1..=text.split('\n').count();
            assert!(line.is_some_and(|line| lines.contains(&line)), "{error}");
        }
    }
}

fn load(text: &str) -> Result<Configuration, Error> {
    let arguments = ["bookstored", "config", "all"].map(OsString::from);
    let mut command = Cli::command();
    let file = File::parse(NAME.as_ref(), text, &command)?;
    let matches = command.try_get_matches_from_mut(&arguments)?;
    Configuration::with_file(&arguments, command, matches, Some(file))
}

/// The lines of a report without where each value comes from.
fn values(report: &str) -> Vec<&str> {
    let value = |line| str::rsplit_once(line, " # ").map_or(line, |(value, _)| value);
    report.lines().map(value).collect()
}
