//! One client that speaks from a script, byte by byte, with the whole server in virtual time.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::time::Duration;

use pns::auth::NtHash;
use pns::auth::mschapv2::{self, Exchange};
use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptRefusal, DecryptState, DecryptWorker};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{StartKeys, Suite};
use pns::mppe::plausible::Agreed;
use pns::mppe::skipped::KeyId;
use pns::operate::explain::{AccountRow, Subject};
use pns::session::ConnectionId;
use pns::wire::ipv4::Header;
use pns::wire::ipv6::InterfaceIdentifier;

use super::packets;
use super::script::{self, Names, Pattern, Step};
use super::server::{
    ACCESS, CLIENT_MAC, HOST, HOST_MAC, NETWORK, PORT_MACS, SERVER, Server, Setup,
};

pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
pub(crate) const NAME: &str = "alice";
pub(crate) const PASSWORD: &str = "wonderland-7";

/// How long the server may take to say what comes next.
const PATIENCE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(1);

/// An enhanced GRE packet from the server.
#[derive(Clone, Debug)]
pub(crate) struct Gre {
    pub(crate) at: Timestamp,
    /// Where it went.
    pub(crate) to: Ipv4Addr,
    pub(crate) sequence: Option<u32>,
    pub(crate) acknowledgment: Option<u32>,
}

pub(crate) struct Dialogue {
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) names: Names,
    connection: ConnectionId,
    /// Writes of the server on the control connection, each by itself.
    pub(crate) writes: Vec<Vec<u8>>,
    control: Vec<u8>,
    closed: bool,
    /// GRE of the server, all of it.
    pub(crate) gre: Vec<Gre>,
    /// The Call ID of each of them.
    pub(crate) gre_call_ids: Vec<u16>,
    ppp: VecDeque<Vec<u8>>,
    /// The address of our GRE, and its next sequence number.
    pub(crate) address: Ipv4Addr,
    pub(crate) next_sequence: u32,
    keys: Option<StartKeys>,
    encrypt: Option<EncryptState>,
    encrypt_worker: EncryptWorker,
    decrypt: Option<(DecryptState, Box<DecryptWorker>)>,
    /// What reached the host behind.
    pub(crate) host: Vec<Vec<u8>>,
    data: Vec<Vec<u8>>,
    /// While set, GRE of the server is lost on the way.
    pub(crate) is_deaf: bool,
    /// Stateful frames that a loss before them made unreadable.
    pub(crate) out_of_step: usize,
}

impl Dialogue {
    /// A TCP connection to the server of `setup`.
    pub(crate) fn open(setup: Setup) -> Self {
        let now = Timestamp::ZERO + Duration::from_secs(100);
        let mut server = Server::new(setup, now);
        let connection = server.accept(CLIENT, now);
        Self {
            server,
            now,
            names: Names::new(),
            connection,
            writes: Vec::new(),
            control: Vec::new(),
            closed: false,
            gre: Vec::new(),
            gre_call_ids: Vec::new(),
            ppp: VecDeque::new(),
            address: CLIENT,
            next_sequence: 0,
            keys: None,
            encrypt: None,
            encrypt_worker: EncryptWorker::new(1),
            decrypt: None,
            host: Vec::new(),
            data: Vec::new(),
            is_deaf: false,
            out_of_step: 0,
        }
    }

    /// Plays a script to its end.
    pub(crate) fn play(&mut self, script: &str) {
        // A line that ends in a backslash goes on in the next one.
        for line in script.replace("\\\n", " ").lines() {
            let Some(step) = script::step(line, &self.names) else {
                continue;
            };
            if let Err(complaint) = self.take(step) {
                let ends = self.server.ends();
                panic!("at `{}`: {complaint}\nends: {ends:?}", line.trim());
            }
        }
    }

