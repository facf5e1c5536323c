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
use crate::mppe::kernel::{Kernel, LANES_MAX};
use crate::mppe::plausible::opens;
use crate::mppe::pool::Pool;
use crate::mppe::prefetch;
use crate::mppe::rc4::{Rc4, StoredRc4, stored_i};
use crate::mppe::ring::{self, RING, Span, TURN};
use crate::mppe::streams::Streams;

/// Bytes that all lanes of a refill make. The longest frame of an Ethernet needs one refill.
const REFILL: usize = 1536;
/// Refills of one frame at most: nothing left, and the longest frame that fits.
const ROUNDS: usize = 3;
/// Frames of a burst that are looked at when one of them finds no keystream.
const LOOK_AHEAD: usize = LANES_MAX;
/// Queues taken from idle flows in one burst, at most: each costs up to 4,096 steps of RC4.
const EVICTIONS: u8 = 2;
/// Bytes of keystream that are asked for when a burst begins. Of a longer frame the processor itself notices
/// that line follows line.
const FORE: usize = 256;
/// Flows of a worker that have a queue at the same time, in one direction.
pub(super) const ACTIVE_MAX: usize = 4096;

const _: () = assert!(REFILL.is_multiple_of(TURN) && 2 * REFILL <= RING);

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

/// The streams of one direction of a worker's flows, by place, and the queues of those that are active.
/// Wiped when dropped.
pub(super) struct Queues {
    streams: Streams,
    pool: Pool,
    /// By queue: what of its ring is keystream.
    spans: Box<[Span]>,
    rings: Box<[[u8; RING]]>,
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
            spans: vec![Span::default(); pool.things()].into_boxed_slice(),
            rings: vec![[0; RING]; pool.things()].into_boxed_slice(),
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

    /// Whether so much keystream is there for a flow.
    #[inline]
    pub(super) fn has(&self, place: u32, length: usize) -> bool {
        let number = self.pool.find(place);
        let span = number.and_then(|number| self.spans.get(number));
        span.is_some_and(|span| span.left() >= length)
    }

    /// The same; what there is will be needed soon.
    #[inline]
    pub(super) fn has_soon(&self, place: u32, length: usize) -> bool {
        self.prefetch_first(place, length.min(FORE));
        self.has(place, length)
    }

    #[inline]
    fn prefetch_first(&self, place: u32, length: usize) {
        let number = self.pool.find(place);
        let found =
            number.and_then(|number| Some((self.rings.get(number)?, self.spans.get(number)?)));
        if let Some((ring, span)) = found {
            ring::prefetch_first(ring, *span, length);
        }
    }

