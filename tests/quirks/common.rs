//! The parts of a dialogue that are the same for most clients, so that a quirk stands out.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::mppe::keys::{Mode, Strength, Suite};
use pns::ppp::link::{LinkConfig, Stateful};
use pns::session::SessionConfig;
use pns::wire::ipv4::{Header, protocol};

use super::dialogue::{Dialogue, NAME, PASSWORD};
use super::packets;
use super::server::{Setup, link_of};

/// RC4 that goes on from frame to frame.
const STATEFUL_128: Suite = Suite {
    strength: Strength::Bits128,
    mode: Mode::Stateful,
};

/// A server that differs from the usual one by this.
pub(crate) fn setup(adjust: fn(&mut SessionConfig)) -> Setup {
    Setup {
        adjust,
        ..Setup::default()
    }
}

pub(crate) fn change_link(config: &mut SessionConfig, change: impl FnOnce(&mut LinkConfig)) {
    change(link_of(config));
}

impl Dialogue {
    /// A client that has placed its call and says nothing in PPP yet.
    pub(crate) fn placed(setup: Setup) -> Self {
        let mut client = Self::open(setup);
        client.place_call();
        client
    }

    /// A client that is at the challenge.
    pub(crate) fn challenged(setup: Setup) -> Self {
        let mut client = Self::placed(setup);
        client.open_lcp();
        client.hear_challenge();
        client
    }

    /// A client that has proved who it is, and has heard our CCP request.
    pub(crate) fn logged_in(setup: Setup) -> Self {
        let mut client = Self::challenged(setup);
        client.log_in();
        client
    }

    /// A client whose call is encrypted and has heard our IPCP request.
    pub(crate) fn encrypted(setup: Setup) -> Self {
        let mut client = Self::logged_in(setup);
        client.open_ccp();
        client
    }

    /// A client that can use its network.
    pub(crate) fn up(setup: Setup) -> Self {
        let mut client = Self::encrypted(setup);
        client.open_ipcp();
        client
    }

    /// The rest of a session whose call is placed, as most clients speak it.
    pub(crate) fn come_up(&mut self) {
        self.open_lcp();
        self.hear_challenge();
        self.log_in();
        self.open_ccp();
        self.open_ipcp();
    }

    /// A client that can use its network, with stateful encryption both ways: the server asks for
    /// stateless, and allows the other.
    pub(crate) fn up_stateful() -> Self {
        let mut client = Self::logged_in(setup(|config| {
            change_link(config, |link| link.mppe.stateful = Stateful::Allowed);
        }));
        client.play(
            "
            ppp > ff03 80fd 03 $ccp_id 000a 1206 00000040
            ppp < ff03 80fd 01 $second_id/1 000a 1206 00000040
            ppp > ff03 80fd 02 $second_id 000a 1206 00000040
            ppp > ff03 80fd 01 02 000a 1206 00000040
            ppp < ff03 80fd 03 02 000a 1206 01000040   # stateless would be better
            ppp > ff03 80fd 01 03 000a 1206 00000040
            ppp < ff03 80fd 02 03 000a 1206 00000040
            ",
        );
        client.encrypt(STATEFUL_128);
        client.hear_ipcp_request();
        client.open_ipcp();
        client
    }

    /// The client broadcasts a datagram.
    pub(crate) fn broadcast(&mut self, source_port: u16, port: u16, data: &[u8]) {
        let length = u16::try_from(8 + data.len()).unwrap();
        let head = [source_port, port, length, 0];
        let mut datagram: Vec<u8> = head.into_iter().flat_map(u16::to_be_bytes).collect();
        datagram.extend(data);
        let header = Header::plain(protocol::UDP, self.lease(), Ipv4Addr::BROADCAST, 0);
        let frame = self.frame(&packets::packet(header, &[], &datagram));
        self.send_ppp(&frame);
        self.pass(Duration::from_millis(5));
    }

    /// The client sends a request again and again, with `$id` counting, whatever it hears.
    pub(crate) fn insist(&mut self, request: &str) {
        for identifier in 5..25u8 {
            self.name("id", [identifier]);
            self.play(request);
            self.pass(Duration::from_millis(10));
        }
    }

    /// Answers the challenge with a wrong password: one more attempt is permitted, with a challenge
    /// of its own.
    pub(crate) fn fail_to_log_in(&mut self) {
        self.answer_challenge(NAME, "wrong");
        self.play(
            r#"
            ppp > ff03 c223 02 $challenge_id 003b 31 $response "alice"
            ppp < ff03 c223 04 $challenge_id 0044 "E=691 R=1 C=" $digits/32 " V=3 M=Access denied"
            "#,
        );
        self.name("challenge", self.digits("digits"));
    }

