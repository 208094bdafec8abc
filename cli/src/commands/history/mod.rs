//! `history`: how updates ended, and which releases a track had.

mod releases;
mod updates;

use clap::Args;
use eks_nodegroup_updater::model::id::NodegroupPattern;
use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::set::RecordSet;

use self::releases::Tracks;
use self::updates::{Unread, Update, Updates};
use crate::aws::account::Account;
use crate::aws::place::{Answers, Place};
use crate::aws::records;
use crate::aws::stack::Deployment;
use crate::aws::unread::{self, say_unread};
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
        if self.releases {
            return self.releases(account, output).await;
        }
        let Answers { answers, unread, places } =
            account.everywhere(async |place| self.updates(place, account.stack.as_deref()).await).await?;
        if let (true, true, Some(pattern)) = (answers.iter().all(Option::is_none), unread.is_empty(), &self.nodegroup) {
            let message = format!("the table has no record of {pattern}: it never opted in, or has another name");
            return Err(
                Failure::new(message).hint(format!("See them all: eks-nodegroup-updater history{}", account.given()))
            );
        }
        let (mut updates, mut not_read) = (Vec::new(), None);
        for (of_place, not_read_there) in answers.into_iter().flatten() {
            updates.extend(of_place);
            not_read = not_read.or(not_read_there);
        }
        let mut document = Updates::newest(updates, not_read, self.limit);
        document.errors = unread;
        if let Some(unread) = &document.unread {
            say(format!("warning: {unread}"));
        }
        output.print(&document, |page| document.draw(page, places > 1))?;
        say_unread(&document.errors);
        let is_complete = document.unread.is_none();
        Ok(unread::exit(&document.errors, if is_complete { Exit::Done } else { Exit::Failed }))
    }

    async fn releases(&self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let Answers { answers, unread, places } = account
            .everywhere(async |place| {
                let (deployment, records) = recorded(place, account.stack.as_deref()).await?;
                Ok(releases::tracks(&records, &deployment, self.limit))
            })
            .await?;
        let document = Tracks { tracks: answers.into_iter().flatten().collect(), errors: unread };
        output.print(&document, |page| releases::draw(page, &document.tracks, places > 1))?;
        say_unread(&document.errors);
        Ok(unread::exit(&document.errors, Exit::Done))
    }

    /// The updates of a place, and those that EKS did not describe; nothing if the table has no such node group.
    async fn updates(
        &self,
        place: &Place,
        stack: Option<&str>,
    ) -> Result<Option<(Vec<Update>, Option<Unread>)>, Failure> {
        let (_, records) = recorded(place, stack).await?;
        let is_wanted =
            |record: &&NodegroupRecord| self.nodegroup.as_ref().is_none_or(|pattern| pattern.matches(record.id.name()));
        let wanted: Vec<&NodegroupRecord> = records.readable().filter(is_wanted).collect();
        let mut updates: Vec<Update> = wanted.iter().flat_map(|record| updates::recorded(record)).collect();
        let mut unread = None;
        if let ([record], Some(_)) = (wanted.as_slice(), &self.nodegroup) {
            let (older, not_read) = updates::older(place, &record.id, &updates).await;
            updates.extend(older);
            unread = not_read;
        }
        Ok((!wanted.is_empty() || self.nodegroup.is_none()).then_some((updates, unread)))
    }
}

/// The records of a place.
async fn recorded(place: &Place, stack: Option<&str>) -> Result<(Deployment, RecordSet), Failure> {
    let deployment = Deployment::required(&place.configuration, stack).await?;
    let records = records::scan(&place.configuration, &deployment).await?;
    Ok((deployment, records))
}
