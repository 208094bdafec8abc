//! The input of a plan.

use jiff::Timestamp;

use crate::model::decision::request::StartRequest;
use crate::model::observed::fleet::Fleet;
use crate::model::observed::releases::Releases;
use crate::model::settings::Settings;

/// The input of a plan.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The fleet as it was observed.
    pub fleet: &'a Fleet,
    /// The available releases.
    pub releases: &'a Releases,
    /// The request of the event.
    pub request: &'a StartRequest,
    /// The run's request id.
    pub request_id: &'a str,
    /// The settings.
    pub settings: &'a Settings,
    /// The time of the run.
    pub now: Timestamp,
}
