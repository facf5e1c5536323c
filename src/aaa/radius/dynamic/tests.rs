//! What is carried out, what is refused with which Error-Cause, and what is not even answered.

use proptest::prelude::*;

use super::*;
use crate::aaa::radius::meaning::Meaning;
use crate::aaa::{QuotaChange, Rate};
use crate::wire::radius::attribute::{
    ACCT_SESSION_ID, ACCT_TERMINATE_CAUSE, CALLED_STATION_ID, CALLING_STATION_ID, CISCO_AVPAIR,
    CLASS, ERROR_CAUSE, FRAMED_INTERFACE_ID, FRAMED_IP_ADDRESS, FRAMED_MTU, FRAMED_POOL,
    FRAMED_ROUTE, IDLE_TIMEOUT, MIKROTIK_RATE_LIMIT, MIKROTIK_TOTAL_LIMIT, NAS_IDENTIFIER,
    NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_PORT, NAS_PORT_ID, PROXY_STATE, Places, REPLY_MESSAGE,
    SERVICE_TYPE, SESSION_TIMEOUT, STATE, Type, USER_NAME, VENDOR_SPECIFIC,
};
use crate::wire::radius::proof::{is_reply_to, reply_signature};
use crate::wire::radius::{Attribute, Attributes};

const SECRET: &[u8] = b"between billing and us";
const NOW_S: u64 = 1_700_000_000;
pub(super) const DISCONNECT: Code = Code::DISCONNECT_REQUEST;
pub(super) const CHANGE: Code = Code::COA_REQUEST;

pub(super) fn settings() -> Settings {
    Settings {
        clients: vec![DynamicClient {
            address: "192.0.2.9".parse().unwrap(),
            secret: Secret::new(SECRET.to_vec()),
        }],
        window: Duration::from_secs(300),
        timestamp_required: true,
        identifier: "vpn1".into(),
        addresses: vec![Ipv4Addr::new(198, 51, 100, 1)],
        map: vec![Mapped {
            vendor: 2011,
            number: 2,
            kind: Type::Integer,
            meaning: Meaning::RateUpstream(1),
        }],
        unix_at_zero_s: NOW_S,
    }
}

fn billing() -> SocketAddr {
    "192.0.2.9:40000".parse().unwrap()
}

pub(super) fn packet(code: Code, attributes: &Attributes) -> Vec<u8> {
    let request = crate::wire::radius::Request {
        code,
        identifier: 7,
        authenticator: [0; 16],
        secret: SECRET,
        attributes,
        password: None,
        delay_s: None,
    };
    request.to_packet().unwrap().0
}

/// With a fresh time.
pub(super) fn attributes(add: impl FnOnce(&mut Attributes)) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.integer(&EVENT_TIMESTAMP, u32::try_from(NOW_S).unwrap());
    add(&mut attributes);
    attributes
}

struct Desk {
    machine: Dynamic,
    now: Timestamp,
}

impl Desk {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: Settings) -> Self {
        Self {
            machine: Dynamic::new(settings),
            now: Timestamp::ZERO,
        }
    }

    fn hear(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Output> {
        self.machine
            .handle(Input::Datagram { from, bytes }, self.now);
        std::iter::from_fn(|| self.machine.poll_output()).collect()
    }

    /// The request that is to be carried out.
    fn carry(&mut self, bytes: &[u8]) -> Request {
        let mut outputs = self.hear(billing(), bytes);
        match outputs.pop() {
            Some(Output::Carry(request)) if outputs.is_empty() => request,
            other => panic!("{other:?}"),
        }
    }

    /// The answer to what has been carried out.
    fn finish(&mut self, request: &Request, outcome: Outcome) -> Vec<u8> {
        let input = Input::Carried(request.number, outcome);
        self.machine.handle(input, self.now);
        match self.machine.poll_output() {
            Some(Output::Transmit { to, bytes }) if to == billing() => bytes,
            other => panic!("{other:?}"),
        }
    }

    /// The Error-Cause of what is refused at once.
    fn refused(&mut self, code: Code, attributes: &Attributes) -> u32 {
        let bytes = packet(code, attributes);
        let outputs = self.hear(billing(), &bytes);
        let [Output::Transmit { to, bytes: answer }, Output::Audit { .. }] = &outputs[..] else {
            panic!("{outputs:?}")
        };
        assert_eq!(*to, billing());
        let nak = if code == CHANGE {
            Code::COA_NAK
        } else {
            Code::DISCONNECT_NAK
        };
        cause(&bytes, answer, nak).unwrap()
    }

    fn discards(&mut self, from: SocketAddr, bytes: &[u8], cause: Discarded) {
        let before = self.machine.discarded()[cause.index()];
        let outputs = self.hear(from, bytes);
        assert!(outputs.is_empty(), "{cause}: {outputs:?}");
        assert_eq!(
            self.machine.discarded()[cause.index()],
            before + 1,
            "{cause}"
        );
    }
}

