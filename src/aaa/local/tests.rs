//! Who is let in, by every method, and with what.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at what it is about"
)]

use super::*;
use crate::aaa::{CallPolicy, Rate, RatePolicy};
use crate::auth::change_password;
use crate::flow::Encryption;
use crate::ppp::link::{MppeChange, MppePolicy};
use crate::wire::ccp::Strengths;
use crate::wire::chap::{ChangePasswordV2, ChangePasswordV3};

const CHALLENGE: [u8; 16] = [0x5b; 16];
const SHORT_CHALLENGE: [u8; 8] = [0x5b; 8];
const PEER_CHALLENGE: [u8; 16] = [0x21; 16];

/// An address where every way to log in is open.
fn everything() -> Arc<Access> {
    let all = Access {
        methods: vec![
            Method::MsChapV2,
            Method::MsChapV1,
            Method::ChapMd5,
            Method::Pap,
        ],
        ..Access::default()
    };
    all.into()
}

pub(in crate::aaa) fn users() -> LocalUsers {
    let user = |name: &str, password: &str| LocalUser {
        password: Some(Secret::from(password.to_owned())),
        ..LocalUser::new(name, NtHash::from_password(password), "default")
    };
    let hashed = LocalUser::new("hashed", NtHash::from_password("wonderland-7"), "default");
    let old = LocalUser {
        standing: Standing::PasswordExpired,
        ..user("old", "wonderland-6")
    };
    let gone = LocalUser {
        standing: Standing::Disabled,
        ..user("gone", "wonderland-7")
    };
    let users = [
        user("alice", "wonderland-7"),
        user("héloïse", "wonderland-7"),
        user(&"n".repeat(253), "wonderland-7"),
        hashed,
        old,
        gone,
    ];
    LocalUsers::new(users)
}

/// What a client of this name that knows this password would send, by every method but EAP.
fn credentials(name: &[u8], password: &str) -> [Credentials; 4] {
    let nt_hash = NtHash::from_password(password);
    let exchange = Exchange {
        authenticator_challenge: &CHALLENGE,
        peer_challenge: &PEER_CHALLENGE,
        user_name: name,
    };
    let name = name.to_vec();
    let secret = Secret::from(password.to_owned());
    [
        Credentials::Pap {
            name: name.clone(),
            password: password.as_bytes().to_vec(),
        },
        Credentials::ChapMd5 {
            name: name.clone(),
            challenge: CHALLENGE,
            response: chap_md5::response(9, &secret, &CHALLENGE),
            identifier: 9,
        },
        Credentials::MsChapV1 {
            name: name.clone(),
            challenge: SHORT_CHALLENGE,
            nt_response: mschapv1::nt_response(&SHORT_CHALLENGE, &nt_hash),
            uses_nt_response: true,
            identifier: 9,
        },
        Credentials::MsChapV2 {
            nt_response: mschapv2::generate_nt_response(&exchange, &nt_hash),
            name,
            authenticator_challenge: CHALLENGE,
            peer_challenge: PEER_CHALLENGE,
            identifier: 9,
        },
    ]
}

fn accepted(decision: Decision) -> Grant {
    match decision {
        Decision::Accept(grant) => *grant,
        Decision::Reject(rejection) => panic!("{rejection}"),
        Decision::Challenge { .. } | Decision::Deny(_) => panic!("another decision"),
    }
}

fn rejection(decision: Decision) -> Rejection {
    match decision {
        Decision::Reject(rejection) => rejection,
        Decision::Accept(grant) => panic!("{} was let in", grant.user),
        Decision::Challenge { .. } | Decision::Deny(_) => panic!("another decision"),
    }
}

