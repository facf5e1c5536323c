//! Every way to prove who one is, by a real pppd: with the right password data moves, with a wrong one
//! the client is told so and ends with pppd's code for it.

use std::time::Duration;

use crate::config::Config;
use crate::lab::{Client, INSIDE_HOST, Lab, PASSWORD};
use crate::{lab_or_skip, pns_only};

/// A method and how pppd shows it.
pub(crate) struct Method {
    /// In `ppp.authentication.methods`.
    pub(crate) word: &'static str,
    /// What keeps pppd from every other method.
    pub(crate) options: &'static str,
    /// In pppd's log of the negotiation.
    agreed: &'static str,
    /// In pppd's log when the password was right.
    pub(crate) proven: &'static str,
}

pub(crate) const METHODS: [Method; 5] = [
    Method {
        word: "pap",
        options: "refuse-chap refuse-mschap refuse-mschap-v2 refuse-eap nomppe",
        agreed: "<auth pap>",
        proven: "PAP authentication succeeded",
    },
    Method {
        word: "chap-md5",
        options: "refuse-pap refuse-mschap refuse-mschap-v2 refuse-eap nomppe",
        agreed: "<auth chap MD5>",
        proven: "CHAP authentication succeeded",
    },
    Method {
        word: "mschapv1",
        options: "refuse-pap refuse-chap refuse-mschap-v2 refuse-eap nomppe",
        agreed: "<auth chap MS>",
        proven: "CHAP authentication succeeded",
    },
    Method {
        word: "mschapv2",
        options: "refuse-pap refuse-chap refuse-mschap refuse-eap nomppe",
        agreed: "<auth chap MS-v2>",
        proven: "CHAP authentication succeeded",
    },
    Method {
        word: "eap",
        options: "refuse-pap refuse-chap refuse-mschap refuse-mschap-v2 nomppe",
        agreed: "<auth eap>",
        proven: "EAP authentication succeeded",
    },
];

fn config(methods: &[&str]) -> Config {
    let methods: Vec<String> = methods.iter().map(|word| (*word).to_owned()).collect();
    Config::lab()
        .with("ppp.authentication.methods", methods)
        .with("ppp.authentication.eap_methods", vec!["md5"])
        .with("ppp.mppe.policy", "off")
}

fn assert_data_moves(client: &Client<'_>) {
    let (received, text) = client.ping("-q -i 0.02 -c 50 -W 2", INSIDE_HOST);
    assert_eq!(received, 50, "{text}");
}

/// The right password, then a wrong one.
fn assert_method(lab: &Lab, client: &Client<'_>, method: &Method) {
    let dialled = client.dial(PASSWORD, method.options);
    let log = client.log();
    assert_eq!(dialled, Ok(()), "{}: {log}", method.word);
    for text in [method.agreed, method.proven] {
        assert!(log.contains(text), "{}: no {text:?} in\n{log}", method.word);
    }
    assert_data_moves(client);
    client.hang_up();
    // 19: "We failed to authenticate ourselves to the peer".
    let refused = client.dial("wrong", method.options);
    assert_eq!(refused, Err(19), "{}: {}", method.word, client.log());
    lab.wait_for_no_session(Duration::from_secs(5));
    lab.wait_for_reason("authentication_failed");
}

#[test]
fn each_method_alone_lets_the_right_password_in_and_no_other() {
    pns_only!();
    let lab = lab_or_skip!();
    let client = lab.client();
    for method in &METHODS {
        lab.serve(&config(&[method.word]), &[]);
        assert_method(&lab, &client, method);
        lab.stop_server();
    }
}

#[test]
fn a_server_with_every_method_goes_down_its_list_to_the_one_that_the_client_has() {
    pns_only!();
    let lab = lab_or_skip!();
    let words = ["eap", "mschapv2", "mschapv1", "chap-md5", "pap"];
    lab.serve(&config(&words), &[]);
    let client = lab.client();
    for method in &METHODS {
        let dialled = client.dial(PASSWORD, method.options);
        let log = client.log();
        assert_eq!(dialled, Ok(()), "{}: {log}", method.word);
        assert!(log.contains(method.proven), "{}: {log}", method.word);
        assert_data_moves(&client);
        client.hang_up();
    }
}
