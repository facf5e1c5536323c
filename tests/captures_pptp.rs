//! The control connections of recorded sessions of real clients with real servers: every message
//! is understood and written back byte for byte, and our machine carries the client's half of the
//! dialogue as far as the recorded server did.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use pcap_file::pcapng::{Block, PcapNgReader};
use pns::clock::Timestamp;
use pns::pptp::{CloseReason, Control, ControlConfig, Event, Input, Misbehaviour, Output};
use pns::wire::call_id::CallId;
use pns::wire::pptp::{Framer, MESSAGE_BYTES_MAX, Malformed, Message, MessageType, PORT};

/// One TCP connection to port 1723: bytes of both halves, by sequence number.
#[derive(Default)]
struct Connection {
    upstream: BTreeMap<u32, Vec<u8>>,
    downstream: BTreeMap<u32, Vec<u8>>,
}

fn word(bytes: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes(bytes[offset..offset + 2].try_into().unwrap())
}

/// The client's port, whether the segment goes to the server, its sequence number and bytes.
fn tcp_segment(frame: &[u8]) -> Option<(u16, bool, u32, &[u8])> {
    if word(frame, 12) != 0x0800 || frame[23] != 6 {
        return None;
    }
    let header = 14 + usize::from(frame[14] & 0x0f) * 4;
    let end = 14 + usize::from(word(frame, 16));
    let (source, destination) = (word(frame, header), word(frame, header + 2));
    let sequence = u32::from_be_bytes(frame[header + 4..header + 8].try_into().unwrap());
    let payload = &frame[header + usize::from(frame[header + 12] >> 4) * 4..end];
    match (source, destination) {
        (client, PORT) => Some((client, true, sequence, payload)),
        (PORT, client) => Some((client, false, sequence, payload)),
        _ => None,
    }
}

fn connections(path: &Path) -> Vec<Connection> {
    let mut reader = PcapNgReader::new(File::open(path).unwrap()).unwrap();
    let mut connections = BTreeMap::<u16, Connection>::new();
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap() else {
            continue;
        };
        let Some((client, upstream, sequence, payload)) = tcp_segment(&packet.data) else {
            continue;
        };
        let connection = connections.entry(client).or_default();
        let half = if upstream {
            &mut connection.upstream
        } else {
            &mut connection.downstream
        };
        if !payload.is_empty() {
            half.insert(sequence, payload.to_vec());
        }
    }
    connections.into_values().collect()
}

/// The bytes of one half in order; no recording has a hole or an overlap.
fn stream(half: &BTreeMap<u32, Vec<u8>>) -> Vec<u8> {
    let mut next = half.keys().next().copied();
    let mut stream = Vec::new();
    for (sequence, segment) in half {
        assert_eq!(Some(*sequence), next);
        next = sequence.checked_add(u32::try_from(segment.len()).unwrap());
        stream.extend_from_slice(segment);
    }
    stream
}

fn messages(mut stream: &[u8]) -> Result<Vec<Message>, Malformed> {
    let mut framer = Framer::new();
    let mut messages = Vec::new();
    while let Some(message) = framer.next_message(&mut stream)? {
        messages.push(message);
    }
    assert_eq!(
        framer.held_bytes(),
        0,
        "the recording ends in the middle of a message"
    );
    Ok(messages)
}

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "pcapng")
    });
    paths.sort();
    assert!(paths.len() >= 8, "recordings are missing: {paths:?}");
    paths
}

#[test]
fn every_recorded_message_is_understood_and_written_back_byte_for_byte() {
    let mut seen = 0;
    for path in recordings() {
        let connections = connections(&path);
        assert!(!connections.is_empty(), "{}", path.display());
        for connection in &connections {
            for half in [&connection.upstream, &connection.downstream] {
                let stream = stream(half);
                let messages = messages(&stream).unwrap();
                let mut again = Vec::new();
                for message in &messages {
                    let mut buffer = [0; MESSAGE_BYTES_MAX];
                    let length = message.emit(&mut buffer).unwrap();
                    again.extend_from_slice(&buffer[..length]);
                }
                assert_eq!(again, stream, "{}", path.display());
                seen += messages.len();
            }
        }
    }
    assert!(seen >= 40, "only {seen} messages in all recordings");
}

/// Plays the client's half against the machine; what it answers, and why it closed.
fn play(client: &[u8], segment: usize) -> (Vec<Message>, Option<CloseReason>, Control) {
    let now = Timestamp::ZERO;
    let mut control = Control::new(ControlConfig::default(), now);
    let (mut answers, mut closed) = (Vec::new(), None);
    for segment in client.chunks(segment) {
        control.handle(Input::Bytes(segment), now);
        while let Some(output) = control.poll_output() {
            match output {
                Output::Event(Event::CallRequested(request)) => {
                    let local_call_id = CallId::new(0x1234);
                    let accepted = Input::CallAccepted {
                        peer_call_id: request.call_id,
                        local_call_id,
                    };
                    control.handle(accepted, now);
                }
                Output::Event(_) => {}
                Output::Close(reason) => closed = Some(reason),
            }
        }
        answers.extend(messages(control.pending()).unwrap());
        control.consume(control.pending().len());
    }
    control.handle(Input::PeerClosed, now);
    while let Some(output) = control.poll_output() {
        if let Output::Close(reason) = output {
            closed = Some(reason);
        }
    }
    (answers, closed, control)
}

fn types(messages: &[Message]) -> Vec<MessageType> {
    messages.iter().map(Message::message_type).collect()
}

#[test]
fn the_machine_answers_recorded_clients_as_the_recorded_server_did() {
    let set_up = [
        MessageType::StartControlConnectionReply,
        MessageType::OutgoingCallReply,
    ];
    for path in recordings() {
        for connection in connections(&path) {
            let client = stream(&connection.upstream);
            let recorded = types(&messages(&stream(&connection.downstream)).unwrap());
            assert_eq!(recorded[..2], set_up, "{}", path.display());
            for segment in [1, 7, 13] {
                let (answers, closed, control) = play(&client, segment);
                assert_eq!(types(&answers)[..2], set_up, "{}", path.display());
                assert!(closed.is_some());
                assert_eq!(control.malformed(), None);
                for misbehaviour in Misbehaviour::ALL {
                    assert_eq!(control.misbehaved(*misbehaviour), 0, "{misbehaviour}");
                }
            }
        }
    }
}

#[test]
fn a_recorded_stream_that_lost_its_order_is_refused() {
    for path in recordings() {
        for connection in connections(&path) {
            let reversed: Vec<u8> = connection
                .upstream
                .values()
                .rev()
                .flatten()
                .copied()
                .collect();
            let (answers, closed, _) = play(&reversed, usize::MAX);
            assert_eq!(answers, [], "{}", path.display());
            assert_eq!(
                closed,
                Some(CloseReason::MessageBeforeStart),
                "{}",
                path.display()
            );

            let mut holed = stream(&connection.upstream);
            holed.drain(100..109);
            let (_, closed, control) = play(&holed, usize::MAX);
            assert_eq!(closed, Some(CloseReason::Malformed), "{}", path.display());
            assert!(control.malformed().is_some());
        }
    }
}
