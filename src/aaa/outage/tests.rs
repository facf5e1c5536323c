use std::net::Ipv4Addr;

use super::*;
use crate::aaa::accounting::DecidedBy;
use crate::aaa::{LocalUser, LocalUsers};
use crate::auth::mschapv2::{Exchange, generate_nt_response};
use crate::flow::Encryption;
use crate::ppp::link::{Method, MppePolicy, MppeRequirement};

const HOUR: Duration = Duration::from_secs(3600);

fn outage(users_max: usize) -> Outage {
    let mut random = 0_u8;
    let fill = move |bytes: &mut [u8]| {
        random = random.wrapping_add(1);
        bytes.fill(random);
    };
    let cost = Cost {
        memory_kib: 8,
        passes: 1,
    };
    Outage::new(users_max, cost, Box::new(fill))
}

fn access(nt_hash: bool) -> Arc<Access> {
    let keep = Keep {
        time: HOUR,
        nt_hash,
    };
    Arc::new(Access {
        methods: vec![Method::MsChapV2, Method::MsChapV1, Method::Pap],
        mppe: MppePolicy {
            requirement: MppeRequirement::Optional,
            ..MppePolicy::REQUIRED
        },
        outage: AtOutage::Admit(keep),
        ..Access::default()
    })
}

fn pap(name: &str, password: &str) -> Credentials {
    Credentials::Pap {
        name: name.into(),
        password: password.into(),
    }
}

fn mschapv2(name: &str, password: &str) -> Credentials {
    let exchange = Exchange {
        authenticator_challenge: &[1; 16],
        peer_challenge: &[2; 16],
        user_name: name.as_bytes(),
    };
    Credentials::MsChapV2 {
        name: name.into(),
        authenticator_challenge: [1; 16],
        peer_challenge: [2; 16],
        nt_response: generate_nt_response(&exchange, &NtHash::from_password(password)),
        identifier: 1,
    }
}

/// What a server has granted `name`.
fn grant(name: &str, access: &Arc<Access>) -> Grant {
    let hash = NtHash::from_password("of no use");
    let user = LocalUser {
        address: Some(Ipv4Addr::new(10, 0, 0, 9)),
        ..LocalUser::new(name, hash, "gold")
    };
    let pap = pap(name, "of no use");
    let Decision::Accept(mut grant) = LocalUsers::new([user]).decide(&pap, access, Timestamp::ZERO)
    else {
        panic!("it is granted");
    };
    grant.network.mtu_max = Some(1300);
    grant.network.state = Some([7].into());
    grant.billing.class = vec![b"class".as_slice().into()];
    grant.billing.decided_by = DecidedBy::Radius;
    *grant
}

/// A server lets `name` in.
fn let_in(outage: &mut Outage, credentials: &Credentials, access: &Arc<Access>, now: Timestamp) {
    let name = std::str::from_utf8(credentials.name()).unwrap();
    let work = outage.granted(credentials, &grant(name, access), access, now);
    if let Some(work) = work {
        assert!(outage.hear(work.run(), now).is_none());
    }
}

fn ask(
    outage: &mut Outage,
    credentials: &Credentials,
    access: &Arc<Access>,
    now: Timestamp,
) -> Result<Grant, Rejection> {
    let why = Some("server \"main\" is silent".into());
    let decision = match outage.ask(credentials, access, why, now) {
        Answer::Decided(decision) => decision,
        Answer::Later(number, work) => {
            let (of, decision) = outage.hear(work.run(), now).unwrap();
            assert_eq!(of, number);
            decision
        }
    };
    match decision {
        Decision::Accept(grant) => Ok(*grant),
        Decision::Deny(denial) => {
            assert!(denial.detail.unwrap().contains("silent"));
            Err(denial.rejection)
        }
        Decision::Reject(rejection) => Err(rejection),
        Decision::Challenge { .. } => panic!("nobody asks back"),
    }
}

fn count(outage: &Outage, of: OutageCount) -> u64 {
    outage.counts()[of.index()]
}

#[test]
fn who_was_let_in_by_pap_gets_in_an_outage_what_a_server_had_granted() {
    let (mut outage, access, now) = (outage(10), access(false), Timestamp::ZERO);
    let_in(&mut outage, &pap("alice", "wonderland"), &access, now);
    let later = now + HOUR - Duration::from_secs(1);
    let granted = ask(&mut outage, &pap("alice", "wonderland"), &access, later).unwrap();
    assert_eq!(&*granted.user, "alice");
    assert_eq!(&*granted.pool, "gold");
    assert_eq!(granted.address, Some(Ipv4Addr::new(10, 0, 0, 9)));
    assert_eq!(granted.network.mtu_max, Some(1300));
    assert_eq!(granted.network.state, None, "that conversation is over");
    assert_eq!(granted.billing.class, [b"class".as_slice().into()]);
    assert_eq!(granted.billing.decided_by, DecidedBy::Cached);
    assert_eq!(
        granted.authenticated.policy().encryption,
        Encryption::Optional
    );
    assert!(!granted.authenticated.has_keys());
    assert_eq!(count(&outage, OutageCount::Admitted), 1);
}