/// The Error-Cause of a right answer.
fn cause(request: &[u8], answer: &[u8], code: Code) -> Option<u32> {
    let (request, answer) = (
        Packet::parse(request).unwrap(),
        Packet::parse(answer).unwrap(),
    );
    assert_eq!((answer.code, answer.identifier), (code, request.identifier));
    assert!(is_reply_to(&answer, &request.authenticator, SECRET));
    let signature = reply_signature(&answer, &request.authenticator, SECRET);
    assert_eq!(signature, Signature::Right);
    answer.integer(&ERROR_CAUSE)
}

/// For closures that say something and answer nothing.
fn done(_: &mut Attributes) {}

fn alice(attributes: &mut Attributes) {
    attributes.text(&USER_NAME, "alice");
}

#[test]
fn a_disconnect_is_carried_out_and_acknowledged() {
    let mut desk = Desk::new();
    let bytes = packet(
        DISCONNECT,
        &attributes(|it| {
            alice(it);
            it.text(&ACCT_SESSION_ID, "0001")
                .text(&NAS_IDENTIFIER, "vpn1")
                .address(&NAS_IP_ADDRESS, Ipv4Addr::new(198, 51, 100, 1))
                .text(&REPLY_MESSAGE, "Good bye")
                .octets(&PROXY_STATE, b"one")
                .octets(&PROXY_STATE, b"two");
        }),
    );
    let request = desk.carry(&bytes);
    assert_eq!((&request.wanted, request.from), (&Wanted::End, billing()));
    assert_eq!(request.selector.to_string(), "user=alice session_id=0001");
    let outcome = Outcome::Done {
        calls: 1,
        residual: false,
    };
    let answer = desk.finish(&request, outcome);
    assert_eq!(cause(&bytes, &answer, Code::DISCONNECT_ACK), None);
    let packet = Packet::parse(&answer).unwrap();
    assert_eq!(packet.integer(&ACCT_TERMINATE_CAUSE), Some(6));
    let states: Vec<_> = packet.values(&PROXY_STATE).collect();
    assert_eq!(states, [b"one", b"two"]);
    let audit = desk.machine.poll_output();
    let Some(Output::Audit { wanted, calls, .. }) = audit else {
        panic!()
    };
    assert_eq!(
        (wanted, &*calls),
        ("disconnect", "user=alice session_id=0001")
    );
    assert_eq!(desk.machine.carried(), 1);
}

#[test]
fn a_call_that_ended_anyway_is_acknowledged_with_201() {
    let mut desk = Desk::new();
    let bytes = packet(DISCONNECT, &attributes(alice));
    let request = desk.carry(&bytes);
    let outcome = Outcome::Done {
        calls: 1,
        residual: true,
    };
    let answer = desk.finish(&request, outcome);
    assert_eq!(cause(&bytes, &answer, Code::DISCONNECT_ACK), Some(201));
}

#[test]
fn a_change_says_what_changes_and_of_nothing_else() {
    let mut desk = Desk::new();
    static HUAWEI_RATE: Attribute = Attribute {
        name: "Huawei-Input-Average-Rate",
        vendor: 2011,
        number: 2,
        kind: Type::Integer,
        sent: Places::NONE,
        honoured: Places::NONE,
        effect: "",
    };
    let bytes = packet(
        CHANGE,
        &attributes(|it| {
            it.integer(&NAS_PORT, 0x1234)
                .text(&NAS_PORT_ID, "pptp-4660")
                .address(&FRAMED_IP_ADDRESS, Ipv4Addr::new(10, 0, 0, 1))
                .text(&CALLED_STATION_ID, "1")
                .text(&CALLING_STATION_ID, "2")
                .octets(&FRAMED_INTERFACE_ID, &[8; 8])
                .integer(&SERVICE_TYPE, 2)
                .integer(&SESSION_TIMEOUT, 60)
                .integer(&MIKROTIK_TOTAL_LIMIT, 5)
                .integer(&HUAWEI_RATE, 64_000)
                .text(&FRAMED_ROUTE, "10.3.0.0/16 0.0.0.0 1")
                .integer(&FRAMED_MTU, 1300)
                .octets(&CLASS, b"gold");
        }),
    );
    let request = desk.carry(&bytes);
    let selector = Selector {
        nas_port: Some(0x1234),
        nas_port_id: Some(b"pptp-4660".as_slice().into()),
        lease: Some(Ipv4Addr::new(10, 0, 0, 1)),
        called: Some(b"1".as_slice().into()),
        calling: Some(b"2".as_slice().into()),
        interface: Some(crate::wire::ipv6::InterfaceIdentifier([8; 8])),
        ..Selector::default()
    };
    assert_eq!(request.selector, selector);
    let policy = PolicyChange {
        session_limit: Some(Duration::from_secs(60)),
        quota: QuotaChange {
            total_bytes: Some(5),
            ..QuotaChange::default()
        },
        upstream: Some(Rate::of_bps(64_000)),
        ..PolicyChange::default()
    };
    let change = Change {
        policy,
        class: vec![b"gold".as_slice().into()],
        networks: Some([Prefix::new(Ipv4Addr::new(10, 3, 0, 0), 16).unwrap()].into()),
        mtu_max: Some(1300),
        ..Change::default()
    };
    assert_eq!(request.wanted, Wanted::Change(Box::new(change)));
    let refused = Outcome::Refused(ErrorCause::SessionContextNotFound);
    let answer = desk.finish(&request, refused);
    assert_eq!(cause(&bytes, &answer, Code::COA_NAK), Some(503));
}

