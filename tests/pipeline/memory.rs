//! What workers take of memory before there are calls.

use pns::flow::Encryption;

use crate::lab::{Lab, Plan, policy};

/// Memory that this process has in pages of the machine, in bytes.
fn resident_octets() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}

#[test]
fn room_for_a_million_calls_in_each_worker_is_no_memory_before_they_come() {
    let before = resident_octets();
    let mut lab = Lab::of(Plan {
        flows: 1_000_000,
        ..Plan::default()
    });
    assert_eq!(lab.workers.len(), 3);
    for n in 0..6 {
        let last = 2 + u8::try_from(n).unwrap();
        lab.dial(20 + n, last, policy(Encryption::Required));
    }
    let taken = resident_octets().saturating_sub(before);
    // With what the tests beside this one take meanwhile. A record of half a kibibyte for each call, and
    // nothing else of it, would be 1.5 GB.
    assert!(taken < 512 << 20, "{taken} bytes");
}
