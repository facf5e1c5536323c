//! A client of its own making: no automaton, only what a client has to get done. It asks for each
//! protocol until it is acknowledged, answers what it is asked, and starts over when told to.

use crate::dialogues::CCP_128;
use crate::server::LEASE;
use pns::clock::Timestamp;
use pns::wire::chap::{Chap, MsChapV2Response};
use pns::wire::options::Options;
use pns::wire::ppp::{Frame, Packet, Protocol, code};
use std::time::Duration;

/// How real clients differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// By the RFC: a request in the Opened state starts the protocol over.
    pub(crate) restarts: bool,
    /// Each repetition of a request has another identifier.
    pub(crate) counts_repetitions: bool,
    /// pppd: IPCP is answered by Terminate-Ack until CCP is up.
    pub(crate) waits_for_ccp: bool,
    /// Windows: offers several strengths of MPPE.
    pub(crate) offers_all: bool,
}

/// One protocol of the client.
struct Half {
    protocol: Protocol,
    wanted: Vec<u8>,
    identifier: u8,
    ours_taken: bool,
    theirs_taken: bool,
    started: bool,
    ask_at: Timestamp,
}

impl Half {
    fn new(protocol: Protocol, wanted: &[u8]) -> Self {
        Self {
            protocol,
            wanted: wanted.to_vec(),
            identifier: 0,
            ours_taken: false,
            theirs_taken: false,
            started: false,
            ask_at: Timestamp::ZERO,
        }
    }

    fn is_open(&self) -> bool {
        self.ours_taken && self.theirs_taken
    }

    fn ask(&mut self, now: Timestamp, again: bool, counts: bool) -> Vec<u8> {
        if !again || counts {
            self.identifier = self.identifier.wrapping_add(1);
        }
        self.started = true;
        self.ours_taken = false;
        self.ask_at = now + Duration::from_secs(2);
        self.packet(code::CONFIGURE_REQUEST, self.identifier, &self.wanted)
    }

    fn packet(&self, code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
        Packet {
            code,
            identifier,
            data,
        }
        .to_frame(self.protocol)
    }
}

/// The client.
pub(crate) struct Client {
    habits: Habits,
    lcp: Half,
    ccp: Half,
    ipcp: Half,
    response: Option<Vec<u8>>,
    respond_at: Timestamp,
    authenticated: bool,
    pub(crate) hung_up: bool,
}

impl Client {
    pub(crate) fn new(habits: Habits) -> Self {
        let offer: &[u8] = if habits.offers_all {
            &[18, 6, 1, 0, 0, 0xe1]
        } else {
            CCP_128
        };
        Self {
            habits,
            lcp: Half::new(Protocol::LCP, &[2, 6, 0, 0, 0, 0, 5, 6, 0xa, 0xb, 0xc, 0xd]),
            ccp: Half::new(Protocol::CCP, offer),
            ipcp: Half::new(Protocol::IPCP, &[3, 6, 0, 0, 0, 0]),
            response: None,
            respond_at: Timestamp::ZERO,
            authenticated: false,
            hung_up: false,
        }
    }

    pub(crate) fn has_network(&self) -> bool {
        self.lcp.is_open() && self.ccp.is_open() && self.ipcp.is_open()
    }

    /// What the client repeats or begins by itself.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        let counts = self.habits.counts_repetitions;
        let mut frames = Vec::new();
        if self.hung_up {
            return frames;
        }
        if let Some(response) = &self.response
            && !self.authenticated
            && now >= self.respond_at
        {
            frames.push(response.clone());
            self.respond_at = now + Duration::from_secs(2);
        }
        let ipcp_may = self.ccp.is_open() || !self.habits.waits_for_ccp;
        for (half, may) in [
            (&mut self.lcp, true),
            (&mut self.ccp, self.authenticated),
            (&mut self.ipcp, self.authenticated && ipcp_may),
        ] {
            if may && !half.ours_taken && now >= half.ask_at {
                frames.push(half.ask(now, half.started, counts));
            }
        }
        frames
    }

    pub(crate) fn receive(&mut self, bytes: &[u8], now: Timestamp) -> Vec<Vec<u8>> {
        let Frame { protocol, payload } = Frame::parse(bytes).unwrap();
        if self.hung_up {
            return Vec::new();
        }
        if protocol == Protocol::CHAP {
            return self.chap(payload, now);
        }
        let packet = Packet::parse(payload).unwrap();
        let asked = packet.code == code::CONFIGURE_REQUEST;
        let ccp_open = self.ccp.is_open();
        let half = match protocol {
            Protocol::LCP => &mut self.lcp,
            Protocol::CCP if self.authenticated => &mut self.ccp,
            Protocol::IPCP if self.authenticated => &mut self.ipcp,
            _ => return Vec::new(),
        };
        if protocol == Protocol::IPCP && self.habits.waits_for_ccp && !ccp_open && asked {
            return vec![half.packet(code::TERMINATE_ACK, packet.identifier, &[])];
        }
        let mut frames = Vec::new();
        match packet.code {
            code::CONFIGURE_REQUEST => {
                if half.is_open() && self.habits.restarts {
                    frames.push(half.ask(now, false, false));
                }
                half.theirs_taken = true;
                frames.push(half.packet(code::CONFIGURE_ACK, packet.identifier, packet.data));
            }
            code::CONFIGURE_ACK if packet.identifier == half.identifier => {
                half.ours_taken |= packet.data == half.wanted;
            }
            code::CONFIGURE_NAK if packet.identifier == half.identifier && !half.ours_taken => {
                half.wanted = packet.data.to_vec();
                assert!(Options::parse(packet.data).is_ok());
                frames.push(half.ask(now, false, false));
            }
            code::TERMINATE_REQUEST if protocol == Protocol::LCP => {
                self.hung_up = true;
                frames.push(half.packet(code::TERMINATE_ACK, packet.identifier, &[]));
            }
            _ => {}
        }
        let lcp_restarted = asked && protocol == Protocol::LCP && !self.lcp.is_open();
        if lcp_restarted {
            self.start_over();
        }
        frames
    }

    /// LCP fell, and what was above it.
    fn start_over(&mut self) {
        self.response = None;
        self.authenticated = false;
        for half in [&mut self.ccp, &mut self.ipcp] {
            half.ours_taken = false;
            half.theirs_taken = false;
        }
    }

    fn chap(&mut self, payload: &[u8], now: Timestamp) -> Vec<Vec<u8>> {
        match Chap::parse(payload).unwrap() {
            Chap::Challenge { identifier, .. } if self.lcp.is_open() => {
                let value = MsChapV2Response {
                    peer_challenge: [1; 16],
                    nt_response: [2; 24],
                    flags: 0,
                };
                let value = value.emit();
                let response = Chap::Response {
                    identifier,
                    value: &value,
                    name: b"alice",
                };
                self.response = Some(response.to_frame());
                self.respond_at = now;
                self.authenticated = false;
            }
            Chap::Success { .. } if self.response.is_some() => self.authenticated = true,
            _ => {}
        }
        self.tick(now)
    }

    /// The address that the client ended up with.
    pub(crate) fn has_lease(&self) -> bool {
        self.ipcp.wanted == [&[3, 6][..], &LEASE.octets()].concat()
    }
}
