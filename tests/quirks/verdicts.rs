//! W20: the errors that users read out on the telephone, each by the dialogue that leads to it, and
//! what `pns explain` makes of it.

use std::time::Duration;

use pns::operate::explain::text;
use pns::ppp::link::MppePolicy;

use super::common::change_link;
use super::dialogue::{Dialogue, NAME};
use super::server::Setup;

/// Every way to fail has come to its end, and this is what users see and operators read.
#[track_caller]
fn assert_explained(client: &mut Dialogue, error: u32, finding: &str, word: &str) {
    client.pass(Duration::from_secs(70));
    let row = client.explain().pop().expect("an account");
    let told = text(std::slice::from_ref(&row));
    assert_eq!(
        (&*row.state, row.windows_error, &*row.finding),
        ("ended", Some(error), finding),
        "{told}"
    );
    assert!(told.contains(&format!("error {error}")), "{told}");
    assert!(told.contains(word), "{word:?} is not in\n{told}");
}

#[test]
fn w20_619_the_tcp_connection_is_cut_in_the_middle_of_the_login() {
    let mut client = Dialogue::challenged(Setup::default());
    client.close_tcp();
    assert_explained(&mut client, 619, "client_ended_call", "firewall");
}

#[test]
fn w20_628_the_server_ends_a_login_that_is_on_its_way() {
    let mut client = Dialogue::challenged(Setup::default());
    client.server.sessions.stop(client.now);
    client.server.carry_out(client.now);
    assert_explained(&mut client, 628, "ended_by_operator", "stop of the server");
}

#[test]
fn w20_691_the_password_is_wrong() {
    let mut client = Dialogue::challenged(Setup::default());
    client.fail_to_log_in();
    // The user gives up.
    client.hang_up();
    assert_explained(&mut client, 691, "password_wrong", "\"alice\" is wrong");
}

#[test]
fn w20_718_the_challenge_stays_without_an_answer() {
    let mut client = Dialogue::challenged(Setup::default());
    let finding = "authentication_timeout";
    assert_explained(&mut client, 718, finding, "did not answer");
}

#[test]
fn w20_721_not_one_frame_of_the_client_arrives() {
    let mut client = Dialogue::placed(Setup::default());
    assert_explained(&mut client, 721, "gre_never_heard", "IP protocol 47");
}

#[test]
fn w20_734_the_client_has_no_way_to_log_in_in_common() {
    let mut client = Dialogue::placed(Setup::default());
    client.hear_lcp_request();
    client.play(
        r#"
        ppp > ff03 c021 04 $lcp_id 0009 0305 c22381
        ppp < ff03 c021 05 $bye/1 .... "authentication_not_agreed"
        ppp > ff03 c021 06 $bye 0004
        "#,
    );
    let finding = "method_not_agreed";
    assert_explained(&mut client, 734, finding, "ppp.authentication.methods");
}

#[test]
fn w20_734_the_client_will_not_encrypt() {
    let mut client = Dialogue::logged_in(Setup::default());
    client.play("ppp > ff03 80fd 04 $ccp_id 000a 1206 01000040");
    assert_explained(&mut client, 734, "encryption_refused", "ppp.mppe.policy");
}

#[test]
fn w20_741_the_client_has_40_bit_keys_only() {
    let mut client = Dialogue::logged_in(Setup::default());
    client.insist("ppp > ff03 80fd 01 $id 000a 1206 01000020");
    assert_explained(&mut client, 741, "encryption_too_weak", "ppp.mppe.strength");
}

#[test]
fn w20_742_the_client_demands_encryption_of_a_server_without() {
    let setup = Setup {
        adjust: |config| change_link(config, |link| link.mppe = MppePolicy::OFF),
        ..Setup::default()
    };
    let mut client = Dialogue::challenged(setup);
    client.claim(NAME, super::dialogue::PASSWORD);
    client.play(
        r#"
        ppp < ff03 c223 03 $challenge_id 003f "S=" $proof/40 " M=Access granted"
        ppp < ff03 8021 01 $ipcp_id/1 000a 0306 0a4d0001
        ppp > ff03 80fd 01 05 000a 1206 010000e0
        ppp < ff03 c021 08 $reject/1 0010 80fd 01 05 000a 1206 010000e0
        ppp > ff03 c021 05 09 0010 11223344 003ccd74 000002e6    # error 742
        ppp < ff03 c021 06 09 0004
        "#,
    );
    assert_explained(
        &mut client,
        742,
        "encryption_off",
        "the client says: error 742",
    );
}

#[test]
fn w20_800_a_connection_on_which_nothing_is_said() {
    let mut client = Dialogue::open(Setup::default());
    assert_explained(&mut client, 800, "said_nothing", "port scan");
    client.play("closed");
}

#[test]
fn w20_806_gre_passes_from_the_client_and_not_to_it() {
    let mut client = Dialogue::placed(Setup::default());
    client.hear_lcp_request();
    for identifier in 1..10u8 {
        client.name("id", [identifier]);
        client.play(
            "
            ppp > ff03 c021 01 $id 000e 0104 0578 0506 11223344
            wait 3s
            ",
        );
    }
    assert_explained(&mut client, 806, "gre_one_way", "answers none of ours");
}
