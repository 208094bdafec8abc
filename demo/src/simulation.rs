//! Eight simulated hours: both functions on their schedules, and what they leave behind.

use std::collections::BTreeMap;

use anyhow::Context as _;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::record::fleet::FleetRecord;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::run::Run;
use eks_nodegroup_updater::store::RecordStore;
use eks_nodegroup_updater::summary::{CheckSummary, StartLine, StartSummary};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use simulated_aws::World;
use terminal::kind::Kind;
use tokio::net::TcpListener;

use crate::report::{Message, Plan, Planned, Quarantined, Ran, Report, Update};
use sandbox::fleet;
use sandbox::functions::{CHECK_KEY, Functions, START_KEY, TIME_OUT, sdk_config, settings};

/// How many steps the simulation has.
pub const STEPS: u64 = 8 * 12 + 1;
/// How often `check` runs.
const STEP_LENGTH: SignedDuration = SignedDuration::from_mins(5);
/// `start` runs at every twelfth step, once an hour.
const STEPS_PER_START: u64 = 12;
/// The plan of this run is shown beside the first: by then a ring is soaking, a node group waits for a window and a release is
/// quarantined.
const LATER_PLAN: usize = 4;

/// The demo's own access key, in addition to those of the functions.
const DEMO_KEY: &str = "AKIADEMO";

/// One step of the simulation.
pub struct Step {
    /// The simulated time.
    pub now: Timestamp,
    /// What happened.
    pub news: Vec<News>,
    /// How many updates EKS has in progress.
    pub in_progress: usize,
}

/// Something that happened.
pub struct News {
    /// What it asks of its reader; `None` for a message.
    pub kind: Option<Kind>,
    /// What it was.
    pub text: String,
}

/// Runs the simulation, and shows every step as it comes.
///
/// # Errors
/// When the simulated AWS cannot be served or a run fails as a whole.
pub async fn run(show: impl AsyncFnMut(Step)) -> anyhow::Result<Report> {
    // Fixed, like everything else: the simulation is the same each time.
    let world = World::new("2026-07-20T09:00:00Z".parse()?);
    let topic_arn = fleet::populate(&world);
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listening on 127.0.0.1")?;
    let endpoint = format!("http://{}", listener.local_addr().context("reading the port")?);
    let simulation = Simulation::new(world.clone(), &endpoint, &topic_arn).await?;
    tokio::select! {
        ended = world.serve(listener) => Err(anyhow::anyhow!("the simulated AWS ended: {ended:?}")),
        report = simulation.run(show) => report,
    }
}

/// The world, and both functions.
struct Simulation {
    world: World,
    functions: Functions,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl Simulation {
    async fn new(world: World, endpoint: &str, topic_arn: &str) -> anyhow::Result<Self> {
        Ok(Self {
            world,
            functions: Functions::new(endpoint, &settings(topic_arn)).await?,
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk_config(endpoint, DEMO_KEY).await),
        })
    }

