//! Refusals by layer and reason: what ended machines have counted is added here, so that no count
//! is lost with its call.

use std::collections::BTreeMap;
use std::ops::Range;

use super::admission::AdmissionRefusal;
use super::call_ids::CallIdRefusal;
use super::{Call, Connection, Sessions};
use crate::pptp::Misbehaviour;

/// Counts by layer and reason.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<(&'static str, &'static str), u64>);

impl Tally {
    /// Adds `count` refusals; nothing happens for none.
    pub(super) fn add(&mut self, layer: &'static str, reason: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry((layer, reason)).or_default() += count;
        }
    }

    /// What a call's link has refused.
    pub(super) fn add_call(&mut self, call: &Call) {
        for (refusal, count) in call.link.refusals().iter() {
            self.add("ppp", refusal.name(), u64::from(count));
        }
    }

    /// What a control connection has refused.
    pub(super) fn add_connection(&mut self, connection: &Connection) {
        for misbehaviour in Misbehaviour::ALL {
            let count = connection.control.misbehaved(*misbehaviour);
            self.add("pptp", misbehaviour.name(), u64::from(count));
        }
        if let Some(malformed) = connection.control.malformed() {
            self.add("pptp", malformed.name(), 1);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (layer, reason, count) in other.iter() {
            self.add(layer, reason, count);
        }
    }

    /// Every reason that happened: layer, reason, count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.0
            .iter()
            .map(|((layer, reason), count)| (*layer, *reason, *count))
    }

    /// How often `reason` happened, in whatever layer.
    #[must_use]
    pub fn get(&self, reason: &str) -> u64 {
        self.iter()
            .filter(|(_, other, _)| *other == reason)
            .map(|(.., count)| count)
            .sum()
    }
}

impl Sessions {
    /// Everything that was refused so far, by machines that ended and by those that live.
    #[must_use]
    pub fn refusals(&self) -> Tally {
        let mut tally = self.refusals_so_far();
        tally.merge(&self.refusals_in(0..self.places()));
        tally
    }

    /// What the machines in these places have refused: a part of [`Self::refusals`].
    #[must_use]
    pub fn refusals_in(&self, places: Range<usize>) -> Tally {
        let mut tally = Tally::default();
        let calls = self.calls.iter_in(places.clone());
        calls.for_each(|(_, call)| tally.add_call(call));
        let connections = self.connections.iter_in(places);
        connections.for_each(|(_, connection)| tally.add_connection(connection));
        tally
    }

    /// The other part: what belongs to no machine that lives.
    #[must_use]
    pub fn refusals_so_far(&self) -> Tally {
        let mut tally = self.tally.clone();
        for refusal in AdmissionRefusal::ALL {
            tally.add(
                "admission",
                refusal.name(),
                self.admission.refused(*refusal),
            );
        }
        for refusal in CallIdRefusal::ALL {
            let count = self
                .call_ids
                .iter()
                .map(|call_ids| call_ids.refused(*refusal))
                .sum();
            tally.add("call_id", refusal.name(), count);
        }
        tally
    }
}
