//! `retry`, `rollback` and `quarantine`: requests to `start`, each with a preview and a confirmation.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use clap::{Args, Subcommand};
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::id::{ClusterId, NodegroupPattern};
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::set::RecordSet;
use eks_nodegroup_updater::model::release::selector::ReleaseSelector;
use serde::Serialize;
use serde_json::{Value, json};

use super::denied::selector;
use super::run::show_start;
use super::selection::{SELECTED, Selection};
use crate::aws::account::Account;
use crate::aws::answer::{DecisionLine, StartAnswer, looking, read};
use crate::aws::place::{Answers, Place};
use crate::aws::records;
use crate::aws::stack::{Deployment, Function};
use crate::aws::unread::{self, Unread, say_unread};
use crate::confirm::confirm;
use crate::failure::{Exit, Failure};
use terminal::kind::Kind;
use terminal::output::Output;
use terminal::page::Page;
use terminal::table::Rows;
use terminal::text::{count, nearest};

/// Retry failed updates at once, when their cause is fixed
#[derive(Args)]
pub struct Retry {
    /// Node groups as CLUSTER/NODEGROUP; * matches any characters except the slash
    #[arg(required_unless_present_any = SELECTED, value_name = "NODEGROUP")]
    nodegroups: Vec<NodegroupPattern>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    selection: Selection,
}

/// Roll node groups back to an older release of their Kubernetes version
///
/// They stay there until a release newer than the one they leave is available. Windows, rings and minimum ages are ignored; the
/// opt-in, a freeze and the limits apply. EKS can still refuse the update.
#[derive(Args)]
pub struct Rollback {
    /// Node groups as CLUSTER/NODEGROUP; * matches any characters except the slash
    #[arg(required_unless_present_any = SELECTED, value_name = "NODEGROUP")]
    nodegroups: Vec<NodegroupPattern>,
    /// The release to go back to, such as 1.33.1-20260304
    #[arg(long, value_name = "RELEASE")]
    to: String,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    selection: Selection,
}

/// List quarantined releases, or lift a quarantine
#[derive(Args)]
pub struct QuarantineCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the quarantined releases
    List,
    /// Allow a quarantined release to be installed again, once the cause is understood
    Lift {
        /// A release, or all of a day such as *-20260110; each also as AMI-TYPE/… or KUBERNETES-VERSION/AMI-TYPE/…
        #[arg(value_name = "RELEASE", value_parser = selector)]
        release: ReleaseSelector,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
}

impl Retry {
    /// Shows a preview of the retry, asks for confirmation, and requests it.
    ///
    /// # Errors
    /// When nothing matches, nobody can confirm, or the run fails.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let reached = Reached::find(account, &self.nodegroups, &self.selection).await?;
        let names = &reached.names;
        let event = json!({"retry": names, "nodegroups": names});
        let question = format!("Retry at once on {}?", count(names.len(), "node group"));
        reached.ask(&question, event, self.yes, output).await
    }
}

impl Rollback {
    /// Shows a preview of the rollback, asks for confirmation, and requests it.
    ///
    /// # Errors
    /// When nothing matches, nobody can confirm, or the run fails.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        let reached = Reached::find(account, &self.nodegroups, &self.selection).await?;
        let names = &reached.names;
        let targets: BTreeMap<&str, &str> = names.iter().map(|name| (name.as_str(), self.to.as_str())).collect();
        let event = json!({"rollback": targets, "nodegroups": names});
        let question = format!("Roll {} back to {}?", count(names.len(), "node group"), self.to);
        reached.ask(&question, event, self.yes, output).await
    }
}

/// The node groups of a request.
struct Reached {
    configuration: SdkConfig,
    deployment: Deployment,
    names: Vec<String>,
}

impl Reached {
    async fn find(account: &Account, patterns: &[NodegroupPattern], selection: &Selection) -> Result<Self, Failure> {
        let (place, caller) = account.to_write().await?;
        let configuration = place.configuration.clone();
        let deployment = Deployment::required(&configuration, account.stack.as_deref()).await?;
        caller.must_own(&deployment)?;
        let answer = deployment.invoke(&configuration, Function::StartReadOnly, &looking()).await?;
        let mut lines = read::<StartAnswer>(answer)?.decisions;
        let names: Vec<&str> = lines.iter().map(|line| line.nodegroup.as_str()).collect();
        let matches = |pattern: &NodegroupPattern, name: &str| name.parse().is_ok_and(|name| pattern.matches(&name));
        for pattern in patterns {
            if !names.iter().any(|name| matches(pattern, name)) {
                let region = &deployment.region;
                let failure =
                    Failure::new(format!("no node group with the tag ami-update is named {pattern} in {region}"));
                let near = nearest(&pattern.to_string(), names.iter().copied());
                return Err(failure.did_you_mean(&near, &place.options));
            }
        }
        let selected = selection.of(&place, patterns).await?;
        lines.retain(|line| selected.includes(line));
        if lines.is_empty() {
            return Err(Failure::new("no node group with the tag ami-update is selected")
                .hint(format!("See them all: eks-nodegroup-updater nodegroups{}", place.options)));
        }
        Ok(Self { configuration, deployment, names: lines.into_iter().map(|line| line.nodegroup).collect() })
    }

