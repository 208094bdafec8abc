//! `deny` and `allow`: the list of denied releases, an SSM parameter that every run of `start` reads.

use aws_config::SdkConfig;
use clap::Args;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::config::Values;
use eks_nodegroup_updater::model::release::selector::ReleaseSelector;
use eks_nodegroup_updater::model::settings::setting::Setting;
use eks_nodegroup_updater::observe::controls::parse_list;
use serde::Serialize;

use crate::aws::account::Account;
use crate::aws::stack::Deployment;
use crate::confirm::confirm;
use crate::failure::{Exit, Failure};
use terminal::message::Message;
use terminal::output::Output;
use terminal::page::Page;
use terminal::text::count;

/// Deny releases: from the next run on, no node group is updated to them; no deployment is needed
#[derive(Args)]
pub struct Deny {
    #[command(flatten)]
    change: Change,
}

/// Allow releases again that were denied by `deny`
///
/// Releases in the template's parameter DeniedReleases stay denied until the stack is deployed without them.
#[derive(Args)]
pub struct Allow {
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
struct Change {
    /// Releases, or all of a day such as *-20260110; each also as AMI-TYPE/… or KUBERNETES-VERSION/AMI-TYPE/…
    #[arg(required = true, value_name = "RELEASE", value_parser = selector)]
    releases: Vec<ReleaseSelector>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Reads a release, or all of a day.
///
/// # Errors
/// When it names none.
pub fn selector(text: &str) -> Result<ReleaseSelector, String> {
    ReleaseSelector::try_from(text.to_owned()).map_err(|error| error.to_string())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Action {
    Deny,
    Allow,
}

/// The result for the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    /// The options for the commands in hints.
    #[serde(skip)]
    options: String,
    account: String,
    region: String,
    stack: String,
    parameter: String,
    action: Action,
    /// The entries that were added or removed.
    changed: Vec<ReleaseSelector>,
    /// The entries that needed no change.
    unchanged: Vec<ReleaseSelector>,
    /// The releases to allow that another entry of the list still denies.
    denied_by_list: Vec<ReleaseSelector>,
    /// The releases to allow that the template's parameter still denies.
    denied_by_template: Vec<ReleaseSelector>,
    /// The list as it is now.
    list: Vec<ReleaseSelector>,
}

impl Deny {
    /// Puts releases on the list.
    ///
    /// # Errors
    /// When it cannot be read or written, or somebody else changed it at the same time.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        self.change.run(Action::Deny, account, output).await
    }
}

impl Allow {
    /// Takes releases off the list.
    ///
    /// # Errors
    /// When it cannot be read or written, or somebody else changed it at the same time.
    pub async fn run(self, account: &Account, output: Output) -> Result<Exit, Failure> {
        self.change.run(Action::Allow, account, output).await
    }
}

impl Change {
    async fn run(self, action: Action, account: &Account, output: Output) -> Result<Exit, Failure> {
        let (place, caller) = account.to_write().await?;
        let configuration = &place.configuration;
        let deployment = Deployment::required(configuration, account.stack.as_deref()).await?;
        caller.must_own(&deployment)?;
        let parameters = Parameters::of(configuration, &deployment)?;
        let held = parameters.list().await?;
        let by_template = match action {
            Action::Deny => Vec::new(),
            Action::Allow => parameters.denied_by_template().await?,
        };
        let mut changed = Changed::of(action, &self.releases, &held.releases, &by_template);
        changed.options = place.options;
        (changed.account, changed.region) = (deployment.account, deployment.region);
        (changed.stack, changed.parameter) = (deployment.stack, parameters.list.clone());
        if !changed.changed.is_empty() {
            let question = changed.question();
            if !confirm(&question, self.yes).await? {
                return Ok(Exit::Done);
            }
            parameters.write(&changed.list, held.version).await?;
        }
        output.print(&changed, |page| changed.draw(page))?;
        Ok(Exit::Done)
    }
}

/// The SSM parameters of a stack that deny releases.
struct Parameters {
    ssm: aws_sdk_ssm::Client,
    list: String,
    settings: String,
}

/// The list, and its version.
struct Held {
    releases: Vec<ReleaseSelector>,
    version: i64,
}

impl Parameters {
    fn of(configuration: &SdkConfig, deployment: &Deployment) -> Result<Self, Failure> {
        Ok(Self {
            ssm: aws_sdk_ssm::Client::new(&endpoints::of(configuration, Service::Ssm)),
            list: deployment.output("DeniedReleasesListName")?.to_owned(),
            settings: deployment.output("SettingsName")?.to_owned(),
        })
    }

    async fn read(&self, name: &str) -> Result<(String, i64), Failure> {
        let read = self.ssm.get_parameter().name(name).send().await;
        let read = read.map_err(|error| Failure::of_call(&format!("reading {name}"), &error))?;
        let parameter = read.parameter.ok_or_else(|| Failure::new(format!("SSM's answer has no parameter {name}")))?;
        Ok((parameter.value.unwrap_or_default(), parameter.version))
    }

    async fn list(&self) -> Result<Held, Failure> {
        let name = &self.list;
        let (value, version) = self.read(name).await?;
        let releases = parse_list(&value).map_err(|error| {
            let hint = Message::new("No update starts until it is fixed. To reset it to an empty list:")
                .command(format!("aws ssm put-parameter --name {name} --value '[]' --overwrite"));
            Failure::new(format!("the denied releases {name}: {error}")).hint(hint)
        })?;
        Ok(Held { releases, version })
    }

