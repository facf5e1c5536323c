//! A PPTP client as a value: bytes of a control connection and PPP frames in, the same out. It dials,
//! logs in by MS-CHAPv2, asks for MPPE and an address, and answers what it is asked; thousands of
//! them fit into one process.

use std::net::Ipv4Addr;

use pns::auth::NtHash;
use pns::auth::mschapv2::{self, Exchange};
use pns::mppe::keys::StartKeys;
use pns::wire::call_id::CallId;
use pns::wire::chap::{Chap, MsChapV2Response};
use pns::wire::ppp::{Frame, Packet, Protocol, code};
use pns::wire::pptp::{
    Bearer, EchoReply, EchoResult, Framer, Framing, GeneralError, Message, OutgoingCallRequest,
    OutgoingCallResult, PROTOCOL_VERSION, StartControlConnectionRequest,
    StopControlConnectionReply, StopResult, Text,
};

/// MPPE 128 bit, stateless (RFC 3078 §2).
const MPPE_OPTION: [u8; 6] = [18, 6, 0x01, 0, 0, 0x40];

/// What a client has to say.
pub(crate) enum Say {
    /// Bytes for the control connection.
    Control(Vec<u8>),
    /// A PPP frame, with address and control fields.
    Ppp(Vec<u8>),
}

/// Who logs in.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) nt_hash: NtHash,
}

impl User {
    /// Somebody with this name and password.
    pub(crate) fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            nt_hash: NtHash::from_password(password),
        }
    }

    /// The user with this number; server and clients agree on it without a list.
    pub(crate) fn numbered(number: usize) -> Self {
        let (name, password) = name_and_password(number);
        Self::new(&name, &password)
    }
}

/// What the user with this number types.
pub(crate) fn name_and_password(number: usize) -> (String, String) {
    (format!("user{number:07}"), format!("secret of {number}"))
}

/// Whether each side has agreed.
#[derive(Clone, Copy, Default)]
struct Half {
    local: bool,
    peer: bool,
}

impl Half {
    const fn is_open(self) -> bool {
        self.local && self.peer
    }
}

/// One client and its one call.
pub(crate) struct Client {
    number: usize,
    local_call_id: CallId,
    /// The server's Call ID, once Outgoing-Call-Reply has told it.
    pub(crate) peer_call_id: Option<CallId>,
    /// The address that it was given.
    pub(crate) lease: Ipv4Addr,
    /// The server refused the call or the log-in, or has ended the call.
    pub(crate) is_refused: bool,
    framer: Framer,
    lcp: Half,
    ccp: Half,
    ipcp: Half,
    /// The answer to the challenge, until the server has judged it.
    answered: Option<Vec<u8>>,
    is_in: bool,
    identifier: u8,
    /// What its log-in makes of MPPE's keys, for packets.
    pub(crate) keys: Option<StartKeys>,
}

impl Client {
    /// A client that has not dialled.
    pub(crate) fn new(number: usize, local_call_id: u16) -> Self {
        Self {
            number,
            local_call_id: CallId::new(local_call_id),
            peer_call_id: None,
            lease: Ipv4Addr::UNSPECIFIED,
            is_refused: false,
            framer: Framer::new(),
            lcp: Half::default(),
            ccp: Half::default(),
            ipcp: Half::default(),
            answered: None,
            is_in: false,
            identifier: 0,
            keys: None,
        }
    }

    /// Whether encryption and addresses are agreed.
    pub(crate) const fn is_up(&self) -> bool {
        self.ccp.is_open() && self.ipcp.is_open()
    }

    /// TCP is open.
    pub(crate) fn connected(&self, say: &mut Vec<Say>) {
        let start = StartControlConnectionRequest {
            protocol_version: PROTOCOL_VERSION,
            framing_capabilities: Framing::EITHER,
            bearer_capabilities: Bearer::EITHER,
            maximum_channels: 0,
            firmware_revision: 1,
            host_name: Text::new("local"),
            vendor_string: Text::new("pns-perf"),
        };
        control(start, say);
    }

