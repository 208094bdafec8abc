//! What a test does to AMI releases.

use crate::state::State;
use crate::state::ids::hexadecimal;
use crate::world::World;
use crate::world::announcement::Announcement;

impl World {
    /// Publishes a release: SSM recommends it from now on, and EKS accepts it (unless
    /// [`World::ssm_ahead_of_eks`]). Answers the names of the parameters written: none for an AMI type that SSM
    /// does not know, whose release EKS accepts all the same.
    pub fn publish_release(&self, ami_type: &str, kubernetes_version: &str, release: &str) -> Vec<String> {
        let mut state = self.state();
        let ahead = state.quirks.ssm_ahead_of_eks;
        let releases = state.releases.entry((ami_type.to_owned(), kubernetes_version.to_owned())).or_default();
        releases.recommend(release, ahead);
        announce(&mut state, ami_type, kubernetes_version, release, true)
    }

    /// Withdraws the release that SSM recommends, as happens when an AMI is recalled: the recommendation goes back
    /// to the release before, which is answered. Without one, everything stays as it is. EKS goes on accepting it.
    pub fn withdraw_release(&self, ami_type: &str, kubernetes_version: &str) -> Option<String> {
        let mut state = self.state();
        let releases = state.releases.get_mut(&(ami_type.to_owned(), kubernetes_version.to_owned()))?;
        let older = releases.withdraw()?;
        announce(&mut state, ami_type, kubernetes_version, &older, false);
        Some(older)
    }

    /// Makes EKS accept a release, whatever SSM says.
    pub fn eks_learns(&self, ami_type: &str, kubernetes_version: &str, release: &str) {
        let key = (ami_type.to_owned(), kubernetes_version.to_owned());
        self.state().releases.entry(key).or_default().accept(release);
    }
}

/// Writes the parameters of a recommendation, and of a new release its own; answers their names.
fn announce(state: &mut State, ami_type: &str, kubernetes: &str, release: &str, is_new: bool) -> Vec<String> {
    let Some(announcement) = Announcement::of(ami_type, kubernetes, release) else { return Vec::new() };
    let image_id = format!("ami-{}", hexadecimal(&format!("{ami_type}/{kubernetes}/{release}"), 17));
    let mut parameters = announcement.recommendation(&image_id, release);
    if is_new {
        parameters.extend(announcement.own(&image_id, release));
    }
    for (name, value) in &parameters {
        state.put_parameter(name, value);
    }
    parameters.into_iter().map(|(name, _)| name).collect()
}
