//! An update that has just begun, before its judge: rule by rule, whether it was allowed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use simulated_aws::{Nodegroup, Update};

use super::checker::{Downgraded, HINDSIGHT, Ours};
use super::fleet::{Ailment, Clusters, FleetRules, Group, Published, day, is_forward, window_is_open};
use super::run::{CLOCK_SKEW, SOAK};
use testing::TestEnv;

/// The first try and three more.
const TRIES: usize = 4;
/// An intent may leave so much later than it was decided on: the SDK holds requests up after AWS has throttled some.
const HELD_UP: SignedDuration = SignedDuration::from_secs(10);
/// A record dates an end by the beginning of the run that saw it, which may have waited for EKS until `check` was out of time.
const DATED_EARLY: SignedDuration = SignedDuration::from_mins(5);

/// The update, and everything that it is judged by.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub env: &'a TestEnv,
    pub groups: &'a [Group],
    /// Whose update it is.
    pub index: usize,
    pub update: &'a Update,
    /// All updates that the node group ever had.
    pub updates: &'a [Update],
    pub published: &'a Published,
    pub rules: FleetRules,
    /// How long a cluster has its version before its node groups follow.
    pub follow_after: SignedDuration,
    /// Updates of ours, by id.
    pub ours: &'a BTreeMap<String, Ours>,
    /// By node group: whether it is opted in, and since when.
    pub opted_in: &'a [(bool, Timestamp)],
    /// Whether the stop switch lets updates start, and since when.
    pub running: (bool, Timestamp),
    /// When its attempt was begun.
    pub begun: Timestamp,
    /// That it runs less than an update of ours brought.
    pub downgraded: Option<&'a Downgraded>,
    /// When a retry of everything was asked for.
    pub retried: Option<Timestamp>,
    pub clusters: &'a Clusters,
}

impl<'a> Case<'a> {
    /// What is wrong with it.
    pub fn broken(self) -> Vec<String> {
        let mut broken = [self.permission(), self.direction(), self.tries(), self.times(), self.history()].concat();
        match self.group().pin {
            Some(pin) => broken.extend(wrong(pin != day(self.target()), "it is pinned elsewhere")),
            // Neither age nor rings hold up a pinned node group.
            None => broken.extend([self.age(), self.rings()].concat()),
        }
        let place = format!("{} to {} at {}", self.group().path(), self.target(), self.at());
        broken.into_iter().map(|what| format!("{place}: {what}")).collect()
    }

