//! The log, as Lambda's advanced logging controls ask for it.
//!
//! See [Lambda's logging controls](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html).

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::Environment;

/// Logs to standard output from here on: JSON if `AWS_LAMBDA_LOG_FORMAT` says so, this program's own records from
/// `AWS_LAMBDA_LOG_LEVEL` on, and warnings of the libraries. Each has a time stamp, by which Lambda filters.
pub fn init(environment: Environment<'_>) {
    let level = environment("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let own = [env!("CARGO_CRATE_NAME"), "start", "check"].map(|target| (target, level));
    let filter = Targets::new().with_default(LevelFilter::WARN.min(level)).with_targets(own);
    let json = environment("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let layer =
        if json { fmt::layer().json().flatten_event(true).with_span_list(false).boxed() } else { fmt::layer().boxed() };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}
