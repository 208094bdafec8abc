//! Which public parameter names the latest release of an AMI type.
//!
//! AWS publishes the releases of its EKS-optimized AMIs as public Systems Manager parameters, in another layout for each
//! family: see "Retrieve recommended … AMI IDs" in the
//! [EKS user guide](https://docs.aws.amazon.com/eks/latest/userguide/eks-optimized-amis.html).

use std::fmt;

use aws_sdk_eks::types::AmiTypes;

/// The families of AMIs, which differ in how they write and order their releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Amazon Linux 2, which AWS stopped publishing for EKS on 26 November 2025.
    AmazonLinux2,
    /// Amazon Linux 2023.
    AmazonLinux2023,
    /// Bottlerocket, whose releases have no Kubernetes version.
    Bottlerocket,
    /// Windows Server, core and full.
    Windows,
}

/// How a parameter's value contains the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The value is the release.
    Plain,
    /// The value is JSON, and its member `release_version` is the release. Windows has no parameter with the bare release.
    Json,
}

/// Where AWS publishes the releases of one AMI type for one Kubernetes version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseTrack {
    /// How its releases are written and ordered.
    pub family: Family,
    /// The parameters that may name the latest release; the first that exists counts.
    pub parameters: Vec<String>,
    /// How to read their values.
    pub format: Format,
}

/// Identifies a release track: a Kubernetes version and an AMI type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackKey {
    /// The Kubernetes version.
    pub version: String,
    /// The AMI type.
    pub ami_type: AmiTypes,
}

/// Why an AMI type has no release track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoTrack {
    /// The node group's launch template sets a custom AMI, for which AWS publishes no releases.
    Custom,
    /// A value that this program does not know. It is never guessed from its name.
    Unknown,
}

impl ReleaseTrack {
    /// The track of an AMI type for a Kubernetes version such as `1.33`.
    ///
    /// # Errors
    /// When AWS publishes no releases of the AMI type, or this program does not know it.
    pub fn of(ami_type: &AmiTypes, kubernetes_version: &str) -> Result<Self, NoTrack> {
        let optimized = |family: Family, variant: String| {
            let latest =
                format!("/aws/service/eks/optimized-ami/{kubernetes_version}/{variant}/recommended/release_version");
            Ok(Self { family, parameters: vec![latest], format: Format::Plain })
        };
        let linux_2 = |variant: &str| optimized(Family::AmazonLinux2, format!("amazon-linux-2{variant}"));
        let linux_2023 = |variant: &str| optimized(Family::AmazonLinux2023, format!("amazon-linux-2023/{variant}"));
        let bottlerocket = |variants: &[&str], arch: &str| {
            let latest = |variant: &&str| {
                format!("/aws/service/bottlerocket/aws-k8s-{kubernetes_version}{variant}/{arch}/latest/image_version")
            };
            let parameters = variants.iter().map(latest).collect();
            Ok(Self { family: Family::Bottlerocket, parameters, format: Format::Plain })
        };
        let windows = |edition: &str| {
            Ok(Self {
                family: Family::Windows,
                parameters: vec![format!(
                    "/aws/service/ami-windows-latest/Windows_Server-{edition}-EKS_Optimized-{kubernetes_version}"
                )],
                format: Format::Json,
            })
        };
        match ami_type {
            AmiTypes::Al2X8664 => linux_2(""),
            AmiTypes::Al2X8664Gpu => linux_2("-gpu"),
            AmiTypes::Al2Arm64 => linux_2("-arm64"),
            AmiTypes::Al2023X8664Standard => linux_2023("x86_64/standard"),
            AmiTypes::Al2023Arm64Standard => linux_2023("arm64/standard"),
            AmiTypes::Al2023X8664Nvidia => linux_2023("x86_64/nvidia"),
            AmiTypes::Al2023Arm64Nvidia => linux_2023("arm64/nvidia"),
            AmiTypes::Al2023X8664Neuron => linux_2023("x86_64/neuron"),
            AmiTypes::BottlerocketX8664 => bottlerocket(&[""], "x86_64"),
            AmiTypes::BottlerocketArm64 => bottlerocket(&[""], "arm64"),
            AmiTypes::BottlerocketX8664Fips => bottlerocket(&["-fips"], "x86_64"),
            AmiTypes::BottlerocketArm64Fips => bottlerocket(&["-fips"], "arm64"),
            AmiTypes::BottlerocketX8664Nvidia => bottlerocket(&["-nvidia"], "x86_64"),
            AmiTypes::BottlerocketArm64Nvidia => bottlerocket(&["-nvidia"], "arm64"),
            // It is unverified whether `-nvidia-fips` exists. Both variants share one release version, so `-fips` is used if it
            // does not.
            AmiTypes::BottlerocketX8664NvidiaFips => bottlerocket(&["-nvidia-fips", "-fips"], "x86_64"),
            AmiTypes::BottlerocketArm64NvidiaFips => bottlerocket(&["-nvidia-fips", "-fips"], "arm64"),
            AmiTypes::WindowsCore2019X8664 => windows("2019-English-Core"),
            AmiTypes::WindowsFull2019X8664 => windows("2019-English-Full"),
            AmiTypes::WindowsCore2022X8664 => windows("2022-English-Core"),
            AmiTypes::WindowsFull2022X8664 => windows("2022-English-Full"),
            AmiTypes::WindowsCore2025X8664 => windows("2025-English-Core"),
            AmiTypes::WindowsFull2025X8664 => windows("2025-English-Full"),
            AmiTypes::Custom => Err(NoTrack::Custom),
            _ => Err(NoTrack::Unknown),
        }
    }
}

