//! Serves the same fleet, or a large one, to any AWS client.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::Ipv4Addr;

use anyhow::Context as _;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulated_aws::{Account, Fault, Request, World};
use tokio::net::TcpListener;

use sandbox::deployed::DeployedFunctions;
use sandbox::fleet;
use sandbox::generated::{self, Size};
use terminal::message::Message;
use terminal::output::say;

/// Serve a simulated AWS on 127.0.0.1 to the AWS CLI, boto3 or the Lambda functions
///
/// The first line on stdout is the endpoint's URL; everything else goes to stderr. Each region has EKS node groups, the public
/// SSM parameters of the AMI releases, the tag index, a DynamoDB table, an SNS topic, STS, and both functions with their
/// CloudFormation stack. A request goes to the region that it is signed for; signatures are not checked. Ctrl-C ends it; nothing
/// is kept.
#[derive(Args)]
pub struct Serve {
    /// The port; 0 chooses a free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Simulated seconds per real second: at 60, an update of 25 minutes takes 25 seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(i32).range(1..=3600))]
    speed: i32,
    /// A region with a fleet of its own; can be given several times. No other region is enabled in the account
    #[arg(long, value_name = "NAME", default_value = simulated_aws::REGION, value_parser = region)]
    region: Vec<String>,
    /// Serve a generated fleet of so many clusters, in place of the demo's
    #[arg(long, value_name = "N", requires = "nodegroups", value_parser = clap::value_parser!(u16).range(1..=1000))]
    clusters: Option<u16>,
    /// The number of node groups in each cluster of the generated fleet
    #[arg(long, value_name = "N", requires = "clusters", value_parser = clap::value_parser!(u16).range(1..=100))]
    nodegroups: Option<u16>,
}

/// What is served in each region.
#[derive(Clone, Copy)]
enum Served {
    /// The fleet of the demo.
    Demo,
    /// A generated one.
    Generated(Size),
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
        let served = self.served();
        let mut functions = DeployedFunctions::at(&endpoint);
        let (first, others) = self.regions();
        let first = self.world(first, served);
        let topic_arn = served.populate(&first);
        functions.deploy(first.clone(), &topic_arn).await?;
        let mut worlds = Vec::new();
        for region in others {
            let world = self.world(region, served);
            functions.deploy(world.clone(), &served.populate(&world)).await?;
            worlds.push(world);
        }
        let instructions = self.instructions(&endpoint, &topic_arn, served);
        let account = Account::new(first, worlds);

        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{endpoint}").and_then(|()| stdout.flush()).context("printing the endpoint")?;
        drop(stdout);
        say(instructions.lines().collect::<Message>());
        tokio::select! {
            ended = account.serve(listener) => ended.context("serving"),
            () = functions.run() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for Ctrl-C"),
        }
    }

    /// The first region, and the others.
    fn regions(&self) -> (&str, BTreeSet<&str>) {
        let first = self.region.first().map_or(simulated_aws::REGION, String::as_str);
        (first, self.region.iter().map(String::as_str).filter(|region| *region != first).collect())
    }

    fn served(&self) -> Served {
        match (self.clusters, self.nodegroups) {
            (Some(clusters), Some(nodegroups)) => {
                Served::Generated(Size { clusters: clusters.into(), nodegroups: nodegroups.into() })
            }
            _ => Served::Demo,
        }
    }

    /// An empty region, which shows its requests in a terminal.
    fn world(&self, region: &str, served: Served) -> World {
        let world = World::with_clock(clock(self.speed, served.past())).in_region(region);
        if io::stderr().is_terminal() {
            world.on_request(log);
        }
        world
    }

    fn instructions(&self, endpoint: &str, topic_arn: &str, served: Served) -> String {
        let table = fleet::TABLE;
        let (region, others) = self.regions();
        let others: String = others.into_iter().map(|region| format!("    # or {region}")).collect();
        let look = match served {
            Served::Demo => {
                "aws eks list-nodegroups --cluster-name prod\n  \
                 aws eks describe-nodegroup --cluster-name prod --nodegroup-name general"
            }
            Served::Generated(_) => {
                "aws eks list-clusters\n  \
                 aws resourcegroupstaggingapi get-resources --tag-filters Key=ami-update"
            }
        };
        format!(
            "\
A simulated AWS is up, running at {speed}x speed. In another terminal:

  export AWS_ENDPOINT_URL={endpoint}
  export AWS_REGION={region} AWS_DEFAULT_REGION={region}{others}
  export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated
  export UPDATES_TABLE={table}
  export NOTIFICATION_TOPIC_ARN={topic_arn}
  export RING_SOAK=1m    # by default 24h; the functions read the real clock

Look around:

  {look}
  aws dynamodb scan --table-name {table}

Run the Lambda functions, unchanged, with cargo-lambda (pip install cargo-lambda); watch stays up:

  cargo lambda watch --features workspace-hack
  cargo lambda invoke start --data-file events/start-manual.json
  cargo lambda invoke check --data-file events/check-manual.json

Ctrl-C ends it; nothing is kept.
",
            speed = self.speed
        )
    }
}

impl Served {
    /// How long before now it begins.
    fn past(self) -> SignedDuration {
        match self {
            Self::Demo => SignedDuration::ZERO,
            Self::Generated(_) => generated::PAST,
        }
    }

    /// Adds it to an empty world, which is then at the real time. Returns the topic's ARN.
    fn populate(self, world: &World) -> String {
        match self {
            Self::Demo => fleet::populate(world),
            Self::Generated(size) => generated::populate(world, size),
        }
    }
}

/// A region's name, as far as it can be known without AWS.
fn region(name: &str) -> Result<String, &'static str> {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_region = name.contains('-') && name.split('-').all(is_part);
    is_region.then(|| name.to_owned()).ok_or("expected a region such as us-east-1")
}

/// The world's clock. It starts at the real time, because Lambda functions that talk to the world read the real clock, and then
/// runs ahead of it, so that updates end soon. A past that the world is going to advance by comes before that.
fn clock(speed: i32, past: SignedDuration) -> impl Fn() -> Timestamp {
    let start = real_time();
    move || {
        let passed = real_time().duration_since(start);
        start.saturating_add(passed.saturating_mul(speed).saturating_sub(past)).unwrap_or(Timestamp::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: the one place that reads the clock")]
fn real_time() -> Timestamp {
    Timestamp::now()
}

/// Shows a request, and of a published message the e-mail.
fn log(request: &Request) -> Fault {
    let request_line = Message::new(format!("{:.0}  {}  {}", request.at, request.action, request.resources.join(" ")));
    say(match mail(request) {
        Some(mail) => mail.lines().fold(request_line.line(""), Message::line).line(""),
        None => request_line,
    });
    Fault::None
}

fn mail(request: &Request) -> Option<String> {
    let message = request.body.get("Message").filter(|_| request.action == "sns:Publish")?.as_str()?;
    let texts: Value = serde_json::from_str(message).ok()?;
    Some(texts.get("email")?.as_str()?.to_owned())
}
