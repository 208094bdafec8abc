//! Serves the same fleet to any AWS client.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::Ipv4Addr;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use simulated_aws::{Fault, Request, World};
use tokio::net::TcpListener;

use sandbox::deployed::DeployedFunctions;
use sandbox::fleet;

/// Serve a simulated AWS on 127.0.0.1 to the AWS CLI, boto3 or the Lambda functions
///
/// The first line on stdout is the endpoint's URL; everything else goes to stderr. It has EKS node groups, the public SSM
/// parameters of the AMI releases, the tag index, a DynamoDB table, an SNS topic, STS, and both functions with their
/// CloudFormation stack. Signatures are not checked. Ctrl-C ends it; nothing is kept.
#[derive(Args)]
pub struct Serve {
    /// The port; 0 chooses a free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Simulated seconds per real second: at 60, an update of 25 minutes takes 25 seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(i32).range(1..=3600))]
    speed: i32,
}

impl Serve {
    /// Serves until Ctrl-C.
    ///
    /// # Errors
    /// When the port is taken, or stdout is closed.
    pub async fn run(self) -> anyhow::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
        let listener = listener.with_context(|| format!("listening on 127.0.0.1:{}; try another --port", self.port))?;
        let endpoint = format!("http://{}", listener.local_addr().context("reading the port")?);
        let world = World::with_clock(clock(self.speed));
        let topic_arn = fleet::populate(&world);
        let functions = DeployedFunctions::new(world.clone(), &endpoint, &topic_arn).await?;
        if io::stderr().is_terminal() {
            world.on_request(log);
        }

        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{endpoint}").and_then(|()| stdout.flush()).context("printing the endpoint")?;
        drop(stdout);
        eprint(&instructions(&endpoint, &topic_arn, self.speed));
        tokio::select! {
            ended = world.serve(listener) => ended.context("serving"),
            () = functions.run() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for Ctrl-C"),
        }
    }
}

/// The world's clock. It starts at the real time, because Lambda functions that talk to the world read the real clock, and then
/// runs ahead of it, so that updates end soon.
fn clock(speed: i32) -> impl Fn() -> Timestamp {
    let start = real_time();
    move || {
        let passed = real_time().duration_since(start);
        start.saturating_add(passed.saturating_mul(speed)).unwrap_or(Timestamp::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: the one place that reads the clock")]
fn real_time() -> Timestamp {
    Timestamp::now()
}

/// Shows a request, and of a published message the e-mail.
fn log(request: &Request) -> Fault {
    let mail = mail(request).unwrap_or_default();
    eprint(&format!("{:.0}  {}  {}\n{mail}", request.at, request.action, request.resources.join(" ")));
    Fault::None
}

fn mail(request: &Request) -> Option<String> {
    let message = request.body.get("Message").filter(|_| request.action == "sns:Publish")?.as_str()?;
    let texts: Value = serde_json::from_str(message).ok()?;
    Some(format!("\n{}\n", texts.get("email")?.as_str()?))
}

/// Unlike `eprint!`, it ignores a missing reader.
fn eprint(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn instructions(endpoint: &str, topic_arn: &str, speed: i32) -> String {
    let (region, table) = (simulated_aws::REGION, fleet::TABLE);
    format!(
        "\
A simulated AWS is up, running at {speed}x speed. In another terminal:

  export AWS_ENDPOINT_URL={endpoint}
  export AWS_REGION={region} AWS_DEFAULT_REGION={region}
  export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated
  export UPDATES_TABLE={table}
  export NOTIFICATION_TOPIC_ARN={topic_arn}
  export RING_SOAK=1m    # by default 24h; the functions read the real clock

Look around:

  aws eks list-nodegroups --cluster-name prod
  aws eks describe-nodegroup --cluster-name prod --nodegroup-name general
  aws dynamodb scan --table-name {table}

Run the Lambda functions, unchanged, with cargo-lambda (pip install cargo-lambda); watch stays up:

  cargo lambda watch --features workspace-hack
  cargo lambda invoke start --data-file events/start-manual.json
  cargo lambda invoke check --data-file events/check-manual.json

Ctrl-C ends it; nothing is kept.
"
    )
}