    /// Shows a preview by a dry run of the same event, asks for confirmation, and runs it.
    async fn ask(&self, question: &str, mut event: Value, yes: bool, output: Output) -> Result<Exit, Failure> {
        event["dryRun"] = true.into();
        let mut page = Page::here();
        draw_preview(&mut page, &self.run(Function::StartReadOnly, &event).await?.decisions);
        page.line("");
        page.say();
        if !confirm(question, yes).await? {
            return Ok(Exit::Done);
        }
        event["dryRun"] = false.into();
        show_start(&self.deployment, self.run(Function::Start, &event).await?, output)
    }

    /// The function's answer about these node groups.
    async fn run(&self, function: Function, event: &Value) -> Result<StartAnswer, Failure> {
        let mut answer: StartAnswer = read(self.deployment.invoke(&self.configuration, function, event).await?)?;
        answer.decisions.retain(|line| line.decision != DecisionKind::Skip(ReasonKind::Excluded));
        Ok(answer)
    }
}

fn draw_preview(page: &mut Page, decisions: &[DecisionLine]) {
    let mut rows = Rows::new(["Node group", "Runs", "Decision"]);
    for line in decisions {
        let runs = line.runs.as_ref().and_then(|runs| runs.release_version.as_deref()).unwrap_or_default();
        let cells = [&line.nodegroup, runs, line.decision.code()].map(str::to_owned);
        rows.row(cells, line.sign().style(), Some(line.reason.clone()));
    }
    page.rows(&rows);
}

/// The quarantined releases of each account and region.
#[derive(Serialize)]
struct Quarantines {
    regions: Vec<Region>,
    errors: Vec<Unread>,
}

#[derive(Serialize)]
struct Region {
    account: String,
    region: String,
    quarantines: Vec<Quarantine>,
}

impl QuarantineCommand {
    /// Lists or lifts.
    ///
    /// # Errors
    /// When the table cannot be read, nothing is quarantined by that name, or the run fails.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        match self.action {
            Action::List => {
                let Answers { answers, unread, places } =
                    account.everywhere(async |place| of_place(place, account.stack.as_deref()).await).await?;
                let document = Quarantines { regions: answers, errors: unread };
                output.print(&document, |page| document.draw(page, places))?;
                say_unread(&document.errors);
                Ok(unread::exit(&document.errors, Exit::Done))
            }
            Action::Lift { release, yes } => {
                let (place, caller) = account.to_write().await?;
                let configuration = &place.configuration;
                let deployment = Deployment::required(configuration, account.stack.as_deref()).await?;
                caller.must_own(&deployment)?;
                let quarantines = quarantines(&records::scan(configuration, &deployment).await?)?;
                let is_meant = |it: &Quarantine| release.matches(&it.track(), &it.release_version);
                let meant: Vec<Quarantine> = quarantines.into_iter().filter(is_meant).collect();
                if meant.is_empty() {
                    return Err(Failure::new(format!("{} is not quarantined", release_text(&release)))
                        .hint(format!("See what is: eks-nodegroup-updater quarantine list{}", place.options)));
                }
                let mut page = Page::here();
                draw(&mut page, &meant);
                page.line("");
                page.say();
                if !confirm(&format!("Lift {}?", count(meant.len(), "quarantine")), yes).await? {
                    return Ok(Exit::Done);
                }
                let event = json!({"liftQuarantine": [release]});
                let answer = deployment.invoke(configuration, Function::Start, &event).await?;
                show_start(&deployment, read(answer)?, output)
            }
        }
    }
}

/// The quarantined releases of a place.
async fn of_place(place: &Place, stack: Option<&str>) -> Result<Region, Failure> {
    let deployment = Deployment::required(&place.configuration, stack).await?;
    let quarantines = quarantines(&records::scan(&place.configuration, &deployment).await?)?;
    Ok(Region { account: deployment.account, region: deployment.region, quarantines })
}

fn quarantines(records: &RecordSet) -> Result<Vec<Quarantine>, Failure> {
    let fleet = records.fleets().next().transpose().map_err(Failure::new)?;
    Ok(fleet.into_iter().flat_map(|fleet| &fleet.quarantines).filter(|it| it.lasts()).cloned().collect())
}

impl Quarantines {
    fn draw(&self, page: &mut Page, places: usize) {
        for Region { account, region, quarantines } in &self.regions {
            if places > 1 {
                page.heading(&format!("{account}, {region}"));
            }
            draw(page, quarantines);
        }
    }
}

fn release_text(release: &ReleaseSelector) -> String {
    serde_json::to_value(release).ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
}

fn draw(page: &mut Page, quarantines: &[Quarantine]) {
    if quarantines.is_empty() {
        return page.line("No release is quarantined.");
    }
    let mut rows = Rows::new(["Release", "Where", "Since"]);
    for it in quarantines {
        let release = format!("{}/{}/{}", it.version, it.ami_type, it.release_version);
        let place = it.cluster.as_ref().map_or("all clusters", ClusterId::name);
        let cells = [release, place.to_owned(), page.date_and_time(it.since)];
        rows.row(cells, Kind::NeedsYou.style(), Some(format!("failed on {}", it.nodegroups)));
    }
    page.rows(&rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{after, every_output};

    #[tokio::test]
    async fn the_quarantined_releases() {
        let records = after(6, &looking()).await.records;
        let quarantines = records.fleets().next().unwrap().unwrap().quarantines.clone();
        assert_eq!(quarantines.len(), 1);
        let (account, region) = ("123456789012".to_owned(), "eu-central-1".to_owned());
        let document = Quarantines { regions: vec![Region { account, region, quarantines }], errors: Vec::new() };
        insta::assert_snapshot!(every_output(&document, |page| document.draw(page, 1)));
    }
}
