//! What `packaging/pns.service` relies on: readiness, the watchdog and the orderly stop, as systemd
//! hears them.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::{lab_or_skip, pns_only};

/// What the server tells systemd, up to the first message that has `word`.
fn hear(systemd: &UnixDatagram, word: &str) -> Vec<String> {
    let mut heard = Vec::new();
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let mut buffer = [0; 4096];
        let Ok(length) = systemd.recv(&mut buffer) else {
            continue;
        };
        heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        if heard.iter().any(|message| message.contains(word)) {
            return heard;
        }
    }
    panic!("no {word} among {heard:?}");
}

#[test]
fn systemd_hears_ready_then_the_watchdog_then_stopping() {
    let lab = lab_or_skip!();
    pns_only!();
    let systemd = UnixDatagram::bind(lab.state().join("notify")).unwrap();
    let timeout = Some(Duration::from_millis(100));
    systemd.set_read_timeout(timeout).unwrap();
    // The server's name for the same file.
    let socket = ("NOTIFY_SOCKET", "/run/lab/notify");
    lab.serve_with(&Config::lab(), &[socket, ("WATCHDOG_USEC", "1000000")]);
    hear(&systemd, "READY=1");
    hear(&systemd, "WATCHDOG=1");
    hear(&systemd, "WATCHDOG=1");
    assert_eq!(lab.stop_server(), Some(0));
    hear(&systemd, "STOPPING=1");
}
