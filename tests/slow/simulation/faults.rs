//! What becomes of each request.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulated_aws::{ApiError, Fault, Request, UpdateScript, World};

use super::case::others_brought_it;
use super::fleet::{Ailment, Group, NEVER_KNOWN, day, is_forward, window_closes_in};
use testing::{OBSERVER_KEY, minutes};

/// What the requests of a simulation came to.
#[derive(Default)]
pub struct Seen {
    /// Faults by kind.
    pub tally: BTreeMap<String, u64>,
    /// Of every request, when it came, and its fate.
    pub requests: DefaultHasher,
    /// What was asked for that must not be, whether or not EKS would have refused it: what does not bring a node group forward.
    pub broken: Vec<String>,
    /// When each attempt was begun, by its token: its intent is the first that anybody sees of it.
    pub begun: BTreeMap<String, Timestamp>,
    /// When EKS was asked for what it never knows, by Kubernetes version and release.
    asked_for_unknown: BTreeMap<(String, String), Vec<Timestamp>>,
    /// Whether requests are answered as AWS should answer them, but for what ails the node groups.
    pub quiet: bool,
    /// Whether nothing ails them any more.
    pub mended: bool,
}

impl Seen {
    /// It is asked for ever more rarely, whatever node group asks.
    fn ask_for_unknown(&mut self, request: &Request, waits: [SignedDuration; 3]) {
        let text = |key: &str| request.body[key].as_str().unwrap_or_default();
        let (version, target, at) = (text("version"), text("releaseVersion"), request.at);
        let asked = self.asked_for_unknown.entry((version.to_owned(), target.to_owned())).or_default();
        asked.push(at);
        if let [.., third_last, _, _, last] = asked[..]
            && last.duration_since(third_last) < waits.iter().sum::<SignedDuration>() - minutes(20)
        {
            self.broken.push(format!("EKS is asked for {target} (Kubernetes {version}) again and again until {at}"));
        }
    }
}

/// What the faults depend on.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The node groups, and what ails them.
    pub groups: &'a [Group],
    /// The waits before each further try.
    pub waits: [SignedDuration; 3],
    /// How much the functions' clock is ahead of AWS's.
    pub clock_ahead: SignedDuration,
}

/// Lets everything go wrong that can, until it is [quiet](Seen::quiet); what ails node groups goes on.
pub fn chaos(world: &World, mut rng: Rng, setting: Setting<'_>, trace: bool) -> Arc<Mutex<Seen>> {
    let Setting { groups, waits, clock_ahead } = setting;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let arns = world.nodegroup_arns();
    let ailing: BTreeMap<(String, String), Ailment> =
        groups.iter().filter_map(|group| Some(((group.cluster.clone(), group.name.clone()), group.ailment?))).collect();
    let (inside, of) = (Arc::clone(&seen), world.clone());
    // Some simulations are wild, some almost quiet.
    let per_thousand = [5, 20, 80, 250][rng.usize(0..4)];
    // In some, DescribeNodegroup is behind, each time by something else.
    let lags = rng.bool();
    world.describe_lag(SignedDuration::from_secs(i64::from(lags)));
    // In most, runs are slow when a window is about to close.
    let slow_at_the_end = rng.u8(0..4) > 0;
    world.on_request(move |request| {
        if request.access_key_id == OBSERVER_KEY {
            return Fault::None;
        }
        let text = |key: &str| request.body[key].as_str().unwrap_or_default();
        let (cluster, name) = (text("clusterName"), text("nodegroupName"));
        let (quiet, mended) = {
            let mut seen = inside.lock().unwrap();
            if let Some(token) = token(request) {
                seen.begun.entry(token.to_owned()).or_insert(request.at);
            }
            (seen.quiet, seen.mended)
        };
        let ailment = ailing.get(&(cluster.to_owned(), name.to_owned())).filter(|_| !mended);
        if request.action == "eks:UpdateNodegroupVersion" {
            match ailment {
                Some(Ailment::NoAddresses) => of.script_next_update(cluster, name, no_addresses(name)),
                Some(Ailment::NeverJoins) => {
                    of.script_next_update(cluster, name, UpdateScript::node_creation_failure(minutes(20), name));
                }
                _ if quiet => {}
                _ => of.script_next_update(cluster, name, course(&mut rng)),
            }
            let (version, target) = (text("version"), text("releaseVersion"));
            // Where its launch template is refused, nothing is learned of the release.
            if day(target) == NEVER_KNOWN && ailment != Some(&Ailment::LaunchTemplateDenied) {
                inside.lock().unwrap().ask_for_unknown(request, waits);
            }
            let forward = of.nodegroup(cluster, name).is_none_or(|now| is_forward(&now, version, target));
            if !forward && !others_brought_it(&of.updates(cluster, name), request.at) {
                let what = format!("{cluster}/{name} is asked to go back to {target} at {}", request.at);
                inside.lock().unwrap().broken.push(what);
            }
        }
        if lags && !quiet && request.action == "eks:DescribeNodegroup" {
            let seconds = if rng.bool() { 1..120 } else { 600..840 };
            of.describe_lag(SignedDuration::from_secs(rng.i64(seconds)));
        }
        let (kind, then) = match (ailment, request.action.as_str()) {
            (Some(Ailment::Unreadable), "eks:DescribeNodegroup") => {
                ("unreadable", Fault::Error(ApiError::access_denied(&request.action)))
            }
            _ if !quiet && rng.u32(0..1000) < per_thousand => fault(&mut rng, request, &of, &arns),
            _ => ("answered", Fault::None),
        };
        // From a minute before to four after.
        let open = window_closes_in(request.at + clock_ahead - minutes(4));
        let closes = slow_at_the_end && open.is_some_and(|open| open < minutes(5));
        let (kind, verdict) = match () {
            () if quiet => (kind, then),
            // The SDK gives up on an attempt after ten seconds.
            () if rng.u32(0..1000) < per_thousand / 4 => {
                ("timed out", slow(Duration::from_secs(rng.u64(0..60)), Duration::from_secs(rng.u64(0..60)), then))
            }
            // Less than the five seconds after which the SDK takes an answer for stalled.
            () if closes => (kind, slow(Duration::from_millis(rng.u64(2_000..4_900)), Duration::ZERO, then)),
            // Every request takes its time, so that runs meet between any two.
            () => (kind, slow(Duration::from_millis(rng.u64(0..40)), Duration::from_millis(rng.u64(0..40)), then)),
        };
        let mut seen = inside.lock().unwrap();
        *seen.tally.entry(kind.to_owned()).or_default() += 1;
        (&request.action, request.at, kind).hash(&mut seen.requests);
        if trace {
            println!("{} {} {kind} {}", request.at, request.action, request.body);
        }
        verdict
    });
    seen
}

