//! What people must have been told, and how often.

use std::collections::{BTreeMap, BTreeSet};

use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::track::TrackRecord;
use serde_json::Value;
use simulated_aws::Update;

use super::checker::{Checker, Ours};
use super::fleet::{Group, Published, day, tracks};
use testing::TestEnv;

/// What may happen again, and is then reported again: a tag is lost, a release is taken back, an update fails after it has
/// recovered.
const REPEATED: [&str; 3] = ["TagLost", "ReleaseWithdrawn", "UpdateRecovered"];

/// The kinds of which there is a message and an event.
const EVENTFUL: [&str; 12] = [
    "NodegroupCurrent",
    "NodegroupStale",
    "ReleaseQuarantined",
    "ReleaseWithdrawn",
    "UpdateCancelled",
    "UpdateFailed",
    "UpdateForced",
    "UpdateNotFound",
    "UpdateRecovered",
    "UpdateRefused",
    "UpdateStuck",
    "UpdateUnverified",
];

impl Checker {
    /// Every end but success is reported, each under one id; and every update is in its record.
    pub async fn all_reported(&mut self, env: &TestEnv, groups: &[Group], last: &str) {
        let mut broken = updates_reported(self, env, groups).await;
        broken.extend(updates_recorded(self, env).await);
        broken.extend(said_once(env));
        broken.extend(available_reported(env, groups, last));
        broken.extend(events_put(self, env));
        broken.extend(releases_put(env).await);
        broken.extend(recovered(env, groups));
        broken.iter().for_each(|what| self.broken(what));
    }

    /// What is not kept current is reported.
    pub fn stale_reported(&mut self, env: &TestEnv, stale: &[&Group]) {
        let told = told(env, "NodegroupStale");
        for group in stale.iter().filter(|group| !told.contains_key(&group.path())) {
            self.broken(&format!("{} is not kept current, and nobody was notified", group.path()));
        }
    }

    /// What was reported as not kept current is reported as current again.
    pub fn current_reported(&mut self, env: &TestEnv, groups: &[Group]) {
        let (stale, current) = (told(env, "NodegroupStale"), told(env, "NodegroupCurrent"));
        let ours = groups.iter().filter(|group| group.is_auto() && group.exists(&env.world));
        for group in ours.filter(|group| stale.contains_key(&group.path()) && group.pin.is_none()) {
            if !current.contains_key(&group.path()) {
                self.broken(&format!("{} is kept current again, and nobody was notified", group.path()));
            }
        }
    }

    /// What is reported as withdrawn is so.
    pub fn withdrawals_are_true(&mut self, env: &TestEnv, published: &Published) {
        for message in env.messages().iter().filter(|message| message["kind"] == "ReleaseWithdrawn") {
            let release = message["releaseVersion"].as_str().unwrap_or_default();
            if !published.was_withdrawn(release) {
                self.broken(&format!("{release} is reported as withdrawn, and AWS never took it back"));
            }
        }
    }

    /// A tag that was lost is reported.
    pub fn lost_tag_reported(&mut self, env: &TestEnv, group: &Group) {
        if !told(env, "TagLost").contains_key(&group.path()) {
            self.broken(&format!("{} has lost its tag, and nobody was notified", group.path()));
        }
    }
}

async fn updates_reported(checker: &Checker, env: &TestEnv, groups: &[Group]) -> Vec<String> {
    let (reports, arns) = (reports(env), env.world.nodegroup_arns());
    let mut broken = Vec::new();
    for ((id, event), messages) in reports.iter().filter(|(_, messages)| messages.len() > 1) {
        broken.push(format!("{event} of {id} is reported under {} ids", messages.len()));
    }
    for (_, ours) in checker.updates() {
        let Update { id, status, .. } = &ours.update;
        let record: Option<NodegroupRecord> = env.record_of(&ours.update.nodegroup_arn).await;
        let recorded = record
            .is_some_and(|record| record.attempts.ended.iter().any(|attempt| attempt.update_id.as_ref() == Some(id)));
        let has = |event: &str| reports.contains_key(&(id.clone(), event.to_owned()));
        let gone = checker.has_vanished(id) || !arns.contains(&ours.update.nodegroup_arn);
        let is_reported = match (gone, status.as_str()) {
            (true, "Successful") => true,
            // What was gone before anybody learned its id cannot be reported.
            (true, _) => reports.keys().any(|(reported, _)| reported == id) || !recorded,
            (false, "Failed") => has("UpdateFailed"),
            (false, "Cancelled") => has("UpdateCancelled"),
            // Unless an external update brought it there meanwhile.
            (false, "Successful") if ours.without_effect => has("UpdateUnverified") || brought(ours, groups, env),
            (false, "Successful") => !ours.update.force || has("UpdateForced"),
            (false, _) => false,
        };
        if !is_reported {
            let path = groups[ours.group].path();
            broken.push(format!("{path}: nobody was notified that {id} is {status}, gone: {gone}"));
        }
    }
    broken
}

