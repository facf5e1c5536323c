//! What client and server asked of each other, read off the PPP control frames as they pass. So it
//! is the same whatever the machines keep of it, and it holds for negotiations that failed.

use std::net::Ipv4Addr;

use crate::counted_enum;
use crate::wire::ccp::{CcpOption, SupportedBits, kind as ccp_kind};
use crate::wire::field::{array_at, u16_at, u32_at};
use crate::wire::ipcp::IpcpOption;
use crate::wire::lcp::{AuthenticationProtocol, LcpOption, kind as lcp_kind};
use crate::wire::options::Options;
use crate::wire::ppp::{Frame, Packet, Protocol, code};

/// What Windows puts between its magic number and its error number in a Terminate-Request.
const WINDOWS_MARK: [u8; 4] = [0x00, 0x3c, 0xcd, 0x74];

counted_enum! {
    /// A way to authenticate.
    pub enum Method {
        /// Password Authentication Protocol (RFC 1334).
        Pap => "pap",
        /// CHAP with MD5 (RFC 1994).
        ChapMd5 => "chap-md5",
        /// MS-CHAPv1 (RFC 2433).
        MsChapV1 => "mschapv1",
        /// MS-CHAPv2 (RFC 2759).
        MsChapV2 => "mschapv2",
        /// EAP (RFC 3748).
        Eap => "eap",
        /// Any other.
        Other => "other",
    }
}

/// A set of ways to authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    fn insert(&mut self, protocol: AuthenticationProtocol) {
        let method = match protocol {
            AuthenticationProtocol::Pap => Method::Pap,
            AuthenticationProtocol::ChapMd5 => Method::ChapMd5,
            AuthenticationProtocol::MsChapV1 => Method::MsChapV1,
            AuthenticationProtocol::MsChapV2 => Method::MsChapV2,
            AuthenticationProtocol::Eap => Method::Eap,
            AuthenticationProtocol::Other(_) => Method::Other,
        };
        self.0 |= 1 << method.index();
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether both have one in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let has = move |method: &&Method| self.0 & (1 << method.index()) != 0;
        Method::ALL.iter().filter(has).map(|method| method.name())
    }
}

/// The Supported Bits of an MPPE option (RFC 3078 §2.1), as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MppeOffer(pub SupportedBits);

impl MppeOffer {
    /// The key lengths in it, in bits.
    pub fn strengths(self) -> impl DoubleEndedIterator<Item = u16> {
        let all = [
            (SupportedBits::KEY_40, 40),
            (SupportedBits::KEY_56, 56),
            (SupportedBits::KEY_128, 128),
        ];
        let has = move |(bit, _): &(SupportedBits, u16)| self.0.contains(*bit);
        all.into_iter().filter(has).map(|(_, strength)| strength)
    }

    /// Whether the key changes with every packet.
    #[must_use]
    pub const fn is_stateless(self) -> bool {
        self.0.contains(SupportedBits::STATELESS)
    }
}

/// What was seen of a negotiation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// PPP control frames of the client.
    pub frames: u32,
    /// The client sent an LCP Configure-Request.
    pub lcp_requested: bool,
    /// The client answered an LCP Configure-Request of ours: our frames reach it.
    pub lcp_answered: bool,
    /// What the client would take instead of the authentication that we asked for.
    pub methods_offered: Methods,
    /// The authentication that we asked for.
    pub methods_asked: Methods,
    /// The client refused to authenticate at all.
    pub authentication_rejected: bool,
    /// The client's Maximum-Receive-Unit, in bytes.
    pub mru_offered: Option<u16>,
    /// LCP options of the client that we refused: bit `n` for type `n`.
    pub lcp_options_refused: u32,
    /// The client said something about CCP.
    pub ccp_heard: bool,
    /// The MPPE that the client last asked for or proposed.
    pub mppe_offered: Option<MppeOffer>,
    /// The MPPE that we last asked for or proposed.
    pub mppe_asked: Option<MppeOffer>,
    /// The client rejected MPPE, or the whole of CCP.
    pub mppe_rejected_by_peer: bool,
    /// We rejected the whole of CCP.
    pub ccp_rejected_by_us: bool,
    /// The address that the client last asked for; unspecified: any.
    pub address_offered: Option<Ipv4Addr>,
    /// The address that we last told it.
    pub address_given: Option<Ipv4Addr>,
    /// The client rejected the whole of IPCP.
    pub ipcp_rejected_by_peer: bool,
    /// The client sent an LCP Terminate-Request.
    pub terminated_by_peer: bool,
    /// The Windows error number in it.
    pub terminate_error: Option<u32>,
}

/// Calls `act` for the options of a negotiation packet, if they are well-formed.
fn each<'a>(packet: &Packet<'a>, act: impl FnMut(crate::wire::options::RawOption<'a>)) {
    if let Ok(options) = Options::parse(packet.data) {
        options.iter().for_each(act);
    }
}

