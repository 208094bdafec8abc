use std::collections::BTreeSet;

use serde_json::json;

use crate::World;
use crate::world::{State, hexadecimal};

/// The releases of one AMI type for one Kubernetes version.
#[derive(Default)]
pub(crate) struct Releases {
    /// What EKS accepts.
    known: BTreeSet<String>,
    /// What SSM recommended, the present recommendation last.
    recommended: Vec<String>,
    /// Published in SSM while EKS was to lag behind.
    withheld: Vec<String>,
}

impl Releases {
    pub(crate) fn learn(&mut self, release: &str) {
        self.known.insert(release.to_owned());
    }

    pub(crate) fn learn_withheld(&mut self) {
        self.known.extend(self.withheld.drain(..));
    }

    pub(crate) fn knows(&self, release: &str) -> bool {
        self.known.contains(release)
    }

    /// What EKS takes when a request names no release: the last recommendation it knows.
    pub(crate) fn latest(&self, ami_type: &str) -> Option<&String> {
        let recommended = self.recommended.iter().rev().find(|release| self.knows(release));
        recommended.or_else(|| self.known.iter().max_by_key(|release| rank(ami_type, release)))
    }
}

/// A number by which releases of one AMI type order: patch and date for Amazon Linux and Windows, the version
/// without its hash for Bottlerocket.
pub(crate) fn rank(ami_type: &str, release: &str) -> Vec<u64> {
    let ordered = match release.split_once('-') {
        Some((version, _hash)) if ami_type.starts_with("BOTTLEROCKET") => version,
        _ => release,
    };
    ordered.split(['.', '-']).map(|part| part.parse().unwrap_or(0)).collect()
}

/// Where SSM announces the releases of an AMI type, and under which names.
enum Announcement {
    /// A tree per variant: `recommended` and one folder per image.
    AmazonLinux { root: String, image_name: String },
    /// A tree per variant: `latest` and one folder per release.
    Bottlerocket { root: String },
    /// One parameter per edition.
    Windows { name: String },
}

impl Announcement {
    fn of(ami_type: &str, kubernetes: &str, release: &str) -> Option<Self> {
        let linux = |variant: &str, image: &str| {
            let date = release.rsplit('-').next().unwrap_or(release);
            Self::AmazonLinux {
                root: format!("/aws/service/eks/optimized-ami/{kubernetes}/{variant}"),
                image_name: format!("{image}-{kubernetes}-v{date}"),
            }
        };
        let al2023 = |architecture: &str, variant: &str| {
            linux(
                &format!("amazon-linux-2023/{architecture}/{variant}"),
                &format!("amazon-eks-node-al2023-{architecture}-{variant}"),
            )
        };
        let bottlerocket = |architecture: &str, variant: &str| Self::Bottlerocket {
            root: format!("/aws/service/bottlerocket/aws-k8s-{kubernetes}{variant}/{architecture}"),
        };
        Some(match ami_type {
            "AL2_x86_64" => linux("amazon-linux-2", "amazon-eks-node"),
            "AL2_x86_64_GPU" => linux("amazon-linux-2-gpu", "amazon-eks-gpu-node"),
            "AL2_ARM_64" => linux("amazon-linux-2-arm64", "amazon-eks-arm64-node"),
            "AL2023_x86_64_STANDARD" => al2023("x86_64", "standard"),
            "AL2023_ARM_64_STANDARD" => al2023("arm64", "standard"),
            "AL2023_x86_64_NVIDIA" => al2023("x86_64", "nvidia"),
            "AL2023_ARM_64_NVIDIA" => al2023("arm64", "nvidia"),
            "AL2023_x86_64_NEURON" => al2023("x86_64", "neuron"),
            "BOTTLEROCKET_x86_64" => bottlerocket("x86_64", ""),
            "BOTTLEROCKET_ARM_64" => bottlerocket("arm64", ""),
            "BOTTLEROCKET_x86_64_FIPS" => bottlerocket("x86_64", "-fips"),
            "BOTTLEROCKET_ARM_64_FIPS" => bottlerocket("arm64", "-fips"),
            "BOTTLEROCKET_x86_64_NVIDIA" => bottlerocket("x86_64", "-nvidia"),
            "BOTTLEROCKET_ARM_64_NVIDIA" => bottlerocket("arm64", "-nvidia"),
            "BOTTLEROCKET_x86_64_NVIDIA_FIPS" => bottlerocket("x86_64", "-nvidia-fips"),
            "BOTTLEROCKET_ARM_64_NVIDIA_FIPS" => bottlerocket("arm64", "-nvidia-fips"),
            _ => Self::Windows { name: windows(ami_type, kubernetes)? },
        })
    }

