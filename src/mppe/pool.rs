//! Numbered things of which there are fewer than flows, lent to the flows that are active.
//!
//! A flow whose place has nothing gets what is free, or what a flow had that was idle. Finding the one that
//! was idle is bounded: a hand goes round, and takes what was not used since it last came by.
//! What was used waits in a line until somebody looks whether it needs to be filled again.

use std::collections::VecDeque;

/// Things that are looked at to find an idle one.
const LOOKS: usize = 4;

/// Things of a pool at most: their numbers are two bytes for each flow.
const THINGS_MAX: usize = u16::MAX as usize - 1;

/// Who has what.
pub(super) struct Pool {
    /// By place: the number of what the flow has, plus one.
    numbers: Box<[u16]>,
    loans: Box<[Loan]>,
    free: Vec<u16>,
    /// What was used and not looked at since; each once, so it never grows.
    line: VecDeque<u32>,
    hand: usize,
    /// Counts bursts: what was asked for in one is not taken away in it.
    burst: u32,
    /// How many may be taken away in this burst.
    evictions_left: u8,
}

#[derive(Clone, Copy, Default)]
struct Loan {
    place: u32,
    taken: bool,
    /// Since the hand last came by.
    used: bool,
    /// It waits in the line.
    in_line: bool,
    /// When it was asked for last.
    asked: u32,
}

impl Pool {
    /// So many things for flows at places below `places`, all free.
    pub(super) fn new(places: usize, things: usize) -> Self {
        let things = things.min(places).min(THINGS_MAX);
        Self {
            numbers: vec![0; places].into_boxed_slice(),
            loans: vec![Loan::default(); things].into_boxed_slice(),
            free: (0..u16::MAX).take(things).rev().collect(),
            line: VecDeque::with_capacity(things),
            hand: 0,
            burst: 0,
            evictions_left: 0,
        }
    }

    /// How many things there are.
    pub(super) const fn things(&self) -> usize {
        self.loans.len()
    }

    /// Whether there can be a flow at this place.
    pub(super) const fn has_place(&self, place: u32) -> bool {
        (place as usize) < self.numbers.len()
    }

    /// What a flow has.
    #[inline]
    pub(super) fn find(&self, place: u32) -> Option<usize> {
        let number = *self.numbers.get(place as usize)?;
        usize::from(number).checked_sub(1)
    }

    /// Who has this.
    pub(super) fn owner(&self, number: usize) -> Option<u32> {
        let loan = self.loans.get(number)?;
        loan.taken.then_some(loan.place)
    }

    /// Notes that something was used.
    #[inline]
    pub(super) fn touch(&mut self, number: usize) {
        if let Some(loan) = self.loans.get_mut(number) {
            loan.used = true;
            loan.asked = self.burst;
        }
        self.look_later(number);
    }

    /// Puts something at the end of the line, unless it waits there.
    #[inline]
    pub(super) fn look_later(&mut self, number: usize) {
        if let Some(loan) = self.loans.get_mut(number)
            && !loan.in_line
        {
            loan.in_line = true;
            self.line.extend(u32::try_from(number));
        }
    }

    /// The first of the line, and who has it by now. `None`: all that was used was looked at since.
    pub(super) fn next_in_line(&mut self) -> Option<(usize, Option<u32>)> {
        let number = self.line.pop_front()? as usize;
        self.loans.get_mut(number)?.in_line = false;
        Some((number, self.owner(number)))
    }

    /// A burst begins, in which so many things may be taken from flows that are idle.
    pub(super) const fn begin_burst(&mut self, evictions: u8) {
        self.burst = self.burst.wrapping_add(1);
        self.evictions_left = evictions;
    }

    /// Something that may be taken from its flow, which is told. The caller ends that loan.
    pub(super) fn idle(&mut self) -> Option<u32> {
        self.evictions_left = self.evictions_left.checked_sub(1)?;
        for _ in 0..LOOKS {
            self.hand = (self.hand + 1) % self.loans.len().max(1);
            let loan = self.loans.get_mut(self.hand)?;
            if loan.taken && loan.asked != self.burst && !std::mem::take(&mut loan.used) {
                return Some(loan.place);
            }
        }
        None
    }

    /// Lends what is free to a flow that has nothing.
    pub(super) fn lend(&mut self, place: u32) -> Option<usize> {
        let entry = self.numbers.get_mut(place as usize)?;
        let number = self.free.pop()?;
        *entry = number + 1;
        let number = usize::from(number);
        if let Some(loan) = self.loans.get_mut(number) {
            (loan.place, loan.taken) = (place, true);
        }
        self.touch(number);
        Some(number)
    }

    /// What a flow had is free again; answers what that was.
    pub(super) fn end(&mut self, place: u32) -> Option<usize> {
        let number = self.find(place)?;
        let loan = self.loans.get_mut(number)?;
        *loan = Loan {
            in_line: loan.in_line,
            ..Loan::default()
        };
        *self.numbers.get_mut(place as usize)? = 0;
        self.free.extend(u16::try_from(number));
        Some(number)
    }

    /// Whether everything is free.
    #[cfg(test)]
    pub(super) fn is_all_free(&self) -> bool {
        self.free.len() == self.loans.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_in_a_burst_is_not_taken_away_in_it() {
        let mut pool = Pool::new(10, 2);
        pool.begin_burst(5);
        assert_eq!(
            (pool.lend(7), pool.lend(8), pool.lend(9)),
            (Some(0), Some(1), None)
        );
        assert_eq!(pool.idle(), None);
        pool.begin_burst(5);
        pool.touch(1);
        assert_eq!(pool.idle(), Some(7), "the hand came by twice");
        assert_eq!((pool.end(7), pool.lend(9)), (Some(0), Some(0)));
        assert_eq!(
            (pool.find(9), pool.find(7), pool.owner(0)),
            (Some(0), None, Some(9))
        );
        pool.begin_burst(1);
        assert_eq!(pool.idle(), Some(8));
        assert_eq!(pool.idle(), None, "one in this burst");
        assert_eq!(
            (pool.end(8), pool.end(9), pool.end(3)),
            (Some(1), Some(0), None)
        );
        assert!(pool.is_all_free());
        assert_eq!(pool.lend(10), None, "no such place");
    }

    #[test]
    fn what_was_used_waits_in_line_once_whoever_has_it() {
        let mut pool = Pool::new(10, 3);
        assert_eq!(pool.next_in_line(), None);
        assert_eq!((pool.lend(5), pool.lend(6)), (Some(0), Some(1)));
        let room = pool.line.capacity();
        for _ in 0..100 {
            pool.touch(1);
            pool.touch(0);
            assert_eq!((pool.end(6), pool.lend(7)), (Some(1), Some(1)));
            assert_eq!((pool.end(7), pool.lend(6)), (Some(1), Some(1)));
        }
        assert_eq!(pool.end(5), Some(0));
        assert_eq!(pool.next_in_line(), Some((0, None)));
        assert_eq!(pool.next_in_line(), Some((1, Some(6))));
        assert_eq!(pool.next_in_line(), None, "looked at");
        pool.look_later(1);
        assert_eq!(pool.next_in_line(), Some((1, Some(6))));
        assert_eq!(pool.line.capacity(), room);
    }
}
