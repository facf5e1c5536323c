//! Keystream of stateful flows, made before there are frames for it.
//!
//! A stateful stream depends on no data and on no frame length, so it can be made ahead, for many flows
//! at once. But lanes in lockstep share index i, and where frames end it differs from flow to flow.
//! So an active flow has a queue: its stream stands at a multiple of 256 bytes, what was made and not
//! used yet waits in the queue, and all flows that are refilled together are at the same i.
//!
//! Queues come from a pool of fixed size. A flow gets one when it is about to send or receive, and
//! loses it when its stream starts afresh or ends, or to another flow if it was idle: RC4 runs
//! backwards too, so a stream can always be put back to where its next frame needs it. A flow
//! without a queue goes on alone, frame by frame. Keystream is wiped as it is used.

use arrayvec::ArrayVec;
use zeroize::optimization_barrier;

use crate::mppe::batch::{BATCH, Latest};
use crate::mppe::kernel::{Kernel, LANES_MAX, write_chunk};
use crate::mppe::pool::Pool;
use crate::mppe::rc4::{Rc4, StoredRc4, stored_i};
use crate::mppe::streams::Streams;

/// Bytes that all lanes of a refill make.
const REFILL: usize = 1024;
/// A frame of 1536 bytes fits whatever is left before a refill or two; with more room than that, what is
/// left need not be moved for each.
const CAPACITY: usize = 4096;
/// Refills of one frame at most: nothing left, and the longest frame that fits.
const ROUNDS: usize = 3;
/// Frames of a burst that are looked at when one of them finds no keystream.
const LOOK_AHEAD: usize = LANES_MAX;
/// Queues taken from idle flows in one burst, at most: each costs up to 4,096 steps of RC4.
const EVICTIONS: u8 = 2;
/// Flows of a worker that have a queue at the same time, in one direction.
pub(super) const ACTIVE_MAX: usize = 4096;

/// A frame that will need keystream.
#[derive(Clone, Copy)]
pub(super) struct Demand {
    /// Which frame of the burst it is.
    pub(super) job: usize,
    /// The flow's place.
    pub(super) place: u32,
    /// Bytes of the frame; 0 if RC4 does not run on for it.
    pub(super) length: usize,
}

/// The frames of a burst that will need keystream, in their order.
pub(super) type Demands = ArrayVec<Demand, BATCH>;

/// What is left in a queue.
#[derive(Clone, Copy, Default)]
struct Head {
    start: u16,
    end: u16,
}

impl Head {
    const fn left(self) -> usize {
        (self.end - self.start) as usize
    }

    const fn room(self) -> usize {
        CAPACITY - self.left()
    }
}

/// The streams of one direction of a worker's flows, by place, and the queues of those that are active.
/// Wiped when dropped.
pub(super) struct Queues {
    streams: Streams,
    pool: Pool,
    heads: Box<[Head]>,
    bytes: Box<[u8]>,
    alone: u64,
    rc4: Rc4,
    /// Streams of a refill.
    lanes: Box<[StoredRc4; LANES_MAX]>,
}

impl Queues {
    /// Room for `places` streams, of which `queues` can be active.
    pub(super) fn new(places: usize, queues: usize) -> Self {
        let pool = Pool::new(places, queues);
        Self {
            streams: Streams::new(places),
            heads: vec![Head::default(); pool.things()].into_boxed_slice(),
            bytes: vec![0; pool.things() * CAPACITY].into_boxed_slice(),
            pool,
            alone: 0,
            rc4: Rc4::unkeyed(),
            lanes: Box::new([[0; size_of::<StoredRc4>()]; LANES_MAX]),
        }
    }

    /// Frames that found no queue for their flow.
    pub(super) const fn alone(&self) -> u64 {
        self.alone
    }

    /// Whether there is a stream for this place at all.
    pub(super) const fn has_place(&self, place: u32) -> bool {
        self.pool.has_place(place)
    }

    /// The stream at `place` starts afresh where `rc4` stands; what was made ahead is thrown away.
    pub(super) fn restart(&mut self, place: u32, rc4: &Rc4) {
        self.release(place);
        if let Some(stream) = self.streams.at(place) {
            rc4.store(stream);
        }
    }