impl Observed {
    /// A control frame of the client, from its protocol field on or before.
    pub fn received(&mut self, frame: &[u8]) {
        self.frames = self.frames.saturating_add(1);
        let Ok(frame) = Frame::parse(frame) else {
            return;
        };
        let Ok(packet) = Packet::parse(frame.payload) else {
            return;
        };
        match frame.protocol {
            Protocol::LCP => self.lcp_received(&packet),
            Protocol::CCP => self.ccp_received(&packet),
            Protocol::IPCP => self.ipcp_received(&packet),
            _ => {}
        }
    }

    /// A control frame to the client.
    pub fn sent(&mut self, frame: &[u8]) {
        let Ok(frame) = Frame::parse(frame) else {
            return;
        };
        let Ok(packet) = Packet::parse(frame.payload) else {
            return;
        };
        match (frame.protocol, packet.code) {
            (Protocol::LCP, code::CONFIGURE_REQUEST) => each(&packet, |option| {
                if let Ok(LcpOption::Authentication(method)) = LcpOption::parse(option) {
                    self.methods_asked.insert(method);
                }
            }),
            (Protocol::LCP, code::CONFIGURE_REJECT) => each(&packet, |option| {
                self.lcp_options_refused |= 1u32.checked_shl(option.kind.into()).unwrap_or(0);
            }),
            (Protocol::LCP, code::PROTOCOL_REJECT) => {
                let rejected = u16_at(packet.data, 0).map(Protocol);
                self.ccp_rejected_by_us |= rejected == Some(Protocol::CCP);
            }
            (Protocol::CCP, code::CONFIGURE_REQUEST | code::CONFIGURE_NAK) => {
                each(&packet, |option| {
                    if let Ok(CcpOption::Mppe(bits)) = CcpOption::parse(option) {
                        self.mppe_asked = Some(MppeOffer(bits));
                    }
                });
            }
            (Protocol::IPCP, code::CONFIGURE_ACK | code::CONFIGURE_NAK) => {
                each(&packet, |option| {
                    if let Ok(IpcpOption::Address(address)) = IpcpOption::parse(option) {
                        self.address_given = Some(address);
                    }
                });
            }
            _ => {}
        }
    }

    fn lcp_received(&mut self, packet: &Packet<'_>) {
        match packet.code {
            code::CONFIGURE_REQUEST => {
                self.lcp_requested = true;
                each(packet, |option| {
                    if let Ok(LcpOption::MaximumReceiveUnit(mru)) = LcpOption::parse(option) {
                        self.mru_offered = Some(mru);
                    }
                });
            }
            code::CONFIGURE_ACK => self.lcp_answered = true,
            code::CONFIGURE_NAK => {
                self.lcp_answered = true;
                each(packet, |option| {
                    if let Ok(LcpOption::Authentication(method)) = LcpOption::parse(option) {
                        self.methods_offered.insert(method);
                    }
                });
            }
            code::CONFIGURE_REJECT => {
                self.lcp_answered = true;
                each(packet, |option| {
                    self.authentication_rejected |=
                        option.kind == lcp_kind::AUTHENTICATION_PROTOCOL;
                });
            }
            code::TERMINATE_REQUEST => {
                self.terminated_by_peer = true;
                if array_at(packet.data, 4) == Some(WINDOWS_MARK) {
                    self.terminate_error = u32_at(packet.data, 8);
                }
            }
            code::PROTOCOL_REJECT => match u16_at(packet.data, 0).map(Protocol) {
                Some(Protocol::CCP) => self.mppe_rejected_by_peer = true,
                Some(Protocol::IPCP) => self.ipcp_rejected_by_peer = true,
                Some(Protocol::CHAP | Protocol::PAP | Protocol::EAP) => {
                    self.authentication_rejected = true;
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn ccp_received(&mut self, packet: &Packet<'_>) {
        self.ccp_heard = true;
        match packet.code {
            code::CONFIGURE_REQUEST | code::CONFIGURE_NAK => {
                let mut bits = None;
                each(packet, |option| {
                    if let Ok(CcpOption::Mppe(offered)) = CcpOption::parse(option) {
                        bits = Some(MppeOffer(offered));
                    }
                });
                self.mppe_offered = bits.or(self.mppe_offered);
            }
            code::CONFIGURE_REJECT => each(packet, |option| {
                self.mppe_rejected_by_peer |= option.kind == ccp_kind::MPPE;
            }),
            _ => {}
        }
    }

    fn ipcp_received(&mut self, packet: &Packet<'_>) {
        if packet.code == code::CONFIGURE_REQUEST {
            each(packet, |option| {
                if let Ok(IpcpOption::Address(address)) = IpcpOption::parse(option) {
                    self.address_offered = Some(address);
                }
            });
        }
    }
}

#[cfg(test)]
#[path = "observed/tests.rs"]
mod tests;