#[test]
fn p8_the_right_password_is_let_in_whatever_stands_around_the_name() {
    for (name, user) in [
        ("alice", "alice"),
        ("WORKGROUP\\alice", "alice"),
        ("alice@example.net", "alice"),
        ("héloïse", "héloïse"),
        (&"n".repeat(253), &"n".repeat(253)),
    ] {
        for sent in credentials(name.as_bytes(), "wonderland-7") {
            let mschap = matches!(
                sent,
                Credentials::MsChapV1 { .. } | Credentials::MsChapV2 { .. }
            );
            let grant = accepted(users().decide(&sent, &everything(), Timestamp::ZERO));
            assert_eq!(&*grant.user, user);
            assert_eq!(grant.authenticated.has_keys(), mschap, "{sent:?}");
            let proves = matches!(sent, Credentials::MsChapV2 { .. });
            assert_eq!(grant.success_message.starts_with("S="), proves);
        }
    }
}

#[test]
fn everybody_else_is_refused_with_the_reason() {
    for (name, password, expected) in [
        (&b"alice"[..], "wrong", Rejection::PasswordWrong),
        (b"alice", "", Rejection::PasswordWrong),
        (b"bob", "wonderland-7", Rejection::UserUnknown),
        (b"bob@alice", "wonderland-7", Rejection::UserUnknown),
        (b"alice\\", "wonderland-7", Rejection::UserUnknown),
        (b"", "wonderland-7", Rejection::NameUnusable),
        (b"al\xffce", "wonderland-7", Rejection::NameUnusable),
        (&[b'n'; 254], "wonderland-7", Rejection::NameUnusable),
        (b"gone", "wonderland-7", Rejection::UserDisabled),
        (b"gone", "wrong", Rejection::PasswordWrong),
        (b"old", "wonderland-6", Rejection::PasswordExpired),
        (b"old", "wrong", Rejection::PasswordWrong),
    ] {
        for sent in credentials(name, password) {
            let found = rejection(users().decide(&sent, &everything(), Timestamp::ZERO));
            assert_eq!(found, expected, "{sent:?}");
        }
    }
}

#[test]
fn a_stored_hash_serves_every_method_but_chap_md5() {
    for sent in credentials(b"hashed", "wonderland-7") {
        let decision = users().decide(&sent, &everything(), Timestamp::ZERO);
        match sent {
            Credentials::ChapMd5 { .. } => {
                assert_eq!(rejection(decision), Rejection::PasswordNotInClear);
            }
            _ => assert_eq!(&*accepted(decision).user, "hashed"),
        }
    }
}

#[test]
fn rfc_1994_section_2_3_an_empty_secret_lets_nobody_in_by_chap_md5() {
    let empty = LocalUser {
        password: Some(Secret::new(Vec::new())),
        ..LocalUser::new("alice", NtHash::from_password(""), "default")
    };
    let [_, chap_md5, ..] = credentials(b"alice", "");
    let decision = LocalUsers::new([empty]).decide(&chap_md5, &everything(), Timestamp::ZERO);
    assert_eq!(rejection(decision), Rejection::PasswordNotInClear);
}

#[test]
fn a_password_that_is_no_text_is_nobodys() {
    let pap = Credentials::Pap {
        name: b"alice".to_vec(),
        password: b"\xff".to_vec(),
    };
    assert_eq!(
        rejection(users().decide(&pap, &everything(), Timestamp::ZERO)),
        Rejection::PasswordWrong
    );
    // Not even that of one whose password is empty.
    let empty = LocalUser::new("alice", NtHash::from_password(""), "default");
    let decision = LocalUsers::new([empty]).decide(&pap, &everything(), Timestamp::ZERO);
    assert_eq!(rejection(decision), Rejection::PasswordWrong);
}

#[test]
fn rfc_2433_section_6_the_response_of_lan_manager_is_not_looked_at() {
    for sent in credentials(b"alice", "wonderland-7") {
        if let Credentials::MsChapV1 { nt_response, .. } = &sent {
            let lan_manager = Credentials::MsChapV1 {
                name: b"alice".to_vec(),
                challenge: SHORT_CHALLENGE,
                nt_response: *nt_response,
                uses_nt_response: false,
                identifier: 1,
            };
            let found = rejection(users().decide(&lan_manager, &everything(), Timestamp::ZERO));
            assert_eq!(found, Rejection::LanManagerOnly);
        }
    }
}

