//! The fast tests, which every change is tried against. They are laid out as `src` is.

mod attention;
mod aws;
mod docs;
mod execute;
mod explain;
mod handler;
mod imports;
mod metrics;
mod notify;
mod observe;
mod plan;
mod promises;
mod reconcile;
mod schema;
mod settle;
mod store;
mod summary;

use testing::{TestEnv, opted_in};

/// In minutes.
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// The call that starts an update.
const UPDATE: &str = "eks:UpdateNodegroupVersion";

/// Decision and reason of a node group in a new run.
async fn decide(env: &TestEnv, path: &str) -> (&'static str, String) {
    let summary = env.start().await;
    let line = summary.decisions.into_iter().find(|line| line.nodegroup == path).unwrap();
    (line.decision, line.reason)
}

/// An opted-in node group in each of so many clusters.
async fn clusters<const N: usize>(names: [&str; N]) -> TestEnv {
    TestEnv::with(names.map(|name| opted_in(name, "ng"))).await
}