    /// The server says something on the control connection.
    pub(crate) fn hear_control(&mut self, mut bytes: &[u8], say: &mut Vec<Say>) {
        loop {
            match self.framer.next_message(&mut bytes) {
                Ok(Some(message)) => self.hear_message(&message, say),
                Ok(None) => return,
                Err(_) => {
                    self.is_refused = true;
                    return;
                }
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the server's other messages mean nothing to this client"
    )]
    fn hear_message(&mut self, message: &Message, say: &mut Vec<Say>) {
        match message {
            Message::StartControlConnectionReply(_) => control(self.call_request(), say),
            Message::OutgoingCallReply(reply) if self.peer_call_id.is_none() => {
                if reply.result_code == OutgoingCallResult::CONNECTED {
                    self.peer_call_id = Some(reply.call_id);
                    self.ask_lcp(say);
                } else {
                    self.is_refused = true;
                }
            }
            Message::EchoRequest(request) => control(
                EchoReply {
                    identifier: request.identifier,
                    result_code: EchoResult::OK,
                    error_code: GeneralError::NONE,
                },
                say,
            ),
            Message::CallDisconnectNotify(_) => self.is_refused = true,
            Message::StopControlConnectionRequest(_) => {
                self.is_refused = true;
                let stopped = StopControlConnectionReply {
                    result_code: StopResult::OK,
                    error_code: GeneralError::NONE,
                };
                control(stopped, say);
            }
            _ => {}
        }
    }

    fn call_request(&self) -> OutgoingCallRequest {
        OutgoingCallRequest {
            call_id: self.local_call_id,
            call_serial_number: 1,
            minimum_bps: 2_400,
            maximum_bps: 10_000_000,
            bearer_type: Bearer::EITHER,
            framing_type: Framing::EITHER,
            packet_receive_window_size: 64,
            packet_processing_delay: 0,
            phone_number_length: 0,
            phone_number: Text::EMPTY,
            subaddress: Text::EMPTY,
        }
    }

    /// A PPP control frame of the server. `user` is who this client logs in as.
    pub(crate) fn hear_ppp(&mut self, frame: &[u8], user: &User, say: &mut Vec<Say>) {
        let Ok(frame) = Frame::parse(frame) else {
            return;
        };
        if frame.protocol == Protocol::CHAP {
            return self.hear_chap(frame.payload, user, say);
        }
        let Ok(packet) = Packet::parse(frame.payload) else {
            return;
        };
        match frame.protocol {
            Protocol::LCP => self.hear_lcp(&packet, say),
            Protocol::CCP => self.hear_ccp(&packet, say),
            Protocol::IPCP => self.hear_ipcp(&packet, say),
            _ => {}
        }
    }

    /// What a restart timer sends again: whatever is not answered.
    pub(crate) fn repeat(&mut self, say: &mut Vec<Say>) {
        if self.peer_call_id.is_none() || self.is_up() || self.is_refused {
            return;
        }
        if !self.lcp.local {
            self.ask_lcp(say);
        } else if !self.is_in {
            say.extend(self.answered.clone().map(Say::Ppp));
        } else if !self.ccp.local {
            self.ask_ccp(say);
        } else if self.ccp.is_open() && !self.ipcp.local {
            self.ask_ipcp(say);
        }
    }

    fn hear_lcp(&mut self, packet: &Packet<'_>, say: &mut Vec<Say>) {
        match packet.code {
            code::CONFIGURE_REQUEST => {
                self.lcp.peer = true;
                answer(Protocol::LCP, code::CONFIGURE_ACK, packet, say);
            }
            code::CONFIGURE_ACK => self.lcp.local = true,
            code::ECHO_REQUEST => {
                let mut data = packet.data.to_vec();
                for (place, octet) in data.iter_mut().zip(self.magic()) {
                    *place = octet;
                }
                let reply = Packet {
                    code: code::ECHO_REPLY,
                    data: &data,
                    ..*packet
                };
                say.push(Say::Ppp(reply.to_frame(Protocol::LCP)));
            }
            code::TERMINATE_REQUEST => {
                self.is_refused = true;
                let ack = Packet {
                    code: code::TERMINATE_ACK,
                    data: &[],
                    ..*packet
                };
                say.push(Say::Ppp(ack.to_frame(Protocol::LCP)));
            }
            _ => {}
        }
    }

    fn hear_chap(&mut self, payload: &[u8], user: &User, say: &mut Vec<Say>) {
        match Chap::parse(payload) {
            Ok(Chap::Challenge {
                identifier, value, ..
            }) => {
                let Ok(challenge) = value.try_into() else {
                    return;
                };
                let response = respond(challenge, user);
                let hash = user.nt_hash.hash();
                self.keys = Some(StartKeys::from_mschapv2(
                    hash.expose(),
                    &response.nt_response,
                ));
                let frame = Chap::Response {
                    identifier,
                    value: &response.emit(),
                    name: user.name.as_bytes(),
                }
                .to_frame();
                self.answered = Some(frame.clone());
                say.push(Say::Ppp(frame));
            }
            Ok(Chap::Success { .. }) if !self.is_in => {
                self.is_in = true;
                self.answered = None;
                self.ask_ccp(say);
            }
            Ok(Chap::Failure { .. }) => self.is_refused = true,
            _ => {}
        }
    }

    fn hear_ccp(&mut self, packet: &Packet<'_>, say: &mut Vec<Say>) {
        let was_open = self.ccp.is_open();
        match packet.code {
            code::CONFIGURE_REQUEST if packet.data == MPPE_OPTION => {
                self.ccp.peer = true;
                answer(Protocol::CCP, code::CONFIGURE_ACK, packet, say);
            }
            code::CONFIGURE_REQUEST => {
                let wanted = Packet {
                    data: &MPPE_OPTION,
                    ..*packet
                };
                answer(Protocol::CCP, code::CONFIGURE_NAK, &wanted, say);
            }
            code::CONFIGURE_ACK => self.ccp.local = true,
            code::CONFIGURE_NAK if !self.ccp.local => self.ask_ccp(say),
            _ => {}
        }
        if self.ccp.is_open() && !was_open {
            self.ask_ipcp(say);
        }
    }

    fn hear_ipcp(&mut self, packet: &Packet<'_>, say: &mut Vec<Say>) {
        match packet.code {
            code::CONFIGURE_REQUEST => {
                self.ipcp.peer = true;
                answer(Protocol::IPCP, code::CONFIGURE_ACK, packet, say);
            }
            code::CONFIGURE_ACK => self.ipcp.local = true,
            code::CONFIGURE_NAK if !self.ipcp.local => {
                if let [3, 6, octets @ ..] = packet.data
                    && let Some(octets) = octets.first_chunk::<4>()
                {
                    self.lease = Ipv4Addr::from(*octets);
                    self.ask_ipcp(say);
                }
            }
            _ => {}
        }
    }

    fn ask_lcp(&mut self, say: &mut Vec<Say>) {
        let [a, b, c, d] = self.magic();
        self.ask(Protocol::LCP, &[1, 4, 0x05, 0x78, 5, 6, a, b, c, d], say);
    }

    fn ask_ccp(&mut self, say: &mut Vec<Say>) {
        self.ask(Protocol::CCP, &MPPE_OPTION, say);
    }

    fn ask_ipcp(&mut self, say: &mut Vec<Say>) {
        let [a, b, c, d] = self.lease.octets();
        self.ask(Protocol::IPCP, &[3, 6, a, b, c, d], say);
    }

    fn ask(&mut self, protocol: Protocol, data: &[u8], say: &mut Vec<Say>) {
        self.identifier = self.identifier.wrapping_add(1);
        let request = Packet {
            code: code::CONFIGURE_REQUEST,
            identifier: self.identifier,
            data,
        };
        say.push(Say::Ppp(request.to_frame(protocol)));
    }

    /// Never zero, and no other client's.
    fn magic(&self) -> [u8; 4] {
        let number = u32::try_from(self.number).unwrap_or(u32::MAX);
        number.wrapping_add(0x5150_0001).to_be_bytes()
    }
}

fn respond(authenticator_challenge: &[u8; 16], user: &User) -> MsChapV2Response {
    let peer_challenge = [0x5a; 16];
    let exchange = Exchange {
        authenticator_challenge,
        peer_challenge: &peer_challenge,
        user_name: user.name.as_bytes(),
    };
    MsChapV2Response {
        peer_challenge,
        nt_response: mschapv2::generate_nt_response(&exchange, &user.nt_hash),
        flags: 0,
    }
}

fn answer(protocol: Protocol, code: u8, request: &Packet<'_>, say: &mut Vec<Say>) {
    let answer = Packet { code, ..*request };
    say.push(Say::Ppp(answer.to_frame(protocol)));
}

fn control(message: impl Into<Message>, say: &mut Vec<Say>) {
    let mut buffer = [0; pns::wire::pptp::MESSAGE_BYTES_MAX];
    let length = message.into().emit(&mut buffer).unwrap_or_default();
    say.push(Say::Control(
        buffer.get(..length).unwrap_or_default().to_vec(),
    ));
}