fn change(old: &str, new: &str, proof: &str) -> [Credentials; 2] {
    let hash = NtHash::from_password;
    let name = b"DOMAIN\\old".to_vec();
    let exchange = Exchange {
        authenticator_challenge: &CHALLENGE,
        peer_challenge: &PEER_CHALLENGE,
        user_name: &name,
    };
    let encrypted_password =
        change_password::encrypt_password(new, &hash(old), &[0x77; 512]).unwrap();
    let encrypted_hash = change_password::encrypt_hash(&hash(old), &hash(new));
    let third = ChangePasswordV3 {
        encrypted_password,
        encrypted_hash,
        peer_challenge: PEER_CHALLENGE,
        nt_response: mschapv2::generate_nt_response(&exchange, &hash(proof)),
        flags: 0,
    };
    let second = ChangePasswordV2 {
        encrypted_password,
        encrypted_hash,
        nt_response: mschapv1::nt_response(&SHORT_CHALLENGE, &hash(proof)),
        flags: 1,
    };
    [
        Credentials::ChangePasswordV3 {
            name: name.clone(),
            authenticator_challenge: CHALLENGE,
            change: Box::new(third),
            identifier: 1,
        },
        Credentials::ChangePasswordV2 {
            name,
            challenge: SHORT_CHALLENGE,
            change: Box::new(second),
            identifier: 1,
        },
    ]
}

#[test]
fn rfc_2759_section_7_and_rfc_2433_section_10_a_new_password_is_in_force_at_once() {
    for sent in change("wonderland-6", "brave new 8", "brave new 8") {
        let mut users = users();
        let grant = accepted(users.decide(&sent, &everything(), Timestamp::ZERO));
        assert_eq!(&*grant.user, "old");
        assert!(grant.authenticated.has_keys());
        let changes = users.take_password_changes();
        let [change] = changes.as_slice() else {
            panic!("{} changes", changes.len())
        };
        assert_eq!(&*change.user, "old");
        let new_hash = NtHash::from_password("brave new 8");
        assert!(change.nt_hash.matches(&new_hash));
        assert!(users.take_password_changes().is_empty(), "told once");
        for (password, good) in [("brave new 8", true), ("wonderland-6", false)] {
            for sent in credentials(b"old", password) {
                let accepted = matches!(
                    users.decide(&sent, &everything(), Timestamp::ZERO),
                    Decision::Accept(_)
                );
                assert_eq!(accepted, good, "{password} by {sent:?}");
            }
        }
        // It has not expired, so it cannot be replaced.
        let found = rejection(users.decide(&sent, &everything(), Timestamp::ZERO));
        assert_eq!(found, Rejection::NewPasswordRefused);
    }
}

#[test]
fn a_new_password_that_does_not_fit_changes_nothing() {
    let broken = |sent: Credentials| match sent {
        Credentials::ChangePasswordV3 { ref change, .. } => {
            let mut change = change.clone();
            change.encrypted_hash[3] ^= 1;
            Credentials::ChangePasswordV3 {
                name: b"old".to_vec(),
                authenticator_challenge: CHALLENGE,
                change,
                identifier: 1,
            }
        }
        other => other,
    };
    let [unbound, _] = change("wonderland-6", "brave new 8", "brave new 8");
    let cases = [
        change("guessed", "brave new 8", "brave new 8"),
        change("wonderland-6", "brave new 8", "another"),
        change("wonderland-6", "wonderland-6", "wonderland-6"),
    ];
    for sent in cases.into_iter().flatten().chain([broken(unbound)]) {
        let mut users = users();
        let found = rejection(users.decide(&sent, &everything(), Timestamp::ZERO));
        assert_eq!(found, Rejection::NewPasswordRefused);
        assert!(users.take_password_changes().is_empty());
        let [.., mschapv2] = credentials(b"old", "wonderland-6");
        let found = rejection(users.decide(&mschapv2, &everything(), Timestamp::ZERO));
        assert_eq!(found, Rejection::PasswordExpired);
    }
}

