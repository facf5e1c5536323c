//! Requests whole, cut and hostile; answers for a view with one of everything.

use std::net::Ipv4Addr;
use std::ops::Range;

use proptest::prelude::*;

use super::super::answer::handle;
use super::super::explain::{AccountRow, FailureRow, LAST_DEFAULT, Subject};
use super::super::rows::*;
use super::super::show;
use super::*;

/// A server with so many equal sessions, whose peers have a hostile host name.
pub(crate) struct OneOfEach {
    pub(crate) sessions: usize,
}

/// What most tests ask.
pub(crate) const ONE: OneOfEach = OneOfEach { sessions: 1 };

fn row() -> SessionRow {
    SessionRow {
        group: Some("office".into()),
        user: "alice".into(),
        address: Some(Ipv4Addr::new(10, 77, 0, 100)),
        peer_address: Ipv4Addr::new(198, 51, 100, 2),
        local_address: Ipv4Addr::new(198, 51, 100, 1),
        local_call_id: 4711,
        peer_call_id: Some(0),
        local_interface_identifier: None,
        peer_interface_identifier: Some("1a2b:0000:0000:0005".into()),
        state: "up".into(),
        encryption: "mppe-128-stateless".into(),
        since_s: 61,
        upstream_frames: 3,
        upstream_bytes: 2048,
        downstream_frames: 2,
        downstream_bytes: 168,
        worker: 0,
        round_trip_us: Some(12_345),
    }
}

impl View for OneOfEach {
    fn status(&self) -> Status {
        Status {
            version: "0.1.0".into(),
            calls: 1,
            calls_max: 100,
            ..Status::default()
        }
    }

    fn places(&self) -> usize {
        self.sessions
    }

    fn sessions(&self, places: Range<usize>) -> Vec<SessionRow> {
        vec![row(); places.len()]
    }

    fn session(&self, which: &Selector, places: Range<usize>) -> Vec<SessionDetail> {
        if places.is_empty() {
            return Vec::new();
        }
        if *which != Selector::CallId(4711) && *which != Selector::User("alice".into()) {
            return Vec::new();
        }
        let option = ["lcp", "Maximum-Receive-Unit", "1400", "1404"].map(str::to_owned);
        let [layer, option, local, peer] = option;
        vec![SessionDetail {
            row: row(),
            peer_host_name: "evil\x1b]0;title\x07".into(),
            peer_vendor_name: String::new(),
            peer_port: 40_000,
            negotiated: vec![NegotiatedOption {
                layer,
                option,
                local,
                peer,
            }],
            counters: vec![Counter {
                name: "acks_alone_frames".into(),
                value: 5,
            }],
            drops: vec![DropCount {
                reason: "gre_duplicate".into(),
                frames: 1,
            }],
        }]
    }

    fn radius(&self) -> RadiusStatus {
        RadiusStatus {
            servers: Vec::new(),
            requests: Vec::new(),
            kept_users: 0,
            outage: Vec::new(),
        }
    }

    fn accounting(&self) -> AccountingStatus {
        AccountingStatus {
            written_by: "radius".into(),
            silent: true,
            waiting: 7,
            spool: Some(SpoolRow {
                octets: 4096,
                oldest_s: Some(61),
                trouble: Some("no space left on device".into()),
                ..SpoolRow::default()
            }),
            ..AccountingStatus::default()
        }
    }

    fn tacacs(&self) -> Vec<TacacsRow> {
        Vec::new()
    }

    fn peers(&self) -> Vec<PeerRow> {
        vec![PeerRow {
            name: "branch".into(),
            address: Ipv4Addr::new(192, 0, 2, 7),
            port: 1723,
            local_address: Ipv4Addr::new(198, 51, 100, 1),
            direction: "outgoing".into(),
            connection: None,
            calls: 0,
            waiting: 0,
            attempts: 2,
            connected: 1,
            last: Some("refused_by_peer.busy".into()),
        }]
    }

