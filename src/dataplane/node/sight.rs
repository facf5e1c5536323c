//! The first look at a received frame: whose is it? GRE of another worker's call goes there as it is.
//! Nothing is checked here; whoever owns the call reads the frame.

use crate::dataplane::config::View;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::locate::NOBODY;
use crate::flow::FlowKey;
use crate::wire::tunnel::Sight;

/// The call that a received Ethernet frame names, and the worker that has to read the frame.
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
pub(in crate::dataplane) fn run<F: Frame>(frame: &F, view: &View) -> (FlowKey, u8) {
    let sight = Sight::of(frame.bytes());
    let named = sight.and_then(|sight| Some((view.local(sight.destination)?, sight.call_id)));
    match named {
        Some((local, call_id)) => (FlowKey::new(local, call_id), view.buckets.worker(call_id)),
        None => (NOBODY, view.index),
    }
}
