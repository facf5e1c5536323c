//! RFC 8907, the TACACS+ protocol: headers, hidden bodies, and every kind of body, by clause; and bytes
//! of anybody.

#![expect(
    clippy::unwrap_used,
    reason = "an example that cannot be read fails its test"
)]

use pns::wire::tacacs::authentication::{
    Asker, Continue, Method, Reply, Service, Start, Status as AuthenticationStatus,
};
use pns::wire::tacacs::authorization::{
    self, Argument, Proved, Prover, Response, Status as AuthorizationStatus,
};
use pns::wire::tacacs::{
    BODY_BYTES_MAX, HEADER_BYTES, Header, Kind, Malformed, Minor, accounting, flag,
};
use proptest::prelude::*;

const SECRET: &[u8] = b"tac_plus_key";

fn header(kind: Kind, minor: Minor, sequence: u8) -> Header {
    Header {
        kind,
        minor,
        sequence,
        flags: 0,
        session_id: 0xdead_beef,
        body_bytes: 0,
    }
}

fn asker() -> Asker<'static> {
    Asker {
        user: b"alice",
        port: b"pptp-7",
        remote_address: b"192.0.2.9",
    }
}

fn proved() -> Proved<'static> {
    Proved {
        prover: Prover::TACACS,
        method: Method::Chap,
        service: Service::PPP,
        asker: asker(),
    }
}

/// Every body but the longest, as it is written, by what reads it.
fn bodies() -> Vec<(Reader, Vec<u8>)> {
    let start = Start {
        method: Method::Pap,
        service: Service::PPP,
        asker: asker(),
        data: b"wonderland-7",
    };
    let reply = Reply {
        status: AuthenticationStatus::Fail,
        no_echo: true,
        message: b"No.",
        data: b"because",
    };
    let said = Continue {
        abort: true,
        message: b"",
        data: b"enough",
    };
    let request = authorization::Request {
        proved: proved(),
        arguments: vec![b"service=ppp", b"protocol=ip"],
    };
    let response = Response {
        status: AuthorizationStatus::PassAdd,
        message: b"hello",
        data: b"",
        arguments: vec![b"addr=10.0.0.7", b"route*10.1.0.0/16"],
    };
    let record = accounting::Request {
        record: accounting::Record::Stop,
        proved: proved(),
        arguments: vec![b"task_id=1", b"bytes_in=7"],
    };
    let written = accounting::Reply {
        status: accounting::Status::Success,
        message: b"",
        data: b"ok",
    };
    vec![
        (start_reads as Reader, start.encode().unwrap().to_vec()),
        (reply_reads, reply.encode().unwrap().to_vec()),
        (continue_reads, said.encode().unwrap().to_vec()),
        (request_reads, request.encode().unwrap().to_vec()),
        (response_reads, response.encode().unwrap().to_vec()),
        (record_reads, record.encode().unwrap().to_vec()),
        (written_reads, written.encode().unwrap().to_vec()),
    ]
}

/// Reads a body, and writes what was read.
type Reader = fn(&[u8]) -> Result<Vec<u8>, Malformed>;