/// The token of the attempt that a request begins or carries out.
fn token(request: &Request) -> Option<&str> {
    let intent = &request.body["Item"]["attempts"]["M"]["open"]["M"]["token"]["S"];
    intent.as_str().or_else(|| request.body["clientRequestToken"].as_str())
}

/// New nodes get no address, which the node group's health says too: no fault of the release.
fn no_addresses(name: &str) -> UpdateScript {
    UpdateScript::node_creation_failure(minutes(20), name)
        .with_health("InsufficientFreeAddresses", "One or more of the subnets have no free addresses")
}

fn slow(before: Duration, after: Duration, then: Fault) -> Fault {
    Fault::Slow { before, after, then: Box::new(then) }
}

fn fault(rng: &mut Rng, request: &Request, world: &World, arns: &[String]) -> (&'static str, Fault) {
    match rng.u8(0..16) {
        0 | 1 => ("throttled", Fault::Error(ApiError::throttling())),
        2 => ("status 500", Fault::Error(ApiError::server())),
        3 => ("status 503", Fault::Error(ApiError::service_unavailable())),
        4 => ("connection lost before the effect", Fault::LostBefore),
        5 | 6 => ("connection lost after the effect", Fault::LostAfter),
        7 => ("status 500 after the effect", Fault::ErrorAfter(ApiError::server())),
        8 => ("body cut in two", Fault::Truncated),
        9 => ("body that is not AWS's", body("<html>")),
        10 => ("all fields missing", body("{}")),
        11 => ("access denied", Fault::Error(ApiError::access_denied(&request.action))),
        12 | 13 => ("a field missing", Fault::WithoutMember(rng.usize(0..1_000))),
        _ => unknown(rng, request, world, arns),
    }
}

fn body(text: &str) -> Fault {
    Fault::Body { status: 200, body: text.to_owned().into() }
}

/// An answer with a value that nobody knows, or an index that is behind.
fn unknown(rng: &mut Rng, request: &Request, world: &World, arns: &[String]) -> (&'static str, Fault) {
    let text = |key: &str| request.body[key].as_str().unwrap_or_default();
    match request.action.as_str() {
        "eks:DescribeUpdate" => ("unknown enum value", body(r#"{"update":{"status":"Paused","type":"Unheard"}}"#)),
        "eks:DescribeNodegroup" => {
            let Some(nodegroup) = world.nodegroup(text("clusterName"), text("nodegroupName")) else {
                return ("unknown enum value", body(r#"{"nodegroup":{"status":"ASLEEP"}}"#));
            };
            let described = json!({"nodegroup": {
                "nodegroupArn": nodegroup.arn, "clusterName": nodegroup.cluster, "nodegroupName": nodegroup.name,
                "version": nodegroup.version, "releaseVersion": nodegroup.release, "amiType": nodegroup.ami_type,
                "status": "ASLEEP", "tags": nodegroup.tags,
            }});
            ("unknown enum value", body(&described.to_string()))
        }
        "dynamodb:Query" => {
            let listed = arns.iter().filter(|_| rng.bool());
            let items: Vec<Value> = listed.map(|arn| json!({"itemKey": {"S": arn}, "pending": {"S": "yes"}})).collect();
            let listed = json!({"Count": items.len(), "ScannedCount": items.len(), "Items": items});
            ("stale secondary index", body(&listed.to_string()))
        }
        _ => ("connection lost after the effect", Fault::LostAfter),
    }
}

/// How an update goes. None ends between two checks, so that each is seen to begin.
fn course(rng: &mut Rng) -> UpdateScript {
    let longest = if rng.bool() { 12 } else { 80 };
    let after = minutes(rng.i64(6..longest));
    match rng.u8(0..10) {
        0 | 1 => UpdateScript::pod_eviction_failure(after, "ng", &["ip-10-0-0-1.eu-central-1.compute.internal"]),
        2 => UpdateScript::node_creation_failure(after, "ng"),
        3 => UpdateScript::Cancel { after },
        4 => UpdateScript::SucceedWithoutEffect { after },
        5 => UpdateScript::Hang,
        _ => UpdateScript::Succeed { after },
    }
}
