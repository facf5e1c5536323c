//! Dialogues in hexadecimal: what goes over the wire, byte by byte.

use crate::server::{Heard, Server, packets};
use pns::ppp::link::Input;
use pns::wire::ppp::Packet;

/// Bytes from text; blanks between them mean nothing.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The frames that came out. Our magic number, drawn by lot, is written `mmmmmmmm`.
pub(crate) fn frames(server: &Server, heard: &[Heard]) -> Vec<String> {
    let magic = server.link.negotiated().local_magic;
    let frame = |sent: crate::server::Sent| {
        let packet = Packet {
            code: sent.code,
            identifier: sent.identifier,
            data: &sent.data,
        };
        let text = text(&packet.to_frame(sent.protocol));
        text.replace(&format!("{magic:08x}"), "mmmmmmmm")
    };
    packets(heard).into_iter().map(frame).collect()
}

/// The client sends a frame; the answers have to be these, blanks aside.
pub(crate) fn dialogue(server: &mut Server, says: &str, answers: &[&str]) -> Vec<Heard> {
    let heard = server.input(Input::Frame(&hex(says)));
    expect(server, &heard, answers);
    heard
}

/// What came out has to be these frames.
pub(crate) fn expect(server: &Server, heard: &[Heard], frames_wanted: &[&str]) {
    let wanted: Vec<String> = frames_wanted
        .iter()
        .map(|frame| frame.split_whitespace().collect())
        .collect();
    assert_eq!(frames(server, heard), wanted);
}
