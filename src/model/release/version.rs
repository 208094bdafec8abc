//! Release versions, and which of two is newer.
//!
//! AWS withdraws releases, and then the parameter of the latest release goes back. So "different" never means "newer": each
//! family has its own order, and two releases of different tracks have none.

use std::cmp::Ordering;
use std::fmt;

use super::track::Family;

/// A release of an EKS-optimized AMI, such as `1.33.1-20260610`, `1.34.0-18d04e52` or `1.35-2026.08.15`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseVersion {
    text: String,
    family: Family,
    parts: Parts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Parts {
    /// Kubernetes minor version, then patch and build date.
    AmazonLinux { minor: (u32, u32), order: (u32, u32) },
    /// Bottlerocket's own version; the commit that follows has no order.
    Bottlerocket { version: (u32, u32, u32) },
    /// Kubernetes minor version, then build date.
    Windows { minor: (u32, u32), date: u32 },
}

/// Two releases that cannot be ordered, or a text that is not a release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// The text does not have the family's format.
    #[error("{text:?} is not a release version of {family}")]
    Malformed {
        /// What was read.
        text: String,
        /// The family whose format was expected.
        family: Family,
    },
    /// The releases belong to different Kubernetes versions or families, or differ in a part without an order.
    #[error("{left} and {right} cannot be ordered")]
    DifferentTracks {
        /// One release.
        left: String,
        /// The other.
        right: String,
    },
}

impl ReleaseVersion {
    /// Reads a release in its family's format.
    ///
    /// # Errors
    /// [`NotComparable::Malformed`] for any other text.
    pub fn parse(family: Family, text: &str) -> Result<Self, NotComparable> {
        let parts = match family {
            Family::AmazonLinux2 | Family::AmazonLinux2023 => amazon_linux(text),
            Family::Bottlerocket => bottlerocket(text),
            Family::Windows => windows(text),
        };
        let parts = parts.ok_or_else(|| NotComparable::Malformed { text: text.to_owned(), family })?;
        Ok(Self { text: text.to_owned(), family, parts })
    }

    /// Whether a text has the format of any family.
    #[must_use]
    pub fn is_of_any_family(text: &str) -> bool {
        amazon_linux(text).or_else(|| bottlerocket(text)).or_else(|| windows(text)).is_some()
    }

    /// The order of two releases of one track.
    ///
    /// ```
    /// use std::cmp::Ordering;
    ///
    /// use eks_nodegroup_updater::model::release::track::Family;
    /// use eks_nodegroup_updater::model::release::version::ReleaseVersion;
    ///
    /// let newer = ReleaseVersion::parse(Family::AmazonLinux2023, "1.33.2-20260101")?;
    /// let older = ReleaseVersion::parse(Family::AmazonLinux2023, "1.33.1-20260610")?;
    /// assert_eq!(newer.compare(&older)?, Ordering::Greater);
    /// # Ok::<(), eks_nodegroup_updater::model::release::version::NotComparable>(())
    /// ```
    ///
    /// # Errors
    /// [`NotComparable::DifferentTracks`] across Kubernetes versions and families, and for two Bottlerocket builds of one
    /// version.
    pub fn compare(&self, other: &Self) -> Result<Ordering, NotComparable> {
        let ordering = match (&self.parts, &other.parts) {
            (Parts::AmazonLinux { minor, order }, Parts::AmazonLinux { minor: other_minor, order: other_order })
                if minor == other_minor =>
            {
                Some(order.cmp(other_order))
            }
            (Parts::Bottlerocket { version }, Parts::Bottlerocket { version: other_version }) => {
                Some(version.cmp(other_version)).filter(|ordering| ordering.is_ne() || self.text == other.text)
            }
            (Parts::Windows { minor, date }, Parts::Windows { minor: other_minor, date: other_date })
                if minor == other_minor =>
            {
                Some(date.cmp(other_date))
            }
            _ => None,
        };
        ordering.ok_or_else(|| NotComparable::DifferentTracks { left: self.text.clone(), right: other.text.clone() })
    }

    /// Whether a text names an older release of the same track.
    #[must_use]
    pub fn is_newer_than(&self, text: &str) -> bool {
        let other = Self::parse(self.family, text);
        other.and_then(|other| self.compare(&other)).is_ok_and(Ordering::is_gt)
    }

    /// Whether a text names a newer release of the same track.
    #[must_use]
    pub fn is_older_than(&self, text: &str) -> bool {
        let other = Self::parse(self.family, text);
        other.and_then(|other| self.compare(&other)).is_ok_and(Ordering::is_lt)
    }

    /// Whether it belongs to this Kubernetes version; Bottlerocket's belong to all.
    #[must_use]
    pub fn is_for_kubernetes(&self, version: &str) -> bool {
        match self.parts {
            Parts::AmazonLinux { minor: (major, minor), .. } | Parts::Windows { minor: (major, minor), .. } => {
                version == format!("{major}.{minor}")
            }
            Parts::Bottlerocket { .. } => true,
        }
    }