/// One user, in a group that permits these, and inside EAP what is usual.
pub(in crate::aaa) fn in_group(methods: &[Method], name: &str, standing: Standing) -> LocalUsers {
    let group = Access {
        group: Some("office".into()),
        methods: methods.to_vec(),
        ..Access::default()
    };
    LocalUsers::new([LocalUser {
        password: Some(Secret::from("wonderland-6".to_owned())),
        standing,
        group: Some(group.into()),
        ..LocalUser::new(name, NtHash::from_password("wonderland-6"), "default")
    }])
}

#[test]
fn the_users_group_decides_by_which_method_it_may_log_in() {
    let methods = [
        Method::Pap,
        Method::ChapMd5,
        Method::MsChapV1,
        Method::MsChapV2,
    ];
    for permitted in methods {
        let sent = credentials(b"alice", "wonderland-6");
        for (method, sent) in methods.into_iter().zip(&sent) {
            let mut users = in_group(&[permitted], "alice", Standing::Good);
            match users.decide(sent, &everything(), Timestamp::ZERO) {
                Decision::Accept(grant) => {
                    assert_eq!(method, permitted);
                    assert_eq!(grant.terms.group(), Some("office"));
                }
                Decision::Deny(denial) => {
                    assert_ne!(method, permitted);
                    assert_eq!(denial.rejection, Rejection::MethodNotPermitted);
                    let words = format!("group office permits {permitted}");
                    assert_eq!(denial.detail.as_deref(), Some(&*words));
                }
                Decision::Challenge { .. } | Decision::Reject(_) => panic!("another decision"),
            }
        }
        for wrong in credentials(b"alice", "wrong") {
            let mut users = in_group(&[permitted], "alice", Standing::Good);
            let found = rejection(users.decide(&wrong, &everything(), Timestamp::ZERO));
            assert_eq!(
                found,
                Rejection::PasswordWrong,
                "nobody else learns of the group"
            );
        }
    }
}

#[test]
fn a_method_that_the_group_forbids_changes_no_password() {
    let sent = change("wonderland-6", "brave new 8", "brave new 8");
    for (sent, method) in sent.iter().zip([Method::MsChapV2, Method::MsChapV1]) {
        for permitted in [Method::MsChapV2, Method::MsChapV1, Method::Eap] {
            let mut users = in_group(&[permitted], "old", Standing::PasswordExpired);
            let decision = users.decide(sent, &everything(), Timestamp::ZERO);
            let replaced = method == permitted;
            assert_eq!(matches!(decision, Decision::Accept(_)), replaced);
            assert_eq!(users.take_password_changes().len(), usize::from(replaced));
        }
    }
}

#[test]
fn what_the_user_has_of_its_own_goes_before_the_group_and_that_before_the_address() {
    let [.., mschapv2] = credentials(b"alice", "wonderland-6");
    let weaker = MppeChange {
        strengths: Some(Strengths::ALL),
        ..MppeChange::NONE
    };
    let off = Access {
        mppe: MppePolicy::OFF,
        ..(*everything()).clone()
    };
    let group = Arc::new(Access {
        mppe: MppePolicy::OPTIONAL,
        ..Access::default()
    });
    let own = MppePolicy {
        strengths: Strengths::ALL,
        ..MppePolicy::OPTIONAL
    };
    for (group, own, expected, encryption) in [
        (None, MppeChange::NONE, MppePolicy::OFF, Encryption::Off),
        (
            Some(Arc::clone(&group)),
            MppeChange::NONE,
            MppePolicy::OPTIONAL,
            Encryption::Optional,
        ),
        (Some(group), weaker, own, Encryption::Optional),
    ] {
        let alice = LocalUser {
            group,
            mppe: own,
            ..LocalUser::new("alice", NtHash::from_password("wonderland-6"), "default")
        };
        let mut users = LocalUsers::new([alice]);
        let grant = accepted(users.decide(&mschapv2, &Arc::new(off.clone()), Timestamp::ZERO));
        assert_eq!(grant.terms.mppe(), expected);
        assert_eq!(grant.authenticated.policy().encryption, encryption);
        let keys = encryption != Encryption::Off;
        assert_eq!(grant.authenticated.has_keys(), keys, "no keys without use");
    }
}

