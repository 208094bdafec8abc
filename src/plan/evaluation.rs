//! How rules are evaluated: each in its turn, and the first that fails is the reason. To say what else stands against an
//! update, a rule that has failed is waived, and the rest is evaluated again.

use std::collections::BTreeSet;

use super::rings::Gates;
use crate::model::reason::Reason;
use crate::model::rule::Rule;

/// An evaluation of the rules.
#[derive(Default)]
pub(super) struct Evaluation {
    /// What is waited for at the gates of the rings.
    pub(super) gates: Gates,
    waived: BTreeSet<Rule>,
}

impl Evaluation {
    /// From now on, this rule counts as satisfied. Returns whether it did not before.
    pub(super) fn waive(&mut self, rule: Rule) -> bool {
        self.waived.insert(rule)
    }

    /// Whether this rule counts as satisfied.
    pub(super) fn waives(&self, rule: Rule) -> bool {
        self.waived.contains(&rule)
    }

    /// What a rule says, unless it counts as satisfied.
    pub(super) fn check(&self, verdict: Result<(), Reason>) -> Result<(), Reason> {
        verdict.or_else(|reason| if self.waives(reason.rule()) { Ok(()) } else { Err(reason) })
    }
}