impl TrackKey {
    /// The track of this Kubernetes version and AMI type.
    #[must_use]
    pub fn new(version: &str, ami_type: &AmiTypes) -> Self {
        Self { version: version.to_owned(), ami_type: ami_type.clone() }
    }

    /// Where AWS publishes its releases.
    ///
    /// # Errors
    /// When AWS publishes none for the AMI type.
    pub fn track(&self) -> Result<ReleaseTrack, NoTrack> {
        ReleaseTrack::of(&self.ami_type, &self.version)
    }
}

impl fmt::Display for TrackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.version, self.ami_type.as_str())
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AmazonLinux2 => "Amazon Linux 2",
            Self::AmazonLinux2023 => "Amazon Linux 2023",
            Self::Bottlerocket => "Bottlerocket",
            Self::Windows => "Windows",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a value of the SDK's `AmiTypes`, for Kubernetes 1.33.
    const TABLE: &[(&str, &[&str])] = &[
        ("AL2_x86_64", &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2/recommended/release_version"]),
        ("AL2_x86_64_GPU", &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2-gpu/recommended/release_version"]),
        ("AL2_ARM_64", &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2-arm64/recommended/release_version"]),
        (
            "AL2023_x86_64_STANDARD",
            &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/release_version"],
        ),
        (
            "AL2023_ARM_64_STANDARD",
            &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/arm64/standard/recommended/release_version"],
        ),
        (
            "AL2023_x86_64_NVIDIA",
            &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/nvidia/recommended/release_version"],
        ),
        (
            "AL2023_ARM_64_NVIDIA",
            &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/arm64/nvidia/recommended/release_version"],
        ),
        (
            "AL2023_x86_64_NEURON",
            &["/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/neuron/recommended/release_version"],
        ),
        ("BOTTLEROCKET_x86_64", &["/aws/service/bottlerocket/aws-k8s-1.33/x86_64/latest/image_version"]),
        ("BOTTLEROCKET_ARM_64", &["/aws/service/bottlerocket/aws-k8s-1.33/arm64/latest/image_version"]),
        ("BOTTLEROCKET_x86_64_FIPS", &["/aws/service/bottlerocket/aws-k8s-1.33-fips/x86_64/latest/image_version"]),
        ("BOTTLEROCKET_ARM_64_FIPS", &["/aws/service/bottlerocket/aws-k8s-1.33-fips/arm64/latest/image_version"]),
        ("BOTTLEROCKET_x86_64_NVIDIA", &["/aws/service/bottlerocket/aws-k8s-1.33-nvidia/x86_64/latest/image_version"]),
        ("BOTTLEROCKET_ARM_64_NVIDIA", &["/aws/service/bottlerocket/aws-k8s-1.33-nvidia/arm64/latest/image_version"]),
        (
            "BOTTLEROCKET_x86_64_NVIDIA_FIPS",
            &[
                "/aws/service/bottlerocket/aws-k8s-1.33-nvidia-fips/x86_64/latest/image_version",
                "/aws/service/bottlerocket/aws-k8s-1.33-fips/x86_64/latest/image_version",
            ],
        ),
        (
            "BOTTLEROCKET_ARM_64_NVIDIA_FIPS",
            &[
                "/aws/service/bottlerocket/aws-k8s-1.33-nvidia-fips/arm64/latest/image_version",
                "/aws/service/bottlerocket/aws-k8s-1.33-fips/arm64/latest/image_version",
            ],
        ),
        (
            "WINDOWS_CORE_2019_x86_64",
            &["/aws/service/ami-windows-latest/Windows_Server-2019-English-Core-EKS_Optimized-1.33"],
        ),
        (
            "WINDOWS_FULL_2019_x86_64",
            &["/aws/service/ami-windows-latest/Windows_Server-2019-English-Full-EKS_Optimized-1.33"],
        ),
        (
            "WINDOWS_CORE_2022_x86_64",
            &["/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.33"],
        ),
        (
            "WINDOWS_FULL_2022_x86_64",
            &["/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-EKS_Optimized-1.33"],
        ),
        (
            "WINDOWS_CORE_2025_x86_64",
            &["/aws/service/ami-windows-latest/Windows_Server-2025-English-Core-EKS_Optimized-1.33"],
        ),
        (
            "WINDOWS_FULL_2025_x86_64",
            &["/aws/service/ami-windows-latest/Windows_Server-2025-English-Full-EKS_Optimized-1.33"],
        ),
    ];

    #[test]
    fn every_ami_type_of_the_sdk_has_its_row() {
        let mut rows: Vec<&str> = TABLE.iter().map(|(ami_type, _)| *ami_type).collect();
        rows.push("CUSTOM");
        rows.sort_unstable();
        let mut values = AmiTypes::values().to_vec();
        values.sort_unstable();
        assert_eq!(rows, values);
    }

    #[test]
    fn every_row_names_the_parameters_of_its_ami_type() {
        for (ami_type, parameters) in TABLE {
            let track = ReleaseTrack::of(&AmiTypes::from(*ami_type), "1.33").expect(ami_type);
            assert_eq!(track.parameters, *parameters, "{ami_type}");
            let windows = ami_type.starts_with("WINDOWS");
            assert_eq!(track.format == Format::Json, windows, "{ami_type}");
        }
    }

    #[test]
    fn every_row_names_its_family() {
        for (ami_type, _) in TABLE {
            let family = match ami_type.split('_').next() {
                Some("AL2") => Family::AmazonLinux2,
                Some("AL2023") => Family::AmazonLinux2023,
                Some("BOTTLEROCKET") => Family::Bottlerocket,
                _ => Family::Windows,
            };
            let track = ReleaseTrack::of(&AmiTypes::from(*ami_type), "1.33").expect(ami_type);
            assert_eq!(track.family, family, "{ami_type}");
        }
    }

    #[test]
    fn a_custom_ami_has_no_track() {
        assert_eq!(ReleaseTrack::of(&AmiTypes::Custom, "1.33"), Err(NoTrack::Custom));
    }

    #[test]
    fn an_unknown_ami_type_is_not_guessed() {
        let future = AmiTypes::from("AL2026_x86_64_STANDARD");
        assert_eq!(ReleaseTrack::of(&future, "1.33"), Err(NoTrack::Unknown));
    }
}
