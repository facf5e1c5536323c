//! A PPP client that speaks as pppd does, small enough to be read: LCP, one log-in, CCP with MPPE 128
//! stateless, IPCP. It knows nothing of the server's code but its password functions.

use std::net::Ipv4Addr;

use pns::auth::mschapv2::{self, Exchange};
use pns::auth::{NtHash, PasswordHashHash, Secret, chap_md5, mschapv1};
use pns::mppe::keys::StartKeys;

pub(crate) const LCP: u16 = 0xc021;
pub(crate) const PAP: u16 = 0xc023;
pub(crate) const CHAP: u16 = 0xc223;
pub(crate) const EAP: u16 = 0xc227;
pub(crate) const CCP: u16 = 0x80fd;
pub(crate) const IPCP: u16 = 0x8021;

const CONFIGURE_REQUEST: u8 = 1;
const CONFIGURE_ACK: u8 = 2;
const CONFIGURE_NAK: u8 = 3;
const CONFIGURE_REJECT: u8 = 4;
const TERMINATE_REQUEST: u8 = 5;
const TERMINATE_ACK: u8 = 6;
const PROTOCOL_REJECT: u8 = 8;
const ECHO_REQUEST: u8 = 9;
const ECHO_REPLY: u8 = 10;

/// `protocol` and one packet of the negotiation, in a frame with address and control.
pub(crate) fn frame(protocol: u16, code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff, 0x03];
    frame.extend(protocol.to_be_bytes());
    frame.extend([code, identifier]);
    frame.extend((data.len() as u16 + 4).to_be_bytes());
    frame.extend(data);
    frame
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Half {
    ours: bool,
    theirs: bool,
}

impl Half {
    fn open(self) -> bool {
        self.ours && self.theirs
    }
}

/// How the client proves who it is. It declines everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Pap,
    ChapMd5,
    MsChapV1,
    MsChapV2,
    EapMsChapV2,
    EapMd5,
}

impl Login {
    /// The value of the Authentication-Protocol option.
    fn protocol(self) -> &'static [u8] {
        match self {
            Self::Pap => &[0xc0, 0x23],
            Self::ChapMd5 => &[0xc2, 0x23, 0x05],
            Self::MsChapV1 => &[0xc2, 0x23, 0x80],
            Self::MsChapV2 => &[0xc2, 0x23, 0x81],
            Self::EapMsChapV2 | Self::EapMd5 => &[0xc2, 0x27],
        }
    }

    pub(crate) fn gives_keys(self) -> bool {
        !matches!(self, Self::Pap | Self::ChapMd5 | Self::EapMd5)
    }
}

/// What a client does with one frame (protocol, code, identifier, data) instead of what is right;
/// `None`: what is right.
pub(crate) type Script = fn(&mut PppClient, u16, u8, u8, &[u8]) -> Option<Vec<Vec<u8>>>;

pub(crate) struct PppClient {
    /// How it differs from other clients.
    pub(crate) script: Option<Script>,
    pub(crate) login: Login,
    pub(crate) name: String,
    pub(crate) password: String,
    /// Whether CCP is offered MPPE, or refuses it as a client without encryption does.
    pub(crate) mppe: bool,
    /// The supported bits that it asks for, and insists on in both directions.
    pub(crate) mppe_bits: [u8; 4],
    /// Configure-Acks are kept back in `held` instead of being sent.
    pub(crate) hold_acks: bool,
    pub(crate) held: Vec<Vec<u8>>,
    pub(crate) address: Ipv4Addr,
    pub(crate) failure_message: Option<String>,
    pub(crate) success_message: Option<String>,
    /// How often the server has said that we are who we say.
    pub(crate) accepted: usize,
    pub(crate) keys: Option<StartKeys>,
    pub(crate) terminated: bool,
    pub(crate) echo_replies: usize,
    pub(crate) echo_requests: usize,
    /// The latest answer to a challenge, to repeat while there is no verdict.
    response: Option<Vec<u8>>,
    lcp: Half,
    ccp: Half,
    ipcp: Half,
    identifier: u8,
    magic: u32,
}

