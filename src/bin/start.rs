//! The Lambda function `start`.

use eks_nodegroup_updater::aws::{StartClients, configuration};
use eks_nodegroup_updater::config::{StartConfig, process_environment, stack_name};
use eks_nodegroup_updater::handler::start;
use eks_nodegroup_updater::logging;
use eks_nodegroup_updater::run::Run;
use eks_nodegroup_updater::summary::failed;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "the edge: here the clock is read, once an invocation")]
async fn main() -> Result<(), Error> {
    logging::init(&process_environment);
    let config = StartConfig::read(&process_environment)
        .inspect_err(|error| tracing::error!(%error, "invalid settings: {error}"))?;
    let aws = configuration(&process_environment)
        .await
        .inspect_err(|error| tracing::error!(%error, "invalid settings: {error:#}"))?;
    let clients = StartClients::new(&aws);
    let stack = stack_name(&process_environment);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let run = Run::begin(&event.context, Timestamp::now());
        let summary = start(&clients, &config, &event.payload, run).await.map_err(failed)?;
        if let (Some(metrics), Some(stack)) = (&summary.metrics, &stack) {
            logging::print(&metrics.line(stack, run.now));
        }
        summary.into_response().map_err(failed)
    }))
    .await
}