async fn updates_recorded(checker: &Checker, env: &TestEnv) -> Vec<String> {
    let arns = env.world.nodegroup_arns();
    let mut broken = Vec::new();
    for (id, ours) in checker.updates().filter(|(id, _)| !checker.has_vanished(id)) {
        let record: Option<NodegroupRecord> = env.record_of(&ours.update.nodegroup_arn).await;
        let Some(record) = record else {
            broken.push(format!("{id} has no record"));
            continue;
        };
        let known = record.attempts.ended.iter().any(|attempt| attempt.update_id.as_ref() == Some(id));
        let forgotten = record.attempts.ended.len() >= 10;
        if !known && !forgotten && arns.contains(&ours.update.nodegroup_arn) {
            broken.push(format!("{id} is not in its record"));
        }
    }
    broken
}

/// Nothing is said twice within a week, which is longer than a simulation: the same again has the same id.
fn said_once(env: &TestEnv) -> Vec<String> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in env.messages() {
        let event = message["kind"].as_str().unwrap_or_default();
        if REPEATED.contains(&event) || message["updateIds"].as_array().is_some_and(|ids| !ids.is_empty()) {
            continue;
        }
        let about = ["releaseVersion", "kubernetesVersion", "track", "quarantinedIn", "tag", "downgraded", "attempt"];
        let about: Vec<&Value> = about.iter().map(|key| &message[*key]).collect();
        // What is stale is stale, whatever release is the oldest newer one by now.
        let about = if message["stale"].is_null() { Value::from_iter(about.into_iter().cloned()) } else { Value::Null };
        for (path, id) in members(&message) {
            said.entry(format!("{event} {path} {about}")).or_default().insert(id);
        }
    }
    let repeated = said.into_iter().filter(|(_, ids)| ids.len() > 1);
    repeated.map(|(what, ids)| format!("it is said {} times: {what}", ids.len())).collect()
}

fn available_reported(env: &TestEnv, groups: &[Group], last: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for group in groups.iter().filter(|group| group.mode == "notify" && group.pin.is_none_or(|pin| pin == last)) {
        // It could not be read in time.
        if group.ailment.is_some() || !group.exists(&env.world) {
            continue;
        }
        let release = group.release(last);
        let available = env.messages().into_iter().filter(|message| {
            (&message["kind"], &message["releaseVersion"]) == (&"UpdateAvailable".into(), &release.as_str().into())
        });
        let is_told = available.flat_map(|message| members(&message)).any(|(path, _)| path == group.path());
        if !is_told {
            broken.push(format!("{}: the release of {last} is not reported", group.path()));
        }
    }
    broken
}

/// What is a message and an event has the same id in both places; and every update that has begun has one beginning and, if it is
/// over, one end.
fn events_put(checker: &Checker, env: &TestEnv) -> Vec<String> {
    let mut broken = Vec::new();
    let (mut ids, mut of_updates) = (BTreeSet::new(), BTreeMap::<String, BTreeMap<String, BTreeSet<String>>>::new());
    for event in env.events() {
        let (detail_type, detail) = (event["detail-type"].as_str().unwrap_or_default().to_owned(), &event["detail"]);
        let id = detail["metadata"]["id"].as_str().unwrap_or_default().to_owned();
        if let Some(update) = detail["data"]["updateId"].as_str() {
            of_updates.entry(update.to_owned()).or_default().entry(detail_type).or_default().insert(id.clone());
        }
        ids.insert(id);
    }
    let with_event = |message: &Value| EVENTFUL.contains(&message["kind"].as_str().unwrap_or_default());
    for message in env.messages().iter().filter(|message| with_event(message)) {
        for id in texts(&message["ids"]).filter(|id| !ids.contains(id)) {
            broken.push(format!("{} {id} is a message, and no event", message["kind"]));
        }
    }
    for (id, ours) in checker.updates().filter(|(id, _)| !checker.has_vanished(id)) {
        let events = of_updates.get(id).cloned().unwrap_or_default();
        let count = |end: &str| events.get(&format!("EKS Nodegroup Update {end}")).map_or(0, BTreeSet::len);
        let ends = count("Succeeded") + count("Failed") + count("Cancelled");
        // Of a node group that was deleted, not everything was seen.
        let exists = env.world.nodegroup_arns().contains(&ours.update.nodegroup_arn);
        let is_over = exists && ours.update.status != "InProgress";
        if ends > 1 || count("Started") > 1 || (exists && count("Started") != 1) || (is_over && ends != 1) {
            broken.push(format!("{id} is {}, and these are its events: {events:?}", ours.update.status));
        }
    }
    broken
}

