//! What a bystander sees on the client's wire, as Wireshark's dissectors read it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::config::Config;
use crate::lab::INSIDE_HOST;
use crate::lab_or_skip;

const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

const OUTGOING_CALL_REQUEST: u64 = 7;
const OUTGOING_CALL_REPLY: u64 = 8;
const CALL_CLEAR_REQUEST: u64 = 12;
const CALL_DISCONNECT_NOTIFY: u64 = 13;

const PPP_IP: u64 = 0x0021;
const PPP_COMPRESSED: u64 = 0x00fd;
const PPP_LCP: u64 = 0xc021;

/// What is judged of a frame; fields that it does not have are empty.
#[derive(Debug)]
pub(crate) struct Frame {
    number: u64,
    from: Option<Ipv4Addr>,
    ip_length: u64,
    ip_header_length: u64,
    gre: Option<Gre>,
    ppp_protocol: Option<u64>,
    pptp: Vec<PptpMessage>,
    tcp_flags: u64,
    malformed: bool,
}

/// Enhanced GRE header (RFC 2637 §4.1).
#[derive(Debug)]
struct Gre {
    flags: u64,
    payload_length: u64,
    call_id: u64,
    sequence: Option<u64>,
    acknowledgment: Option<u64>,
}

/// A control message (RFC 2637 §2), as far as calls go.
#[derive(Clone, Debug)]
struct PptpMessage {
    kind: u64,
    call_id: Option<u64>,
}

const FIELDS: [&str; 16] = [
    "frame.number",
    "ip.src",
    "ip.proto",
    "ip.len",
    "ip.hdr_len",
    "gre.flags_and_version",
    "gre.key.payload_length",
    "gre.key.call_id",
    "gre.sequence_number",
    "gre.ack_number",
    "ppp.protocol",
    "pptp.control_message_type",
    "pptp.call_id",
    "tcp.flags",
    "_ws.malformed",
    "gre.proto",
];

/// Reads a capture by way of tshark.
pub(crate) fn dissect(file: &Path) -> Vec<Frame> {
    let mut tshark = Command::new("tshark");
    tshark
        .arg("-n")
        .arg("-r")
        .arg(file)
        .args(["-T", "fields", "-E", "separator=|"]);
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().expect("tshark");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(frame)
        .collect()
}