    /// What moves with every release.
    fn recommendation(&self, image_id: &str, release: &str) -> Vec<(String, String)> {
        match self {
            Self::AmazonLinux { root, image_name } => vec![
                (format!("{root}/recommended"), description(image_id, image_name, release)),
                (format!("{root}/recommended/release_version"), release.to_owned()),
                (format!("{root}/recommended/image_id"), image_id.to_owned()),
            ],
            Self::Bottlerocket { root } => vec![
                (format!("{root}/latest/image_version"), release.to_owned()),
                (format!("{root}/latest/image_id"), image_id.to_owned()),
            ],
            Self::Windows { name } => {
                let image_name = name.rsplit('/').next().unwrap_or(name);
                let date = release.split_once('-').map_or(release, |(_, date)| date);
                vec![
                    (name.clone(), description(image_id, &format!("{image_name}-{date}"), release)),
                    (format!("{name}/image_id"), image_id.to_owned()),
                ]
            }
        }
    }

    /// What stays with one release.
    fn own(&self, image_id: &str, release: &str) -> Vec<(String, String)> {
        match self {
            Self::AmazonLinux { root, image_name } => vec![
                (format!("{root}/{image_name}/release_version"), release.to_owned()),
                (format!("{root}/{image_name}/image_id"), image_id.to_owned()),
            ],
            Self::Bottlerocket { root } => vec![
                (format!("{root}/{release}/image_version"), release.to_owned()),
                (format!("{root}/{release}/image_id"), image_id.to_owned()),
            ],
            Self::Windows { .. } => Vec::new(),
        }
    }
}

/// `WINDOWS_CORE_2022_x86_64` → `/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.33`
fn windows(ami_type: &str, kubernetes: &str) -> Option<String> {
    let (edition, year) = ami_type.strip_prefix("WINDOWS_")?.strip_suffix("_x86_64")?.split_once('_')?;
    let edition = match edition {
        "CORE" => "Core",
        "FULL" => "Full",
        _ => return None,
    };
    Some(format!("/aws/service/ami-windows-latest/Windows_Server-{year}-English-{edition}-EKS_Optimized-{kubernetes}"))
}

fn description(image_id: &str, image_name: &str, release: &str) -> String {
    json!({ "schema_version": "2", "image_id": image_id, "image_name": image_name, "release_version": release })
        .to_string()
}

impl World {
    /// Publishes a release: SSM recommends it from now on, and EKS accepts it (unless
    /// [`World::ssm_ahead_of_eks`]). Answers the names of the parameters written; none for an AMI type that SSM
    /// does not know, which EKS then accepts all the same.
    pub fn publish_release(&self, ami_type: &str, kubernetes_version: &str, release: &str) -> Vec<String> {
        let mut state = self.state();
        let ahead = state.switches.ssm_ahead_of_eks;
        let releases = state.releases.entry((ami_type.to_owned(), kubernetes_version.to_owned())).or_default();
        releases.recommended.retain(|recommended| recommended != release);
        releases.recommended.push(release.to_owned());
        if ahead {
            releases.withheld.push(release.to_owned());
        } else {
            releases.learn(release);
        }
        state.announce(ami_type, kubernetes_version, release, true)
    }

    /// Withdraws the release that SSM recommends, as happens when an AMI is recalled: the recommendation goes back
    /// to the release before, which is answered. Without one, everything stays as it is. EKS goes on accepting it.
    pub fn withdraw_release(&self, ami_type: &str, kubernetes_version: &str) -> Option<String> {
        let mut state = self.state();
        let releases = state.releases.get_mut(&(ami_type.to_owned(), kubernetes_version.to_owned()))?;
        let [.., older, _] = &releases.recommended[..] else { return None };
        let older = older.clone();
        releases.recommended.pop();
        state.announce(ami_type, kubernetes_version, &older, false);
        Some(older)
    }

    /// Makes EKS accept a release, whatever SSM says.
    pub fn eks_learns(&self, ami_type: &str, kubernetes_version: &str, release: &str) {
        let key = (ami_type.to_owned(), kubernetes_version.to_owned());
        self.state().releases.entry(key).or_default().learn(release);
    }
}

impl State {
    fn announce(&mut self, ami_type: &str, kubernetes: &str, release: &str, is_new: bool) -> Vec<String> {
        let Some(announcement) = Announcement::of(ami_type, kubernetes, release) else { return Vec::new() };
        let image_id = format!("ami-{}", hexadecimal(&format!("{ami_type}/{kubernetes}/{release}"), 17));
        let mut parameters = announcement.recommendation(&image_id, release);
        if is_new {
            parameters.extend(announcement.own(&image_id, release));
        }
        for (name, value) in &parameters {
            self.put_parameter(name, value);
        }
        parameters.into_iter().map(|(name, _)| name).collect()
    }
}
