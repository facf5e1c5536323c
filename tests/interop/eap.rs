//! EAP passed through to a real FreeRADIUS: a real pppd logs in by EAP-TLS, whose messages are longer
//! than a packet, and MPPE runs with the keys that the server derived (RFC 5216 §2.3, RFC 2548 §2.4).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::config::Config;
use crate::lab::{INSIDE_HOST, Lab, PASSWORD};
use crate::radius::{USERS, config, free_radius_with};
use crate::{lab_or_skip, pns_only};

/// Of pppd, whose shared folder the certificates are put into.
const EAP_TLS: &str = "require-mppe-128 need-peer-eap max-tls-version 1.2 \
                       ca /mnt/share/ca.pem cert /mnt/share/client.pem key /mnt/share/client.key";
/// In FreeRADIUS's module of EAP.
const TLS: &str = "default_eap_type = tls
        tls-config tls-common {
            private_key_file = @FOLDER@/server.key
            certificate_file = @FOLDER@/server.pem
            ca_file = @FOLDER@/ca.pem
            fragment_size = 700
            tls_min_version = \"1.2\"
            tls_max_version = \"1.2\"
        }
        tls {
            tls = tls-common
        }";

/// A certificate authority, the server's certificate and the client's, in `folder`.
fn certificates(folder: &Path) {
    let script = "set -e
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=lab-ca
        for name in server:radius client:alice; do
            file=${name%:*}
            openssl req -newkey rsa:2048 -nodes -keyout $file.key -out $file.csr -subj /CN=${name#*:}
            case $file in server) use=serverAuth ;; *) use=clientAuth ;; esac
            openssl x509 -req -in $file.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \\
                -extfile <(echo extendedKeyUsage=$use) -out $file.pem
        done";
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn eap_config(policy: &str) -> Config {
    config()
        .with("ppp.authentication.methods", vec!["eap"])
        .with("ppp.mppe.policy", policy)
}

/// Gives the client its certificate, or one of another authority.
fn hand_out(lab: &Lab, folder: &Path) {
    for file in ["ca.pem", "client.pem", "client.key"] {
        std::fs::copy(folder.join(file), lab.state().join("guest-c1").join(file)).unwrap();
    }
}

#[test]
fn eap_tls_is_passed_through_in_fragments_and_keys_mppe() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(&eap_config("required"), &[]);
    let folder = lab.state().join("radius");
    std::fs::create_dir_all(&folder).unwrap();
    certificates(&folder);
    let tls = TLS.replace("@FOLDER@", folder.to_str().unwrap());
    let _server = free_radius_with(&lab, USERS, |text| {
        text.replace("default_eap_type = md5", &tls)
    });
    let client = lab.client();
    hand_out(&lab, &folder);

    let dialled = client.dial(PASSWORD, EAP_TLS);
    let log = client.log();
    assert_eq!(dialled, Ok(()), "{log}");
    for text in [
        "<auth eap>",
        "EAP authentication succeeded",
        "MPPE 128-bit stateless",
    ] {
        assert!(log.contains(text), "no {text:?} in\n{log}");
    }
    let (received, text) = client.ping("-q -i 0.01 -c 200 -W 2", INSIDE_HOST);
    assert_eq!(received, 200, "{text}");
    let sessions = lab.show("sessions");
    assert!(
        sessions[0]["encryption"].to_string().contains("128"),
        "{sessions:?}"
    );
    client.hang_up();
    lab.wait_for_no_session(Duration::from_secs(5));

    // A certificate of somebody else.
    let foreign = lab.state().join("foreign");
    std::fs::create_dir_all(&foreign).unwrap();
    certificates(&foreign);
    std::fs::copy(folder.join("ca.pem"), foreign.join("ca.pem")).unwrap();
    hand_out(&lab, &foreign);
    assert_ne!(client.dial(PASSWORD, EAP_TLS), Ok(()), "{}", client.log());
    lab.wait_for_reason("authentication_failed");
    let why = lab.ask("pns", &["explain", "user", "alice"]);
    assert!(why.contains("RADIUS server \"behind\""), "{why}");
}