    /// Gives bytes a name for the lines to come.
    pub(crate) fn name(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.names.insert(name.to_owned(), bytes.into());
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::SayTcp(bytes) => {
                self.server
                    .sessions
                    .receive(self.connection, &bytes, self.now);
                self.server.carry_out(self.now);
                self.turn();
            }
            Step::SendPpp(frame) => self.send_ppp(&frame),
            Step::HearTcp(wanted) => {
                let heard = self.wait_for(|dialogue| dialogue.take_control())?;
                return self.compare(&heard, &wanted);
            }
            Step::HearPpp(wanted) => {
                let heard = self.wait_for(|dialogue| dialogue.ppp.pop_front())?;
                return self.compare(&heard, &wanted);
            }
            Step::Wait(time) => self.pass(time),
            Step::Quiet => return self.expect_quiet(),
            Step::Closed if !self.closed => return Err("the connection is open".into()),
            Step::Closed => {}
        }
        Ok(())
    }

    fn compare(&mut self, heard: &[u8], wanted: &[Pattern]) -> Result<(), String> {
        script::compare(heard, wanted, &mut self.names)
            .map_err(|complaint| format!("heard {}: {complaint}", script::hex(heard)))
    }

    fn wait_for<T>(&mut self, mut take: impl FnMut(&mut Self) -> Option<T>) -> Result<T, String> {
        let end = self.now + PATIENCE;
        while self.now < end {
            if let Some(heard) = take(self) {
                return Ok(heard);
            }
            self.turn();
        }
        Err(format!("nothing came in {PATIENCE:?}"))
    }

    fn take_control(&mut self) -> Option<Vec<u8>> {
        let length = u16::from_be_bytes(*self.control.first_chunk()?);
        let length = usize::from(length);
        (self.control.len() >= length).then(|| self.control.drain(..length).collect())
    }

    fn expect_quiet(&mut self) -> Result<(), String> {
        self.turn();
        if let Some(frame) = self.ppp.front() {
            return Err(format!("the server said {}", script::hex(frame)));
        }
        if !self.control.is_empty() {
            return Err(format!("the server wrote {}", script::hex(&self.control)));
        }
        Ok(())
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.turn();
        }
    }

    /// A millisecond of everything.
    fn turn(&mut self) {
        self.now = self.now + TICK;
        self.server.turn(self.now);
        for frame in self.server.sent(ACCESS) {
            if !self.is_deaf {
                self.hear_gre(&frame[14..]);
            }
        }
        for frame in self.server.sent(NETWORK) {
            self.host.push(frame[14..].to_vec());
        }
        for socket in &mut self.server.sockets {
            if socket.id == self.connection {
                let written = std::mem::take(&mut socket.written);
                if !written.is_empty() {
                    self.control.extend(&written);
                    self.writes.push(written);
                }
                self.closed |= socket.closed;
            }
        }
        self.server.sockets.retain(|socket| !socket.closed);
    }

    fn hear_gre(&mut self, packet: &[u8]) {
        let ip = Header::parse(packet).expect("an outer packet");
        let gre = &packet[usize::from(ip.header_length)..usize::from(ip.total_length)];
        let flags = u16::from_be_bytes([gre[0], gre[1]]);
        // Checksum, routing, strict source route, recursion: pptp-linux drops such frames (L2).
        assert_eq!(flags & 0xcf07, 0x0001, "flags {flags:04x}");
        let number = |at: usize| u32::from_be_bytes(gre[at..at + 4].try_into().unwrap());
        self.gre_call_ids.push(u16::from_be_bytes([gre[6], gre[7]]));
        let sequence = (flags & 0x1000 != 0).then(|| number(8));
        let ack_at = if sequence.is_some() { 12 } else { 8 };
        let acknowledgment = (flags & 0x0080 != 0).then(|| number(ack_at));
        let header = ack_at + if acknowledgment.is_some() { 4 } else { 0 };
        let payload = gre[header..].to_vec();
        if let (Some(sequence), false) = (sequence, payload.is_empty()) {
            self.hear_frame(&payload, sequence);
        }
        self.gre.push(Gre {
            at: self.now,
            to: ip.destination,
            sequence,
            acknowledgment,
        });
    }

    fn hear_frame(&mut self, payload: &[u8], sequence: u32) {
        let inside = payload.strip_prefix(&[0xff, 0x03]).unwrap_or(payload);
        match (inside, &mut self.decrypt) {
            ([0x00, 0xfd, encrypted @ ..], Some((state, worker))) => {
                let mut encrypted = encrypted.to_vec();
                let clear = match state.decrypt(&mut encrypted, sequence, worker, self.now) {
                    Err(DecryptRefusal::OutOfStep) => {
                        self.out_of_step += 1;
                        return;
                    }
                    clear => clear.expect("what the server encrypts can be decrypted"),
                };
                assert_eq!(clear[0], 0x00, "a whole protocol field");
                assert!(matches!(clear[1], 0x21 | 0x57), "IPv4 or IPv6 inside");
                self.data.push(clear[2..].to_vec());
            }
            ([0x00, 0x21, packet @ ..], _) => self.data.push(packet.to_vec()),
            _ => self.ppp.push_back(payload.to_vec()),
        }
    }

    /// Sends a PPP frame with the next sequence number.
    pub(crate) fn send_ppp(&mut self, frame: &[u8]) {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        self.send_gre(Some(sequence), None, frame);
        self.turn();
    }

    /// Sends GRE with numbers of one's own. `$server_call_id` must be known.
    pub(crate) fn send_gre(&mut self, sequence: Option<u32>, ack: Option<u32>, payload: &[u8]) {
        let call_id = self.names.get("server_call_id").expect("a placed call");
        let call_id = u16::from_be_bytes(call_id[..].try_into().expect("two bytes"));
        let gre = packets::gre(call_id, sequence, ack, payload);
        self.send_outer(&gre);
    }

    /// Sends what stands behind the outer IPv4 header.
    pub(crate) fn send_outer(&mut self, gre: &[u8]) {
        self.send_packet(&packets::outer(self.address, SERVER, gre));
    }

    /// Sends an outer packet.
    pub(crate) fn send_packet(&mut self, packet: &[u8]) {
        let frame = packets::ethernet(PORT_MACS[ACCESS], CLIENT_MAC, packet);
        self.server.receive(0, ACCESS, &frame);
    }

    /// The host behind sends an IP packet.
    pub(crate) fn host_sends(&mut self, packet: &[u8]) {
        let frame = packets::ethernet(PORT_MACS[NETWORK], HOST_MAC, packet);
        self.server.receive(0, NETWORK, &frame);
    }

    /// The PPP control frames that came and were in no script.
    pub(crate) fn take_ppp(&mut self) -> Vec<Vec<u8>> {
        self.ppp.drain(..).collect()
    }

    /// The IP packets that came by the call.
    pub(crate) fn take_data(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.data)
    }

    /// Lets time pass in which the client answers LCP Echo-Requests, with the magic number of
    /// [`Self::open_lcp`].
    pub(crate) fn answer_lcp_echoes(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.turn();
            let Some(place) = self
                .ppp
                .iter()
                .position(|frame| frame[2..5] == [0xc0, 0x21, 9])
            else {
                continue;
            };
            let mut echo = self.ppp.remove(place).expect("an Echo-Request");
            echo[4] = 10;
            echo[8..12].copy_from_slice(&[0x11, 0x22, 0x33, 0x44]);
            self.send_ppp(&echo);
        }
    }

    /// Another TCP connection of the same client, which has forgotten everything.
    pub(crate) fn reconnect(&mut self) {
        self.connection = self.server.accept(CLIENT, self.now);
        self.closed = false;
        self.control.clear();
        self.names.clear();
        self.next_sequence = 0;
        (self.encrypt, self.decrypt) = (None, None);
    }

    /// What came for earlier calls is not part of the script.
    pub(crate) fn forget_what_was_heard(&mut self) {
        self.ppp.clear();
        self.control.clear();
        self.host.clear();
    }

    /// Computes `$response`, the 49 bytes of RFC 2759 §4, from `$challenge`, for `name` and `password`.
    pub(crate) fn answer_challenge(&mut self, name: &str, password: &str) {
        let challenge: [u8; 16] = self.names["challenge"][..].try_into().expect("a challenge");
        let peer_challenge = [0x5a; 16];
        let exchange = Exchange {
            authenticator_challenge: &challenge,
            peer_challenge: &peer_challenge,
            user_name: name.as_bytes(),
        };
        let nt_hash = NtHash::from_password(password);
        let nt_response = mschapv2::generate_nt_response(&exchange, &nt_hash);
        let hash_hash = nt_hash.hash();
        self.keys = Some(StartKeys::from_mschapv2(hash_hash.expose(), &nt_response));
        let mut response = peer_challenge.to_vec();
        response.extend([0; 8]);
        response.extend(nt_response);
        response.push(0);
        self.name("response", response);
    }

    /// CCP is open on the client's side: data is encrypted both ways from here on.
    pub(crate) fn encrypt(&mut self, suite: Suite) {
        let keys = self.keys.take().expect("keys of a login");
        let Suite { strength, mode } = suite;
        self.encrypt = Some(EncryptState::new_for_client(keys.upstream, strength, mode));
        let budget = Budget::new(16_384, 65_536, self.now);
        let heard = self.gre.iter().filter_map(|gre| gre.sequence).max();
        let id = KeyId::new(NonZeroU64::MIN);
        let (key, heard) = (keys.downstream, heard.unwrap_or(0));
        let state = DecryptState::new_for_client(key, strength, mode, id, heard, budget);
        let worker = Box::new(DecryptWorker::new(4, budget).with_places(1));
        self.decrypt = Some((state, worker));
    }

    /// IPv6CP is open on the client's side: the server's `identifier` is known.
    pub(crate) fn agree_ipv6(&mut self, identifier: [u8; 8]) {
        let peer = InterfaceIdentifier(identifier);
        let (state, _) = self.decrypt.as_mut().expect("an encrypted call");
        state.agree(Agreed::Ipv4AndIpv6 { peer });
    }

    /// The PPP frame around an IP packet of the client, encrypted if the call is.
    pub(crate) fn frame(&mut self, packet: &[u8]) -> Vec<u8> {
        let version_6 = packet.first().is_some_and(|first| first >> 4 == 6);
        let mut inner = vec![0x00, if version_6 { 0x57 } else { 0x21 }];
        inner.extend(packet);
        let mut frame = vec![0xff, 0x03];
        if let Some(state) = &mut self.encrypt {
            let header = state.encrypt(&mut inner, &mut self.encrypt_worker);
            frame.extend([0x00, 0xfd]);
            frame.extend(header.expect("armed").to_bytes());
        }
        frame.extend(inner);
        frame
    }

    /// Encrypts the next frame so that it can be read without those before it.
    pub(crate) fn flush(&mut self) {
        self.encrypt.as_mut().expect("an encrypted call").flush();
    }

    /// What `pns explain` says of this client, the latest last.
    pub(crate) fn explain(&self) -> Vec<AccountRow> {
        self.server.explain(&Subject::Peer(CLIENT), self.now)
    }

    /// The address that the server gave, by `$address` of the script.
    pub(crate) fn lease(&self) -> Ipv4Addr {
        let octets: [u8; 4] = self.names["address"][..].try_into().expect("an address");
        Ipv4Addr::from(octets)
    }

    /// A datagram goes from the client to the host behind, and another one back.
    pub(crate) fn assert_data_moves(&mut self) {
        let (lease, before) = (self.lease(), self.host.len());
        let frame = self.frame(&packets::numbered(lease, HOST, 77));
        self.send_ppp(&frame);
        self.pass(Duration::from_millis(5));
        let arrived = packets::numbers(&self.host[before..]);
        assert_eq!(arrived, [77], "upstream; drops: {:?}", self.server.drops());
        self.data.clear();
        self.host_sends(&packets::numbered(HOST, lease, 78));
        self.pass(Duration::from_millis(5));
        let arrived = packets::numbers(&self.data);
        assert_eq!(
            arrived,
            [78],
            "downstream; drops: {:?}",
            self.server.drops()
        );
    }

    /// The client closes its TCP connection.
    pub(crate) fn close_tcp(&mut self) {
        self.server.sessions.peer_closed(self.connection, self.now);
        self.server.carry_out(self.now);
        self.turn();
    }
}
