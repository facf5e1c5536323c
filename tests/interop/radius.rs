//! A real client dials in, and a real FreeRADIUS behind the server decides and writes the bill.

use std::time::Duration;

use crate::config::Config;
use crate::lab::{INSIDE_HOST, Lab, PASSWORD, REQUIRE_MPPE, Running};
use crate::{lab_or_skip, pns_only};

pub(crate) const SECRET: &str = "between pns and radius";
/// What the server lets the client have, out of the lab's pool.
const ADDRESS: &str = "10.77.0.180";
pub(crate) const USERS: &str = "alice Cleartext-Password := \"wonderland-7\"
\tFramed-IP-Address = 10.77.0.180,
\tSession-Timeout = 3600,
\tClass = \"gold\"
";
const TABLES: &str = r#"
[radius]
nas_identifier = "pns-lab"

[[radius.server]]
name = "behind"
address = "192.168.99.2"
secret_file = "radius.secret"
"#;

pub(crate) fn config() -> Config {
    config_with("")
}

/// The same with more tables below `[radius]`.
pub(crate) fn config_with(more: &str) -> Config {
    Config::lab()
        .with_tables(&format!("{TABLES}{more}"))
        .with_file("radius.secret", SECRET)
}

/// FreeRADIUS on the host behind the server, as long as the guard lives.
pub(crate) fn free_radius(lab: &Lab, users: &str) -> Running {
    free_radius_with(lab, users, |text| text)
}

/// The same, configured as `change` makes it.
pub(crate) fn free_radius_with(
    lab: &Lab,
    users: &str,
    change: impl Fn(String) -> String,
) -> Running {
    let folder = lab.state().join("radius");
    std::fs::create_dir_all(&folder).unwrap();
    let place = folder.to_str().unwrap();
    let text = include_str!("../freeradius/radiusd.conf")
        .replace("@FOLDER@", place)
        .replace("@ADDRESS@", INSIDE_HOST)
        .replace("@CLIENT@", "192.168.99.1")
        .replace("@PORT@", "1812")
        .replace("@ACCOUNTING_PORT@", "1813")
        .replace("@SECRET@", SECRET);
    std::fs::write(folder.join("radiusd.conf"), change(text)).unwrap();
    std::fs::write(folder.join("users"), users).unwrap();
    std::fs::write(folder.join("dictionary"), "").unwrap();
    let log = folder.join("log");
    // What an earlier one said is not to be taken for the word of this one.
    let _none = std::fs::remove_file(&log);
    let log = log.to_str().unwrap();
    let words = ["/usr/sbin/freeradius", "-f", "-xx", "-l", log, "-d", place];
    let server = lab.spawn("host", &words);
    wait_for(lab, "log", "Ready to process requests");
    server
}

/// A configuration of FreeRADIUS that signs what it grants.
pub(crate) fn signing(text: &str) -> String {
    let signs = concat!(
        include_str!("../freeradius/signs.conf"),
        "    accounting {\n"
    );
    text.replace("    accounting {\n", signs)
}

/// Waits until the file of the server's folder says `text`, and answers the file.
pub(crate) fn wait_for(lab: &Lab, file: &str, text: &str) -> String {
    lab.wait_for_text(&format!("radius/{file}"), text)
}

/// The latest record of a kind.
pub(crate) fn latest<'b>(bill: &'b str, kind: &str) -> &'b str {
    let kind = format!("Acct-Status-Type = {kind}");
    let mut records = bill.rsplit("\n\n");
    records.find(|record| record.contains(&kind)).expect(&kind)
}

#[test]
fn free_radius_lets_a_client_in_with_its_keys_and_bills_the_call() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(&config(), &[]);
    let server = free_radius(&lab, USERS);
    let client = lab.client();

    assert_eq!(client.dial("looking-glass", REQUIRE_MPPE), Err(19));
    assert_eq!(
        client.dial(PASSWORD, REQUIRE_MPPE),
        Ok(()),
        "{}",
        client.log()
    );
    assert!(
        client.log().contains("MPPE 128-bit stateless"),
        "{}",
        client.log()
    );
    assert_eq!(client.address(), ADDRESS);
    let (received, text) = client.ping("-q -i 0.01 -c 200 -W 2", INSIDE_HOST);
    assert_eq!(received, 200, "{text}");
    let servers = lab.ask("pns", &["show", "radius", "--json"]);
    assert!(servers.contains("\"alive\""), "{servers}");
    client.hang_up();
    lab.wait_for_no_session(Duration::from_secs(5));

    let bill = wait_for(&lab, "detail", "Acct-Status-Type = Stop");
    assert!(bill.contains("Acct-Status-Type = Accounting-On"), "{bill}");
    let stop = latest(&bill, "Stop");
    for line in [
        "User-Name = \"alice\"",
        "Framed-IP-Address = 10.77.0.180",
        "Class = 0x676f6c64",
        "NAS-Identifier = \"pns-lab\"",
        "Acct-Terminate-Cause = User-Request",
        // 200 echoes of 84 bytes; the client may have had more to say.
        "Acct-Input-Packets = 2",
        "Acct-Output-Packets = 2",
    ] {
        assert!(stop.contains(line), "no {line:?} in:\n{stop}");
    }

    drop(server);
    assert_ne!(
        client.dial(PASSWORD, REQUIRE_MPPE),
        Ok(()),
        "nobody decides"
    );
    let why = lab.ask("pns", &["explain", "user", "alice"]);
    assert!(why.contains("RADIUS"), "{why}");
}
