//! Test operations on topics and messages.

use crate::state::sns::PublishedMessage;
use crate::world::World;

impl World {
    /// Creates a topic and returns its ARN; an existing one does not change. A name that ends in `.fifo` makes a
    /// FIFO topic.
    pub fn create_topic(&self, name: &str) -> String {
        self.state().create_topic(name)
    }

    /// Removes a topic: publishing to it is answered with `NotFound`.
    pub fn remove_topic(&self, topic_arn: &str) {
        self.state().topics.remove(topic_arn);
    }

    /// Subscribes to a topic with this protocol, for instance `email`; returns the subscription's ARN, or `None` if there is no
    /// such topic.
    pub fn subscribe(&self, topic_arn: &str, protocol: &str) -> Option<String> {
        self.state().subscribe(topic_arn, protocol, "")
    }

    /// Every message that was accepted, in order.
    pub fn published(&self) -> Vec<PublishedMessage> {
        self.state().published.clone()
    }

    /// Forgets the messages so far.
    pub fn clear_published(&self) {
        self.state().published.clear();
    }
}