    /// The next `length` bytes of keystream of a flow, to be given back to [`Self::use_up`] once they are
    /// used. `None`: there is no queue for it, or the frame is too long for one.
    #[inline]
    pub(super) fn next(&mut self, place: u32, length: usize) -> Option<&[u8]> {
        let number = self.queue(place)?;
        if self.heads.get(number)?.left() < length {
            self.refill_alone(number, length)?;
        }
        let start = usize::from(self.heads.get(number)?.start);
        let bytes = self.bytes.get(number * CAPACITY..(number + 1) * CAPACITY)?;
        bytes.get(start..start + length)
    }

    /// Wipes what [`Self::next`] answered.
    #[inline]
    pub(super) fn use_up(&mut self, place: u32, length: usize) {
        let Some(number) = self.pool.find(place) else {
            return;
        };
        let Some(head) = self.heads.get_mut(number) else {
            return;
        };
        let start = number * CAPACITY + usize::from(head.start);
        if let Some(used) = self.bytes.get_mut(start..start + length) {
            used.fill(0);
            optimization_barrier(used);
        }
        head.start += u16::try_from(length).unwrap_or(0);
        if head.start == head.end {
            *head = Head::default();
        }
        self.pool.touch(number);
    }

    /// The stream of a flow that has no queue, or whose frame is too long for it: to be worked with
    /// alone, and to be stored by [`Self::restart`] where it got to.
    #[cold]
    pub(super) fn resume_alone(&mut self, place: u32, rc4: &mut Rc4) {
        self.put_back(place);
        if let Some(stream) = self.streams.at(place) {
            rc4.resume(stream);
        }
        self.alone += 1;
    }

    /// Whether the next frame of a flow would have to wait for keystream of its own.
    #[inline]
    fn is_dry(&self, demand: Demand) -> bool {
        if demand.length == 0 {
            return false;
        }
        let number = self.pool.find(demand.place);
        let head = number.and_then(|number| self.heads.get(number));
        head.is_none_or(|head| head.left() < demand.length)
    }