/// Every release that is known was heard of, once.
async fn releases_put(env: &TestEnv) -> Vec<String> {
    let mut put: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for event in env.events().iter().filter(|event| event["detail-type"] == "EKS Release Available") {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let data = &event["detail"]["data"];
        let id = text(&event["detail"]["metadata"]["id"]);
        put.entry((text(&data["track"]), text(&data["releaseVersion"]))).or_default().insert(id);
    }
    let mut broken = Vec::new();
    for track in tracks() {
        let record: Option<TrackRecord> = env.record_of(track.key()).await;
        for known in record.iter().flat_map(|record| record.releases.iter()) {
            let release = (track.track().to_string(), known.release_version.clone());
            let ids = put.get(&release).map_or(0, BTreeSet::len);
            if ids != 1 {
                broken.push(format!("{release:?} was heard of under {ids} ids"));
            }
        }
    }
    broken
}

/// A trouble that was reported is over where the node group runs what it could not be brought to, or a newer release; and only
/// there is that said.
fn recovered(env: &TestEnv, groups: &[Group]) -> Vec<String> {
    const TROUBLES: [&str; 6] =
        ["UpdateFailed", "UpdateCancelled", "UpdateStuck", "UpdateNotFound", "UpdateRefused", "UpdateUnverified"];
    let messages = env.messages();
    let of = |kinds: &[&str]| -> BTreeSet<(String, String)> {
        let is_one = |message: &&Value| kinds.contains(&message["kind"].as_str().unwrap_or_default());
        let releases = messages.iter().filter(is_one).flat_map(|message| {
            let release = message["releaseVersion"].as_str().unwrap_or_default().to_owned();
            members(message).into_iter().map(move |(path, _)| (path, release.clone()))
        });
        releases.collect()
    };
    let (troubles, over) = (of(&TROUBLES), of(&["UpdateRecovered", "UpdateForced"]));
    let mut broken: Vec<String> =
        over.difference(&troubles).map(|what| format!("{what:?} has recovered from nothing")).collect();
    for group in groups.iter().filter(|group| group.is_auto()) {
        let Some(now) = env.world.nodegroup(&group.cluster, &group.name) else { continue };
        let of_group =
            troubles.iter().filter(|(path, release)| *path == group.path() && day(release) <= day(&now.release));
        for trouble in of_group.filter(|trouble| !over.contains(trouble) && !trouble.1.is_empty()) {
            broken.push(format!("{trouble:?} is over, and nobody was notified"));
        }
    }
    broken
}

/// Whether an external update brought the node group to the same release.
fn brought(ours: &Ours, groups: &[Group], env: &TestEnv) -> bool {
    let group = &groups[ours.group];
    let updates = env.world.updates(&group.cluster, &group.name);
    let others = updates.iter().filter(|update| update.client_request_token.is_none());
    let mut same =
        others.filter(|other| (&other.version, &other.release) == (&ours.update.version, &ours.update.release));
    same.any(|update| update.status == "Successful")
}

/// The ids of the messages about an update, by its id and the event.
pub fn reports(env: &TestEnv) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut reports: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for message in &env.messages() {
        // A quarantine stands for failures of its release as well; the first id is its own.
        let (event, own) = match message["kind"].as_str().unwrap_or_default() {
            "ReleaseQuarantined" => ("UpdateFailed", 1),
            kind => (kind, 0),
        };
        for (update, id) in texts(&message["updateIds"]).zip(texts(&message["ids"]).skip(own)) {
            reports.entry((update, event.to_owned())).or_default().insert(id);
        }
    }
    reports
}

/// The node groups that a kind of message was about, and under which ids.
fn told(env: &TestEnv, event: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in env.messages().iter().filter(|message| message["kind"] == event) {
        for (path, id) in members(message) {
            told.entry(path).or_default().insert(id);
        }
    }
    told
}

/// Whom a message is about, each with the id of its own notice.
fn members(message: &Value) -> Vec<(String, String)> {
    let many: Vec<String> = texts(&message["nodegroups"]["names"]).collect();
    let paths = match (many.is_empty(), &message["nodegroup"]) {
        (false, _) => many,
        (true, Value::String(name)) => vec![format!("{}/{name}", message["cluster"].as_str().unwrap_or_default())],
        (true, _) => vec!["the fleet".to_owned()],
    };
    paths.into_iter().zip(texts(&message["ids"])).collect()
}

fn texts(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}