impl PppClient {
    pub(crate) fn new(name: &str, password: &str) -> Self {
        Self {
            script: None,
            login: Login::MsChapV2,
            name: name.into(),
            password: password.into(),
            mppe: true,
            mppe_bits: [0x01, 0, 0, 0x40],
            hold_acks: false,
            held: Vec::new(),
            address: Ipv4Addr::UNSPECIFIED,
            failure_message: None,
            success_message: None,
            accepted: 0,
            keys: None,
            terminated: false,
            echo_replies: 0,
            echo_requests: 0,
            response: None,
            lcp: Half::default(),
            ccp: Half::default(),
            ipcp: Half::default(),
            identifier: 0,
            magic: 0x1122_3344,
        }
    }

    /// Starts over as at a new dial: another magic number, and nothing agreed.
    pub(crate) fn restart(&mut self) -> Vec<Vec<u8>> {
        self.magic = self.magic.wrapping_add(1);
        (self.lcp, self.ccp, self.ipcp) = Default::default();
        self.response = None;
        self.success_message = None;
        self.start()
    }

    /// The first frames: LCP asks for an MRU and a magic number.
    pub(crate) fn start(&mut self) -> Vec<Vec<u8>> {
        vec![self.lcp_request()]
    }

    pub(crate) fn encrypted(&self) -> bool {
        self.ccp.open()
    }

    pub(crate) fn network_up(&self) -> bool {
        self.ipcp.open()
    }

    /// What a restart timer sends again: whatever has not been answered yet.
    pub(crate) fn repeat(&mut self) -> Vec<Vec<u8>> {
        if !self.lcp.ours {
            return vec![self.lcp_request()];
        }
        if self.success_message.is_none() {
            return self.response.iter().cloned().collect();
        }
        let mut frames = Vec::new();
        if !self.login.gives_keys() {
            if !self.ipcp.ours {
                frames.push(self.ipcp_request());
            }
            return frames;
        }
        if !self.ccp.ours {
            frames.push(self.ccp_request());
        }
        if self.ccp.open() && !self.ipcp.ours {
            frames.push(self.ipcp_request());
        }
        frames
    }

    /// What the client answers to one frame of the server (with or without address and control).
    pub(crate) fn handle(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let frame = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
        let protocol = u16::from_be_bytes([frame[0], frame[1]]);
        let (code, identifier) = (frame[2], frame[3]);
        let length = usize::from(u16::from_be_bytes([frame[4], frame[5]]));
        let data = &frame[6..2 + length];
        if let Some(frames) = self
            .script
            .and_then(|script| script(self, protocol, code, identifier, data))
        {
            return frames;
        }
        match protocol {
            LCP => self.lcp(code, identifier, data),
            PAP => self.pap(code),
            EAP => self.eap(code, identifier, data),
            CHAP => self.chap(code, identifier, data),
            CCP => self.ccp(code, identifier, data),
            IPCP => self.ipcp(code, identifier, data),
            _ => Vec::new(),
        }
    }

    fn lcp_request(&mut self) -> Vec<u8> {
        let mut options = vec![1, 4, 0x05, 0x78, 5, 6];
        options.extend(self.magic.to_be_bytes());
        frame(LCP, CONFIGURE_REQUEST, self.next_identifier(), &options)
    }

