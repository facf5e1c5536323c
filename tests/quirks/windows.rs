//! W1 to W20: Windows 2000 to 11, 95 and 98.

use pns::mppe::keys::Suite;

use super::dialogue::{Dialogue, NAME, PASSWORD};
use super::server::Setup;

/// Start-Control-Connection and Outgoing-Call as Windows speaks them (W1, W2).
const CONTROL: &str = r#"
    tcp > 009c 0001 1a2b3c4d 0001 0000 0100 0000 00000001 00000001 0000 0000 00*64 "Microsoft" 00*55
    tcp < 009c 0001 1a2b3c4d 0002 0000 0100 01 00 00000003 00000003 ffff 0001 00*64 "pns" 00*61
    tcp > 00a8 0001 1a2b3c4d 0007 0000 3039 0001 0000012c 05f5e100 00000003 00000003 0040 0000 0000 0000 00*64 a1b2c3d4e5f60718293a4b5c6d7e8f90 00*48
    tcp < 0020 0001 1a2b3c4d 0008 0000 $server_call_id/2 3039 01 00 0000 .. .. .. .. 0040 0000 00000000
"#;

#[test]
fn w1_w2_windows_opens_with_an_empty_host_name_and_a_guid_in_the_sub_address() {
    let mut windows = Dialogue::open(Setup::default());
    windows.play(CONTROL);
    windows.play(
        r#"
        ppp < ff03 c021 01 $id/1 0017 0104 0578 0305 c22381 0506 $magic/4 0702 0802
        ppp > ff03 c021 02 $id 0017 0104 0578 0305 c22381 0506 $magic 0702 0802
        ppp > ff03 c021 01 00 0012 0104 0578 0506 11223344 0702 0802
        ppp < ff03 c021 02 00 0012 0104 0578 0506 11223344 0702 0802
        ppp < ff03 c223 01 $challenge_id/1 .... 10 $challenge/16 "pns"
        "#,
    );
    windows.answer_challenge(NAME, PASSWORD);
    windows.play(
        r#"
        ppp > ff03 c223 02 $challenge_id 003b 31 $response "alice"
        ppp < ff03 c223 03 $challenge_id 003f "S=" $proof/40 " M=Access granted"
        ppp < ff03 80fd 01 $ccp_id/1 000a 1206 01000040
        ppp > ff03 80fd 01 04 000a 1206 010000e0
        ppp < ff03 80fd 03 04 000a 1206 01000040
        ppp > ff03 80fd 01 05 000a 1206 01000040
        ppp < ff03 80fd 02 05 000a 1206 01000040
        ppp > ff03 80fd 02 $ccp_id 000a 1206 01000040
        "#,
    );
    windows.encrypt(Suite::STATELESS_128);
    windows.play(
        r#"
        ppp < ff03 8021 01 $ipcp_id/1 000a 0306 0a4d0001
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ppp > ff03 8021 01 06 000a 0306 00000000
        ppp < ff03 8021 03 06 000a 0306 $address/4
        ppp > ff03 8021 01 07 000a 0306 $address
        ppp < ff03 8021 02 07 000a 0306 $address
        "#,
    );
    windows.assert_data_moves();
}