    fn group(self) -> &'a Group {
        &self.groups[self.index]
    }

    fn at(self) -> Timestamp {
        self.update.created_at
    }

    fn target(self) -> &'a str {
        self.update.release.as_deref().unwrap_or_default()
    }

    fn version(self) -> &'a str {
        self.update.version.as_deref().unwrap_or_default()
    }

    fn now(self, group: &Group) -> Option<Nodegroup> {
        self.env.world.nodegroup(&group.cluster, &group.name)
    }

    fn permission(self) -> Vec<String> {
        let long_since = |since| self.at().duration_since(since) > HINDSIGHT;
        let ((opted_in, since), (running, stopped)) = (self.opted_in[self.index], self.running);
        let closed = self.rules.closed.is_some_and(|(from, until)| self.at() >= from + HINDSIGHT && self.at() < until);
        [
            wrong(!opted_in && long_since(since), "it is not opted in"),
            wrong(!running && long_since(stopped), "all updates are stopped"),
            wrong(closed, "the calendar is closed"),
            wrong(self.rules.denied == Some(day(self.target())), "it is denied"),
        ]
        .concat()
    }

    fn direction(self) -> Vec<String> {
        let Some(now) = self.now(self.group()).filter(|now| now.arn == self.update.nodegroup_arn) else {
            return vec![];
        };
        let forward = self.update.status == "InProgress" && is_forward(&now, self.version(), self.target());
        let Nodegroup { release, version, .. } = &now;
        let what = format!("it runs {release} (Kubernetes {version}) and it is {}", self.update.status);
        wrong(!forward && !others_brought_it(self.updates, self.at()), &what)
    }

    /// What AWS took back is not installed, and what somebody downgraded is not raised to what it left.
    fn history(self) -> Vec<String> {
        let withdrawn = self.published.is_withdrawn(self.target(), self.at(), HINDSIGHT);
        let raised = self.downgraded.filter(|downgraded| {
            let to_what_it_left = day(self.target()) <= day(&downgraded.from.1);
            let settled = self.at().duration_since(downgraded.at) > HINDSIGHT;
            settled && downgraded.from.0 == self.version() && (to_what_it_left || downgraded.times > 1)
        });
        let raised = raised.filter(|_| self.group().pin.is_none());
        let from = raised.map(|downgraded| (&downgraded.from, downgraded.times, downgraded.at));
        let steps = self.now(self.group()).is_some_and(|now| now.version != self.version());
        let followed_after = self.follow_after - CLOCK_SKEW - CLOCK_SKEW;
        let long_there = self.clusters.has_been(&self.group().cluster, self.version(), self.at(), followed_after);
        let first = !self.updates.iter().any(|other| other.finished_at.is_some() && other.status == "Successful");
        let left = self.group().left().filter(|left| first && day(self.target()) <= *left);
        let left = left.filter(|_| self.group().pin.is_none() && self.retried.is_none());
        [
            wrong(left.is_some(), &format!("its last update took it back from {left:?}, and it is raised again")),
            wrong(steps && !long_there, "its cluster has not had that version for long"),
            wrong(withdrawn, "AWS has withdrawn it"),
            wrong(from.is_some(), &format!("it was downgraded from {from:?}, and is raised again")),
        ]
        .concat()
    }

    fn is_same(self, other: &Update) -> bool {
        (&other.version, &other.release) == (&self.update.version, &self.update.release)
    }

    fn tries(self) -> Vec<String> {
        let Self { update, updates, .. } = self;
        let has_token =
            |other: &Update| other.id != update.id && other.client_request_token == update.client_request_token;
        let ours = updates.iter().filter(|other| other.client_request_token.is_some());
        let ours = ours.filter(|other| self.retried.is_none_or(|at| other.created_at > at));
        let tries: Vec<&Update> = ours.filter(|other| self.is_same(other)).collect();
        let failed_just_now = |other: &&Update| {
            let failed = matches!(other.status.as_str(), "Failed" | "Cancelled");
            let wait = self.env.start_config.settings.retry_after.0[0] - DATED_EARLY;
            failed && other.finished_at.is_some_and(|end| self.at().duration_since(end) < wait)
        };
        let evicted = |other: &Update| other.errors.iter().any(|error| error.code == "PodEvictionFailure");
        let may_force = self.group().force && updates.iter().any(|other| evicted(other) && self.is_same(other));
        [
            wrong(updates.iter().any(has_token), "its token was used before"),
            wrong(tries.iter().any(failed_just_now), "it is tried again too soon"),
            wrong(tries.len() > TRIES, "it was tried too often"),
            wrong(update.force && !may_force, "it is forced"),
        ]
        .concat()
    }

    fn times(self) -> Vec<String> {
        // By Lambda's clock.
        let begun = self.begun + self.env.clock_ahead;
        let closed = self.group().window && ![begun, begun - HELD_UP].into_iter().any(window_is_open);
        let replaced_nodes = |other: &&Update| {
            let ours = self.ours.get(&other.id);
            other.status == "Successful" && ours.is_some_and(|ours| !ours.without_effect)
        };
        let ends = self.updates.iter().filter(replaced_nodes).filter_map(|other| other.finished_at);
        let enough = self.group().min_interval - DATED_EARLY - CLOCK_SKEW;
        let mut since = ends.map(|end| self.at().duration_since(end));
        // What is put back before anybody has seen what an update brought passes for one without effect.
        let put_back = self.group().ailment == Some(Ailment::PutBack);
        let too_soon = !put_back && since.any(|since| since.is_positive() && since < enough);
        [wrong(closed, "its window is closed"), wrong(too_soon, "its last update is too recent")].concat()
    }

    fn age(self) -> Vec<String> {
        let age = self.published.at(self.target()).map(|published| self.at().duration_since(published));
        wrong(age.is_none_or(|age| age < self.group().min_age - CLOCK_SKEW), "it is too young")
    }

    fn rings(self) -> Vec<String> {
        let long_opted_in = |(auto, since): (bool, Timestamp)| auto && self.at().duration_since(since) >= HINDSIGHT;
        let others = self.groups.iter().zip(self.opted_in).filter(|(other, opted_in)| {
            other.ring < self.group().ring && other.follow == self.group().follow && long_opted_in(**opted_in)
        });
        let unproved = others.filter(|(other, _)| !self.has_proved(other));
        unproved.map(|(other, _)| format!("{} of a lower ring has not proved it", other.path())).collect()
    }

    /// Whether a node group of a lower ring has run the release for long enough, or cannot run it.
    fn has_proved(self, other: &Group) -> bool {
        // One that has gone on to the next Kubernetes version cannot run the release with this one.
        let Some(now) = self.now(other).filter(|now| now.version.as_str() <= self.version()) else { return true };
        let follows = self.clusters.has_been(&other.cluster, self.version(), self.at(), HINDSIGHT);
        if now.version != self.version() && !follows {
            return true;
        }
        if other.pin.is_some_and(|pin| pin != day(self.target()) || now.version != self.version()) {
            return true;
        }
        let reached = |update: &Update| {
            let (version, release) = (update.version.as_deref(), update.release.as_deref());
            version == Some(self.version()) && day(release.unwrap_or_default()) >= day(self.target())
        };
        let updates = self.env.world.updates(&other.cluster, &other.name);
        let left = |after: Timestamp| {
            let elsewhere = updates.iter().filter(|update| update.status == "Successful" && !reached(update));
            elsewhere.filter_map(|update| update.finished_at).filter(|end| *end > after).min()
        };
        // What it has proved stays proved, wherever it went afterwards.
        let soaked = |end: Timestamp| {
            let until = left(end).map_or(self.at(), |left| left.min(self.at()));
            until.duration_since(end) >= SOAK - DATED_EARLY - CLOCK_SKEW
        };
        updates.iter().filter(|update| reached(update)).filter_map(|update| update.finished_at).any(soaked)
    }
}

fn wrong(is_wrong: bool, what: &str) -> Vec<String> {
    is_wrong.then(|| what.to_owned()).into_iter().collect()
}

/// Whether an external update may have brought a node group elsewhere so lately that EKS does not show it yet.
pub fn others_brought_it(updates: &[Update], at: Timestamp) -> bool {
    let others = updates.iter().filter(|other| other.client_request_token.is_none());
    others.filter_map(|other| other.finished_at).any(|end| at.duration_since(end) < HINDSIGHT)
}
