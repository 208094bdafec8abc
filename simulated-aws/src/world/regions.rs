//! An account with several regions.

use bytes::Bytes;
use http::{Request, Response};

use crate::state::regions::RegionOptStatus;
use crate::wire::signature;
use crate::world::World;
use crate::world::exchange::ConnectionLost;

/// A simulated AWS account with several enabled regions, each of which is a world of its own. A request goes to the world of
/// the region that it is signed for; one that is signed for another region is refused, as AWS does in a region that is not
/// enabled. A clone is another handle to the same worlds.
///
/// ```
/// use simulated_aws::{Account, World};
///
/// let here = World::new("2026-07-01T08:00:00Z".parse()?);
/// let there = World::new("2026-07-01T08:00:00Z".parse()?).in_region("us-east-1");
/// let account = Account::new(here, [there]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    first: World,
    others: Vec<World>,
}

impl Account {
    /// The account with these worlds, each in a region of its own. `ListRegions` lists the regions of all.
    pub fn new(first: World, others: impl IntoIterator<Item = World>) -> Self {
        let account = Self { first, others: others.into_iter().collect() };
        let regions: Vec<String> = account.worlds().map(World::region).collect();
        for world in account.worlds() {
            let known = &mut world.state().regions;
            for region in &regions {
                known.entry(region.clone()).or_insert(RegionOptStatus::EnabledByDefault);
            }
        }
        account
    }

    /// Its worlds.
    pub fn worlds(&self) -> impl Iterator<Item = &World> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Answers one request.
    pub(crate) async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ConnectionLost> {
        let region = signature::region(request.headers());
        let world = self.worlds().find(|world| region.is_some_and(|region| region == world.region()));
        world.unwrap_or(&self.first).exchange(request).await
    }
}

impl From<World> for Account {
    fn from(world: World) -> Self {
        Self::new(world, [])
    }
}