#[test]
fn only_who_knows_the_password_learns_more_than_691() {
    for &rejection in Rejection::ALL {
        let code = rejection.failure_code().number();
        let knows = matches!(
            rejection,
            Rejection::PasswordExpired
                | Rejection::UserDisabled
                | Rejection::AccountExpired
                | Rejection::NewPasswordRefused
                | Rejection::MethodNotPermitted
                | Rejection::TooManySessions
                | Rejection::GroupFull
                | Rejection::TacacsNotAuthorized
                | Rejection::TacacsNoKeys
        );
        assert_eq!(code != 691, knows, "{rejection}");
        // Said under every name, whether somebody has it or not.
        let tells = knows || rejection == Rejection::UserBackOff;
        assert_eq!(rejection.text() != "Access denied", tells, "{rejection}");
        assert!(!rejection.permits_retry() || code == 691, "{rejection}");
    }
}

/// Issue 5, local users: what the file says of rates, times and quotas comes with the grant, as it
/// does from a RADIUS server.
#[test]
fn a_user_gets_the_policy_that_the_file_has_for_it() {
    let policy = CallPolicy {
        idle_limit: Some(Duration::from_secs(900)),
        rates: RatePolicy {
            downstream: Rate::of_bps(10_000_000),
            ..RatePolicy::default()
        },
        ..CallPolicy::default()
    };
    let slow = LocalUser {
        policy: policy.clone(),
        ..LocalUser::new("slow", NtHash::from_password("wonderland-7"), "default")
    };
    let mut users = LocalUsers::new([slow]);
    for sent in credentials(b"slow", "wonderland-7") {
        if !matches!(sent, Credentials::ChapMd5 { .. }) {
            let decision = users.decide(&sent, &everything(), Timestamp::ZERO);
            assert_eq!(accepted(decision).network.policy, policy);
        }
    }
}

/// The last second is one that is granted; who does not know the password hears nothing of it.
#[test]
fn an_account_that_expires_takes_its_calls_with_it_and_lets_no_other_in() {
    const EXPIRES_S: u64 = 1_900_000_000;
    let user = |standing| LocalUser {
        standing,
        expires_s: Some(EXPIRES_S),
        ..LocalUser::new("guest", NtHash::from_password("wonderland-7"), "default")
    };
    let clock = Duration::from_secs(EXPIRES_S - 100);
    let [pap, _, _, mschapv2] = credentials(b"guest", "wonderland-7");
    let [wrong, ..] = credentials(b"guest", "wonderland-8");
    let at = |s| Timestamp::ZERO + Duration::from_secs(s);
    let mut users = LocalUsers::new([user(Standing::Good)]).with_clock(clock);
    for sent in [&pap, &mschapv2] {
        let grant = accepted(users.decide(sent, &everything(), at(99)));
        assert_eq!(grant.network.policy.ends_at, Some(at(100)));
        let found = rejection(users.decide(sent, &everything(), at(100)));
        assert_eq!(found, Rejection::AccountExpired);
        assert_eq!(
            (found.failure_code().number(), found.text()),
            (647, "Account expired")
        );
        assert!(!found.permits_retry() && !found.is_of_a_guess());
    }
    let found = rejection(users.decide(&wrong, &everything(), at(100)));
    assert_eq!(found, Rejection::PasswordWrong);
    for (standing, found) in [
        (Standing::PasswordExpired, Rejection::AccountExpired),
        (Standing::Disabled, Rejection::UserDisabled),
    ] {
        let mut users = LocalUsers::new([user(standing)]).with_clock(clock);
        assert_eq!(rejection(users.decide(&pap, &everything(), at(100))), found);
    }
}
