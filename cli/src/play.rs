//! Eight hours at work: both functions on their schedules, and what is left behind.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use eks_nodegroup_updater::aws::{CheckClients, StartClients, config_loader, describe};
use eks_nodegroup_updater::config::{CheckConfig, StartConfig};
use eks_nodegroup_updater::handler::{self, Run};
use eks_nodegroup_updater::model::record::Record;
use eks_nodegroup_updater::summary::{CheckSummary, StartLine, StartSummary};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use simulated_aws::World;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::fleet;
use crate::story::{Message, Plan, Planned, Quarantined, Story, Update};

/// How many steps the story has.
pub const MOMENTS: u64 = 8 * 12 + 1;
/// How often `check` runs.
const STEP: SignedDuration = SignedDuration::from_mins(5);
/// How long Lambda lets a run live.
const LIFE: Duration = Duration::from_mins(15);
/// `start` runs at every twelfth step, once an hour.
const STEPS_PER_START: u64 = 12;
/// The plan of this run is shown beside the first: by then a ring soaks, a window is awaited and a release quarantined.
const LATER_PLAN: usize = 4;
/// `RING_SOAK`, by default a day, so that the story ends within one.
pub const RING_SOAK: &str = "2h";

/// Access keys, by which the world tells apart who calls.
const START_KEY: &str = "AKIASTART";
const CHECK_KEY: &str = "AKIACHECK";
const DEMO_KEY: &str = "AKIADEMO";

/// One step of the story.
pub struct Moment {
    /// The simulated time.
    pub now: Timestamp,
    /// What happened, a line each.
    pub news: Vec<String>,
    /// How many updates EKS has in progress.
    pub in_progress: usize,
}

/// Plays the story, and shows every moment as it comes.
///
/// # Errors
/// When the simulated AWS cannot be served or a run fails as a whole.
pub async fn play(show: impl AsyncFnMut(Moment)) -> anyhow::Result<Story> {
    // Fixed, as is everything else: the story is the same each time.
    let world = World::new("2026-07-20T09:00:00Z".parse()?);
    let topic_arn = fleet::furnish(&world).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listening on 127.0.0.1")?;
    let endpoint = format!("http://{}", listener.local_addr().context("reading the port")?);
    let stage = Stage::new(world.clone(), &endpoint, topic_arn).await?;
    tokio::select! {
        ended = world.serve(listener) => Err(anyhow::anyhow!("the simulated AWS ended: {ended:?}")),
        story = stage.play(show) => story,
    }
}

/// The world, and both functions with what Lambda would give them.
struct Stage {
    world: World,
    start: StartClients,
    start_config: StartConfig,
    check: CheckClients,
    check_config: CheckConfig,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl Stage {
    async fn new(world: World, endpoint: &str, topic_arn: String) -> anyhow::Result<Self> {
        let environment = |name: &str| match name {
            "UPDATES_TABLE" => Some(fleet::TABLE.to_owned()),
            "NOTIFICATION_TOPIC_ARN" => Some(topic_arn.clone()),
            "RING_SOAK" => Some(RING_SOAK.to_owned()),
            _ => None,
        };
        Ok(Self {
            world,
            start: StartClients::new(&sdk_config(endpoint, START_KEY).await),
            start_config: StartConfig::read(&environment)?,
            check: CheckClients::new(&sdk_config(endpoint, CHECK_KEY).await),
            check_config: CheckConfig::read(&environment)?,
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk_config(endpoint, DEMO_KEY).await),
        })
    }

    async fn play(&self, mut show: impl AsyncFnMut(Moment)) -> anyhow::Result<Story> {
        let from = self.world.now();
        let (mut plans, mut problems) = (Vec::new(), Vec::new());
        for step in 0..MOMENTS {
            if step > 0 {
                self.world.advance(STEP);
            }
            let told = self.world.published().len();
            let mut news = Vec::new();
            let checked = self.run_check(step).await?;
            news.extend(ends(&checked));
            problems.extend(checked.problems);
            if step % STEPS_PER_START == 0 {
                let started = self.run_start(step).await?;
                news.extend(starts(&started));
                problems.extend(started.problems.iter().cloned());
                plans.push(self.plan(started));
            }
            news.extend(self.messages(told).into_iter().map(|message| format!("told   {}", message.subject)));
            let in_progress = self.world.updates_in_progress().len();
            show(Moment { now: self.world.now(), news, in_progress }).await;
        }
        let records = self.records().await?;
        Ok(Story {
            from,
            to: self.world.now(),
            start_runs: plans.len(),
            check_runs: MOMENTS,
            quarantines: quarantines(&records, plans.last()),
            plans: two_of(plans)?,
            without_tag: without_tag(),
            updates: self.updates(),
            calls: self.calls(),
            records,
            messages: self.messages(0),
            problems,
        })
    }

    /// What a run that has just ended decided, beside what the fleet runs.
    fn plan(&self, started: StartSummary) -> Plan {
        let beside = |line: StartLine| {
            let (cluster, name) = line.nodegroup.split_once('/').unwrap_or_default();
            let now = self.world.nodegroup(cluster, name);
            let (ami_type, runs) = now.map(|now| (now.ami_type, now.release)).unwrap_or_default();
            Planned { line, ami_type, runs }
        };
        Plan { at: self.world.now(), decisions: started.decisions.into_iter().map(beside).collect() }
    }

