//! Test operations on parameters and change calendars.

use jiff::Timestamp;

use crate::world::World;

impl World {
    /// Writes a parameter: a new version of it, changed now.
    pub fn put_parameter(&self, name: &str, value: &str) {
        self.state().put_parameter(name, value);
    }

    /// Removes a parameter with its history.
    pub fn remove_parameter(&self, name: &str) {
        self.state().parameters.remove(name);
    }

    /// Makes this a region without any parameter under a prefix, for instance `/aws/service/bottlerocket`: a call that names
    /// one fails as a whole with `AccessDeniedException`.
    pub fn no_parameters_under(&self, prefix: &str) {
        self.state().absent_prefixes.insert(prefix);
    }

    /// The current value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let state = self.state();
        let (value, _) = state.parameters.get(name)?.versions.last()?;
        Some(value.clone())
    }

    /// Adds a change calendar, if there is none of this name. It is open except while [`World::close_calendar`] closes
    /// it.
    pub fn add_calendar(&self, name: &str) {
        self.state().calendars.entry(name.to_owned()).or_default();
    }

    /// Closes a change calendar from an instant until just before another; a missing calendar is added. Spans add up,
    /// and may overlap.
    pub fn close_calendar(&self, name: &str, from: Timestamp, until: Timestamp) {
        self.state().calendars.entry(name.to_owned()).or_default().closed.push((from, until));
    }
}