    fn act(&mut self, action: &Action) -> Option<Result<String, AdminError>> {
        Some(match action {
            Action::Call { peer } if peer == "branch" => Ok("calling branch".to_owned()),
            Action::Call { peer } | Action::HangUp { peer } => Err(AdminError {
                code: ErrorCode::PeerUnknown,
                message: format!("there is no peer {peer:?}"),
            }),
            Action::Reload {} => Ok("nothing changed".to_owned()),
            Action::Unlock { user } | Action::TestUser { user, .. } => {
                Ok(format!("{user} is fine"))
            }
        })
    }

    fn workers(&self) -> Vec<WorkerRow> {
        vec![WorkerRow {
            worker: 0,
            core: None,
            state: "running".into(),
            mppe_kernel: "interleaved-6".into(),
            mppe_alone_frames: 0,
            flows: 1,
            loops: 9,
            idle_share: 0.25,
            in_frames: 5,
            queues: vec!["wan:0".to_owned()],
            buckets: 128,
            handed_in_frames: 2,
            handed_out_frames: 1,
            out_frames: 4,
            dropped_frames: 1,
            punted_frames: 0,
            heartbeat_age_ms: 3,
        }]
    }

    fn ports(&self) -> Vec<PortRow> {
        vec![PortRow {
            name: "wan".into(),
            device: "net_af_xdp0".into(),
            driver: "net_af_xdp".into(),
            side: "access".into(),
            mac: "02:00:00:00:00:01".into(),
            mtu: 1500,
            link: "up".into(),
            speed_mbps: Some(10_000),
            rx_frames: 5,
            rx_bytes: 500,
            rx_missed_frames: 0,
            tx_frames: 4,
            tx_bytes: 400,
            queue_workers: vec![0, 1],
            steering: "outer-addresses".to_owned(),
            steering_rules: 0,
            steering_refused: vec![SteeringRefusal {
                method: "call-id-buckets (gre-key)".to_owned(),
                reason: "not supported".to_owned(),
            }],
            tap: "pns-wan".into(),
            tap_to_kernel_frames: 2,
            tap_from_kernel_frames: 1,
        }]
    }

    fn drops(&self) -> Vec<DropRow> {
        let row = |worker| DropRow {
            worker,
            layer: "gre".into(),
            reason: "x".into(),
            frames: 1,
        };
        vec![row(Some(0)), row(None)]
    }

    fn drops_of_sessions(&self, places: Range<usize>) -> Vec<DropRow> {
        let row = DropRow {
            worker: None,
            layer: "ppp".into(),
            reason: "y".into(),
            frames: 2,
        };
        vec![row; places.len()]
    }

    fn pools(&self) -> Vec<PoolRow> {
        vec![PoolRow {
            name: "default".into(),
            size: 100,
            used: 1,
            free: 98,
            used_max: 7,
            reserved: 1,
            leased: 12,
            exhausted: 0,
            next: Some("spare".into()),
        }]
    }

    fn failures(&self) -> Vec<FailureRow> {
        vec![FailureRow {
            stage: "ccp".into(),
            finding: "keys_missing".into(),
            windows_error: Some(742),
            count: 12,
        }]
    }

    fn explain_live(&self, which: &Subject, places: Range<usize>, max: usize) -> Vec<AccountRow> {
        self.explain_ended(which, places.len().min(max))
    }

    fn explain_ended(&self, which: &Subject, max: usize) -> Vec<AccountRow> {
        if *which == Subject::CallId(1) {
            return Vec::new();
        }
        let row = AccountRow {
            user: "evil\x1b[2J".into(),
            conclusion: "It hung up.".into(),
            ..AccountRow::default()
        };
        vec![row; max.min(2)]
    }
}

