//! What the slow path must know about frames that do not decrypt or decompress: that the keys are
//! wrong or out of reach, and that the client has to start its stateful stream afresh.

use super::flow::Flow;
use super::policer::Rate;
use crate::clock::Timestamp;
use crate::flow::FlowReport;
use crate::mppe::decrypt::DecryptRefusal;
use crate::mppe::keys::Mode;

/// With wrong keys all stateful frames but the fresh starts are only out of step, so of those it takes
/// no more than this in a row to say that the keys are wrong.
const FRESH_STARTS_FAILING: u32 = 4;
/// A stranger who can guess much makes us ask for fresh starts that nobody needs, and each costs a
/// real client something. So a flow asks at most so often.
const RESETS_PER_S: u32 = 50;
const RESETS_AT_ONCE: u32 = 10;

/// What the slow path must know about a frame that did not decrypt.
#[cold]
pub(super) fn refused(
    flow: &mut Flow,
    refusal: DecryptRefusal,
    failing_after: u32,
    now: Timestamp,
) -> Option<FlowReport> {
    let key = flow.key;
    let state = flow.decrypt.as_mut()?;
    let weight = match (refusal, state.mode()) {
        (DecryptRefusal::Implausible, Mode::Stateful) => {
            (failing_after / FRESH_STARTS_FAILING).max(1)
        }
        (DecryptRefusal::Implausible | DecryptRefusal::BudgetExhausted, _) => 1,
        _ => 0,
    };
    let before = flow.implausible;
    flow.implausible = before.saturating_add(weight);
    if before < failing_after && flow.implausible >= failing_after {
        return Some(FlowReport::DecryptionFailing { flow: key });
    }
    let wanted = state.reset_wanted(now);
    ask_for_reset(flow, wanted, now)
}

/// The client has to start afresh if that is `wanted`, unless it was asked too often.
pub(super) fn ask_for_reset(flow: &mut Flow, wanted: bool, now: Timestamp) -> Option<FlowReport> {
    let rate = Rate::new(RESETS_PER_S, RESETS_AT_ONCE);
    let wanted = wanted && flow.resets.allow(rate, now);
    wanted.then_some(FlowReport::ResetWanted { flow: flow.key })
}