/// Issue 5, done-point 3. RFC 5176 §2.3, §3.5, §6.
#[test]
fn what_is_not_proven_fresh_and_listed_is_not_answered() {
    let mut desk = Desk::new();
    let good = packet(DISCONNECT, &attributes(alice));
    let elsewhere = "192.0.2.10:40000".parse().unwrap();
    desk.discards(elsewhere, &good, Discarded::SourceNotListed);
    desk.discards(billing(), &good[..19], Discarded::Malformed);
    let wrong = packet(Code::ACCESS_REQUEST, &attributes(alice));
    desk.discards(billing(), &wrong, Discarded::UnexpectedCode);
    let mut forged = good.clone();
    forged[5] ^= 1;
    desk.discards(billing(), &forged, Discarded::BadAuthenticator);

    // A digest without a signature, as many billing systems send it.
    let unsigned = crate::wire::radius::Request {
        code: Code::ACCOUNTING_REQUEST,
        identifier: 7,
        authenticator: [0; 16],
        secret: SECRET,
        attributes: &attributes(alice),
        password: None,
        delay_s: None,
    };
    let mut unsigned = unsigned.to_packet().unwrap().0;
    unsigned[0] = DISCONNECT.0;
    redigest(&mut unsigned);
    desk.discards(billing(), &unsigned, Discarded::Unsigned);
    let mut badly_signed = good.clone();
    badly_signed[25] ^= 1;
    redigest(&mut badly_signed);
    desk.discards(billing(), &badly_signed, Discarded::BadMessageAuthenticator);

    let mut timeless = Attributes::new();
    alice(&mut timeless);
    desk.discards(
        billing(),
        &packet(DISCONNECT, &timeless),
        Discarded::NoTimestamp,
    );
    for made_s in [NOW_S - 301, NOW_S + 301] {
        let mut attributes = timeless.clone();
        attributes.integer(&EVENT_TIMESTAMP, u32::try_from(made_s).unwrap());
        desk.discards(
            billing(),
            &packet(DISCONNECT, &attributes),
            Discarded::OutOfWindow,
        );
    }
    desk.carry(&good);
}

/// As its sender would, with the secret.
fn redigest(packet: &mut [u8]) {
    use md5::{Digest, Md5};
    packet[4..20].fill(0);
    let digest = Md5::new()
        .chain_update(&*packet)
        .chain_update(SECRET)
        .finalize();
    packet[4..20].copy_from_slice(&digest);
}

#[test]
fn the_same_request_gets_the_same_answer_and_is_carried_out_once() {
    let mut desk = Desk::new();
    let bytes = packet(DISCONNECT, &attributes(alice));
    let request = desk.carry(&bytes);
    desk.discards(billing(), &bytes, Discarded::Duplicate);
    let done = Outcome::Done {
        calls: 1,
        residual: false,
    };
    let answer = desk.finish(&request, done);
    desk.machine.poll_output();
    let again = desk.hear(billing(), &bytes);
    let to = billing();
    assert_eq!(again, [Output::Transmit { to, bytes: answer }]);
    // Somebody has heard it, and sends it from elsewhere.
    let other_port = "192.0.2.9:40001".parse().unwrap();
    desk.discards(other_port, &bytes, Discarded::Replayed);
    // Later nobody remembers it, and nobody need: it is too old by then.
    desk.now = desk.machine.poll_timeout().unwrap();
    desk.machine.handle_timeout(desk.now);
    assert_eq!(desk.machine.poll_timeout(), None);
    desk.discards(billing(), &bytes, Discarded::OutOfWindow);
    assert_eq!(desk.machine.carried(), 1);
}

