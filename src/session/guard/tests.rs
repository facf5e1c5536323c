use super::*;

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

fn at(ms: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(100) + Duration::from_millis(ms)
}

fn guard() -> Guard {
    let back_off = |failures_max| BackOff {
        failures_max: Some(failures_max),
        first: Duration::from_secs(2),
        longest: Duration::from_secs(10),
    };
    Guard::new(GuardConfig {
        user: back_off(3),
        source: back_off(5),
        ..GuardConfig::default()
    })
}

#[test]
fn failures_in_a_row_are_answered_with_silence_that_doubles_and_ends() {
    let mut guard = guard();
    guard.failed(b"alice", SOURCE, at(0));
    guard.failed(b"ALICE", SOURCE, at(0));
    assert_eq!(guard.user_blocked(b"alice", at(0)), None);
    guard.failed(b"WORK\\alice", SOURCE, at(0));
    let blocked = |guard: &Guard, ms| {
        guard
            .user_blocked(b"Alice@realm", at(ms))
            .map(|it| it.1.as_secs())
    };
    assert_eq!(blocked(&guard, 0), Some(2), "the names are one user's");
    assert_eq!(blocked(&guard, 2_000), None);
    assert_eq!(guard.user_blocked(b"bob", at(0)), None);
    for (ms, seconds) in [(2_000, 4), (6_000, 8), (14_000, 10), (24_000, 10)] {
        assert_eq!(blocked(&guard, ms), None);
        guard.failed(b"alice", Ipv4Addr::new(192, 0, 2, 8), at(ms));
        assert_eq!(blocked(&guard, ms), Some(seconds));
    }
    // As long again without a failure, and all is forgotten.
    guard.failed(b"alice", SOURCE, at(44_000));
    assert_eq!(blocked(&guard, 44_000), None);
}

#[test]
fn a_success_clears_the_name_and_forgives_half_of_the_source() {
    let mut guard = guard();
    for name in [b"a", b"b", b"c", b"d"] {
        guard.failed(name, SOURCE, at(0));
    }
    guard.succeeded(b"a", SOURCE, at(0));
    for name in [b"e", b"f"] {
        guard.failed(name, SOURCE, at(0));
        assert_eq!(guard.admit_call(SOURCE, at(0)), Ok(()));
    }
    guard.failed(b"g", SOURCE, at(0));
    assert_eq!(
        guard.admit_call(SOURCE, at(1)),
        Err(CallRefusal::SourceBackOff)
    );
    assert_eq!(guard.admit_call(Ipv4Addr::LOCALHOST, at(1)), Ok(()));
    assert_eq!(guard.admit_call(SOURCE, at(2_000)), Ok(()));
    assert_eq!(
        guard.source_blocked(SOURCE, at(500)),
        Some((5, Duration::from_millis(1500)))
    );
    for _ in 0..3 {
        guard.failed(b"x", Ipv4Addr::LOCALHOST, at(0));
    }
    assert!(guard.user_blocked(b"x", at(0)).is_some());
    assert!(guard.forgive(b"X") && guard.user_blocked(b"x", at(0)).is_none());
    assert!(!guard.forgive(b"nobody"));
}

#[test]
fn calls_come_at_their_rate_in_all_and_from_one_source() {
    let mut guard = Guard::new(GuardConfig {
        calls_per_s: Some(10),
        calls_per_source_per_s: Some(4),
        ..GuardConfig::default()
    });
    let other = |last| Ipv4Addr::new(192, 0, 2, last);
    let admitted = |guard: &mut Guard, source, ms| {
        (0..20)
            .filter(|_| guard.admit_call(source, at(ms)).is_ok())
            .count()
    };
    assert_eq!(admitted(&mut guard, SOURCE, 0), 4);
    assert_eq!(
        guard.admit_call(SOURCE, at(0)),
        Err(CallRefusal::SourceRate)
    );
    assert_eq!(admitted(&mut guard, other(1), 0), 4);
    assert_eq!(admitted(&mut guard, other(2), 0), 2, "ten in all");
    assert_eq!(
        guard.admit_call(other(3), at(0)),
        Err(CallRefusal::StartRate)
    );
    assert_eq!(admitted(&mut guard, SOURCE, 500), 2);
    assert_eq!(admitted(&mut guard, other(4), 60_000), 4);
    assert_eq!(admitted(&mut guard, SOURCE, 60_000), 4);
}

#[test]
fn strangers_do_not_fill_the_memory_and_without_limits_nothing_is_kept() {
    let mut table = Expiring::new(100);
    for key in 0..10_000_u32 {
        table.put(key, (), at(u64::from(key) + 50), at(u64::from(key)));
        assert!(table.len() <= 100);
    }
    assert!(
        table.len() <= 51,
        "what is over is forgotten: {}",
        table.len()
    );
    let mut full = Expiring::new(100);
    for key in 0..1_000_u32 {
        full.put(key, (), at(10_000 - u64::from(key)), at(0));
    }
    assert_eq!(full.len(), 100);
    assert!(full.get(&0, at(0)).is_some() && full.get(&500, at(0)).is_none());
    let mut open = Guard::new(GuardConfig::default());
    for last in 0..=255 {
        open.failed(&[b'a', last], Ipv4Addr::new(192, 0, 2, last), at(0));
        assert_eq!(open.admit_call(SOURCE, at(0)), Ok(()));
    }
    assert_eq!(open.known(), (0, 0));
}