    /// Before frame `job` is worked on: makes keystream for it if there is not enough, and with it for the
    /// flows of the frames behind it, in full lanes. `demands` are those of this frame and of those behind
    /// it; answers the latter.
    #[inline]
    pub(super) fn supply<'d>(
        &mut self,
        job: usize,
        demands: &'d [Demand],
        kernel: &mut Kernel,
    ) -> &'d [Demand] {
        match demands {
            [demand, later @ ..] if demand.job == job => {
                if self.is_dry(*demand) {
                    self.supply_all(demands, kernel);
                }
                later
            }
            _ => demands,
        }
    }

    fn supply_all(&mut self, demands: &[Demand], kernel: &mut Kernel) {
        self.pool.begin_burst(EVICTIONS);
        // Of a burst of few flows the rest will be looked at when they run dry again.
        let (demands, _) = demands.split_at(demands.len().min(LOOK_AHEAD));
        let mut wants = self.wants(demands);
        if wants.len() == 1 {
            // Alone, it makes what it needs and no more.
            return;
        }
        for _ in 0..ROUNDS {
            let round = self.round(&wants, kernel.lanes());
            if round.is_empty() {
                break;
            }
            self.refill(&round, kernel);
            wants.retain(|want| self.left(want.number) < want.first);
        }
    }

    /// Refills up to a group of lanes of queues that have room, in turn. Answers how many.
    pub(super) fn top_up(&mut self, kernel: &mut Kernel) -> usize {
        let mut low: ArrayVec<u32, LANES_MAX> = ArrayVec::new();
        for _ in 0..self.heads.len().min(BATCH) {
            let Some((number, Some(_owner))) = self.pool.next_in_turn() else {
                continue;
            };
            let room = self.heads.get(number).map_or(0, |head| head.room());
            if low.len() < kernel.lanes() && room >= REFILL {
                low.extend(u32::try_from(number));
            }
        }
        self.refill(&low, kernel);
        low.len()
    }

    /// Overwrites a stream and what was made of it.
    pub(super) fn wipe(&mut self, place: u32) {
        self.release(place);
        self.streams.wipe(place);
    }

    fn left(&self, number: u32) -> usize {
        let head = self.heads.get(number as usize);
        head.map_or(0, |head| head.left())
    }

    /// Keystream that waits, in bytes.
    pub(super) fn octets(&self) -> usize {
        self.heads.iter().map(|head| head.left()).sum()
    }

    /// Whether no keystream and no stream is left.
    #[cfg(test)]
    pub(super) fn is_wiped(&self) -> bool {
        let places = u32::try_from(self.heads.len()).unwrap();
        self.pool.is_all_free()
            && self.bytes.iter().all(|byte| *byte == 0)
            && self.lanes.as_flattened().iter().all(|byte| *byte == 0)
            && (0..places).all(|place| self.streams.is_wiped(place))
    }

    /// The queue of a flow, one of the pool if it has none.
    #[inline]
    fn queue(&mut self, place: u32) -> Option<usize> {
        match self.pool.find(place) {
            Some(number) => Some(number),
            None => self.take(place),
        }
    }

    /// Gives a flow a queue, with what its stream lacks to a multiple of 256 bytes.
    #[cold]
    fn take(&mut self, place: u32) -> Option<usize> {
        let queue = match self.pool.lend(place) {
            Some(queue) => queue,
            None => {
                let idle = self.pool.idle()?;
                self.put_back(idle);
                self.pool.lend(place)?
            }
        };
        let (head, stream) = (self.heads.get_mut(queue)?, self.streams.at(place)?);
        let missing = usize::from(stored_i(stream).wrapping_neg());
        *head = Head {
            start: 0,
            end: u16::from(stored_i(stream).wrapping_neg()),
        };
        if missing > 0 {
            let bytes = self.bytes.get_mut(queue * CAPACITY..)?;
            self.rc4.resume(stream);
            self.rc4.apply(bytes.get_mut(..missing)?);
            self.rc4.store(stream);
        }
        Some(queue)
    }

    /// Ends the queue of a flow, and puts its stream back by what was not used.
    fn put_back(&mut self, place: u32) {
        let Some(number) = self.pool.find(place) else {
            return;
        };
        let left = self.heads.get(number).map_or(0, |head| head.left());
        if let Some(stream) = self.streams.at(place) {
            self.rc4.resume(stream);
            self.rc4.rewind(left);
            self.rc4.store(stream);
        }
        self.release(place);
    }

    /// Ends the queue of a flow.
    fn release(&mut self, place: u32) {
        let Some(number) = self.pool.end(place) else {
            return;
        };
        if let Some(head) = self.heads.get_mut(number) {
            let (start, end) = (usize::from(head.start), usize::from(head.end));
            let bytes = self.bytes.get_mut(number * CAPACITY..);
            if let Some(left) = bytes.and_then(|bytes| bytes.get_mut(start..end)) {
                left.fill(0);
                optimization_barrier(left);
            }
            *head = Head::default();
        }
    }

    /// What the flows of these frames need, each once.
    fn wants(&mut self, demands: &[Demand]) -> ArrayVec<Want, BATCH> {
        let mut wants: ArrayVec<Want, BATCH> = ArrayVec::new();
        let mut latest = Latest::new();
        for demand in demands.iter().filter(|demand| demand.length > 0) {
            let mut latest = latest.of(demand.place);
            if let Some(want) = latest.get().and_then(|place| wants.get_mut(place)) {
                want.all += demand.length;
            } else if let Some(number) = self.queue(demand.place) {
                self.pool.touch(number);
                latest.set(wants.len());
                wants.extend(u32::try_from(number).ok().map(|number| Want {
                    number,
                    first: demand.length,
                    all: demand.length,
                }));
            }
        }
        wants
    }

    /// The queues to refill together: all that lack something, and to fill the lanes those that have least.
    fn round(&self, wants: &[Want], lanes: usize) -> ArrayVec<u32, BATCH> {
        let room = |want: &&Want| {
            let head = self.heads.get(want.number as usize);
            head.is_some_and(|head| head.room() >= REFILL)
        };
        let mut open: ArrayVec<&Want, BATCH> = wants.iter().filter(room).collect();
        let lacks = |want: &Want| self.left(want.number) < want.all;
        open.sort_unstable_by_key(|want| (!lacks(want), self.left(want.number)));
        let lacking = open.partition_point(|want| lacks(want));
        let full = lacking.next_multiple_of(lanes.max(1)).min(open.len());
        open.iter().take(full).map(|want| want.number).collect()
    }

    /// Makes [`REFILL`] bytes for each of these queues, which have room for it.
    fn refill(&mut self, numbers: &[u32], kernel: &mut Kernel) {
        for group in numbers.chunks(kernel.lanes().min(LANES_MAX)) {
            self.refill_group(group, kernel);
        }
    }

    fn refill_group(&mut self, numbers: &[u32], kernel: &mut Kernel) {
        let Self {
            streams,
            pool,
            heads,
            bytes,
            lanes,
            ..
        } = self;
        let (queues, _) = bytes.as_chunks_mut::<CAPACITY>();
        let mut ends = [0; LANES_MAX];
        for ((number, lane), end) in numbers.iter().zip(lanes.iter_mut()).zip(&mut ends) {
            let queue = queues.get_mut(*number as usize);
            if let (Some(head), Some(queue)) = (heads.get_mut(*number as usize), queue) {
                *end = make_room(head, queue, REFILL);
                head.end += u16::try_from(REFILL).unwrap_or(0);
                let place = pool.owner(*number as usize);
                if let Some(stream) = place.and_then(|place| streams.at(place)) {
                    *lane = *stream;
                }
            }
        }
        let (lanes, _) = lanes.split_at_mut(numbers.len());
        kernel.go_on(lanes, &[REFILL; LANES_MAX], |lane, done, chunk| {
            let (number, end) = (numbers.get(lane), ends.get(lane));
            let queue = number.and_then(|number| queues.get_mut(*number as usize));
            if let (Some(queue), Some(end)) = (queue, end) {
                write_chunk(queue, end + done, chunk);
            }
        });
        for (number, lane) in numbers.iter().zip(lanes.iter()) {
            let place = pool.owner(*number as usize);
            if let Some(stream) = place.and_then(|place| streams.at(place)) {
                *stream = *lane;
            }
        }
        lanes.as_flattened_mut().fill(0);
        optimization_barrier(lanes);
    }

    /// Makes what a frame lacks, and what is missing to a multiple of 256 bytes then.
    #[cold]
    fn refill_alone(&mut self, number: usize, length: usize) -> Option<()> {
        let head = self.heads.get_mut(number)?;
        let lacking = length.checked_sub(head.left())?.next_multiple_of(256);
        if lacking > head.room() {
            return None;
        }
        let (queues, _) = self.bytes.as_chunks_mut::<CAPACITY>();
        let queue = queues.get_mut(number)?;
        let end = make_room(head, queue, lacking);
        let stream = self.streams.at(self.pool.owner(number)?)?;
        self.rc4.resume(stream);
        self.rc4.apply(queue.get_mut(end..end + lacking)?);
        self.rc4.store(stream);
        head.end += u16::try_from(lacking).unwrap_or(0);
        Some(())
    }
}

/// Answers where `length` more bytes go, behind what is left, which is moved to the front if it has to be.
/// There are zeros.
fn make_room(head: &mut Head, queue: &mut [u8; CAPACITY], length: usize) -> usize {
    if usize::from(head.end) + length <= CAPACITY {
        return usize::from(head.end);
    }
    let (start, end, left) = (usize::from(head.start), usize::from(head.end), head.left());
    if start > 0 {
        queue.copy_within(start..end, 0);
        let (_, moved) = queue.split_at_mut(left);
        // What was used is wiped already; here only what has moved.
        let (moved, _) = moved.split_at_mut(end - left);
        moved.fill(0);
        optimization_barrier(moved);
        (head.start, head.end) = (0, head.end - head.start);
    }
    left
}

/// What a flow needs in a burst, in bytes.
struct Want {
    number: u32,
    /// Its first frame.
    first: usize,
    /// All its frames.
    all: usize,
}

impl Drop for Queues {
    fn drop(&mut self) {
        for number in 0..self.heads.len() {
            if let Some(place) = self.pool.owner(number) {
                self.release(place);
            }
        }
    }
}
