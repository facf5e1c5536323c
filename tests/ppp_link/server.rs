//! A link under test with a virtual clock, and the promises that hold whatever happens to it.

use pns::clock::Timestamp;
use pns::ppp::link::{
    EndReason, Input, Link, LinkConfig, MppePolicy, MppeRequirement, NetworkGrant, Output,
};
use pns::wire::ccp::{Agreement, SupportedBits};
use pns::wire::ppp::{Frame, Packet, Protocol, code};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const LEASE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
pub(crate) const GRANT: NetworkGrant = NetworkGrant {
    local_address: LOCAL,
    peer_address: LEASE,
    dns: [Some(DNS), None],
    nbns: [None, None],
    peer_chooses: false,
    mppe: None,
};
pub(crate) const PROOF: &str = "S=0123456789ABCDEF0123456789ABCDEF01234567";

/// A packet that the link sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) protocol: Protocol,
    pub(crate) code: u8,
    pub(crate) identifier: u8,
    pub(crate) data: Vec<u8>,
}

impl Sent {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        assert_eq!(bytes[..2], [0xff, 0x03], "address and control go in front");
        let Frame { protocol, payload } = Frame::parse(bytes).unwrap();
        let packet = Packet::parse(payload).unwrap();
        assert_eq!(packet.data.len() + 4, payload.len(), "no padding");
        let Packet {
            code,
            identifier,
            data,
        } = packet;
        Self {
            protocol,
            code,
            identifier,
            data: data.to_vec(),
        }
    }

    pub(crate) fn is(&self, protocol: Protocol, code: u8) -> bool {
        self.protocol == protocol && self.code == code
    }
}

/// One thing that came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Packet(Sent),
    Told(Output),
}

/// Checks the order of what comes out.
#[derive(Default)]
pub(crate) struct Promises {
    told: Vec<Output>,
    authenticated: bool,
    pub(crate) frames: usize,
}

impl Promises {
    pub(crate) fn check(&mut self, heard: &Heard, mppe: MppePolicy) {
        match heard {
            Heard::Packet(packet) => self.check_packet(packet, mppe),
            Heard::Told(Output::Suspend) => self.suspend(),
            Heard::Told(output) => {
                self.check_told(output, mppe);
                self.told.push(output.clone());
            }
        }
    }

    pub(crate) fn was_told(&self, output: &Output) -> bool {
        self.told.contains(output)
    }

    /// Everything has to be said again, but that the network was up once, and the end.
    fn suspend(&mut self) {
        assert!(self.authenticated, "there is nothing to suspend");
        assert!(self.end_reason().is_none(), "the end is the end");
        self.authenticated = false;
        self.told.retain(|output| *output == Output::NetworkUp);
    }

    const UPSTREAM: fn(&Output) -> bool = |output| matches!(output, Output::ArmUpstream(_));
    const DOWNSTREAM: fn(&Output) -> bool = |output| matches!(output, Output::ArmDownstream(_));

    fn was_armed(&self, direction: fn(&Output) -> bool) -> bool {
        self.told.iter().any(direction)
    }

    fn check_packet(&mut self, packet: &Sent, mppe: MppePolicy) {
        self.frames += 1;
        if packet.is(Protocol::CCP, code::CONFIGURE_ACK) {
            assert!(self.was_armed(Self::UPSTREAM), "armed before the Ack");
            let bits = packet.data.strip_prefix(&[18, 6]).unwrap();
            let bits = SupportedBits(u32::from_be_bytes(bits.try_into().unwrap()));
            let Agreement { suite, compression } = Agreement::from_bits(bits).unwrap();
            if let Some(suite) = suite {
                assert!(mppe.strengths.contains(suite.strength), "{bits:?}");
                assert!(mppe.allows_mode(suite.mode), "{bits:?}");
            }
            assert!(mppe.compression || !compression, "{bits:?}");
        }
        if packet.is(Protocol::IPCP, code::CONFIGURE_ACK) {
            assert!(
                self.was_told(&Output::ForwardUpstream),
                "forwarding before the Ack"
            );
        }
        if packet.is(Protocol::IPV6CP, code::CONFIGURE_ACK) {
            let last = self.told.iter().rev().find_map(|output| match output {
                Output::AgreeIpv6 { peer, .. } => Some(Some(peer.0)),
                Output::EndIpv6 => Some(None),
                _ => None,
            });
            assert_eq!(
                last.flatten().as_ref().map(<[u8; 8]>::as_slice),
                packet.data.get(2..),
                "agreed before the Ack, on what is acknowledged"
            );
        }
        let successes = [(Protocol::CHAP, 3), (Protocol::EAP, 3), (Protocol::PAP, 2)];
        if successes
            .iter()
            .any(|(protocol, code)| packet.is(*protocol, *code))
        {
            self.authenticated = true;
        }
        if matches!(
            packet.protocol,
            Protocol::CCP | Protocol::IPCP | Protocol::IPV6CP
        ) {
            assert!(
                self.authenticated,
                "nothing but LCP and CHAP before authentication"
            );
        }
        if self.end_reason().is_some() {
            assert!(
                packet.is(Protocol::LCP, code::TERMINATE_ACK),
                "after the end: {packet:?}"
            );
        }
    }

