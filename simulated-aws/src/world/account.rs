//! Test operations on the account.

use crate::state::regions::RegionOptStatus;
use crate::world::World;

impl World {
    /// Makes `ListRegions` list a region of the account with this status. At first it lists the world's own, which is
    /// enabled by default.
    pub fn set_region(&self, name: &str, status: RegionOptStatus) {
        self.state().regions.insert(name.to_owned(), status);
    }
}