    /// Encrypts or decrypts a frame with the next keystream of its flow, and wipes that, if what comes out
    /// `looks_right`, which sees the start of it and its length; otherwise nothing changes. `None`: there
    /// is no queue for it, or the frame is too long for one.
    #[inline]
    pub(super) fn apply_if(
        &mut self,
        place: u32,
        frame: &mut [u8],
        looks_right: impl FnOnce(&[u8], usize) -> bool,
    ) -> Option<bool> {
        let number = self.queue(place)?;
        if self.spans.get(number)?.left() < frame.len() {
            self.refill_alone(number, frame.len())?;
        }
        let (span, ring) = (self.spans.get_mut(number)?, self.rings.get_mut(number)?);
        let right = opens(
            frame,
            |prefix| ring::apply(ring, *span, prefix),
            looks_right,
        );
        if right {
            ring::apply(ring, *span, frame);
            ring::use_up(ring, span, frame.len());
            self.pool.touch(number);
        }
        Some(right)
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
        demand.length > 0 && !self.has(demand.place, demand.length)
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
                if let [next, ..] = later {
                    self.prefetch_first(next.place, next.length);
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

    /// Refills up to a group of lanes of queues that were used and have room. Answers how many it looked at;
    /// 0: none has room.
    pub(super) fn top_up(&mut self, kernel: &mut Kernel) -> usize {
        let mut low: ArrayVec<u32, LANES_MAX> = ArrayVec::new();
        let mut looked = 0;
        while looked < BATCH && low.len() < kernel.lanes().min(LANES_MAX) {
            let Some((number, owner)) = self.pool.next_in_line() else {
                break;
            };
            looked += 1;
            if owner.is_some() && self.has_room(number) {
                low.extend(u32::try_from(number));
            }
        }
        self.refill(&low, kernel);
        for number in low {
            if self.has_room(number as usize) {
                self.pool.look_later(number as usize);
            }
        }
        looked
    }

    /// Whether a queue can be refilled.
    fn has_room(&self, number: usize) -> bool {
        let span = self.spans.get(number);
        span.is_some_and(|span| span.room() >= REFILL)
    }

    /// Overwrites a stream and what was made of it.
    pub(super) fn wipe(&mut self, place: u32) {
        self.release(place);
        self.streams.wipe(place);
    }

    /// Overwrites the last stream that went on alone.
    pub(super) fn wipe_scratch(&mut self) {
        self.rc4.wipe_if_keyed();
    }

    #[cfg(test)]
    pub(super) const fn is_scratch_wiped(&self) -> bool {
        !self.rc4.is_keyed()
    }

    fn left(&self, number: u32) -> usize {
        let span = self.spans.get(number as usize);
        span.map_or(0, |span| span.left())
    }

    /// Keystream that waits, in bytes.
    pub(super) fn octets(&self) -> usize {
        self.spans.iter().map(|span| span.left()).sum()
    }

    /// Whether no keystream and no stream is left.
    #[cfg(test)]
    pub(super) fn is_wiped(&self) -> bool {
        let places = u32::try_from(self.spans.len()).unwrap();
        self.pool.is_all_free()
            && self.rings.as_flattened().iter().all(|byte| *byte == 0)
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
        let (span, stream) = (self.spans.get_mut(queue)?, self.streams.at(place)?);
        *span = Span::before(stored_i(stream));
        if span.missing() > 0 {
            self.rc4.resume(stream);
            let ring = self.rings.get_mut(queue)?;
            ring::make(ring, span, span.missing(), &mut self.rc4);
            self.rc4.store(stream);
        }
        Some(queue)
    }

    /// Ends the queue of a flow, and puts its stream back by what was not used.
    fn put_back(&mut self, place: u32) {
        let Some(number) = self.pool.find(place) else {
            return;
        };
        let left = self.spans.get(number).map_or(0, |span| span.left());
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
        let ring = self.rings.get_mut(number);
        if let (Some(span), Some(ring)) = (self.spans.get_mut(number), ring) {
            ring::use_up(ring, span, span.left());
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
        let room = |want: &&Want| self.has_room(want.number as usize);
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
            spans,
            rings,
            lanes,
            ..
        } = self;
        let places = |number: &u32| pool.owner(*number as usize);
        for stream in numbers
            .iter()
            .filter_map(|number| streams.peek(places(number)?))
        {
            prefetch(stream);
        }
        let mut ends = [0; LANES_MAX];
        for ((number, lane), end) in numbers.iter().zip(lanes.iter_mut()).zip(&mut ends) {
            let place = pool.owner(*number as usize);
            if let Some(stream) = place.and_then(|place| streams.at(place)) {
                *lane = *stream;
            }
            if let Some(span) = spans.get_mut(*number as usize) {
                *end = span.extend(REFILL);
            }
        }
        let (lanes, _) = lanes.split_at_mut(numbers.len());
        kernel.go_on(lanes, &[REFILL; LANES_MAX], |lane, done, chunk| {
            let (number, end) = (numbers.get(lane), ends.get(lane));
            let ring = number.and_then(|number| rings.get_mut(*number as usize));
            if let (Some(ring), Some(end)) = (ring, end) {
                ring::put(ring, end + done, chunk);
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
        let (span, ring) = (self.spans.get_mut(number)?, self.rings.get_mut(number)?);
        let lacking = length.checked_sub(span.left())?.next_multiple_of(TURN);
        if lacking > span.room() {
            return None;
        }
        let stream = self.streams.at(self.pool.owner(number)?)?;
        self.rc4.resume(stream);
        ring::make(ring, span, lacking, &mut self.rc4);
        self.rc4.store(stream);
        Some(())
    }
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
        for number in 0..self.spans.len() {
            if let Some(place) = self.pool.owner(number) {
                self.release(place);
            }
        }
    }
}
