//! Test operations on the account and on the world's region.

use crate::state::regions::RegionOptStatus;
use crate::world::World;

impl World {
    /// The same, still empty, in another region than [`REGION`](crate::REGION): the ARNs of everything in it name the region.
    #[must_use]
    pub fn in_region(self, region: &str) -> Self {
        let mut state = self.state();
        state.arns.region = region.to_owned();
        state.regions = [(region.to_owned(), RegionOptStatus::EnabledByDefault)].into();
        drop(state);
        self
    }

    /// Its region.
    pub fn region(&self) -> String {
        self.state().arns.region.clone()
    }

    /// Makes `ListRegions` list a region of the account with this status. At first it lists the world's own, which is
    /// enabled by default.
    pub fn set_region(&self, name: &str, status: RegionOptStatus) {
        self.state().regions.insert(name.to_owned(), status);
    }
}
