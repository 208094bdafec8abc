//! Test operations on AMI releases.

use crate::state::State;
use crate::state::ids::hexadecimal;
use crate::state::releases::Releases;
use crate::world::World;
use crate::world::announcement::Announcement;

impl World {
    /// Publishes a release: SSM recommends it from now on, and EKS accepts it (unless
    /// [`World::ssm_ahead_of_eks`]). Returns the names of the parameters written: none for an AMI type that SSM does not know,
    /// whose release EKS still accepts.
    pub fn publish_release(&self, ami_type: &str, kubernetes_version: &str, release: &str) -> Vec<String> {
        let mut state = self.state();
        let ahead = state.quirks.ssm_ahead_of_eks;
        let releases = releases(&mut state, ami_type, kubernetes_version);
        releases.recommend(release);
        match ahead {
            true => releases.withhold(release),
            false => releases.accept(release),
        }
        announce(&mut state, Parameters::of(ami_type, kubernetes_version, release))
    }

    /// Publishes a release in SSM only: EKS refuses it until [`World::eks_learns`] of it, if ever. Returns the names of the
    /// parameters written.
    pub fn publish_release_unknown_to_eks(
        &self,
        ami_type: &str,
        kubernetes_version: &str,
        release: &str,
    ) -> Vec<String> {
        let mut state = self.state();
        let releases = releases(&mut state, ami_type, kubernetes_version);
        releases.recommend(release);
        releases.refuse(release);
        announce(&mut state, Parameters::of(ami_type, kubernetes_version, release))
    }

    /// Builds a release without publishing it: only the parameters of its own are written, SSM does not recommend it,
    /// and EKS refuses it. Returns the names of the parameters written: none for Windows, which has none of this kind.
    pub fn build_release(&self, ami_type: &str, kubernetes_version: &str, release: &str) -> Vec<String> {
        let mut state = self.state();
        releases(&mut state, ami_type, kubernetes_version).refuse(release);
        write_new(&mut state, Parameters::of(ami_type, kubernetes_version, release).own)
    }

    /// Withdraws the release that SSM recommends, as happens when an AMI is recalled: the recommendation goes back to the
    /// release before, which is returned. Without one, nothing changes. EKS still accepts the release, and its own parameters
    /// stay.
    pub fn withdraw_release(&self, ami_type: &str, kubernetes_version: &str) -> Option<String> {
        let mut state = self.state();
        let older = releases(&mut state, ami_type, kubernetes_version).withdraw()?;
        write(&mut state, Parameters::of(ami_type, kubernetes_version, &older).recommendation);
        Some(older)
    }

    /// Makes EKS accept a release, regardless of SSM.
    pub fn eks_learns(&self, ami_type: &str, kubernetes_version: &str, release: &str) {
        releases(&mut self.state(), ami_type, kubernetes_version).accept(release);
    }
}

fn releases<'a>(state: &'a mut State, ami_type: &str, kubernetes: &str) -> &'a mut Releases {
    state.releases.entry((ami_type.to_owned(), kubernetes.to_owned())).or_default()
}

/// The parameters of one release, names and values; none for an AMI type that SSM does not know.
#[derive(Default)]
struct Parameters {
    recommendation: Vec<(String, String)>,
    own: Vec<(String, String)>,
}

impl Parameters {
    fn of(ami_type: &str, kubernetes: &str, release: &str) -> Self {
        let Some(announcement) = Announcement::of(ami_type, kubernetes, release) else { return Self::default() };
        let image_id = format!("ami-{}", hexadecimal(&format!("{ami_type}/{kubernetes}/{release}"), 17));
        Self {
            recommendation: announcement.recommendation(&image_id, release),
            own: announcement.own(&image_id, release),
        }
    }
}

/// Recommends a release; its own parameters do not change if its build wrote them. Returns the names written.
fn announce(state: &mut State, parameters: Parameters) -> Vec<String> {
    let mut names = write(state, parameters.recommendation);
    names.extend(write_new(state, parameters.own));
    names
}

/// Writes the parameters that do not exist yet; returns their names.
fn write_new(state: &mut State, mut parameters: Vec<(String, String)>) -> Vec<String> {
    parameters.retain(|(name, _)| !state.parameters.contains_key(name));
    write(state, parameters)
}

fn write(state: &mut State, parameters: Vec<(String, String)>) -> Vec<String> {
    for (name, value) in &parameters {
        state.put_parameter(name, value);
    }
    parameters.into_iter().map(|(name, _)| name).collect()
}