macro_rules! reader {
    ($name:ident, $body:ty) => {
        fn $name(body: &[u8]) -> Result<Vec<u8>, Malformed> {
            <$body>::parse(body).map(|read| read.encode().unwrap().to_vec())
        }
    };
}
reader!(start_reads, Start<'_>);
reader!(reply_reads, Reply<'_>);
reader!(continue_reads, Continue<'_>);
reader!(request_reads, authorization::Request<'_>);
reader!(response_reads, Response<'_>);
reader!(record_reads, accounting::Request<'_>);
reader!(written_reads, accounting::Reply<'_>);

#[test]
fn section_4_1_a_header_has_twelve_octets() {
    let flags = flag::SINGLE_CONNECT | flag::UNENCRYPTED;
    let sent = Header {
        flags,
        ..header(Kind::Authorization, Minor::Default, 3)
    };
    let packet = sent.packet(b"abcde", SECRET);
    let expected = [0xc0, 2, 3, 5, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 5];
    assert_eq!(packet[..HEADER_BYTES], expected);
    assert_eq!(&packet[HEADER_BYTES..], b"abcde");
    let read = Header::parse(&packet).unwrap().unwrap();
    assert_eq!(
        read,
        Header {
            body_bytes: 5,
            ..sent
        }
    );
    for length in 0..HEADER_BYTES {
        assert_eq!(Header::parse(&packet[..length]), Ok(None), "{length}");
    }
}

#[test]
fn section_4_1_other_versions_types_and_lengths_are_refused() {
    let good = header(Kind::Authentication, Minor::One, 1).packet(b"", SECRET);
    let with = |at: usize, value: u8| {
        let mut packet = good.clone();
        packet[at] = value;
        Header::parse(&packet).map(|header| header.map(|header| header.minor))
    };
    assert_eq!(with(0, 0xc0), Ok(Some(Minor::Default)));
    assert_eq!(with(0, 0xc1), Ok(Some(Minor::One)));
    for version in (0..=0xff).filter(|version| ![0xc0, 0xc1].contains(version)) {
        assert_eq!(with(0, version), Err(Malformed::Version), "{version:#x}");
    }
    for kind in (0..=0xff).filter(|kind| !(1..=3).contains(kind)) {
        assert_eq!(with(1, kind), Err(Malformed::Kind), "{kind}");
    }
    assert_eq!(with(2, 0), Err(Malformed::Sequence));
    for (at, value) in [(8, 1), (9, 1)] {
        assert_eq!(with(at, value), Err(Malformed::Length));
    }
    assert_eq!(with(10, 0xff), Ok(Some(Minor::One)));
}

/// MD5 over session, key, version and sequence number, and each digest feeds the next.
#[test]
fn section_4_5_the_pad_is_a_chain_of_md5() {
    use md5::{Digest, Md5};
    let header = header(Kind::Authentication, Minor::One, 1);
    let packet = header.packet(&[0; 40], SECRET);
    let mut seed = vec![0xde, 0xad, 0xbe, 0xef];
    seed.extend(SECRET);
    seed.extend([0xc1, 1]);
    let first: [u8; 16] = Md5::digest(&seed).into();
    let second: [u8; 16] = Md5::digest([seed.as_slice(), &first].concat()).into();
    let third: [u8; 16] = Md5::digest([seed.as_slice(), &second].concat()).into();
    let pad = [first, second, third].concat();
    assert_eq!(packet[HEADER_BYTES..], pad[..40]);
    assert_eq!(*header.reveal(&pad[..40], SECRET), [0; 40]);
}

#[test]
fn section_4_5_a_body_that_was_hidden_with_another_secret_is_not_read() {
    let header = header(Kind::Authentication, Minor::One, 2);
    for (reads, body) in bodies() {
        let packet = header.packet(&body, SECRET);
        let right = header.reveal(&packet[HEADER_BYTES..], SECRET);
        assert_eq!(reads(&right).as_ref(), Ok(&body));
        let wrong = header.reveal(&packet[HEADER_BYTES..], b"another");
        assert!(reads(&wrong).is_err());
    }
}

#[test]
fn sections_5_to_7_what_is_written_is_read_and_every_length_counts() {
    for (reads, body) in bodies() {
        assert_eq!(reads(&body).as_ref(), Ok(&body));
        for length in 0..body.len() {
            assert!(reads(&body[..length]).is_err(), "{length}");
        }
        let longer = [body.as_slice(), &[0]].concat();
        assert_eq!(reads(&longer), Err(Malformed::Body));
    }
}

#[test]
fn section_5_1_start() {
    let start = Start {
        method: Method::Pap,
        service: Service::PPP,
        asker: asker(),
        data: b"pass",
    };
    let body = start.encode().unwrap();
    assert_eq!(body[..8], [1, 1, 2, 3, 5, 6, 9, 4]);
    assert_eq!(&body[8..], b"alicepptp-7192.0.2.9pass");
    assert!(!format!("{start:?}").contains("pass"));
    let long = [0; 256];
    for start in [
        Start {
            data: &long,
            ..start
        },
        Start {
            asker: Asker {
                user: &long,
                ..asker()
            },
            ..start
        },
    ] {
        assert_eq!(start.encode(), None, "an octet holds no 256");
    }
    for (method, number) in [
        (Method::Ascii, 1),
        (Method::Chap, 3),
        (Method::MsChapV1, 5),
        (Method::MsChapV2, 6),
    ] {
        let start = Start { method, ..start };
        assert_eq!(start.encode().unwrap()[2], number);
    }
}

#[test]
fn section_5_2_statuses_that_do_not_exist_are_refused() {
    let mut body = vec![0, 0, 0, 0, 0, 0];
    for number in 0..=0xff_u8 {
        body[0] = number;
        let known = (1..=7).contains(&number) || number == 0x21;
        assert_eq!(reply_reads(&body).is_ok(), known, "{number:#x}");
    }
}

#[test]
fn section_5_4_3_a_client_may_abort() {
    let said = Continue {
        abort: true,
        message: b"",
        data: b"",
    };
    assert_eq!(*said.encode().unwrap(), [0, 0, 0, 0, 1]);
}

#[test]
fn section_6_1_arguments_are_mandatory_by_their_separator() {
    let read = |text: &'static str| Argument::parse(text.as_bytes());
    let argument = |name, value, mandatory| {
        Some(Argument {
            name,
            value,
            mandatory,
        })
    };
    assert_eq!(read("addr=10.0.0.7"), argument("addr", "10.0.0.7", true));
    assert_eq!(read("route*a=b"), argument("route", "a=b", false));
    assert_eq!(read("cmd="), argument("cmd", "", true));
    assert_eq!(read("=value"), None);
    assert_eq!(read("nothing"), None);
    assert_eq!(Argument::parse(b"addr=\xff"), None);
}

#[test]
fn section_6_1_the_count_of_arguments_has_one_octet() {
    let argument: &[u8] = &[b'a'; 255];
    let request = |count| authorization::Request {
        proved: proved(),
        arguments: vec![argument; count],
    };
    // 255 arguments of 255 octets are more than we would read ourselves.
    assert!(
        request(250)
            .encode()
            .is_some_and(|body| body.len() < BODY_BYTES_MAX)
    );
    assert_eq!(request(256).encode(), None);
}

#[test]
fn section_7_1_flags_say_which_record_it_is() {
    let (_, mut body) = bodies().swap_remove(5);
    for number in 0..=0xff_u8 {
        body[0] = number;
        let known = [0x02, 0x04, 0x08, 0x0a].contains(&number);
        assert_eq!(record_reads(&body).is_ok(), known, "{number:#x}");
    }
}

proptest! {
    /// Whatever is read is what was written; and nothing panics.
    #[test]
    fn bytes_of_anybody(
        body in prop::collection::vec(any::<u8>(), 0..300),
        small in prop::collection::vec(0..8_u8, 0..60),
    ) {
        for (reads, _) in bodies() {
            for body in [&body, &small] {
                if let Ok(written) = reads(body) {
                    // Octets that mean nothing to us may differ; the parts behind them may not.
                    prop_assert_eq!(written.len(), body.len());
                    prop_assert_eq!(reads(&written), Ok(written.clone()));
                }
            }
        }
        if let Ok(Some(header)) = Header::parse(&body) {
            prop_assert!(header.body_bytes <= BODY_BYTES_MAX);
        }
    }

    /// A mask that is laid over twice is gone, whatever the lengths.
    #[test]
    fn hiding_is_its_own_reverse(
        body in prop::collection::vec(any::<u8>(), 0..200),
        secret in prop::collection::vec(any::<u8>(), 1..70),
        sequence in 1..=255_u8,
    ) {
        let header = header(Kind::Accounting, Minor::Default, sequence);
        let packet = header.packet(&body, &secret);
        prop_assert_eq!(&*header.reveal(&packet[HEADER_BYTES..], &secret), &body);
        prop_assert!(body.len() < 4 || packet[HEADER_BYTES..] != body[..]);
    }
}
