//! Test operations on buses and events.

use crate::state::eventbridge::PutEvent;
use crate::world::World;

impl World {
    /// Creates a bus. There is one from the beginning, `default`.
    pub fn create_event_bus(&self, name: &str) {
        self.state().buses.names.insert(name.to_owned());
    }

    /// Removes a bus: from then on events for it are accepted and lost, like in AWS.
    pub fn remove_event_bus(&self, name: &str) {
        self.state().buses.names.remove(name);
    }

    /// Every event that a bus accepted, in order.
    pub fn events(&self) -> Vec<PutEvent> {
        self.state().buses.events.clone()
    }

    /// Forgets the events so far.
    pub fn clear_events(&self) {
        self.state().buses.events.clear();
    }

    /// From now on every n-th entry of `PutEvents` is refused, in an answer that is itself a success.
    pub fn refuse_events(&self, every: Option<usize>) {
        self.state().buses.refuse_every = every;
    }
}
