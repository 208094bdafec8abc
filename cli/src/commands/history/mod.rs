//! `history`: how updates ended, and which releases a track had.

mod releases;
mod updates;

use clap::Args;
use eks_nodegroup_updater::model::id::NodegroupPattern;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;

use self::releases::Tracks;
use self::updates::{Update, Updates};
use crate::aws::account::Account;
use crate::aws::records;
use crate::aws::stack::Deployment;
use crate::failure::{Exit, Failure};
use terminal::output::{Output, say};

/// Show past updates, newest first; or the releases of each track
#[derive(Args)]
pub struct History {
    /// Node groups as CLUSTER/NODEGROUP; * matches any characters except the slash. For a single one, older updates are also read
    /// from EKS
    nodegroup: Option<NodegroupPattern>,
    /// The releases that AWS recommended for each AMI type and Kubernetes version, and those that it withdrew
    #[arg(long, conflicts_with = "nodegroup")]
    releases: bool,
    /// Maximum number of lines
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

impl History {
    /// Reads the records and prints what they tell.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let configuration = account.one_region().await?;
        let deployment = Deployment::required(&configuration, account.stack.as_deref()).await?;
        let records = records::scan(&configuration, &deployment).await?;
        if self.releases {
            let document = Tracks { tracks: releases::tracks(&records, self.limit) };
            output.print(&document, |page| releases::draw(page, &document.tracks))?;
            return Ok(Exit::Done);
        }
        let is_wanted =
            |record: &&NodegroupRecord| self.nodegroup.as_ref().is_none_or(|pattern| pattern.matches(record.id.name()));
        let wanted: Vec<&NodegroupRecord> = records.readable().filter(is_wanted).collect();
        let mut updates: Vec<Update> = wanted.iter().flat_map(|record| updates::recorded(record)).collect();
        let mut unread = None;
        if let ([record], Some(_)) = (wanted.as_slice(), &self.nodegroup) {
            let (older, not_read) = updates::older(&configuration, record.id.name(), &updates).await;
            updates.extend(older);
            unread = not_read;
        }
        if let (true, Some(pattern)) = (wanted.is_empty(), &self.nodegroup) {
            let message = format!("the table has no record of {pattern}: it never opted in, or has another name");
            return Err(Failure::new(message).hint("See them all: eks-nodegroup-updater history"));
        }
        let document = Updates::newest(updates, unread, self.limit);
        if let Some(unread) = &document.unread {
            say(&format!("warning: {unread}"));
        }
        output.print(&document, |page| document.draw(page))?;
        Ok(Exit::Done)
    }
}