pub(crate) fn every_request() -> Vec<Request> {
    vec![
        Request::Status {},
        Request::Sessions {},
        Request::Session {
            which: Selector::CallId(4711),
        },
        Request::Session {
            which: Selector::User("alice".into()),
        },
        Request::Workers {},
        Request::Ports {},
        Request::Drops {},
        Request::Pools {},
        Request::Radius {},
        Request::Accounting {},
        Request::Failures {},
        Request::Explain {
            which: Subject::User("alice".into()),
            last: 2,
        },
        Request::Explain {
            which: Subject::Peer(Ipv4Addr::LOCALHOST),
            last: 1,
        },
    ]
}

#[test]
fn every_request_survives_the_wire_at_every_cut_and_gets_its_answer() {
    for request in every_request() {
        let line = request_line(&request);
        for cut in 0..line.len() {
            assert_eq!(receive(&line[..cut]), Received::Incomplete);
        }
        let two = [line.as_slice(), b"{\"show\""].concat();
        assert_eq!(
            receive(&two),
            Received::Line {
                length: line.len(),
                request: Ok(request.clone())
            }
        );
        let response = handle(&request, &mut { ONE });
        assert!(!matches!(response, Response::Error(_)), "{response:?}");
        let answer = response.to_line();
        assert_eq!(answer.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(
            serde_json::from_slice::<Response>(&answer).unwrap(),
            response
        );
        assert_eq!(
            serde_json::from_str::<Response>(&show::json(&response)).unwrap(),
            response
        );
    }
}

#[test]
fn the_words_of_the_protocol() {
    assert_eq!(
        request_line(&Request::Sessions {}),
        b"{\"show\":\"sessions\"}\n"
    );
    let request = Request::Session {
        which: Selector::from_word("alice"),
    };
    assert_eq!(
        request_line(&request),
        b"{\"show\":\"session\",\"which\":{\"user\":\"alice\"}}\n"
    );
    let line = b"{\"show\":\"explain\",\"which\":{\"peer\":\"192.0.2.7\"}}\n";
    let Received::Line { request, .. } = receive(line) else {
        panic!("no line")
    };
    let (which, last) = (Subject::Peer(Ipv4Addr::new(192, 0, 2, 7)), LAST_DEFAULT);
    assert_eq!(request, Ok(Request::Explain { which, last }));
    assert_eq!(Selector::from_word("4711"), Selector::CallId(4711));
    assert_eq!(Selector::from_word("65536"), Selector::User("65536".into()));
    assert_eq!(
        Selector::from_word("user:4711"),
        Selector::User("4711".into())
    );
    let answer = handle(&Request::Pools {}, &mut { ONE }).to_line();
    let row = r#"{"name":"default","size":100,"used":1,"free":98,"used_max":7,"reserved":1,"#
        .to_owned()
        + r#""leased":12,"exhausted":0,"next":"spare"}"#;
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        format!("{{\"pools\":[{row}]}}\n")
    );
}

#[test]
fn what_is_no_request_is_refused_with_a_reason() {
    let lines: [&[u8]; 8] = [
        b"\n",
        b"{}\n",
        b"{\"show\":\"everything\"}\n",
        b"{\"show\":\"session\"}\n",
        b"[]\n",
        b"{\"show\":\"sessions\",\"more\":1}\n",
        b"\xff\xfe\n",
        b"{\"show\":\"session\",\"which\":{\"call_id\":65536}}\n",
    ];
    for line in lines {
        let Received::Line {
            length,
            request: Err(error),
        } = receive(line)
        else {
            panic!("accepted {line:?}");
        };
        assert_eq!(
            (length, error.code),
            (line.len(), ErrorCode::RequestMalformed)
        );
    }
    let nobody = Request::Explain {
        which: Subject::CallId(1),
        last: 5,
    };
    let Response::Error(error) = handle(&nobody, &mut { ONE }) else {
        panic!("an account of nobody")
    };
    assert_eq!(error.code, ErrorCode::AttemptUnknown);
    assert!(error.message.starts_with("nothing is known of Call ID 1: "));
    let unknown = handle(
        &Request::Session {
            which: Selector::CallId(1),
        },
        &mut { ONE },
    );
    let Response::Error(error) = unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!(error.code, ErrorCode::SessionUnknown);
    assert_eq!(
        error.message,
        "there is no session of Call ID 1; see: pns show sessions"
    );
}