#[test]
fn each_refusal_in_an_outage_has_its_reason() {
    let (mut outage, access, now) = (outage(10), access(false), Timestamp::ZERO);
    let_in(&mut outage, &pap("alice", "wonderland"), &access, now);
    let eap = Credentials::Eap {
        identity: b"alice".to_vec(),
        packet: vec![2],
        state: Vec::new(),
        nonce: [0; 16],
    };
    for (credentials, rejection) in [
        (pap("alice", "Wonderland"), Rejection::OutagePasswordWrong),
        (pap("bob", "wonderland"), Rejection::OutageUserUnknown),
        (
            mschapv2("alice", "wonderland"),
            Rejection::OutageNotProvable,
        ),
        (eap, Rejection::OutageNotProvable),
    ] {
        let refused = ask(&mut outage, &credentials, &access, now).err();
        assert_eq!(refused, Some(rejection));
    }
    let off = Arc::new(Access {
        outage: AtOutage::Refuse,
        ..(*access).clone()
    });
    let refused = ask(&mut outage, &pap("alice", "wonderland"), &off, now).err();
    assert_eq!(refused, Some(Rejection::OutageUserUnknown));
}

#[test]
fn mschap_gets_in_with_keys_where_the_operator_lets_the_nt_hash_be_kept() {
    let (mut outage, access, now) = (outage(10), access(true), Timestamp::ZERO);
    let_in(&mut outage, &mschapv2("alice", "wonderland"), &access, now);
    assert!(outage.is_empty(), "nobody knows the password of it");
    let_in(&mut outage, &pap("alice", "wonderland"), &access, now);
    let granted = ask(&mut outage, &mschapv2("alice", "wonderland"), &access, now).unwrap();
    assert!(granted.authenticated.has_keys() && granted.success_message.starts_with("S="));
    assert_eq!(granted.network.mtu_max, Some(1300));
    assert!(ask(&mut outage, &pap("alice", "wonderland"), &access, now).is_ok());
    let wrong = ask(&mut outage, &mschapv2("alice", "else"), &access, now).err();
    assert_eq!(wrong, Some(Rejection::OutagePasswordWrong));
    // A log-in by MS-CHAPv2 with the same password renews it, with another one ends it.
    let later = now + HOUR / 2;
    let_in(
        &mut outage,
        &mschapv2("alice", "wonderland"),
        &access,
        later,
    );
    let last = now + HOUR + HOUR / 4;
    outage.handle_timeout(last);
    assert!(ask(&mut outage, &mschapv2("alice", "wonderland"), &access, last).is_ok());
    let_in(&mut outage, &mschapv2("alice", "changed"), &access, last);
    assert!(outage.is_empty());
}

#[test]
fn what_is_kept_ends_with_its_time_a_refusal_or_for_want_of_room() {
    let (mut outage, access, now) = (outage(2), access(false), Timestamp::ZERO);
    for (second, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
        let at = now + Duration::from_secs(second as u64);
        let_in(&mut outage, &pap(name, "wonderland"), &access, at);
    }
    assert!(!outage.knows(b"alice"), "the oldest made room");
    assert_eq!(count(&outage, OutageCount::Evicted), 1);
    refuse(&mut outage, &pap("bob", "wonderland"), &access, now);
    assert!(!outage.knows(b"bob") && outage.knows(b"carol"));
    assert_eq!(count(&outage, OutageCount::Refused), 1);
    let end = outage.poll_timeout().unwrap();
    assert_eq!(end, now + Duration::from_secs(2) + HOUR);
    outage.handle_timeout(end);
    assert!(outage.is_empty() && outage.poll_timeout().is_none());
    assert_eq!(count(&outage, OutageCount::Expired), 1);
}

/// A server refuses these.
fn refuse(outage: &mut Outage, credentials: &Credentials, access: &Arc<Access>, now: Timestamp) {
    let refused = Rejection::RadiusRefused;
    if let Some(work) = outage.refused(credentials, refused, access, now) {
        assert!(outage.hear(work.run(), now).is_none());
    }
}

#[test]
fn a_wrong_password_that_a_server_refuses_is_anybodys_and_forgets_nobody() {
    let now = Timestamp::ZERO;
    for nt_hash in [false, true] {
        let (mut outage, access) = (outage(10), access(nt_hash));
        let_in(&mut outage, &pap("alice", "wonderland"), &access, now);
        let chap = Credentials::ChapMd5 {
            name: b"alice".to_vec(),
            identifier: 1,
            challenge: [1; 16],
            response: [2; 16],
        };
        let others = [pap("alice", "guessed"), mschapv2("alice", "guessed"), chap];
        for other in &others {
            refuse(&mut outage, other, &access, now);
        }
        assert_eq!(count(&outage, OutageCount::OtherRefused), 3);
        // Of a stranger nothing is kept, and nothing is worked on.
        refuse(&mut outage, &pap("mallory", "guessed"), &access, now);
        assert!(ask(&mut outage, &pap("alice", "wonderland"), &access, now).is_ok());
        // The password that let it in does not any more.
        refuse(&mut outage, &pap("alice", "wonderland"), &access, now);
        assert!(outage.is_empty());
        let counted = [OutageCount::Refused, OutageCount::OtherRefused];
        assert_eq!(counted.map(|of| count(&outage, of)), [1, 3]);
    }
}

