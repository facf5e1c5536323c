//! Two workers on two cores, in clear, 64 bytes, from clients to the network: what two do that are
//! each fed on their own, and what a packet costs the worker that it is not for.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

use pns::dataplane::batch::BURST;
use pns::flow::Encryption;

use super::FLOWS;
use super::bench::{Item, Kind, Lane, Way, lanes};
use super::medium::Medium;
use crate::Outcome;
use crate::load::Load;
use crate::measure::{Effort, Meter, Pairs, percentile};
use crate::report::{Case, Report, Workers};

const PEER: &str = "one worker alone, fed with its own calls' frames";
const KIND: Kind = Kind {
    way: Way::Upstream,
    encryption: Encryption::Off,
    flows: FLOWS,
    load: Load::Short,
};

/// Where both threads meet.
struct Meeting {
    barrier: Barrier,
    /// How many have arrived at starts so far: threads that slept at the barrier spin the rest.
    started: AtomicUsize,
    /// The first worker has done its part of the second one's frames.
    handed: AtomicBool,
    /// The second worker's frames, which come by the first one's cable.
    lent: Mutex<Vec<Item>>,
}

impl Meeting {
    fn new() -> Self {
        Self {
            barrier: Barrier::new(2),
            started: AtomicUsize::new(0),
            handed: AtomicBool::new(false),
            lent: Mutex::default(),
        }
    }

    /// Goes on when the other is here too.
    fn meet(&self) {
        self.barrier.wait();
    }

    /// The same, at the same moment.
    fn start(&self) {
        self.barrier.wait();
        let started = self.started.fetch_add(1, Ordering::SeqCst);
        while self.started.load(Ordering::SeqCst) < (started | 1) + 1 {
            std::hint::spin_loop();
        }
    }

    fn lent(&self) -> MutexGuard<'_, Vec<Item>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn run<M: Medium + Sync>(
    medium: &mut M,
    effort: Effort,
    meter: &mut Meter,
) -> Outcome<Report> {
    let (mut lanes, _octets) = lanes(medium, 2, KIND)?;
    let [first, second] = lanes.as_mut_slice() else {
        return Err("there are not two workers".into());
    };
    let rounds = effort.rigs() * effort.rig_rounds();
    let (mut two, mut handoff) = (Pairs::default(), Pairs::default());
    let mut both = Vec::new();
    let meeting = Meeting::new();
    let medium = &*medium;
    let theirs = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let _entered = medium.enter().map_err(|error| error.to_string());
            let mut meter = Meter::new();
            let round = |_| follow(second, &meeting, &mut meter).map_err(|error| error.to_string());
            (0..rounds).map(round).collect::<Result<Vec<_>, _>>()
        });
        both.extend((0..rounds).map(|_| lead(first, &meeting, meter)));
        other.join()
    });
    let theirs = theirs.map_err(|_panicked| "the second worker has failed")??;
    let packets = KIND.packets();
    let mut ratios = Vec::new();
    for (ours, theirs) in both.into_iter().zip(theirs) {
        let Cycles {
            together,
            alone,
            handed,
        } = ours?;
        for (((together, alone), handed), theirs) in
            together.into_iter().zip(alone).zip(handed).zip(theirs)
        {
            two.add(BURST as u32, f64::midpoint(together, theirs), alone);
            handoff.add(BURST as u32, handed, alone);
            ratios.push(alone / together + alone / theirs);
        }
    }
    for lane in &lanes {
        lane.post.check()?;
    }
    let quiet = percentile(two.peer(), 1) / percentile(two.ours(), 1);
    let workers = Workers {
        ports: medium.name(),
        two_over_one: percentile(&ratios, 50),
        two_over_one_p1: 2.0 * quiet,
        handoff_cycles_p50: percentile(handoff.ours(), 50),
        handoff_cycles_p1: percentile(handoff.ours(), 1),
    };
    let cases = vec![
        Case::new("two", Load::Short, FLOWS, &two),
        Case::new("handoff", Load::Short, FLOWS, &handoff),
    ];
    let verified = rounds as u64 * 4 * u64::from(packets);
    let headline = [workers.two_over_one, f64::NAN, f64::NAN, f64::NAN];
    let report = Report::new("workers", PEER, effort, meter, headline, cases);
    Ok(report.of_workers(verified, workers))
}

/// What the first worker took for each burst, in cycles.
struct Cycles {
    together: Vec<f64>,
    alone: Vec<f64>,
    handed: Vec<f64>,
}

/// A round of the first worker: together with the second, alone, and with the second's frames. After a
/// failure it goes on, since the other waits for it.
fn lead<M: Medium>(lane: &mut Lane<M>, meeting: &Meeting, meter: &mut Meter) -> Outcome<Cycles> {
    let items = prepare(lane);
    meeting.start();
    let together = lane.sample(meter);
    meeting.meet();
    let first = items.and_then(|items| lane.verify(&items));
    let items = prepare(lane);
    meeting.meet();
    let alone = lane.sample(meter);
    let second = items.and_then(|items| lane.verify(&items));
    let third = lane.feed(&meeting.lent());
    meeting.start();
    let handed = lane.sample(meter);
    meeting.handed.store(true, Ordering::SeqCst);
    meeting.meet();
    first.and(second).and(third)?;
    Ok(Cycles {
        together,
        alone,
        handed,
    })
}

/// The same round of the second worker: what its bursts took together with the first, in cycles.
fn follow<M: Medium>(
    lane: &mut Lane<M>,
    meeting: &Meeting,
    meter: &mut Meter,
) -> Outcome<Vec<f64>> {
    let items = prepare(lane);
    meeting.start();
    let together = lane.sample(meter);
    meeting.meet();
    let first = items.and_then(|items| lane.verify(&items));
    let items = lane.items();
    if let Ok(items) = &items {
        meeting.lent().clone_from(items);
    }
    meeting.handed.store(false, Ordering::SeqCst);
    meeting.meet();
    // While the first works alone, this one sleeps here.
    meeting.start();
    while !meeting.handed.load(Ordering::SeqCst) {
        lane.post.turn();
    }
    // What was handed over last.
    for _ in 0..KIND.packets() {
        lane.post.turn();
    }
    let second = items.and_then(|items| lane.verify(&items));
    meeting.meet();
    first.and(second)?;
    Ok(together)
}

/// A sample on the cable.
fn prepare<M: Medium>(lane: &mut Lane<M>) -> Outcome<Vec<Item>> {
    let items = lane.items()?;
    lane.feed(&items)?;
    Ok(items)
}
