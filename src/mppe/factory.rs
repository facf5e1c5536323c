//! What is made ahead, and when.
//!
//! Lanes cost the same whether they are empty or not. So the lanes that a burst leaves empty while its keys
//! are made walk the chains of its flows further, which are likely to be in the next burst too: that
//! costs nothing, wastes nothing, and keeps a flow that has several frames in each burst from waiting
//! for its own chain. Keystream is made ahead when a worker has nothing else to do; before a frame is
//! there nobody knows how long it is, so what would be made for it in a busy moment would be made at
//! the expense of frames that are there.
//!
//! Which shelves are low is known and not searched for: those that were used wait in a line (`pool`). A turn
//! takes as many from its front as there are lanes, and puts back what is not full then.

use arrayvec::ArrayVec;

use crate::mppe::batch::{BATCH, Latest, Tasks};
use crate::mppe::kernel::Kernel;
use crate::mppe::stock::{SLOTS, Stock};

/// Shelves taken from idle flows in one burst, at most.
const EVICTIONS: u8 = 8;

/// A burst of no more frames leaves time: its flows get shelves, which are filled then.
const CALM: usize = BATCH / 4;

/// A flow of a burst.
pub(super) struct Seen {
    /// Its name in the burst's jobs.
    pub(super) flow: u32,
    /// Its frames.
    pub(super) frames: usize,
    /// Its frames that are not in stock.
    pub(super) steps: usize,
    /// The last of these.
    pub(super) task: Option<usize>,
    /// Where its last frame is in the chain.
    pub(super) position: u64,
    /// The GRE sequence number of that.
    pub(super) sequence: u32,
    /// Of the rest of its frames nothing is known.
    pub(super) stopped: bool,
}

/// The flows of a burst.
pub(super) struct Flows {
    flows: ArrayVec<Seen, BATCH>,
    latest: Latest,
}

impl Flows {
    pub(super) const fn new() -> Self {
        Self {
            flows: ArrayVec::new_const(),
            latest: Latest::new(),
        }
    }

    /// What was seen of a flow so far; at first that its chain is at `position`. `None`: there are too many.
    pub(super) fn of(&mut self, flow: u32, position: u64, sequence: u32) -> Option<&mut Seen> {
        let mut latest = self.latest.of(flow);
        let place = latest.get().unwrap_or(self.flows.len());
        if place == self.flows.len() {
            latest.set(place);
            let seen = Seen {
                flow,
                frames: 0,
                steps: 0,
                task: None,
                position,
                sequence,
                stopped: false,
            };
            self.flows.try_push(seen).ok()?;
        }
        self.flows.get_mut(place)
    }

    /// Adds to the keys that a burst needs those that fill its lanes. `open` gives a flow a shelf.
    pub(super) fn plan(
        &mut self,
        tasks: &mut Tasks,
        stock: &mut Stock,
        kernel: &Kernel,
        mut open: impl FnMut(u32, &mut Stock) -> Option<usize>,
    ) -> Plan {
        let mut plan = Plan(ArrayVec::new());
        let frames: usize = self.flows.iter().map(|seen| seen.frames).sum();
        let calm = frames <= CALM;
        let mut spare = self.spare(kernel);
        if !calm && spare.is_none() {
            return plan;
        }
        stock.begin_burst(EVICTIONS);
        for seen in &mut self.flows {
            // A key further than the longest chain of the burst would cost time.
            let spare = spare.as_mut().and_then(|spare| spare.get_mut(seen.steps));
            let spare = spare.filter(|spare| **spare > 0);
            // Without a step a flow was served from its shelf.
            if spare.is_none() && !(calm && seen.steps > 0) {
                continue;
            }
            let shelf = open(seen.flow, stock);
            if let (Some(spare), Some(shelf)) = (spare, shelf)
                && stock.ahead_of(shelf, seen.position) < seen.frames.min(SLOTS)
                && plan.step(shelf, seen, tasks, stock).is_some()
            {
                *spare -= 1;
            }
        }
        plan
    }

    /// The lanes that are left empty, by how many keys of the same flow come before. More flows than lanes
    /// leave none: the longest chains go first.
    fn spare(&self, kernel: &Kernel) -> Option<[usize; BATCH]> {
        let flows = self.flows.iter().filter(|seen| seen.steps > 0).count();
        if flows == 0 || flows > kernel.lanes() {
            return None;
        }
        let longest = self.flows.iter().map(|seen| seen.steps).max()?;
        let mut spare = [0; BATCH];
        for (level, spare) in spare.iter_mut().enumerate().take(longest) {
            let taken = self.flows.iter().filter(|seen| seen.steps > level);
            *spare = kernel.lanes_left(taken.count());
        }
        Some(spare)
    }
}

/// A key that is made ahead.
struct Step {
    task: usize,
    shelf: usize,
    position: u64,
}

/// Keys that are made ahead with those of a burst.
pub(super) struct Plan(ArrayVec<Step, BATCH>);

impl Plan {
    /// One more frame of a flow.
    fn step(
        &mut self,
        shelf: usize,
        seen: &mut Seen,
        tasks: &mut Tasks,
        stock: &Stock,
    ) -> Option<()> {
        let produced = stock.produced(shelf);
        let (task, position) = match seen.task {
            // A frame that was forged may have left a gap in the stock, which is not filled.
            Some(_) if produced > seen.position => return None,
            Some(previous) => (tasks.follow(previous, 0)?, seen.position + 1),
            None => {
                let (start_key, session_key, strength) = stock.chain_end(shelf)?;
                let task = tasks.start(&start_key, &session_key, strength, 0)?;
                (task, produced + 1)
            }
        };
        seen.steps += 1;
        self.0
            .try_push(Step {
                task,
                shelf,
                position,
            })
            .ok()
    }

    /// Puts the keys in stock, once they are there.
    pub(super) fn keep(&self, tasks: &Tasks, stock: &mut Stock) {
        for step in &self.0 {
            if let Some(key) = tasks.key(step.task) {
                stock.put(step.shelf, step.position, key);
            }
        }
    }
}

/// Puts keystream of the next frame of up to a group of lanes of shelves in stock. Answers how many shelves
/// it looked at; 0: all of them are full.
pub(super) fn stock_up(stock: &mut Stock, kernel: &mut Kernel) -> usize {
    let mut plan = Plan(ArrayVec::new());
    let mut tasks = Tasks::new();
    let mut bare: ArrayVec<usize, BATCH> = ArrayVec::new();
    let mut looked = 0;
    while looked < BATCH && plan.0.len() + bare.len() < kernel.lanes() {
        let Some(shelf) = stock.next_in_line() else {
            break;
        };
        looked += 1;
        let Some(shelf) = shelf else {
            continue;
        };
        if let Some(slot) = stock.bare_slot(shelf) {
            bare.push(slot);
        } else if stock.ahead_of(shelf, 0) < SLOTS
            && let Some((start_key, session_key, strength)) = stock.chain_end(shelf)
        {
            let position = stock.produced(shelf) + 1;
            let task = tasks.start(&start_key, &session_key, strength, 0);
            plan.0.extend(task.map(|task| Step {
                task,
                shelf,
                position,
            }));
        }
    }
    tasks.make_keys(kernel);
    plan.keep(&tasks, stock);
    bare.extend(plan.0.iter().filter_map(|step| stock.bare_slot(step.shelf)));
    stock.make_keystreams(&bare, kernel);
    for slot in &bare {
        stock.look_again(*slot);
    }
    looked
}
