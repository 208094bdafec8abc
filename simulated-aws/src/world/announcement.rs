//! The public SSM parameters that announce an AMI release.

use serde_json::json;

/// The paths and names of the parameters that announce the releases of an AMI type.
pub(crate) enum Announcement {
    /// A tree per variant: `recommended` and one folder per image.
    AmazonLinux { root: String, image_name: String },
    /// A tree per variant: `latest` and one folder per release.
    Bottlerocket { root: String },
    /// One parameter per edition.
    Windows { name: String },
}

impl Announcement {
    /// `None` for an AMI type that SSM does not know.
    pub(crate) fn of(ami_type: &str, kubernetes: &str, release: &str) -> Option<Self> {
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

    /// The parameters that change with every release.
    pub(crate) fn recommendation(&self, image_id: &str, release: &str) -> Vec<(String, String)> {
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

    /// The parameters of one release.
    pub(crate) fn own(&self, image_id: &str, release: &str) -> Vec<(String, String)> {
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