#[test]
fn without_a_demand_for_times_a_request_without_one_is_carried_out() {
    let mut desk = Desk::with(Settings {
        timestamp_required: false,
        ..settings()
    });
    let mut attributes = Attributes::new();
    alice(&mut attributes);
    desk.carry(&packet(DISCONNECT, &attributes));
    attributes.integer(&EVENT_TIMESTAMP, 1);
    desk.discards(
        billing(),
        &packet(DISCONNECT, &attributes),
        Discarded::OutOfWindow,
    );
}

/// RFC 5176 §3.2: the answer says that a question goes to a server, with the State of the request.
#[test]
fn a_request_to_authorize_only_is_answered_by_a_question() {
    let mut desk = Desk::new();
    let bytes = packet(
        CHANGE,
        &attributes(|it| {
            let it = it.text(&USER_NAME, "alice").integer(&SERVICE_TYPE, 17);
            it.octets(&STATE, b"why we ask");
        }),
    );
    let request = desk.carry(&bytes);
    let state: Box<[u8]> = b"why we ask".as_slice().into();
    assert_eq!(request.wanted, Wanted::Authorize(state));
    let asked = Outcome::Refused(ErrorCause::RequestInitiated);
    let answer = desk.finish(&request, asked);
    assert_eq!(cause(&bytes, &answer, Code::COA_NAK), Some(507));
    let answer = Packet::parse(&answer).unwrap();
    assert_eq!(answer.integer(&SERVICE_TYPE), Some(17));
}

/// RFC 5176 §3.5.
#[test]
fn each_refusal_has_its_error_cause() {
    let mut desk = Desk::new();
    let mut check = |code, cause, add: &dyn Fn(&mut Attributes)| {
        let attributes = attributes(|it| add(it));
        assert_eq!(desk.refused(code, &attributes), cause);
    };
    // An attribute that only a log-in can settle, one that no request has, one of nobody.
    check(CHANGE, 401, &|it| {
        done(it.text(&USER_NAME, "a").text(&FRAMED_POOL, "p"))
    });
    check(CHANGE, 407, &|it| {
        done(it.text(&USER_NAME, "a").text(&FRAMED_ROUTE, "home"))
    });
    check(CHANGE, 401, &|it| {
        done(
            it.text(&USER_NAME, "a")
                .text(&CISCO_AVPAIR, "ip:addr-pool=p"),
        )
    });
    check(CHANGE, 401, &|it| {
        done(it.text(&USER_NAME, "a").octets(&STATE, b"s"))
    });
    check(CHANGE, 401, &|it| {
        done(
            it.text(&USER_NAME, "a")
                .octets(&VENDOR_SPECIFIC, &[0, 0, 99, 99, 1, 3, 7]),
        )
    });
    check(CHANGE, 401, &|it| {
        done(
            it.text(&USER_NAME, "a")
                .octets(&VENDOR_SPECIFIC, &[0, 0, 99, 99, 1]),
        )
    });
    // What changes calls does not end them.
    check(DISCONNECT, 401, &|it| {
        done(it.text(&USER_NAME, "a").integer(&SESSION_TIMEOUT, 9))
    });
    check(DISCONNECT, 401, &|it| {
        done(it.text(&USER_NAME, "a").octets(&CLASS, b"c"))
    });
    check(DISCONNECT, 402, &|_| ());
    check(CHANGE, 402, &|it| done(it.integer(&SESSION_TIMEOUT, 9)));
    check(CHANGE, 403, &|it| {
        done(it.text(&USER_NAME, "a").text(&NAS_IDENTIFIER, "vpn2"))
    });
    check(CHANGE, 403, &|it| {
        done(it.text(&USER_NAME, "b").integer(&NAS_IP_ADDRESS, 1))
    });
    check(CHANGE, 403, &|it| {
        done(it.text(&USER_NAME, "c").octets(&NAS_IPV6_ADDRESS, &[1; 16]))
    });
    check(CHANGE, 404, &|it| done(it.text(&USER_NAME, "a")));
    // Outbound; and Authorize-Only, which needs a State, changes nothing itself and ends nothing.
    check(CHANGE, 405, &|it| {
        done(it.text(&USER_NAME, "a").integer(&SERVICE_TYPE, 5))
    });
    check(CHANGE, 402, &|it| {
        done(it.text(&USER_NAME, "a").integer(&SERVICE_TYPE, 17))
    });
    check(CHANGE, 401, &|it| {
        let it = it.text(&USER_NAME, "a").integer(&SERVICE_TYPE, 17);
        done(it.octets(&STATE, b"s").integer(&SESSION_TIMEOUT, 9))
    });
    check(DISCONNECT, 405, &|it| {
        let it = it.text(&USER_NAME, "a").integer(&SERVICE_TYPE, 17);
        done(it.octets(&STATE, b"s"))
    });
    check(CHANGE, 407, &|it| {
        done(it.text(&USER_NAME, "a").octets(&IDLE_TIMEOUT, &[0; 3]))
    });
    check(CHANGE, 407, &|it| {
        done(it.text(&USER_NAME, "a").text(&MIKROTIK_RATE_LIMIT, "fast"))
    });
    let refused: u64 = desk.machine.refused().iter().sum();
    assert_eq!(refused, 20);
    assert_eq!(
        desk.machine.refused()[ErrorCause::UnsupportedAttribute.index()],
        8
    );
}