    /// The bytes behind `$digits`, which are hexadecimal text of the server.
    pub(crate) fn digits(&self, name: &str) -> Vec<u8> {
        let digits = std::str::from_utf8(&self.names[name]).unwrap();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(byte).collect()
    }

    /// Our IPCP request, and the client's for an address.
    pub(crate) fn open_ipcp(&mut self) {
        self.play("ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001");
        self.ask_for_an_address();
    }

    /// The client takes the address that it is given.
    pub(crate) fn ask_for_an_address(&mut self) {
        self.play(
            "
            ppp > ff03 8021 01 03 000a 0306 00000000
            ppp < ff03 8021 03 03 000a 0306 $address/4
            ppp > ff03 8021 01 04 000a 0306 $address
            ppp < ff03 8021 02 04 000a 0306 $address
            ",
        );
    }

    /// As pptp-linux does it, with Call ID 0x3039.
    pub(crate) fn place_call(&mut self) {
        self.play(
            r#"
            tcp > 009c 0001 1a2b3c4d 0001 0000 0100 0000 00000001 00000001 0000 0001 "local" \
                00*59 "cananian" 00*56
            tcp < 009c 0001 1a2b3c4d 0002 0000 0100 01 00 00000003 00000003 ffff 0001 00*64 \
                "pns" 00*61
            tcp > 00a8 0001 1a2b3c4d 0007 0000 3039 0001 00000960 00989680 00000003 00000003 \
                0003 0000 0000 0000 00*128
            tcp < 0020 0001 1a2b3c4d 0008 0000 $server_call_id/2 3039 01 00 0000 ........ 0040 \
                0000 00000000
            "#,
        );
    }

    /// The client asks for an MRU and a magic number.
    pub(crate) fn open_lcp(&mut self) {
        self.hear_lcp_request();
        self.play(
            "
            ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
            ppp > ff03 c021 01 01 000e 0104 0578 0506 11223344
            ppp < ff03 c021 02 01 000e 0104 0578 0506 11223344
            ",
        );
    }

    /// What we ask for: MRU 1400, MS-CHAPv2, a magic number, both compressions of the header.
    pub(crate) fn hear_lcp_request(&mut self) {
        self.play(
            "ppp < ff03 c021 01 $lcp_id/1 0017 0104 0578 0305 c22381 0506 $server_magic/4 0702 0802",
        );
    }

    pub(crate) fn hear_challenge(&mut self) {
        self.play(r#"ppp < ff03 c223 01 $challenge_id/1 0018 10 $challenge/16 "pns""#);
    }

    /// Answers the challenge as `name`, and lets the server decide.
    pub(crate) fn claim(&mut self, name: &str, password: &str) {
        // RFC 2759 §8.1: the domain is not hashed.
        let bare = name.rsplit('\\').next().unwrap();
        self.answer_challenge(bare, password);
        let length = (4 + 1 + 49 + name.len()) as u16;
        self.name("length", length.to_be_bytes());
        self.name("user", name.as_bytes());
        self.play("ppp > ff03 c223 02 $challenge_id $length 31 $response $user");
        self.pass(Duration::from_millis(20));
    }

    /// Answers the challenge with the right password; our CCP request follows.
    pub(crate) fn log_in(&mut self) {
        self.answer_challenge(NAME, PASSWORD);
        self.play(
            r#"
            ppp > ff03 c223 02 $challenge_id 003b 31 $response "alice"
            ppp < ff03 c223 03 $challenge_id 003f "S=" $proof/40 " M=Access granted"
            ppp < ff03 80fd 01 $ccp_id/1 000a 1206 01000040
            "#,
        );
    }

    /// MPPE with 128 bits, stateless, both ways; our IPCP request follows.
    pub(crate) fn open_ccp(&mut self) {
        self.play(
            "
            ppp > ff03 80fd 02 $ccp_id 000a 1206 01000040
            ppp > ff03 80fd 01 02 000a 1206 01000040
            ppp < ff03 80fd 02 02 000a 1206 01000040
            ",
        );
        self.encrypt(Suite::STATELESS_128);
        self.hear_ipcp_request();
    }

    /// We tell our own address.
    pub(crate) fn hear_ipcp_request(&mut self) {
        self.play("ppp < ff03 8021 01 $ipcp_id/1 000a 0306 0a4d0001");
    }

    /// The client hangs up as it should; the server takes everything down.
    pub(crate) fn hang_up(&mut self) {
        self.play(
            "
            ppp > ff03 c021 05 63 0004
            ppp < ff03 c021 06 63 0004
            ",
        );
    }
}