#[test]
fn what_a_server_says_of_the_account_needs_no_password() {
    let (mut outage, access, now) = (outage(10), access(false), Timestamp::ZERO);
    for rejection in [
        Rejection::UserDisabled,
        Rejection::PasswordExpired,
        Rejection::TacacsNotAuthorized,
    ] {
        let_in(&mut outage, &pap("alice", "wonderland"), &access, now);
        let work = outage.refused(&mschapv2("alice", "any"), rejection, &access, now);
        assert!(work.is_none() && outage.is_empty(), "{rejection}");
    }
    assert_eq!(count(&outage, OutageCount::Refused), 3);
}

#[test]
fn a_refusal_counts_for_what_is_still_being_worked_on() {
    let now = Timestamp::ZERO;
    let alice = pap("alice", "wonderland");
    // Refused with this password, and what is then left; what came second may be done first, too.
    for (password, in_order, left) in [
        ("wonderland", true, 0),
        ("guessed", true, 1),
        ("wonderland", false, 0),
    ] {
        let (mut outage, access) = (outage(10), access(false));
        let keep = outage.granted(&alice, &grant("alice", &access), &access, now);
        let refused = pap("alice", password);
        let compare = outage.refused(&refused, Rejection::RadiusRefused, &access, now);
        let mut works = [keep.unwrap(), compare.unwrap()];
        if !in_order {
            works.reverse();
        }
        for work in works {
            assert!(outage.hear(work.run(), now).is_none());
        }
        assert_eq!(outage.len(), left, "{password} {in_order}");
        assert!(outage.waiting.is_empty());
    }
}

#[test]
fn refusals_that_cannot_be_looked_at_forget_nobody() {
    let (mut outage, access, now) = (outage(10), access(false), Timestamp::ZERO);
    let alice = pap("alice", "wonderland");
    let_in(&mut outage, &alice, &access, now);
    let mut refuse = || outage.refused(&alice, Rejection::RadiusRefused, &access, now);
    let mut works: Vec<_> = (0..KEEPS_MAX).filter_map(|_| refuse()).collect();
    assert!(refuse().is_none());
    assert_eq!(works.len(), KEEPS_MAX);
    let undone = works.pop().unwrap().undone();
    assert!(outage.hear(undone, now).is_none());
    assert!(outage.knows(b"alice"));
    assert_eq!(count(&outage, OutageCount::RefusedUnchecked), 2);
}

#[test]
fn an_absolute_end_that_a_server_has_set_ends_what_is_kept() {
    let (mut outage, access, now) = (outage(2), access(false), Timestamp::ZERO);
    let mut granted = grant("alice", &access);
    granted.network.policy.ends_at = Some(now + HOUR / 2);
    let alice = pap("alice", "wonderland");
    let work = outage.granted(&alice, &granted, &access, now).unwrap();
    outage.hear(work.run(), now);
    let refused = ask(&mut outage, &alice, &access, now + HOUR / 2).err();
    assert_eq!(refused, Some(Rejection::OutageUserUnknown));
}

#[test]
fn work_is_bounded_and_what_is_not_done_decides_nothing() {
    let (mut outage, access, now) = (outage(2), access(false), Timestamp::ZERO);
    let mut works = Vec::new();
    for number in 0..=KEEPS_MAX {
        let user = pap(&format!("user{number}"), "wonderland");
        let granted = grant("any", &access);
        works.extend(outage.granted(&user, &granted, &access, now));
    }
    assert_eq!(works.len(), KEEPS_MAX);
    assert_eq!(count(&outage, OutageCount::NotKept), 1);
    let mut refused = 0;
    for number in 0..WORK_MAX {
        match outage.ask(&pap(&format!("{number}"), "x"), &access, None, now) {
            Answer::Later(_, work) => works.push(work),
            Answer::Decided(_) => refused += 1,
        }
    }
    assert_eq!(refused, KEEPS_MAX, "keeping passwords counts, too");
    assert_eq!(count(&outage, OutageCount::Overloaded), refused as u64);
    let last = works.pop().unwrap();
    let decided = outage.hear(last.undone(), now);
    let Some((_, Decision::Deny(denial))) = decided else {
        panic!("it is told");
    };
    assert_eq!(denial.rejection, Rejection::OutageOverloaded);
    assert!(outage.hear(last.run(), now).is_none(), "told once");
}
