//! The distribution's `radclient` asks for changes of live calls, over loopback: what it signs is
//! believed, and what we sign it believes.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Output as Ended, Stdio};
use std::time::{Duration, SystemTime};

use pns::aaa::radius::dynamic::{
    Discarded, Dynamic, DynamicClient, ErrorCause, Input, Outcome, Output, Request, Settings,
    Wanted,
};
use pns::auth::Secret;
use pns::clock::MonotonicClock;

use crate::server::SECRET;

const RADCLIENT: &str = "/usr/bin/radclient";

/// A server that has one call, of alice.
struct Listener {
    socket: UdpSocket,
    machine: Dynamic,
    clock: MonotonicClock,
    carried: Vec<Request>,
}

fn unix_s() -> u64 {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    unix.unwrap().as_secs()
}

impl Listener {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        Self {
            socket,
            machine: Dynamic::new(Settings {
                clients: vec![DynamicClient {
                    address: Ipv4Addr::LOCALHOST.into(),
                    secret: Secret::from(SECRET.to_owned()),
                }],
                window: Duration::from_secs(300),
                timestamp_required: true,
                identifier: "vpn1".into(),
                addresses: vec![Ipv4Addr::LOCALHOST],
                map: Vec::new(),
                unix_at_zero_s: unix_s(),
            }),
            clock: MonotonicClock::new(),
            carried: Vec::new(),
        }
    }

    /// Runs `radclient` with these attributes, and answers it meanwhile.
    fn asked(&mut self, command: &str, secret: &str, attributes: &str) -> Ended {
        let to = self.socket.local_addr().unwrap().to_string();
        let mut client = Command::new(RADCLIENT)
            .args(["-x", "-r", "1", "-t", "2", &to, command, secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!("{attributes}, Message-Authenticator = 0x00\n");
        client
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let mut buffer = [0; 4096];
        while client.try_wait().unwrap().is_none() {
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                self.hear(from, &buffer[..length]);
            }
        }
        client.wait_with_output().unwrap()
    }

    fn hear(&mut self, from: SocketAddr, bytes: &[u8]) {
        let now = self.clock.now();
        self.machine.handle(Input::Datagram { from, bytes }, now);
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    self.socket.send_to(&bytes, to).unwrap();
                }
                Output::Carry(request) => {
                    let alice = request.selector.user.as_deref() == Some(b"alice");
                    let outcome = if alice {
                        Outcome::Done {
                            calls: 1,
                            residual: false,
                        }
                    } else {
                        Outcome::Refused(ErrorCause::SessionContextNotFound)
                    };
                    let input = Input::Carried(request.number, outcome);
                    self.machine.handle(input, now);
                    self.carried.push(request);
                }
                Output::Audit { .. } => {}
            }
        }
    }
}

fn said(ended: &Ended) -> String {
    [&ended.stdout[..], &ended.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

fn has_radclient() -> bool {
    let found = std::fs::exists(RADCLIENT).unwrap();
    if !found {
        eprintln!("skipped: there is no radclient here");
    }
    found
}

#[test]
fn radclient_changes_and_ends_calls() {
    if !has_radclient() {
        return;
    }
    let mut listener = Listener::new();
    let now_s = unix_s();
    let change = format!(
        "User-Name = \"alice\", NAS-Identifier = \"vpn1\", Event-Timestamp = {now_s}, \
         Session-Timeout = 600, Mikrotik-Rate-Limit = \"1M/10M\", Mikrotik-Total-Limit-Gigawords = 2, \
         Class = \"gold\""
    );
    let ended = listener.asked("coa", SECRET, &change);
    assert!(ended.status.success(), "{}", said(&ended));
    assert!(
        said(&ended).contains("Received CoA-ACK"),
        "{}",
        said(&ended)
    );
    let Wanted::Change(change) = &listener.carried[0].wanted else {
        panic!("{:?}", listener.carried)
    };
    let policy = &change.policy;
    assert_eq!(policy.session_limit, Some(Duration::from_secs(600)));
    assert_eq!(policy.downstream.unwrap().sustained_bps, 10_000_000);
    assert_eq!(policy.quota.total_bytes, Some(2 << 32));

    let end = format!("User-Name = \"alice\", Event-Timestamp = {now_s}");
    let ended = listener.asked("disconnect", SECRET, &end);
    assert!(
        said(&ended).contains("Received Disconnect-ACK"),
        "{}",
        said(&ended)
    );
    assert_eq!(listener.carried[1].wanted, Wanted::End);
    assert_eq!(listener.machine.carried(), 2);
}

#[test]
fn radclient_is_told_why_not_or_nothing_at_all() {
    if !has_radclient() {
        return;
    }
    let mut listener = Listener::new();
    let now_s = unix_s();
    let cases = [
        (
            "disconnect",
            "User-Name = \"bob\"",
            "Session-Context-Not-Found",
        ),
        (
            "disconnect",
            "User-Name = \"alice\", NAS-Identifier = \"vpn2\"",
            "NAS-Identification-Mismatch",
        ),
        (
            "coa",
            "User-Name = \"alice\", Framed-Pool = \"p\"",
            "Unsupported-Attribute",
        ),
        ("coa", "Session-Timeout = 60", "Missing-Attribute"),
    ];
    for (command, attributes, cause) in cases {
        let attributes = format!("{attributes}, Event-Timestamp = {now_s}");
        let ended = listener.asked(command, SECRET, &attributes);
        let said = said(&ended);
        assert!(
            said.contains("NAK") && said.contains(cause),
            "{cause}: {said}"
        );
    }
    let silent = [
        ("another secret", now_s, Discarded::BadAuthenticator),
        (SECRET, now_s - 1000, Discarded::OutOfWindow),
    ];
    for (secret, made_s, cause) in silent {
        let attributes = format!("User-Name = \"alice\", Event-Timestamp = {made_s}");
        let ended = listener.asked("disconnect", secret, &attributes);
        assert!(!said(&ended).contains("Received"), "{}", said(&ended));
        assert_eq!(listener.machine.discarded()[cause.index()], 1, "{cause}");
    }
    assert_eq!(listener.machine.carried(), 0);
}