#[test]
fn error_causes_have_the_numbers_of_the_rfc() {
    let numbers: Vec<_> = ErrorCause::ALL.iter().map(|cause| cause.number()).collect();
    let expected = [
        201, 202, 401, 402, 403, 404, 405, 406, 407, 501, 502, 503, 504, 505, 506, 507, 508,
    ];
    assert_eq!(numbers, expected);
}

#[test]
fn more_requests_than_can_be_remembered_are_refused() {
    let mut desk = Desk::new();
    for number in 0..=SEEN_MAX {
        let user = format!("user{number}");
        let bytes = packet(
            DISCONNECT,
            &attributes(|it| done(it.text(&USER_NAME, &user))),
        );
        let outputs = desk.hear(billing(), &bytes);
        if number < SEEN_MAX {
            assert!(matches!(outputs[..], [Output::Carry(_)]));
            continue;
        }
        let Output::Transmit { bytes: answer, .. } = &outputs[0] else {
            panic!()
        };
        assert_eq!(cause(&bytes, answer, Code::DISCONNECT_NAK), Some(506));
    }
}

#[test]
fn all_that_is_said_of_a_call_has_to_be_so() {
    let call = Identity {
        users: vec!["alice".into(), "alice@isp".into()],
        nas_port: 7,
        nas_port_id: "pptp-7".into(),
        lease: Some(Ipv4Addr::new(10, 0, 0, 1)),
        called: "198.51.100.1".into(),
        calling: "203.0.113.5".into(),
        session_id: "ABC".into(),
        interface: None,
    };
    let octets = |text: &str| Some(text.as_bytes().into());
    let whole = Selector {
        user: octets("alice@isp"),
        nas_port: Some(7),
        nas_port_id: octets("pptp-7"),
        lease: call.lease,
        called: octets("198.51.100.1"),
        calling: octets("203.0.113.5"),
        session_id: octets("ABC"),
        multi_session_id: octets("ABC"),
        interface: None,
    };
    assert!(whole.selects(&call));
    let changes: [fn(&mut Selector); 9] = [
        |it| it.user = Some(b"bob".as_slice().into()),
        |it| it.nas_port = Some(8),
        |it| it.nas_port_id = Some(b"pptp-8".as_slice().into()),
        |it| it.lease = Some(Ipv4Addr::new(10, 0, 0, 2)),
        |it| it.called = Some(b"x".as_slice().into()),
        |it| it.calling = Some(b"x".as_slice().into()),
        |it| it.session_id = Some(b"abc".as_slice().into()),
        |it| it.multi_session_id = Some(b"".as_slice().into()),
        |it| it.interface = Some(crate::wire::ipv6::InterfaceIdentifier([1; 8])),
    ];
    for change in changes {
        let mut other = whole.clone();
        change(&mut other);
        assert!(!other.selects(&call), "{other}");
    }
}

proptest! {
    #[test]
    fn a_request_with_a_changed_bit_is_never_carried_out(bit in 0usize..8 * 60, change in any::<bool>()) {
        let mut desk = Desk::new();
        let code = if change { CHANGE } else { DISCONNECT };
        let mut bytes = packet(code, &attributes(|it| {
            alice(it);
            if change {
                it.integer(&SESSION_TIMEOUT, 9);
            }
        }));
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(desk.hear(billing(), &bytes).is_empty());
    }

    #[test]
    fn any_datagram_of_a_client_is_refused_in_silence(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Desk::new().hear(billing(), &bytes).is_empty());
    }
}
