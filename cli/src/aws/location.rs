//! Where something is, as documents and messages name it.

use serde::Serialize;

use super::caller::Caller;
use super::place::Place;
use super::stack::Deployment;

/// An account and a region in a document.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The profile, if the command line names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The account, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The region.
    pub region: String,
}

impl Location {
    /// Where a place is. The stack knows its account; without one, STS is asked.
    pub async fn of(place: &Place, deployment: Option<&Deployment>) -> Self {
        let account = match deployment {
            Some(deployment) => Some(deployment.account.clone()),
            None => Caller::ask(&place.configuration).await.ok().map(|caller| caller.account),
        };
        Self { profile: place.profile.clone(), account, region: place.region.clone() }
    }

    /// Its name: the profile or else the account, and the region.
    pub fn name(&self) -> String {
        name_of(self.profile.as_deref().or(self.account.as_deref()), Some(&self.region))
    }
}

/// The name of a profile or an account, and a region, as far as they are known.
pub fn name_of(account: Option<&str>, region: Option<&str>) -> String {
    [account, region].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
