//! Which request has which identifier on which socket of one server.

use std::time::Duration;

use crate::clock::Timestamp;

/// How long an identifier rests after its request, so that late answers are known for what they are.
const REST_TIME: Duration = Duration::from_secs(10);
/// A socket that was opened for a rush is closed when nothing has gone out by it for so long: longer
/// than identifiers rest.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Identifiers of one socket (RFC 2865 §3).
const IDENTIFIERS: usize = 256;

/// Whose request an identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A question's.
    Question(u64),
    /// Ours, to see whether the server lives.
    Probe,
}

/// What a request under an identifier was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) owner: Owner,
    /// What the answer has to fit.
    pub(super) authenticator: [u8; 16],
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Free,
    Busy(Sent),
    /// The request is over.
    Resting {
        until: Timestamp,
        answered: bool,
        authenticator: [u8; 16],
    },
}

/// What is known of an identifier that an answer bears.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    /// A request waits for it.
    Waiting(Sent),
    /// The request with this authenticator is over, and was answered or not.
    Over {
        authenticator: [u8; 16],
        answered: bool,
    },
    /// Nothing was asked.
    Nothing,
}

/// A place for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) socket: u8,
    pub(super) identifier: u8,
}

/// One socket.
struct Socket {
    slots: Box<[Slot]>,
    busy: usize,
    /// When a request last went out by it, or came to its end.
    used: Timestamp,
}

/// The sockets of one server. The first is never closed.
pub(super) struct Slots {
    sockets: Vec<Socket>,
    sockets_max: u8,
    busy: usize,
}

impl Slots {
    pub(super) const fn new(sockets_max: u8) -> Self {
        Self {
            sockets: Vec::new(),
            sockets_max,
            busy: 0,
        }
    }

    /// How many requests wait.
    pub(super) const fn busy(&self) -> usize {
        self.busy
    }

    /// An identifier, sought from a random one on, and whether its socket has to be opened first.
    /// `None` if every socket that may be is full.
    pub(super) fn take(&mut self, sent: Sent, random: u8, now: Timestamp) -> Option<(Place, bool)> {
        let sockets = self.sockets.iter().enumerate();
        let found = sockets
            .filter_map(|(index, socket)| Some((index, free_from(&socket.slots, random, now)?)))
            .next();
        let opens = found.is_none();
        let (socket, identifier) = match found {
            Some(found) => found,
            None if self.sockets.len() < usize::from(self.sockets_max) => {
                self.sockets.push(Socket {
                    slots: vec![Slot::Free; IDENTIFIERS].into_boxed_slice(),
                    busy: 0,
                    used: now,
                });
                (self.sockets.len() - 1, random)
            }
            None => return None,
        };
        let place = Place {
            socket: u8::try_from(socket).ok()?,
            identifier,
        };
        *self.slot(place)? = Slot::Busy(sent);
        self.busy += 1;
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.busy += 1;
            socket.used = now;
        }
        Some((place, opens))
    }

    /// What the answer has to fit, where only the packet tells.
    pub(super) fn set_authenticator(&mut self, place: Place, proof: [u8; 16]) {
        if let Some(Slot::Busy(sent)) = self.slot(place) {
            sent.authenticator = proof;
        }
    }

    pub(super) fn known(&mut self, place: Place, now: Timestamp) -> Known {
        match self.slot(place) {
            Some(Slot::Busy(sent)) => Known::Waiting(*sent),
            Some(Slot::Resting {
                until,
                answered,
                authenticator,
            }) if *until > now => Known::Over {
                authenticator: *authenticator,
                answered: *answered,
            },
            Some(Slot::Free | Slot::Resting { .. }) | None => Known::Nothing,
        }
    }

    /// The request at this place is over.
    pub(super) fn release(&mut self, place: Place, answered: bool, now: Timestamp) {
        if let Some(slot) = self.slot(place)
            && let Slot::Busy(sent) = slot
        {
            *slot = Slot::Resting {
                until: now + REST_TIME,
                answered,
                authenticator: sent.authenticator,
            };
            self.busy = self.busy.saturating_sub(1);
            if let Some(socket) = self.sockets.get_mut(usize::from(place.socket)) {
                socket.busy = socket.busy.saturating_sub(1);
                socket.used = now;
            }
        }
    }

    /// When [`Self::close_idle`] may have a socket to close: the last one, since the first are used
    /// first.
    pub(super) fn idle_at(&self) -> Option<Timestamp> {
        let last = self.sockets.get(1..)?.last()?;
        (last.busy == 0).then_some(last.used + IDLE_TIME)
    }

    /// A socket that nobody needs any more.
    pub(super) fn close_idle(&mut self, now: Timestamp) -> Option<u8> {
        self.idle_at().filter(|at| *at <= now)?;
        self.sockets.pop();
        u8::try_from(self.sockets.len()).ok()
    }

    fn slot(&mut self, place: Place) -> Option<&mut Slot> {
        let socket = self.sockets.get_mut(usize::from(place.socket))?;
        socket.slots.get_mut(usize::from(place.identifier))
    }
}