fn frame(line: &str) -> Frame {
    let columns: Vec<&str> = line.split('|').collect();
    let column = |name: &str| {
        let index = FIELDS.iter().position(|field| *field == name).unwrap();
        columns[index]
    };
    let first = |name: &str| column(name).split(',').next().and_then(number);
    // An ICMP error quotes another packet, and then every field stands twice.
    let is_gre = column("ip.proto") == "47";
    let gre = is_gre.then(|| Gre {
        flags: first("gre.flags_and_version").expect("flags"),
        payload_length: first("gre.key.payload_length").expect("payload length"),
        call_id: first("gre.key.call_id").expect("Call ID"),
        sequence: first("gre.sequence_number"),
        acknowledgment: first("gre.ack_number"),
    });
    let kinds = column("pptp.control_message_type")
        .split(',')
        .filter_map(number);
    let pptp: Vec<_> = kinds
        .map(|kind| PptpMessage {
            kind,
            call_id: None,
        })
        .collect();
    let call_ids: Vec<_> = column("pptp.call_id")
        .split(',')
        .filter_map(number)
        .collect();
    // Only messages about calls have one; a segment with several messages is rare enough.
    let pptp = match (pptp.as_slice(), call_ids.as_slice()) {
        ([only], [id]) => vec![PptpMessage {
            call_id: Some(*id),
            ..only.clone()
        }],
        _ => pptp,
    };
    Frame {
        number: first("frame.number").unwrap(),
        from: column("ip.src")
            .split(',')
            .next()
            .and_then(|address| address.parse().ok()),
        ip_length: first("ip.len").unwrap_or(0),
        ip_header_length: first("ip.hdr_len").unwrap_or(0),
        gre,
        ppp_protocol: is_gre.then(|| first("ppp.protocol")).flatten(),
        pptp,
        tcp_flags: first("tcp.flags").unwrap_or(0),
        malformed: !column("_ws.malformed").is_empty(),
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[test]
fn a_whole_call_is_well_formed_on_the_wire() {
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &["require-mppe-128"]);
    let client = lab.client();
    let recording = lab.record("c1");
    client.dial_encrypted();
    let (received, text) = client.ping("-q -i 0.01 -c 200 -W 2", INSIDE_HOST);
    assert_eq!(received, 200, "{text}");
    client.hang_up();
    let frames = dissect(&recording.stop());
    for frame in &frames {
        assert!(!frame.malformed, "malformed: {frame:?}");
    }
    assert_control_messages(&frames);
    assert_gre(&frames, CLIENT, call_id_of(&frames, OUTGOING_CALL_REPLY));
    assert_gre(&frames, SERVER, call_id_of(&frames, OUTGOING_CALL_REQUEST));
    assert_encrypted(&frames);
}

/// The messages of a call that the client placed and cleared (RFC 2637 §3.2.3 and §3.2.4).
fn assert_control_messages(frames: &[Frame]) {
    let from = |sender| {
        let sent = frames
            .iter()
            .filter(move |frame| frame.from == Some(sender));
        sent.flat_map(|frame| frame.pptp.iter().map(|message| message.kind))
            .collect::<Vec<_>>()
    };
    let client: Vec<_> = from(CLIENT)
        .into_iter()
        .filter(|kind| *kind != 15)
        .collect();
    assert_eq!(client, [1, OUTGOING_CALL_REQUEST, CALL_CLEAR_REQUEST]);
    let server = from(SERVER);
    assert!(server.starts_with(&[2, OUTGOING_CALL_REPLY]), "{server:?}");
    let rest = &server[2..];
    assert!(
        rest.is_empty() || rest == [CALL_DISCONNECT_NOTIFY],
        "{server:?}"
    );
}

/// The Call ID that a message assigns.
fn call_id_of(frames: &[Frame], kind: u64) -> u64 {
    let mut messages = frames.iter().flat_map(|frame| &frame.pptp);
    let message = messages.find(|message| message.kind == kind);
    message
        .and_then(|message| message.call_id)
        .expect("a message with a Call ID")
}

/// Every GRE packet of one side is what RFC 2637 §4.1 says, and none is missing or repeated.
fn assert_gre(frames: &[Frame], sender: Ipv4Addr, call_id: u64) {
    let mut next = None;
    let mut acknowledged = None;
    let mut highest_of_peer = None;
    for frame in frames {
        let Some(gre) = &frame.gre else { continue };
        if frame.from != Some(sender) {
            highest_of_peer = gre.sequence.max(highest_of_peer);
            continue;
        }
        let (has_sequence, has_ack) = (gre.sequence.is_some(), gre.acknowledgment.is_some());
        let flags = 0x2001 | u64::from(has_sequence) << 12 | u64::from(has_ack) << 7;
        assert_eq!(gre.flags, flags, "K, S, A and version alone: {frame:?}");
        assert_eq!(gre.call_id, call_id, "{frame:?}");
        let header = 8 + 4 * u64::from(has_sequence) + 4 * u64::from(has_ack);
        let payload = frame.ip_length - frame.ip_header_length - header;
        assert_eq!(gre.payload_length, payload, "{frame:?}");
        assert_eq!(
            has_sequence,
            payload > 0,
            "S says that there is a payload: {frame:?}"
        );
        if let Some(sequence) = gre.sequence {
            assert!(
                next.is_none_or(|next| next == sequence),
                "{sequence} after {next:?}"
            );
            assert!(next.is_some() || sequence <= 1, "starts with {sequence}");
            next = Some(sequence + 1);
        }
        if has_ack {
            assert!(gre.acknowledgment >= acknowledged, "goes back: {frame:?}");
            assert!(
                gre.acknowledgment <= highest_of_peer,
                "not yet received: {frame:?}"
            );
            acknowledged = gre.acknowledgment;
        }
    }
    assert!(
        next.is_some_and(|next| next > 200),
        "200 pings make more frames than {next:?}"
    );
    assert!(
        acknowledged.is_some_and(|last| last > 150),
        "acknowledged up to {acknowledged:?}"
    );
}

/// No packet of the client's network is readable, and there are as many as there were pings.
fn assert_encrypted(frames: &[Frame]) {
    for sender in [CLIENT, SERVER] {
        let sent = frames.iter().filter(|frame| frame.from == Some(sender));
        let protocols: Vec<_> = sent.filter_map(|frame| frame.ppp_protocol).collect();
        let count = |protocol| protocols.iter().filter(|sent| **sent == protocol).count();
        assert!(count(PPP_COMPRESSED) >= 200, "{}", count(PPP_COMPRESSED));
        assert_eq!(count(PPP_IP), 0, "IP in clear from {sender}");
        let known = [PPP_COMPRESSED, PPP_LCP, 0xc223, 0x80fd, 0x8021];
        let strange: Vec<_> = protocols
            .iter()
            .filter(|sent| !known.contains(sent))
            .collect();
        assert!(strange.is_empty(), "{strange:x?} from {sender}");
    }
}

/// A server that ends a call itself: LCP Terminate-Request, Call-Disconnect-Notify with the Call ID
/// that the *server* assigned (RFC 2637 §2.13), then the end of the TCP connection.
pub(crate) fn assert_goodbye_of_server(frames: &[Frame]) {
    let from_server = || frames.iter().filter(|frame| frame.from == Some(SERVER));
    let notify = from_server()
        .find(|frame| {
            frame
                .pptp
                .iter()
                .any(|sent| sent.kind == CALL_DISCONNECT_NOTIFY)
        })
        .expect("Call-Disconnect-Notify");
    let call_id = notify.pptp.iter().find_map(|message| message.call_id);
    assert_eq!(
        call_id,
        Some(call_id_of(frames, OUTGOING_CALL_REPLY)),
        "{notify:?}"
    );
    let closed = from_server()
        .find(|frame| frame.tcp_flags & 0x01 != 0)
        .expect("FIN");
    assert!(closed.number >= notify.number, "closed before the goodbye");
    assert!(
        from_server().all(|frame| frame.tcp_flags & 0x04 == 0),
        "reset, not closed"
    );
}
