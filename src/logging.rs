//! The log, according to Lambda's advanced logging controls.
//!
//! See [Lambda's logging controls](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html).

use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::Environment;

/// The variables with the log level; the first that is set counts. Lambda sets the second from its logging controls, and drops
/// metrics below that level as well, so the template does not set that level, but the first variable.
const LEVELS: [&str; 2] = ["LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"];
/// Digits of an account's id.
const ACCOUNT_DIGITS: usize = 12;

/// Logs to standard output from here on: JSON if `AWS_LAMBDA_LOG_FORMAT` is set to it, this program's own records from `LEVELS`
/// on, and warnings of the libraries. Each has a time stamp, by which Lambda filters.
pub fn init(environment: Environment<'_>) {
    let level = level(environment);
    let own = [env!("CARGO_CRATE_NAME"), "start", "check"].map(|target| (target, level));
    let filter = Targets::new().with_default(LevelFilter::WARN.min(level)).with_targets(own);
    let json = environment("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let layer = fmt::layer().with_writer(|| WithoutAccounts(io::stdout()));
    let layer = if json { layer.json().flatten_event(true).with_span_list(false).boxed() } else { layer.boxed() };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}

fn level(environment: Environment<'_>) -> LevelFilter {
    let said = LEVELS.into_iter().filter_map(environment).filter(|level| !level.is_empty());
    said.filter_map(|level| level.parse().ok()).next().unwrap_or(LevelFilter::INFO)
}

/// Prints a line to standard output, whole, whatever the log's level.
pub fn print(line: &str) {
    // A run whose work is done must not fail because of metrics that cannot be written.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Removes account ids from the log: AWS quotes whole ARNs in its errors, and logs are often shared.
struct WithoutAccounts<W>(W);

impl<W: Write> Write for WithoutAccounts<W> {
    /// The layer writes each record whole, so that no id is cut in two.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let mut masked = record.to_vec();
        for start in 0..record.len() {
            let id = start + 1..start + 1 + ACCOUNT_DIGITS;
            let (before, after) = (record.get(start), record.get(id.end));
            let digits = record.get(id.clone()).is_some_and(|id| id.iter().all(u8::is_ascii_digit));
            if let (Some(b':'), Some(b':'), true, Some(id)) = (before, after, digits, masked.get_mut(id)) {
                id.fill(b'*');
            }
        }
        self.0.write_all(&masked)?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(record: &str) -> String {
        let mut writer = WithoutAccounts(Vec::new());
        writer.write_all(record.as_bytes()).unwrap();
        String::from_utf8(writer.0).unwrap()
    }

    #[test]
    fn the_programs_own_setting_comes_before_lambdas() {
        let level = |own: Option<&str>, lambdas: Option<&str>| {
            level(&|name| (if name == "LOG_LEVEL" { own } else { lambdas }).map(str::to_owned))
        };
        assert_eq!(level(Some("WARN"), Some("TRACE")), LevelFilter::WARN);
        assert_eq!(level(None, Some("DEBUG")), LevelFilter::DEBUG);
        assert_eq!(level(Some("loud"), Some("ERROR")), LevelFilter::ERROR);
        assert_eq!(level(Some(""), None), LevelFilter::INFO);
        assert_eq!(level(None, None), LevelFilter::INFO);
    }

    #[test]
    fn no_account_of_an_arn_is_logged() {
        let record =
            "User: arn:aws:sts::123456789012:assumed-role/start is not authorized on arn:aws:eks:x:210987654321:y";
        let expected =
            "User: arn:aws:sts::************:assumed-role/start is not authorized on arn:aws:eks:x:************:y";
        assert_eq!(logged(record), expected);
    }

    #[test]
    fn everything_else_is_logged_as_it_is() {
        for record in ["", ":", "123456789012", ":12345678901:", ":1234567890123:", "12:30:00.123456789012Z", "ä:…"]
        {
            assert_eq!(logged(record), record);
        }
    }
}
