//! The bounds under floods, and the indices against a naive search.

use std::net::SocketAddrV4;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::pptp::CloseReason;
use crate::session::verdict::Facts;
use crate::session::{AdmissionRefusal, EndReason};

fn peer(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, last)
}

fn verdict(peer_last: u8, user: Option<&str>, cause: Cause, at_s: u64) -> Verdict {
    let now = Timestamp::from_nanos(at_s * 1_000_000_000);
    let address = SocketAddrV4::new(peer(peer_last), 40_000);
    let mut facts = Facts::of_connection(address, peer(1), now);
    facts.user = user.map(Into::into);
    Verdict::new(facts, cause, now)
}

const HUNG_UP: Cause = Cause::Ended(EndReason::ClearedByPeer);
const SCAN: Cause = Cause::Control(CloseReason::EstablishTimeout);

impl History {
    /// Whether the indices name exactly the entries that there are, within the bounds.
    fn assert_sound(&self) {
        for shelf in [&self.users, &self.strangers] {
            assert!(shelf.entries.len() <= shelf.max);
            let indexed: usize = shelf.by_peer.values().map(BTreeSet::len).sum();
            assert_eq!(indexed, shelf.entries.len());
            assert!(shelf.by_peer.values().all(|serials| !serials.is_empty()));
            assert!(shelf.by_user.values().all(|serials| !serials.is_empty()));
            let named = shelf.entries.values();
            let named = named.filter(|verdict| verdict.facts.user_key().is_some());
            let indexed: usize = shelf.by_user.values().map(BTreeSet::len).sum();
            assert_eq!(indexed, named.count());
        }
    }
}

#[test]
fn no_flood_of_strangers_pushes_a_user_out() {
    let mut history = History::new(200);
    history.insert(verdict(7, Some("alice"), HUNG_UP, 1));
    for round in 0..10_000u64 {
        let cause = if round % 2 == 0 { SCAN } else { HUNG_UP };
        history.insert(verdict((round % 251) as u8, None, cause, 2 + round));
    }
    history.assert_sound();
    assert_eq!(history.find(&Key::User(b"WORK\\alice".to_vec())).len(), 1);
    assert_eq!(history.len(), 101);
}

#[test]
fn one_source_has_a_bounded_number_of_places_and_equal_attempts_take_one() {
    let mut history = History::new(4096);
    history.insert(verdict(8, None, HUNG_UP, 1));
    for round in 0..1_000 {
        history.insert(verdict(9, None, HUNG_UP, 2 + round));
    }
    assert_eq!(history.find(&Key::Peer(peer(9))).len(), PER_KEY_MAX);
    let full = Cause::NotAccepted(AdmissionRefusal::HalfOpen.into());
    for round in 0..1_000 {
        history.insert(verdict(10, None, full, 2_000 + round));
    }
    let of_flood = history.find(&Key::Peer(peer(10)));
    assert_eq!(of_flood.len(), 1);
    assert_eq!(of_flood[0].times, 1_000);
    let (first, last) = (of_flood[0].first_ended, of_flood[0].ended);
    assert_eq!(last.since(first).as_secs(), 999);
    assert_eq!(history.find(&Key::Peer(peer(8))).len(), 1);
    history.assert_sound();
}

#[test]
fn one_user_has_a_bounded_number_of_places_wherever_it_dials_from() {
    let mut history = History::new(4096);
    history.insert(verdict(1, Some("bob"), HUNG_UP, 1));
    for round in 0..500u64 {
        history.insert(verdict(round as u8, Some("alice"), HUNG_UP, 2 + round));
    }
    let of_alice = history.find(&Key::User(b"alice".to_vec()));
    assert_eq!(of_alice.len(), PER_KEY_MAX);
    assert!(
        of_alice
            .windows(2)
            .all(|pair| pair[0].ended > pair[1].ended)
    );
    assert_eq!(history.find(&Key::User(b"bob".to_vec())).len(), 1);
    history.assert_sound();
    history.set_max(8);
    assert_eq!(history.len(), 4);
    history.assert_sound();
}

proptest! {
    #[test]
    fn the_indices_find_what_a_search_finds(
        attempts in prop::collection::vec((0u8..6, 0usize..4, 0usize..3), 1..300),
        max in 2usize..60,
    ) {
        let names = [None, Some("alice"), Some("bob"), Some("carol")];
        let causes = [HUNG_UP, SCAN, Cause::NotAccepted(AdmissionRefusal::Calls.into())];
        let mut history = History::new(max);
        for (at, (source, name, cause)) in attempts.iter().enumerate() {
            history.insert(verdict(*source, names[*name], causes[*cause], at as u64));
        }
        history.assert_sound();
        let everything: Vec<_> = history.users.entries.values()
            .chain(history.strangers.entries.values()).collect();
        for source in 0..6 {
            let naive = everything.iter().filter(|it| it.facts.peer_address == peer(source));
            prop_assert_eq!(history.find(&Key::Peer(peer(source))).len(), naive.count());
        }
        for name in names.into_iter().flatten() {
            let key = Key::User(name.as_bytes().to_vec());
            let naive = everything.iter().filter(|it| it.facts.user.as_deref() == Some(name));
            prop_assert_eq!(history.find(&key).len(), naive.count());
        }
    }
}
