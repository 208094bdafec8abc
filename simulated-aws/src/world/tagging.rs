//! Test operations on the tag index.

use crate::world::World;

impl World {
    /// Makes the index list these tags of a resource, whether true or not: an ARN that is gone, tags that are stale.
    pub fn index_tags(&self, arn: &str, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        self.state().tag_index.insert(arn.to_owned(), tags);
    }

    /// Makes the index list the true tags of a resource again.
    pub fn reindex_tags(&self, arn: &str) {
        self.state().tag_index.remove(arn);
    }
}
