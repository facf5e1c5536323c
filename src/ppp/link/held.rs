//! A client's request that cannot be answered yet.

use crate::wire::ppp::{Packet, code};

/// A request longer than this does not wait; the client repeats it.
const HELD_MAX: usize = 256;

/// The latest Configure-Request of one protocol. A repetition takes the place of what it repeats,
/// so each client gets one answer, to the request that it waits for.
#[derive(Default)]
pub(super) struct Held(Option<Box<[u8]>>);

impl Held {
    /// Keeps a request; `false` for anything else. Who takes a protocol down asks no more.
    pub(super) fn keep(&mut self, packet: &Packet<'_>, payload: &[u8]) -> bool {
        match packet.code {
            code::CONFIGURE_REQUEST if payload.len() <= HELD_MAX => {
                self.0 = Some(payload.into());
                true
            }
            code::TERMINATE_REQUEST => {
                self.0 = None;
                false
            }
            _ => false,
        }
    }

    pub(super) fn take(&mut self) -> Option<Box<[u8]>> {
        self.0.take()
    }
}