    async fn run(&self, mut show: impl AsyncFnMut(Step)) -> anyhow::Result<Report> {
        let from = self.world.now();
        let (mut runs, mut plans, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for step in 0..STEPS {
            if step > 0 {
                self.world.advance(STEP_LENGTH);
            }
            let published = self.world.published().len();
            let mut news = Vec::new();
            let checked = self.run_check(step).await?;
            runs.push(Ran::new("check", self.world.now(), &checked, checked.metrics.as_ref())?);
            news.extend(ends(&checked));
            errors.extend(checked.errors.iter().map(ToString::to_string));
            if step % STEPS_PER_START == 0 {
                let started = self.run_start(step).await?;
                runs.push(Ran::new("start", self.world.now(), &started, started.metrics.as_ref())?);
                news.extend(starts(&started));
                errors.extend(started.errors.iter().map(ToString::to_string));
                plans.push(self.plan(started));
            }
            news.extend(self.messages(published).into_iter().map(message));
            let in_progress = self.world.updates_in_progress().len();
            show(Step { now: self.world.now(), news, in_progress }).await;
        }
        let (nodegroup_records, fleet_record) = self.records().await?;
        Ok(Report {
            from,
            to: self.world.now(),
            start_runs: plans.len(),
            check_runs: STEPS,
            runs,
            quarantines: quarantines(fleet_record.as_ref(), plans.last()),
            plans: first_and_later(plans)?,
            without_tag: without_tag(),
            updates: self.updates(),
            calls: self.calls(),
            nodegroup_records,
            fleet_record,
            messages: self.messages(0),
            errors,
        })
    }

    /// The decisions of a run that has just ended, with the current releases of the fleet.
    fn plan(&self, started: StartSummary) -> Plan {
        let beside = |line: StartLine| {
            let (cluster, name) = line.nodegroup.split_once('/').unwrap_or_default();
            let now = self.world.nodegroup(cluster, name);
            let (ami_type, runs) = now.map(|now| (now.ami_type, now.release)).unwrap_or_default();
            Planned { line, ami_type, runs }
        };
        Plan { at: self.world.now(), decisions: started.decisions.into_iter().map(beside).collect() }
    }

    fn invocation<'a>(&self, id: &'a str) -> Run<'a> {
        Run::new(id, self.world.now(), TIME_OUT)
    }

    async fn run_start(&self, step: u64) -> anyhow::Result<StartSummary> {
        let id = format!("start-{step}");
        let run = self.invocation(&id);
        self.functions.start(&json!({}), run).await
    }

    async fn run_check(&self, step: u64) -> anyhow::Result<CheckSummary> {
        let id = format!("check-{step}");
        let run = self.invocation(&id);
        self.functions.check(&json!({}), run).await
    }

    fn updates(&self) -> Vec<Update> {
        let now = self.world.now();
        let of_nodegroup = |nodegroup: simulated_aws::Nodegroup| {
            let name = name(&nodegroup);
            let updates = self.world.updates(&nodegroup.cluster, &nodegroup.name);
            updates.into_iter().map(move |update| Update {
                nodegroup: name.clone(),
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

    /// The node groups' records in the table, and the fleet's.
    async fn records(&self) -> anyhow::Result<(Vec<NodegroupRecord>, Option<FleetRecord>)> {
        let records = RecordStore::new(&self.dynamodb, Some(fleet::TABLE)).scan().await?;
        let fleet = records.fleets().find_map(Result::ok).cloned();
        Ok((records.readable().cloned().collect(), fleet))
    }

    /// The published messages, except the first `skip`.
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

fn name(nodegroup: &simulated_aws::Nodegroup) -> String {
    format!("{}/{}", nodegroup.cluster, nodegroup.name)
}

/// The first plan and the later one.
fn first_and_later(plans: Vec<Plan>) -> anyhow::Result<[Plan; 2]> {
    let mut plans = plans.into_iter();
    let first = plans.next();
    first.zip(plans.nth(LATER_PLAN - 1)).map(<[Plan; 2]>::from).context("the simulation ended before the later plan")
}

/// The quarantined releases, and the node groups that the last plan keeps from them.
fn quarantines(record: Option<&FleetRecord>, last: Option<&Plan>) -> Vec<Quarantined> {
    let waiting: Vec<&StartLine> = last.iter().flat_map(|plan| &plan.decisions).map(|planned| &planned.line).collect();
    let all = record.into_iter().flat_map(|record| &record.quarantines);
    let with_saved = all.map(|quarantine| {
        let saved = waiting.iter().filter(|line| {
            let failed = quarantine.nodegroups.names.iter().any(|name| name.to_string() == line.nodegroup);
            DecisionKind::from(line.decision) == DecisionKind::Skip(ReasonKind::Quarantined)
                && line.target.as_ref() == Some(&quarantine.release_version)
                && !failed
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
    fleet::nodegroups().iter().filter(|nodegroup| untagged(nodegroup)).map(name).collect()
}

fn starts(summary: &StartSummary) -> impl Iterator<Item = News> {
    let started = summary.decisions.iter().filter(|line| line.outcome.is_some());
    started.map(|line| {
        let release = line.target.as_deref().unwrap_or_default();
        News { kind: Some(Kind::Start), text: format!("{} starts to update to {release}", line.nodegroup) }
    })
}

fn ends(summary: &CheckSummary) -> impl Iterator<Item = News> {
    let ended = summary.updates.iter().filter(|line| line.status != "InProgress");
    ended.map(|line| News {
        kind: Some(Kind::of_status(line.status)),
        text: format!("{}: the update to {} is {}", line.nodegroup, line.release_version, line.status),
    })
}

fn message(message: Message) -> News {
    News { kind: None, text: message.subject }
}
