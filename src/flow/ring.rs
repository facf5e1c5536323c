//! The four rings of a worker, and the flag that lets a worker wake a sleeping slow path without a
//! system call while it is awake.
//!
//! ```text
//!   slow path --commands--> worker     orders and outbound PPP control frames, one FIFO
//!   slow path --injected--> worker     frames read from a TAP or from the TUN
//!   worker ----punted-----> slow path  PPP control frames, and frames for the kernel
//!   worker ----reports----> slow path  answers
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use rtrb::{Consumer, Producer, RingBuffer};

use super::{FlowCommand, FlowKey, FlowReport, FrameBytes};

/// A frame on its way to the slow path.
pub enum Punted {
    /// A PPP control frame of a call, in clear (after decryption if it came encrypted).
    Ppp {
        /// The call, whose peer address, Call ID and sequence window were right.
        flow: FlowKey,
        /// The frame from its protocol field on.
        frame: FrameBytes,
    },
    /// An Ethernet frame for the kernel, by the TAP of `port`.
    Ethernet {
        /// The port that it came in by.
        port: u8,
        /// The frame without a VLAN tag.
        frame: FrameBytes,
    },
    /// An IP packet of a call for the kernel, by the TUN.
    Inner {
        /// The call.
        flow: FlowKey,
        /// The packet.
        frame: FrameBytes,
    },
}

/// A frame from the kernel on its way out.
pub enum Injected {
    /// Read from the TAP of `port`: goes out of that port as it is.
    Ethernet {
        /// The port to leave by.
        port: u8,
        /// The frame without a VLAN tag.
        frame: FrameBytes,
    },
    /// Read from the TUN: an IP packet for whoever leases its destination.
    Downstream {
        /// The packet.
        frame: FrameBytes,
    },
}

/// How many slots each ring has.
#[derive(Clone, Copy, Debug)]
pub struct RingCapacities {
    /// Commands.
    pub commands: usize,
    /// Injected frames.
    pub injected: usize,
    /// Punted frames.
    pub punted: usize,
    /// Reports. The slow path keeps fewer commands outstanding than this, so a report always fits.
    pub reports: usize,
}

impl Default for RingCapacities {
    fn default() -> Self {
        Self {
            commands: 1024,
            injected: 1024,
            punted: 1024,
            reports: 2048,
        }
    }
}

/// The slow path's ends of one worker's rings.
pub struct SlowPathEnds {
    /// Orders to the worker.
    pub commands: Producer<FlowCommand>,
    /// Frames from the kernel.
    pub injected: Producer<Injected>,
    /// Frames from the worker.
    pub punted: Consumer<Punted>,
    /// Answers from the worker.
    pub reports: Consumer<FlowReport>,
}

/// The worker's ends of its rings.
pub struct WorkerEnds {
    /// Orders.
    pub commands: Consumer<FlowCommand>,
    /// Frames from the kernel.
    pub injected: Consumer<Injected>,
    /// Frames to the slow path.
    pub punted: Producer<Punted>,
    /// Answers.
    pub reports: Producer<FlowReport>,
}

/// Makes the four rings of one worker.
#[must_use]
pub fn rings(capacities: RingCapacities) -> (SlowPathEnds, WorkerEnds) {
    let (commands, worker_commands) = RingBuffer::new(capacities.commands);
    let (injected, worker_injected) = RingBuffer::new(capacities.injected);
    let (worker_punted, punted) = RingBuffer::new(capacities.punted);
    let (worker_reports, reports) = RingBuffer::new(capacities.reports);
    (
        SlowPathEnds {
            commands,
            injected,
            punted,
            reports,
        },
        WorkerEnds {
            commands: worker_commands,
            injected: worker_injected,
            punted: worker_punted,
            reports: worker_reports,
        },
    )
}

/// Lets workers wake the slow path: `wake` is a system call only while the slow path sleeps.
///
/// The slow path calls [`Self::prepare_to_sleep`], looks at its rings once more, sleeps if they are
/// empty, and calls [`Self::awake`] after. A worker calls [`Self::notify`] after it has written.
pub struct Doorbell {
    asleep: AtomicBool,
    ring: Box<dyn Fn() + Send + Sync>,
}

impl Doorbell {
    /// `ring` wakes the slow path from any thread.
    #[must_use]
    pub fn new(ring: Box<dyn Fn() + Send + Sync>) -> Arc<Self> {
        Arc::new(Self {
            asleep: AtomicBool::new(false),
            ring,
        })
    }

    /// Announces sleep; what was written before this is seen by a look at the rings after it.
    pub fn prepare_to_sleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The slow path is up.
    pub fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Wakes the slow path whatever it does: for those who speak seldom, and by no ring.
    pub fn ring(&self) {
        (self.ring)();
    }

    /// Tells the slow path that a ring has something.
    #[inline]
    pub fn notify(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            (self.ring)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mppe::keys::Suite;
    use crate::wire::call_id::CallId;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn commands_keep_their_order_and_a_full_ring_gives_the_command_back() {
        let capacities = RingCapacities {
            commands: 2,
            injected: 1,
            punted: 1,
            reports: 1,
        };
        let (mut slow, mut worker) = rings(capacities);
        for id in [1, 2] {
            let flow = FlowKey::new(0, CallId::new(id));
            assert!(slow.commands.push(FlowCommand::Close { flow }).is_ok());
        }
        let flow = FlowKey::new(0, CallId::new(3));
        assert!(
            slow.commands
                .push(FlowCommand::ArmUpstream {
                    flow,
                    agreement: Suite::STATELESS_128.into()
                })
                .is_err()
        );
        assert_eq!(worker.commands.pop().unwrap().flow().call_id.get(), 1);
        assert_eq!(worker.commands.pop().unwrap().flow().call_id.get(), 2);
    }

    #[test]
    fn the_doorbell_rings_once_for_each_sleep_and_never_while_awake() {
        let rung = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&rung);
        let bell = Doorbell::new(Box::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        bell.notify();
        assert_eq!(rung.load(Ordering::Relaxed), 0);
        bell.prepare_to_sleep();
        bell.notify();
        bell.notify();
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        bell.awake();
        bell.notify();
        assert_eq!(rung.load(Ordering::Relaxed), 1);
    }
}