#[test]
fn a_request_has_a_longest_length() {
    let mut line = vec![b' '; REQUEST_LENGTH_MAX - 1];
    assert_eq!(receive(&line), Received::Incomplete);
    line.push(b'\n');
    assert!(matches!(
        receive(&line),
        Received::Line {
            length: REQUEST_LENGTH_MAX,
            ..
        }
    ));
    line.insert(0, b' ');
    assert!(matches!(receive(&line), Received::TooLong(_)));
    let nested = [&b"["[..]; REQUEST_LENGTH_MAX - 1].concat();
    let nested = [nested.as_slice(), b"\n"].concat();
    assert!(matches!(
        receive(&nested),
        Received::Line {
            request: Err(_),
            ..
        }
    ));
}

#[test]
fn tables_show_every_value_and_nothing_that_steers_a_terminal() {
    let wanted: [&[&str]; 13] = [
        &["0.1.0", "1 of 100"],
        &[
            "alice",
            "10.77.0.100",
            "198.51.100.2",
            "4711",
            "mppe-128-stateless",
            "00:01:01",
            "2.0 KiB",
        ],
        &[
            "198.51.100.2:40000",
            "Maximum-Receive-Unit",
            "1404",
            "acks_alone_frames",
            "gre_duplicate",
        ],
        &["alice"],
        &["running", "25.0 %", "any"],
        &["net_af_xdp0", "up 10000 Mbit/s", "pns-wan"],
        &["slow path", "gre"],
        &["default", "98"],
        &["SERVER"],
        &["no server answers", "4.0 KiB", "00:01:01", "no space left"],
        &["ccp", "keys_missing", "742", "12"],
        &["why: It hung up.\n\nattempt"],
        &["why: It hung up."],
    ];
    for (request, wanted) in every_request().iter().zip(wanted) {
        let text = show::text(&handle(request, &mut { ONE }));
        for word in wanted {
            assert!(text.contains(word), "{word} is not in\n{text}");
        }
        assert!(
            !text
                .chars()
                .any(|character| character.is_control() && character != '\n'),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_move_past_themselves(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        match receive(&bytes) {
            Received::Line { length, .. } => prop_assert!(length >= 1 && length <= bytes.len()),
            Received::Incomplete => prop_assert!(bytes.len() < REQUEST_LENGTH_MAX),
            Received::TooLong(_) => prop_assert!(bytes.len() >= REQUEST_LENGTH_MAX),
        }
    }
}

#[test]
fn actions_are_asked_with_do_and_answered_with_done() {
    let request = Request::Do(Action::Call {
        peer: "branch".into(),
    });
    let line = request_line(&request);
    assert_eq!(line, b"{\"do\":\"call\",\"peer\":\"branch\"}\n");
    let Received::Line { request: read, .. } = receive(&line) else {
        panic!()
    };
    assert_eq!(read.as_ref(), Ok(&request));
    let answer = handle(&request, &mut { ONE }).to_line();
    assert_eq!(answer, b"{\"done\":\"calling branch\"}\n");
    let hang_up = Request::Do(Action::HangUp { peer: "x".into() });
    assert_eq!(
        request_line(&hang_up),
        b"{\"do\":\"hang_up\",\"peer\":\"x\"}\n"
    );
    let Response::Error(error) = handle(&hang_up, &mut { ONE }) else {
        panic!()
    };
    assert_eq!(error.code, ErrorCode::PeerUnknown);
    for wrong in [
        &b"{\"do\":\"dance\"}\n"[..],
        b"{\"do\":\"call\"}\n",
        b"{\"do\":1}\n",
    ] {
        let Received::Line {
            request: Err(error),
            ..
        } = receive(wrong)
        else {
            panic!()
        };
        assert_eq!(error.code, ErrorCode::RequestMalformed);
    }
}
