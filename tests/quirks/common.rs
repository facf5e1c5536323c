//! The parts of a dialogue that are the same for most clients, so that a quirk stands out.

use pns::mppe::keys::Suite;

use super::dialogue::{Dialogue, NAME, PASSWORD};
use super::server::Setup;

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

    /// The client takes the address that it is given.
    pub(crate) fn open_ipcp(&mut self) {
        self.play(
            "
            ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
            ppp > ff03 8021 01 03 000a 0306 00000000
            ppp < ff03 8021 03 03 000a 0306 $address/4
            ppp > ff03 8021 01 04 000a 0306 $address
            ppp < ff03 8021 02 04 000a 0306 $address
            ",
        );
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