    fn check_told(&self, output: &Output, mppe: MppePolicy) {
        assert!(
            self.end_reason().is_none(),
            "the end is the end: {output:?}"
        );
        let fits = match output {
            Output::ArmDownstream(_) => self.was_armed(Self::UPSTREAM),
            Output::FlushDownstream => self.was_armed(Self::DOWNSTREAM),
            Output::ForwardUpstream | Output::AgreeIpv6 { .. } => {
                mppe.requirement != MppeRequirement::Required || self.was_armed(Self::DOWNSTREAM)
            }
            Output::ForwardDownstream { .. } => self.was_told(&Output::ForwardUpstream),
            _ => true,
        };
        assert!(fits, "{output:?} after {:?}", self.told);
        // A start key serves once, whatever it is used for.
        let kind = std::mem::discriminant(output);
        let again = self
            .told
            .iter()
            .any(|told| std::mem::discriminant(told) == kind);
        let repeats = matches!(
            output,
            Output::Authenticate(_)
                | Output::FlushDownstream
                | Output::AddressWished(_)
                | Output::AgreeIpv6 { .. }
                | Output::EndIpv6
        );
        assert!(repeats || !again, "{output:?} twice");
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        self.told.iter().find_map(|output| match output {
            Output::Ended(reason) => Some(*reason),
            _ => None,
        })
    }
}

/// The link and its clock.
pub(crate) struct Server {
    pub(crate) link: Link,
    pub(crate) now: Timestamp,
    pub(crate) promises: Promises,
    mppe: MppePolicy,
}

impl Server {
    pub(crate) fn new(config: LinkConfig, seed: u8) -> Self {
        let mppe = config.mppe;
        let now = Timestamp::ZERO + Duration::from_secs(1000);
        let link = Link::new(Arc::new(config), [seed; 32], now);
        Self {
            link,
            now,
            promises: Promises::default(),
            mppe,
        }
    }

    pub(crate) fn input(&mut self, input: Input<'_>) -> Vec<Heard> {
        if let Input::Granted { network, .. } = input {
            self.mppe = network.mppe.unwrap_or(self.mppe);
        }
        self.link.handle(input, self.now);
        self.hear()
    }

    /// Delivers a packet as the most talkative peers frame it.
    pub(crate) fn packet(
        &mut self,
        protocol: Protocol,
        code: u8,
        identifier: u8,
        data: &[u8],
    ) -> Vec<Heard> {
        let frame = Packet {
            code,
            identifier,
            data,
        }
        .to_frame(protocol);
        self.input(Input::Frame(&frame))
    }

    /// Lets time pass, with every timer on its way.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Heard> {
        let end = self.now + time;
        let mut heard = Vec::new();
        while let Some(at) = self.link.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.link.handle_timeout(self.now);
            assert!(
                self.link.poll_timeout().is_none_or(|next| next > self.now),
                "no progress"
            );
            heard.extend(self.hear());
        }
        self.now = end;
        heard
    }

    pub(crate) fn hear(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some(output) = self.link.poll_output() {
            let heard = match output {
                Output::Frame(frame) => Heard::Packet(Sent::parse(frame.as_bytes())),
                other => Heard::Told(other),
            };
            self.promises.check(&heard, self.mppe);
            all.push(heard);
        }
        all
    }
}

/// Only the packets.
pub(crate) fn packets(heard: &[Heard]) -> Vec<Sent> {
    let packets = heard.iter().filter_map(|one| match one {
        Heard::Packet(packet) => Some(packet.clone()),
        Heard::Told(_) => None,
    });
    packets.collect()
}

/// The names of what came out, in order.
pub(crate) fn names(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(name).collect()
}

fn name(heard: &Heard) -> String {
    let packet = match heard {
        Heard::Told(Output::Authenticate(_)) => return "Authenticate".into(),
        Heard::Told(output) => {
            let told = format!("{output:?}");
            return if told.starts_with("Arm") || told.starts_with("AgreeIpv6") {
                told.split(['(', ' ']).next().unwrap().to_owned()
            } else {
                told
            };
        }
        Heard::Packet(packet) => packet,
    };
    let protocol = match packet.protocol {
        Protocol::LCP => "LCP",
        Protocol::CHAP => {
            return ["Challenge", "Response", "Success", "Failure"][usize::from(packet.code) - 1]
                .into();
        }
        Protocol::PAP => {
            return format!(
                "PAP {}",
                ["Request", "Ack", "Nak"][usize::from(packet.code) - 1]
            );
        }
        Protocol::EAP => {
            let code = ["Request", "Response", "Success", "Failure"][usize::from(packet.code) - 1];
            return format!("EAP {code}");
        }
        Protocol::CCP => "CCP",
        Protocol::IPCP => "IPCP",
        Protocol::IPV6CP => "IPV6CP",
        _ => "?",
    };
    const CODES: [&str; 15] = [
        "Request",
        "Ack",
        "Nak",
        "Reject",
        "TerminateRequest",
        "TerminateAck",
        "CodeReject",
        "ProtocolReject",
        "EchoRequest",
        "EchoReply",
        "DiscardRequest",
        "Identification",
        "TimeRemaining",
        "ResetRequest",
        "ResetAck",
    ];
    format!("{protocol} {}", CODES[usize::from(packet.code) - 1])
}