    fn run<'a>(&self, id: &'a str) -> Run<'a> {
        Run { id, now: self.world.now(), deadline: Instant::now() + LIFE }
    }

    async fn run_start(&self, step: u64) -> anyhow::Result<StartSummary> {
        let id = format!("start-{step}");
        let run = self.run(&id);
        handler::start(&self.start, &self.start_config, &json!({}), run).await
    }

    async fn run_check(&self, step: u64) -> anyhow::Result<CheckSummary> {
        let id = format!("check-{step}");
        let run = self.run(&id);
        handler::check(&self.check, &self.check_config, &json!({}), run).await
    }

    fn updates(&self) -> Vec<Update> {
        let now = self.world.now();
        let of_nodegroup = |nodegroup: simulated_aws::Nodegroup| {
            let place = place(&nodegroup);
            let updates = self.world.updates(&nodegroup.cluster, &nodegroup.name);
            updates.into_iter().map(move |update| Update {
                nodegroup: place.clone(),
                update_id: update.id,
                release_version: update.release.unwrap_or_default(),
                started_at: update.created_at,
                ended_at: update.finished_at,
                duration_seconds: update.finished_at.unwrap_or(now).duration_since(update.created_at).as_secs(),
                status: update.status,
                error_codes: update.errors.into_iter().map(|error| error.code).collect(),
            })
        };
        let mut updates: Vec<Update> = fleet::nodegroups().into_iter().flat_map(of_nodegroup).collect();
        updates.sort_by(|left, right| (left.started_at, &left.nodegroup).cmp(&(right.started_at, &right.nodegroup)));
        updates
    }

    /// The whole table.
    async fn records(&self) -> anyhow::Result<Vec<Record>> {
        let items = self.dynamodb.scan().table_name(fleet::TABLE).into_paginator().items().send();
        let items: Result<Vec<_>, _> = items.collect().await;
        let items = items.map_err(|error| anyhow::anyhow!("reading the table: {}", describe(&error)))?;
        let mut records: Vec<Record> = serde_dynamo::from_items(items).context("reading the records")?;
        records.sort_by_key(|record| record.id());
        Ok(records)
    }

    /// What was published, but for the first `skip` messages.
    fn messages(&self, skip: usize) -> Vec<Message> {
        let published = self.world.published();
        published.into_iter().skip(skip).map(Message::from).collect()
    }

    fn calls(&self) -> BTreeMap<&'static str, BTreeMap<String, usize>> {
        let mut calls: BTreeMap<&'static str, BTreeMap<String, usize>> = BTreeMap::new();
        for request in self.world.requests() {
            let function = match request.access_key_id.as_str() {
                START_KEY => "start",
                CHECK_KEY => "check",
                _ => continue,
            };
            *calls.entry(function).or_default().entry(request.action).or_default() += 1;
        }
        calls
    }
}

/// What a Lambda function has, but for this endpoint: whatever this machine is set up for, nothing goes elsewhere, and
/// nothing through a proxy.
async fn sdk_config(endpoint: &str, access_key: &str) -> SdkConfig {
    config_loader()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key, "simulated", None, None, "simulation"))
        .region(Region::from_static(simulated_aws::REGION))
        .use_fips(false)
        .use_dual_stack(false)
        .load()
        .await
}

fn place(nodegroup: &simulated_aws::Nodegroup) -> String {
    format!("{}/{}", nodegroup.cluster, nodegroup.name)
}

/// The first plan and the later one.
fn two_of(plans: Vec<Plan>) -> anyhow::Result<[Plan; 2]> {
    let mut plans = plans.into_iter();
    let first = plans.next();
    first.zip(plans.nth(LATER_PLAN - 1)).map(<[Plan; 2]>::from).context("the story ended before the later plan")
}

/// What the records hold of quarantines, and which node groups the last plan keeps from their releases.
fn quarantines(records: &[Record], last: Option<&Plan>) -> Vec<Quarantined> {
    let waiting: Vec<&StartLine> = last.iter().flat_map(|plan| &plan.decisions).map(|planned| &planned.line).collect();
    let all = records.iter().flat_map(|record| &record.quarantines);
    let with_saved = all.map(|quarantine| {
        let saved = waiting.iter().filter(|line| {
            line.decision == "quarantined"
                && line.reason.starts_with(&quarantine.release_version)
                && !quarantine.nodegroups.contains(&line.nodegroup)
        });
        Quarantined {
            release_version: quarantine.release_version.clone(),
            since: quarantine.since,
            failed_on: quarantine.nodegroups.clone(),
            saved: saved.map(|line| line.nodegroup.clone()).collect(),
        }
    });
    with_saved.collect()
}

fn without_tag() -> Vec<String> {
    let untagged = |nodegroup: &simulated_aws::Nodegroup| !nodegroup.tags.contains_key("ami-update");
    fleet::nodegroups().iter().filter(|nodegroup| untagged(nodegroup)).map(place).collect()
}

fn starts(summary: &StartSummary) -> impl Iterator<Item = String> {
    let started = summary.decisions.iter().filter(|line| line.outcome.is_some());
    started.map(|line| format!("start  {}: {}", line.nodegroup, line.reason))
}

fn ends(summary: &CheckSummary) -> impl Iterator<Item = String> {
    let ended = summary.updates.iter().filter(|line| line.status != "InProgress");
    ended.map(|line| format!("check  {}: {} ({})", line.nodegroup, line.status, line.release_version))
}
