//! What the flows of one worker share in one direction: the kernel, the keystream that was made ahead, and
//! where that goes on.

use crate::mppe::chain::Chain;
use crate::mppe::factory::stock_up;
use crate::mppe::kernel::Kernel;
use crate::mppe::keys::Mode;
use crate::mppe::queues::{ACTIVE_MAX, Queues};
use crate::mppe::rc4::Rc4;
use crate::mppe::stock::Stock;
use crate::mppe::tails::Tails;

/// What makes keystream for one direction of a worker's flows, and what is made and not used yet.
pub struct Engine {
    pub(super) kernel: Kernel,
    pub(super) rc4: Rc4,
    pub(super) queues: Queues,
    pub(super) stock: Stock,
    pub(super) tails: Tails,
}

impl Engine {
    /// Keystream is made ahead for flows at places below `places`, and there is room for the RC4 states of
    /// those that are stateful.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            kernel: Kernel::portable(),
            rc4: Rc4::unkeyed(),
            queues: Queues::new(places, ACTIVE_MAX),
            stock: Stock::for_places(places),
            tails: Tails::new(),
        }
    }

    /// With this kernel in place of the portable one.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// With other places.
    #[must_use]
    pub fn with_places(self, places: usize) -> Self {
        Self::new(places).with_kernel(self.kernel)
    }

    /// With keystream made ahead for no more than `active` flows at places below `places`, and `long` frames
    /// with all of theirs.
    #[must_use]
    pub fn with_stock(self, places: usize, active: usize, long: usize) -> Self {
        Self {
            queues: Queues::new(places, active),
            stock: Stock::new(places, active, long),
            ..self
        }
    }

    /// Makes keystream ahead for up to a group of lanes of stateless flows and one of stateful ones,
    /// which were active since they were last looked at. Answers at how many it looked; 0: there is
    /// enough of everything, and nothing is left of the streams that were worked on.
    pub fn stock_up(&mut self) -> usize {
        let stocked = stock_up(&mut self.stock, &mut self.kernel);
        let looked = stocked + self.queues.top_up(&mut self.kernel);
        if looked == 0 {
            self.wipe_scratch();
        }
        looked
    }

    /// Overwrites what frames and turns before this one were worked on with: flows may have ended since then.
    fn wipe_scratch(&mut self) {
        self.rc4.wipe_if_keyed();
        self.kernel.wipe();
        self.queues.wipe_scratch();
    }

    /// Keys and keystream that are made and not used yet, in bytes.
    #[must_use]
    pub fn octets_ahead(&self) -> usize {
        self.stock.octets() + self.queues.octets()
    }

    /// Stateless frames whose key is in stock, at least.
    #[must_use]
    pub fn frames_in_stock(&self) -> usize {
        self.stock.len()
    }

    /// Stateful frames that found no keystream made ahead, because too many flows were active or because they
    /// were too long.
    #[must_use]
    pub const fn frames_alone(&self) -> u64 {
        self.queues.alone()
    }

    /// Whether there is keystream for the whole of the next frame of a flow, `length` bytes long; it will be
    /// needed soon.
    #[inline]
    pub(super) fn has_soon(&self, place: u32, chain: &Chain, length: usize) -> bool {
        match chain.mode() {
            Mode::Stateless => self.stock.has_whole_soon(place, chain, length),
            Mode::Stateful => self.queues.has_soon(place, length),
        }
    }

    /// Overwrites all that is kept for a flow. `running`: its RC4 state is, too.
    pub(super) fn wipe(&mut self, place: u32, running: bool) {
        if running {
            self.queues.wipe(place);
        }
        self.stock.wipe(place);
    }
}

/// Which direction is next to get keystream ahead. Turns go to and fro, or where clients always send, those
/// who receive would never get any.
#[derive(Default)]
pub struct Alternation {
    second_is_next: bool,
}

impl Alternation {
    /// As [`Engine::stock_up`] of the direction whose turn it is; of the other one if that has enough.
    pub fn stock_up(&mut self, first: &mut Engine, second: &mut Engine) -> usize {
        let directions = if self.second_is_next {
            [second, first]
        } else {
            [first, second]
        };
        self.second_is_next = !self.second_is_next;
        let mut looked = directions.into_iter().map(Engine::stock_up);
        looked.find(|looked| *looked > 0).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