    fn lcp(&mut self, code: u8, identifier: u8, data: &[u8]) -> Vec<Vec<u8>> {
        match code {
            CONFIGURE_REQUEST if !self.likes(data) => {
                let protocol = self.login.protocol();
                let wanted = [&[3, protocol.len() as u8 + 2], protocol].concat();
                vec![frame(LCP, CONFIGURE_NAK, identifier, &wanted)]
            }
            CONFIGURE_REQUEST => {
                self.lcp.theirs = true;
                let mut frames = self.acknowledge(LCP, identifier, data);
                frames.extend(self.pap_request());
                frames
            }
            CONFIGURE_ACK => {
                self.lcp.ours = true;
                self.pap_request().into_iter().collect()
            }
            // It can do without encryption, if that is refused altogether.
            PROTOCOL_REJECT if data.starts_with(&CCP.to_be_bytes()) => {
                self.mppe = false;
                vec![self.ipcp_request()]
            }
            TERMINATE_REQUEST => {
                self.terminated = true;
                vec![frame(LCP, TERMINATE_ACK, identifier, &[])]
            }
            ECHO_REQUEST => {
                self.echo_requests += 1;
                let mut answer = self.magic.to_be_bytes().to_vec();
                answer.extend(&data[4..]);
                vec![frame(LCP, ECHO_REPLY, identifier, &answer)]
            }
            ECHO_REPLY => {
                self.echo_replies += 1;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the server asks for the one log-in that we have.
    fn likes(&self, options: &[u8]) -> bool {
        let mut rest = options;
        while let [kind, length, ..] = rest {
            let (option, after) = rest.split_at(usize::from(*length));
            if *kind == 3 {
                return option[2..] == *self.login.protocol();
            }
            rest = after;
        }
        false
    }

    /// RFC 1334 §2.2.1: the client has the first word, once LCP is open.
    fn pap_request(&mut self) -> Option<Vec<u8>> {
        if self.login != Login::Pap || !self.lcp.open() {
            return None;
        }
        let fields = [self.name.as_bytes(), self.password.as_bytes()];
        let data = fields.map(|field| [&[field.len() as u8], field].concat());
        let request = frame(PAP, 1, self.next_identifier(), &data.concat());
        self.response = Some(request.clone());
        Some(request)
    }

    fn pap(&mut self, code: u8) -> Vec<Vec<u8>> {
        match code {
            2 => self.accepted(b"ack"),
            3 => self.refused(b"nak"),
            _ => Vec::new(),
        }
    }

    fn chap(&mut self, code: u8, identifier: u8, data: &[u8]) -> Vec<Vec<u8>> {
        match code {
            1 => {
                let challenge = &data[1..=usize::from(data[0])];
                let answer = match self.login {
                    Login::MsChapV1 => self.respond_v1(challenge.try_into().unwrap()),
                    Login::ChapMd5 => self.respond_md5(identifier, challenge),
                    _ => self.respond(challenge.try_into().unwrap()),
                };
                let response = frame(CHAP, 2, identifier, &answer);
                self.response = Some(response.clone());
                vec![response]
            }
            3 => self.accepted(data),
            4 => self.refused(data),
            _ => Vec::new(),
        }
    }

    fn eap(&mut self, code: u8, identifier: u8, data: &[u8]) -> Vec<Vec<u8>> {
        let (kind, answer) = match (code, data) {
            (1, [1, ..]) => (1, self.name.clone().into_bytes()),
            (1, [4, challenge @ ..]) if self.login == Login::EapMd5 => {
                let challenge = &challenge[1..=usize::from(challenge[0])];
                (4, self.respond_md5(identifier, challenge))
            }
            // A type that we do not have.
            (1, [26, ..]) if self.login == Login::EapMd5 => (3, vec![4]),
            (1, [26, 1, ms_identifier, _, _, 16, rest @ ..]) => {
                let value = self.respond(rest[..16].try_into().unwrap());
                let length = (value.len() as u16 + 4).to_be_bytes();
                let head = [2, *ms_identifier, length[0], length[1]];
                (26, [&head[..], &value].concat())
            }
            (1, [26, op_code @ (3 | 4), ..]) => (26, vec![*op_code]),
            (3, _) => return self.accepted(b"eap"),
            (4, _) => return self.refused(b"eap"),
            _ => return Vec::new(),
        };
        let response = frame(EAP, 2, identifier, &[&[kind], &answer[..]].concat());
        // The authenticator repeats, not we (RFC 3748 §4.1).
        self.response = None;
        vec![response]
    }

    /// The server has let us in; it may say so more than once.
    fn accepted(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        self.accepted += 1;
        if self.success_message.is_some() {
            return Vec::new();
        }
        self.success_message = Some(String::from_utf8(message.to_vec()).unwrap());
        if !self.login.gives_keys() {
            vec![self.ipcp_request()]
        } else if self.mppe {
            vec![self.ccp_request()]
        } else {
            vec![frame(CCP, CONFIGURE_REQUEST, self.next_identifier(), &[])]
        }
    }

    fn refused(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        self.failure_message = Some(String::from_utf8(message.to_vec()).unwrap());
        Vec::new()
    }

    /// RFC 1994 §4.1, and EAP's MD5-Challenge: value size, digest, name.
    fn respond_md5(&self, identifier: u8, challenge: &[u8]) -> Vec<u8> {
        let password = Secret::from(self.password.clone());
        let digest = chap_md5::response(identifier, &password, challenge);
        [&[16], &digest[..], self.name.as_bytes()].concat()
    }

    /// RFC 2433 §6: 24 zeros for LAN Manager, the NT response, "use it".
    fn respond_v1(&mut self, challenge: [u8; 8]) -> Vec<u8> {
        let nt_hash = NtHash::from_password(&self.password);
        let response = mschapv1::nt_response(&challenge, &nt_hash);
        let hash_hash = nt_hash.hash();
        self.keys = Some(StartKeys::from_mschapv1(hash_hash.expose(), &challenge));
        [&[49], &[0; 24][..], &response, &[1], self.name.as_bytes()].concat()
    }

    /// RFC 2759 §4: peer challenge, eight zeros, NT-Response, flags, then the name.
    fn respond(&mut self, authenticator_challenge: [u8; 16]) -> Vec<u8> {
        let peer_challenge = [0x5a; 16];
        let exchange = Exchange {
            authenticator_challenge: &authenticator_challenge,
            peer_challenge: &peer_challenge,
            user_name: self.name.as_bytes(),
        };
        let nt_hash = NtHash::from_password(&self.password);
        let response = mschapv2::generate_nt_response(&exchange, &nt_hash);
        let hash_hash: PasswordHashHash = nt_hash.hash();
        self.keys = Some(StartKeys::from_mschapv2(hash_hash.expose(), &response));
        let mut data = vec![49];
        data.extend(peer_challenge);
        data.extend([0; 8]);
        data.extend(response);
        data.push(0);
        data.extend(self.name.as_bytes());
        data
    }

    fn ccp_request(&mut self) -> Vec<u8> {
        let option = self.mppe_option();
        frame(CCP, CONFIGURE_REQUEST, self.next_identifier(), &option)
    }

    fn mppe_option(&self) -> [u8; 6] {
        let [a, b, c, d] = self.mppe_bits;
        [18, 6, a, b, c, d]
    }

    fn ccp(&mut self, code: u8, identifier: u8, data: &[u8]) -> Vec<Vec<u8>> {
        match code {
            CONFIGURE_REQUEST if self.mppe && data != self.mppe_option() => {
                vec![frame(CCP, CONFIGURE_NAK, identifier, &self.mppe_option())]
            }
            CONFIGURE_REQUEST if !self.mppe && !data.is_empty() => {
                let reject = frame(CCP, CONFIGURE_REJECT, identifier, data);
                vec![reject, self.ipcp_request()]
            }
            CONFIGURE_REQUEST => {
                let before = self.ccp.open();
                self.ccp.theirs = true;
                let mut frames = self.acknowledge(CCP, identifier, data);
                frames.extend(self.start_ipcp(before));
                frames
            }
            CONFIGURE_ACK => {
                let before = self.ccp.open();
                self.ccp.ours = true;
                self.start_ipcp(before)
            }
            CONFIGURE_NAK if !self.ccp.ours => vec![self.ccp_request()],
            _ => Vec::new(),
        }
    }

    fn start_ipcp(&mut self, before: bool) -> Vec<Vec<u8>> {
        if self.ccp.open() && !before {
            vec![self.ipcp_request()]
        } else {
            Vec::new()
        }
    }

    fn ipcp_request(&mut self) -> Vec<u8> {
        let mut options = vec![3, 6];
        options.extend(self.address.octets());
        frame(IPCP, CONFIGURE_REQUEST, self.next_identifier(), &options)
    }

    fn ipcp(&mut self, code: u8, identifier: u8, data: &[u8]) -> Vec<Vec<u8>> {
        match code {
            // pppd answers so while encryption is not up.
            CONFIGURE_REQUEST if self.login.gives_keys() && self.mppe && !self.ccp.open() => {
                vec![frame(IPCP, TERMINATE_ACK, identifier, &[])]
            }
            CONFIGURE_REQUEST => {
                self.ipcp.theirs = true;
                self.acknowledge(IPCP, identifier, data)
            }
            CONFIGURE_ACK => {
                self.ipcp.ours = true;
                Vec::new()
            }
            CONFIGURE_NAK if !self.ipcp.ours => {
                self.address = Ipv4Addr::from(<[u8; 4]>::try_from(&data[2..6]).unwrap());
                vec![self.ipcp_request()]
            }
            _ => Vec::new(),
        }
    }

    fn acknowledge(&mut self, protocol: u16, identifier: u8, data: &[u8]) -> Vec<Vec<u8>> {
        let ack = frame(protocol, CONFIGURE_ACK, identifier, data);
        if self.hold_acks {
            self.held.push(ack);
            return Vec::new();
        }
        vec![ack]
    }

    fn next_identifier(&mut self) -> u8 {
        self.identifier = self.identifier.wrapping_add(1);
        self.identifier
    }
}