    async fn denied_by_template(&self) -> Result<Vec<ReleaseSelector>, Failure> {
        let name = &self.settings;
        let (text, _) = self.read(name).await?;
        let values = Values::default().with_document(&text);
        let values = values.map_err(|error| Failure::new(format!("the settings {name}: {error}")))?;
        let denied = values.value(Setting::DeniedReleases.row()).0.split_whitespace().map(selector);
        let denied: Result<_, String> = denied.collect();
        denied.map_err(|error| Failure::new(format!("the settings {name}: {error}")))
    }

    /// Writes the list over the version that was read, as far as SSM allows: SSM writes regardless of the version, and returns
    /// the new one. So a concurrent change is not prevented, but detected.
    async fn write(&self, releases: &[ReleaseSelector], over: i64) -> Result<(), Failure> {
        let name = &self.list;
        let value = serde_json::to_string(releases).map_err(|error| Failure::new(error.to_string()))?;
        let write = self.ssm.put_parameter().name(name).value(&value).overwrite(true).send().await;
        let written = write.map_err(|error| Failure::of_call(&format!("writing {name}"), &error))?.version;
        let (now, version) = self.read(name).await?;
        if written == over + 1 && version == written && now == value {
            return Ok(());
        }
        let hint = Message::new("One of the two changes might be lost. See the versions:")
            .command(format!("aws ssm get-parameter-history --name {name}"));
        Err(Failure::new(format!("{name} was changed by somebody else at the same time; it is now {now}")).hint(hint))
    }
}

impl Changed {
    /// The list after a change, and the change itself.
    fn of(
        action: Action,
        asked: &[ReleaseSelector],
        list: &[ReleaseSelector],
        by_template: &[ReleaseSelector],
    ) -> Self {
        let is_on = |release: &&ReleaseSelector| list.contains(release);
        let (on, off): (Vec<_>, Vec<_>) = asked.iter().partition(is_on);
        let owned = |releases: Vec<&ReleaseSelector>| {
            let mut unique = Vec::<ReleaseSelector>::new();
            for release in releases {
                if !unique.contains(release) {
                    unique.push(release.clone());
                }
            }
            unique
        };
        let (changed, unchanged) = match action {
            Action::Deny => (owned(off), owned(on)),
            Action::Allow => (owned(on), owned(off)),
        };
        let mut list = list.to_vec();
        match action {
            Action::Deny => list.extend(changed.iter().cloned()),
            Action::Allow => list.retain(|release| !changed.contains(release)),
        }
        let still = |entries: &[ReleaseSelector]| {
            let is_denied = |release: &&ReleaseSelector| entries.iter().any(|entry| entry.covers(release));
            if action == Action::Allow { owned(asked.iter().filter(is_denied).collect()) } else { Vec::new() }
        };
        Self {
            options: String::new(),
            account: String::new(),
            region: String::new(),
            stack: String::new(),
            parameter: String::new(),
            action,
            denied_by_list: still(&list),
            denied_by_template: still(by_template),
            changed,
            unchanged,
            list,
        }
    }

    fn question(&self) -> String {
        let what = count(self.changed.len(), "release");
        match self.action {
            Action::Deny => format!("Deny {what} in the stack {}: {}?", self.stack, names(&self.changed)),
            Action::Allow => format!("Allow {what} again in the stack {}: {}?", self.stack, names(&self.changed)),
        }
    }

    fn draw(&self, page: &mut Page) {
        let Self { parameter, action, changed, unchanged, denied_by_list, denied_by_template, options, .. } = self;
        let mut say = |releases: &[ReleaseSelector], sentence: &str| {
            if !releases.is_empty() {
                page.paragraph(&format!("{sentence}: {}.", names(releases)));
            }
        };
        match action {
            Action::Deny => {
                say(changed, &format!("Denied by the list {parameter}, from the next run on"));
                say(unchanged, &format!("Already on the list {parameter}"));
                let words: Vec<String> = changed.iter().map(|release| format!("'{release}'")).collect();
                if !words.is_empty() {
                    let words = words.join(" ");
                    page.note(&format!(
                        "Updates in progress continue. To undo this: eks-nodegroup-updater allow {words}{options}"
                    ));
                }
            }
            Action::Allow => {
                say(changed, &format!("Removed from the list {parameter}"));
                say(unchanged, &format!("Not on the list {parameter}"));
                say(denied_by_list, "Still denied, by another entry of the list");
                say(denied_by_template, "Still denied, by the template's parameter DeniedReleases");
                if !denied_by_template.is_empty() {
                    page.note("Deploy the stack without them in DeniedReleases to allow them.");
                }
            }
        }
    }
}

fn names(releases: &[ReleaseSelector]) -> String {
    let names: Vec<String> = releases.iter().map(ToString::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::every_output;

    fn releases(texts: &[&str]) -> Vec<ReleaseSelector> {
        texts.iter().map(|text| selector(text).unwrap()).collect()
    }

    fn shown(action: Action, asked: &[&str], list: &[&str], by_template: &[&str]) -> String {
        let changed = Changed {
            stack: "eks-nodegroup-updater".to_owned(),
            parameter: "/eks-nodegroup-updater/denied-releases".to_owned(),
            ..Changed::of(action, &releases(asked), &releases(list), &releases(by_template))
        };
        every_output(&changed, |page| changed.draw(page))
    }

    #[test]
    fn releases_are_denied() {
        let (asked, list) = (["*-20260110", "1.33.2-20260710", "*.20260110"], ["1.33.2-20260710"]);
        insta::assert_snapshot!(shown(Action::Deny, &asked, &list, &[]));
    }

    #[test]
    fn releases_are_allowed_but_for_what_is_denied_otherwise() {
        let asked = ["1.33.1-20260110", "1.33.2-20260710", "1.34/AL2023_x86_64_STANDARD/1.34.1-20260710"];
        let list = ["1.33.1-20260110", "*-20260110"];
        insta::assert_snapshot!(shown(Action::Allow, &asked, &list, &["*-20260710"]));
    }
}