    /// Its family, which defines format and order.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// The release as AWS wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `1.33.1-20260610`
fn amazon_linux(text: &str) -> Option<Parts> {
    let (version, date) = text.split_once('-')?;
    let (major, minor, patch) = three(version)?;
    Some(Parts::AmazonLinux { minor: (major, minor), order: (patch, date_of(date)?) })
}

/// `1.34.0-18d04e52`
fn bottlerocket(text: &str) -> Option<Parts> {
    let (version, commit) = text.split_once('-')?;
    let is_commit = commit.len() == 8 && commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let version = three(version)?;
    is_commit.then_some(Parts::Bottlerocket { version })
}

/// `1.35-2026.08.15`, and once published as `1.35-2026-01-22`
fn windows(text: &str) -> Option<Parts> {
    let (version, date) = text.split_once('-')?;
    let (major, minor) = version.split_once('.')?;
    let [_, _, _, _, b'.' | b'-', _, _, b'.' | b'-', _, _] = date.as_bytes() else { return None };
    let digits: String = date.split(['.', '-']).collect();
    Some(Parts::Windows { minor: (number(major)?, number(minor)?), date: date_of(&digits)? })
}

fn three(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.split('.').map(number);
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(version)
}

fn date_of(text: &str) -> Option<u32> {
    number(text).filter(|_| text.len() == 8)
}

/// Digits only: `parse` alone would accept `+1`.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(family: Family, left: &str, right: &str) -> Result<Ordering, NotComparable> {
        ReleaseVersion::parse(family, left)?.compare(&ReleaseVersion::parse(family, right)?)
    }

    #[test]
    fn amazon_linux_orders_by_patch_then_date() {
        let family = Family::AmazonLinux2023;
        let newer = |left, right| assert_eq!(compare(family, left, right), Ok(Ordering::Greater));
        newer("1.33.1-20260620", "1.33.1-20260610");
        newer("1.33.2-20260101", "1.33.1-20260610");
        newer("1.33.10-20260710", "1.33.9-20260610");
        assert_eq!(compare(Family::AmazonLinux2, "1.31.3-20250103", "1.31.3-20250103"), Ok(Ordering::Equal));
    }

    #[test]
    fn bottlerocket_orders_by_its_own_version_and_not_by_commit() {
        let family = Family::Bottlerocket;
        assert_eq!(compare(family, "1.34.0-18d04e52", "1.19.2-29cc92cc"), Ok(Ordering::Greater));
        assert!(compare(family, "1.34.0-18d04e52", "1.34.0-29cc92cc").is_err());
        assert_eq!(compare(family, "1.34.0-18d04e52", "1.34.0-18d04e52"), Ok(Ordering::Equal));
    }

    #[test]
    fn windows_orders_by_date_however_it_is_separated() {
        let family = Family::Windows;
        assert_eq!(compare(family, "1.35-2026.08.15", "1.35-2026-01-22"), Ok(Ordering::Greater));
        assert_eq!(compare(family, "1.35-2026.01.22", "1.35-2026-01-22"), Ok(Ordering::Equal));
    }

    #[test]
    fn releases_of_different_kubernetes_versions_have_no_order() {
        assert!(compare(Family::AmazonLinux2023, "1.34.1-20260610", "1.33.1-20260610").is_err());
        assert!(compare(Family::Windows, "1.36-2026.08.15", "1.35-2026.08.15").is_err());
    }

    #[test]
    fn releases_of_different_families_have_no_order() {
        let linux = ReleaseVersion::parse(Family::AmazonLinux2023, "1.34.0-20260610").unwrap();
        let bottlerocket = ReleaseVersion::parse(Family::Bottlerocket, "1.34.0-18d04e52").unwrap();
        assert!(linux.compare(&bottlerocket).is_err());
    }

    #[test]
    fn what_is_no_release_is_refused_by_name() {
        for (family, text) in [
            (Family::AmazonLinux2023, ""),
            (Family::AmazonLinux2023, "1.33.1"),
            (Family::AmazonLinux2023, "1.33-20260610"),
            (Family::AmazonLinux2023, "1.33.1-2026061"),
            (Family::AmazonLinux2023, "1.33.+1-20260610"),
            (Family::AmazonLinux2023, "1.33.1.1-20260610"),
            (Family::AmazonLinux2023, "1.33.99999999999-20260610"),
            (Family::AmazonLinux2023, "ami-0c099795affa953de"),
            (Family::Bottlerocket, "1.34.0"),
            (Family::Bottlerocket, "1.34.0-18D04E52"),
            (Family::Windows, "1.35-20260815"),
            (Family::Windows, "1.35-2026.08.1"),
            (Family::Windows, "1.35-20.26.08.15"),
            (Family::Windows, "1.35-2026é8.15"),
        ] {
            let error = ReleaseVersion::parse(family, text).unwrap_err();
            assert_eq!(error.to_string(), format!("{text:?} is not a release version of {family}"));
        }
    }

    fn release() -> impl Strategy<Value = ReleaseVersion> {
        (1..3u32, 30..32u32, 0..3u32, 20260101..20260104u32).prop_map(|(major, minor, patch, date)| {
            let text = format!("{major}.{minor}.{patch}-{date}");
            ReleaseVersion::parse(Family::AmazonLinux2023, &text).unwrap()
        })
    }

    proptest! {
        #[test]
        fn the_order_is_total_within_a_track_and_absent_across(
            a in release(), b in release(), c in release()
        ) {
            let same_track = |x: &ReleaseVersion, y: &ReleaseVersion| x.as_str()[..4] == y.as_str()[..4];
            prop_assert_eq!(a.compare(&b).is_ok(), same_track(&a, &b));
            if let (Ok(forward), Ok(backward)) = (a.compare(&b), b.compare(&a)) {
                prop_assert_eq!(forward, backward.reverse());
                prop_assert_eq!(forward.is_eq(), a == b);
            }
            if let (Ok(Ordering::Less), Ok(Ordering::Less)) = (a.compare(&b), b.compare(&c)) {
                prop_assert_eq!(a.compare(&c), Ok(Ordering::Less));
            }
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC{0,40}") {
            for family in [Family::AmazonLinux2023, Family::Bottlerocket, Family::Windows] {
                let _ = ReleaseVersion::parse(family, &text);
            }
        }
    }
}
