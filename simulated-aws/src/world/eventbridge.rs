//! What a test does to buses, and the events put on them.

use crate::state::eventbridge::PutEvent;
use crate::world::World;

impl World {
    /// Creates a bus. There is one from the beginning, `default`.
    pub fn create_event_bus(&self, name: &str) {
        self.state().buses.names.insert(name.to_owned());
    }

    /// Removes a bus: what is put on it is accepted from then on, and gone, as AWS does it.
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

    /// From now on every so many-th entry of `PutEvents` is refused, by an answer that is a success itself.
    pub fn refuse_events(&self, every: Option<usize>) {
        self.state().buses.refuse_every = every;
    }
}
