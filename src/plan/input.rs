//! What a plan is made from.

use jiff::Timestamp;

use crate::model::decision::request::StartRequest;
use crate::model::observed::fleet::Fleet;
use crate::model::observed::releases::Releases;
use crate::model::settings::Settings;

/// Everything that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The fleet as it was observed.
    pub fleet: &'a Fleet,
    /// What AWS offers.
    pub releases: &'a Releases,
    /// What the event asks for.
    pub request: &'a StartRequest,
    /// The run's request id.
    pub request_id: &'a str,
    /// The settings.
    pub settings: &'a Settings,
    /// The time of the run.
    pub now: Timestamp,
}