/// The first identifier from `start` on, round the circle, that can be used.
fn free_from(slots: &[Slot], start: u8, now: Timestamp) -> Option<u8> {
    let usable = |identifier: &u8| match slots.get(usize::from(*identifier)) {
        Some(Slot::Free) => true,
        Some(Slot::Resting { until, .. }) => *until <= now,
        Some(Slot::Busy(_)) | None => false,
    };
    (0..=u8::MAX)
        .map(|step| start.wrapping_add(step))
        .find(usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: u64) -> Sent {
        Sent {
            owner: Owner::Question(number),
            authenticator: [0; 16],
        }
    }

    #[test]
    fn a_socket_that_a_rush_has_opened_is_closed_after_it_and_the_first_one_never() {
        let (mut slots, now) = (Slots::new(4), Timestamp::ZERO);
        let places: Vec<_> = (0..600)
            .map(|number| slots.take(sent(number), 77, now).unwrap().0)
            .collect();
        assert_eq!(slots.idle_at(), None, "answers are owed");
        for place in places {
            slots.release(place, true, now);
        }
        assert_eq!(slots.close_idle(now + IDLE_TIME / 2), None);
        // The first socket goes on.
        let later = now + IDLE_TIME;
        assert_eq!(slots.take(sent(600), 77, later).unwrap().0.socket, 0);
        assert_eq!(
            [0; 3].map(|_| slots.close_idle(later)),
            [Some(2), Some(1), None]
        );
        assert_eq!((slots.idle_at(), slots.busy()), (None, 1));
        let late = Place {
            socket: 2,
            identifier: 77,
        };
        assert!(matches!(slots.known(late, later), Known::Nothing));
    }

    #[test]
    fn a_full_socket_makes_room_for_another_and_a_full_server_refuses() {
        let (mut slots, now) = (Slots::new(2), Timestamp::ZERO);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..512 {
            let (place, opens) = slots.take(sent(number), 77, now).unwrap();
            assert_eq!(opens, number % 256 == 0);
            assert!(seen.insert((place.socket, place.identifier)));
        }
        assert!(slots.take(sent(512), 77, now).is_none());
        assert_eq!(slots.busy(), 512);
        let place = Place {
            socket: 1,
            identifier: 5,
        };
        slots.release(place, true, now);
        assert!(slots.take(sent(513), 77, now).is_none(), "it rests");
        assert!(matches!(
            slots.known(place, now),
            Known::Over { answered: true, .. }
        ));
        let later = now + REST_TIME;
        assert!(matches!(slots.known(place, later), Known::Nothing));
        assert_eq!(slots.take(sent(514), 77, later), Some((place, false)));
    }
}
