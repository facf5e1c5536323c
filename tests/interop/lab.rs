//! A lab as a value: made by `start`, removed when dropped, whatever happened in between.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::Config;

/// The host behind the server.
pub(crate) const INSIDE_HOST: &str = "192.168.99.2";
/// The user of the lab.
pub(crate) const USER: &str = "alice";
/// Her password.
pub(crate) const PASSWORD: &str = "wonderland-7";
/// What a client that is to encrypt sets.
pub(crate) const REQUIRE_MPPE: &str = "require-mppe-128 refuse-pap refuse-chap refuse-mschap";

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/lab/lab");

/// One lab at a time where tests share a process; nextest is told the same by its configuration.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Whether Debian's pptpd stands in for PNS.
pub(crate) fn reference() -> bool {
    std::env::var("PNS_LAB_SERVER").is_ok_and(|server| server == "pptpd")
}

/// The network, its server and its clients.
pub(crate) struct Lab {
    id: String,
    state: PathBuf,
    clients: RefCell<Vec<String>>,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl Lab {
    /// The network alone. `None`: we may not make one.
    pub(crate) fn start() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let one_at_a_time = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = std::process::id().to_string();
        let output = Command::new(LAB)
            .args(["up", &owner])
            .output()
            .expect("the lab's script");
        let id = stdout_of(&["up"], &output).trim().to_owned();
        let mut lab = Self {
            id,
            state: PathBuf::new(),
            clients: RefCell::default(),
            _one_at_a_time: one_at_a_time,
        };
        lab.state = PathBuf::from(lab.command(&["state"]).trim());
        Some(lab)
    }

    /// Starts the server; `reference_options` are what pppd behind pptpd is given for the same effect.
    pub(crate) fn serve(&self, config: &Config, reference_options: &[&str]) {
        if reference() {
            let mut words = vec!["server-start", "pptpd"];
            words.extend(reference_options);
            self.command(&words);
            return;
        }
        let file = config.write(&self.state.join("case"));
        let file = file.to_str().unwrap();
        self.command(&["server-start", "pns", env!("CARGO_BIN_EXE_pns"), file]);
    }

    /// Starts PNS with more in its environment.
    pub(crate) fn serve_with(&self, config: &Config, environment: &[(&str, &str)]) {
        let file = config.write(&self.state.join("case"));
        let words = ["server-start", "pns", env!("CARGO_BIN_EXE_pns")];
        let mut command = self.lab_command(&words);
        command.arg(file).envs(environment.iter().copied());
        stdout_of(&words, &command.output().unwrap());
    }

    /// Starts a second PNS, in namespace `pns2`, before a host of its own.
    pub(crate) fn serve_site(&self, config: &Config) {
        let file = config.write(&self.state.join("site"));
        let file = file.to_str().unwrap();
        self.command(&["site-start", env!("CARGO_BIN_EXE_pns"), file]);
    }

    /// What `pns` prints when it asks the server in namespace `place`.
    pub(crate) fn ask(&self, place: &str, words: &[&str]) -> String {
        stdout_of(words, &self.command_of(place, words).output().unwrap())
    }

    /// `pns` with these words, for the server in namespace `place`.
    pub(crate) fn command_of(&self, place: &str, words: &[&str]) -> Command {
        let state = match place {
            "pns" => self.state.clone(),
            other => self.state.join(other),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_pns"));
        command
            .args(words)
            .arg("--socket")
            .arg(state.join("run/pns/admin.sock"));
        command
    }

    /// Pings from a host of the lab; how many replies, and what ping printed.
    pub(crate) fn ping_from(&self, namespace: &str, options: &str, to: &str) -> (u32, String) {
        replies(self.inside(namespace, &format!("ping -n {options} {to}")))
    }

    /// What a script prints in a namespace of the lab, whatever its exit code.
    pub(crate) fn inside(&self, namespace: &str, script: &str) -> String {
        let output = self.run(&["inside", namespace, "bash", "-c", script]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The folder of this lab, which the server sees as `/run/lab`.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Waits until a file of this lab's folder says `text`, and answers the file.
    pub(crate) fn wait_for_text(&self, file: &str, text: &str) -> String {
        self.wait_for_text_within(file, text, Duration::from_secs(15))
    }

    /// The same with more patience, or less.
    pub(crate) fn wait_for_text_within(&self, file: &str, text: &str, limit: Duration) -> String {
        let end = Instant::now() + limit;
        loop {
            let said = std::fs::read_to_string(self.state.join(file)).unwrap_or_default();
            if said.contains(text) {
                return said;
            }
            assert!(Instant::now() < end, "no {text:?} in:\n{said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server by SIGTERM and waits; its exit code.
    pub(crate) fn stop_server(&self) -> Option<i32> {
        self.run(&["server-stop", "TERM"]).status.code()
    }

    /// The client machine c1 at 198.51.100.2.
    pub(crate) fn client(&self) -> Client<'_> {
        let [client] = self.clients(["c1"]);
        client
    }

    /// The client machine c1, whose kernel has more than PPP: `kernel` PPTP, or a packet `filter`.
    pub(crate) fn client_of_kind(&self, kind: &str) -> Client<'_> {
        let [client] = self.boot(["c1"], "client-start", Some(kind));
        client
    }

    /// Client machines at 198.51.100.2, 198.51.100.3 and so on, which boot side by side.
    pub(crate) fn clients<const N: usize>(&self, names: [&str; N]) -> [Client<'_>; N] {
        self.boot(names, "client-start", None)
    }

    /// Client machines behind a router that masquerades, with Linux's helper for PPTP: all of them
    /// come from 198.51.100.50.
    pub(crate) fn clients_behind_nat<const N: usize>(&self, names: [&str; N]) -> [Client<'_>; N] {
        self.command(&["nat-start", "nat", "50"]);
        self.boot(names, "behind-start", None)
    }

    fn boot<const N: usize>(
        &self,
        names: [&str; N],
        how: &str,
        kind: Option<&str>,
    ) -> [Client<'_>; N] {
        let boot = |(index, name): (usize, &str)| {
            let octet = (index + 2).to_string();
            let mut command = self.lab_command(&[how, name, &octet]);
            if let Some(kind) = kind {
                command.env("GUEST_KIND", kind);
            }
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let boots: Vec<_> = names.into_iter().enumerate().map(boot).collect();
        for boot in boots {
            stdout_of(&[how], &boot.wait_with_output().unwrap());
        }
        self.clients.borrow_mut().extend(names.map(str::to_owned));
        names.map(|name| Client {
            lab: self,
            name: name.to_owned(),
        })
    }

    /// Starts a command in namespace `wan`, `pns` or `host`; it ends with the guard.
    pub(crate) fn spawn(&self, namespace: &str, words: &[&str]) -> Running {
        let child = self
            .lab_command(&["inside", namespace])
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child)
    }

    /// Records what crosses the wire of client `name` until the guard is dropped or stopped.
    pub(crate) fn record(&self, name: &str) -> Recording {
        let file = self.state.join(format!("{name}.pcap"));
        let interface = format!("{name}b");
        let path = file.to_str().unwrap();
        let words = [
            // At once, not by blocks of a ring that may be half full when it ends.
            "tcpdump",
            "--immediate-mode",
            "-i",
            &interface,
            "-nn",
            "-U",
            "-s",
            "0",
            "-w",
            path,
        ];
        let mut tcpdump = self.spawn("wan", &words);
        let mut line = String::new();
        let mut errors = BufReader::new(tcpdump.0.stderr.take().unwrap());
        while !line.contains("listening on") {
            line.clear();
            assert_ne!(errors.read_line(&mut line).unwrap(), 0, "tcpdump ended");
        }
        Recording { tcpdump, file }
    }

    /// The rows of `pns show WHAT --json`.
    pub(crate) fn show(&self, what: &str) -> Vec<Value> {
        self.show_at("pns", what)
    }

    /// The same of the server in namespace `place`.
    pub(crate) fn show_at(&self, place: &str, what: &str) -> Vec<Value> {
        let text = self.ask(place, &["show", what, "--json"]);
        let value: Value = serde_json::from_str(&text).expect(&text);
        let rows = value.get(what).unwrap_or(&value);
        rows.as_array()
            .unwrap_or_else(|| panic!("no rows: {value}"))
            .clone()
    }

    /// Waits until no session is left.
    pub(crate) fn wait_for_no_session(&self, limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let sessions = self.show("sessions");
            if sessions.is_empty() {
                return;
            }
            assert!(
                Instant::now() < end,
                "still there after {limit:?}: {sessions:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the server's log names `reason`, the typed reason of an end.
    pub(crate) fn wait_for_reason(&self, reason: &str) {
        let end = Instant::now() + Duration::from_secs(5);
        while !self.server_log().contains(reason) {
            assert!(
                Instant::now() < end,
                "the server's log does not say {reason}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the server has logged.
    fn server_log(&self) -> String {
        std::fs::read_to_string(self.state.join("server.log")).unwrap_or_default()
    }

    fn run(&self, words: &[&str]) -> Output {
        self.lab_command(words).output().expect("the lab's script")
    }

    fn command(&self, words: &[&str]) -> String {
        stdout_of(words, &self.run(words))
    }

    fn lab_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(LAB);
        command
            .env("PNS_LAB_ID", &self.id)
            .args(words)
            .stdin(Stdio::null());
        command
    }

    /// What a person would look at first, when a case failed.
    fn print_logs(&self) {
        eprintln!("---- server\n{}", tail(&self.server_log()));
        for client in self.clients.borrow().iter() {
            let log = self.state.join(format!("guest-{client}/call.log"));
            let log = std::fs::read_to_string(log).unwrap_or_default();
            eprintln!("---- pppd on {client}\n{}", tail(&log));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
        let output = self.run(&["down"]);
        if !output.status.success() {
            eprintln!("lab down: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

fn stdout_of(words: &[&str], output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "lab {words:?}: {}\n{text}{errors}",
        output.status
    );
    text
}

/// How many replies ping counted, with what it printed.
fn replies(text: String) -> (u32, String) {
    let received = text
        .lines()
        .find(|line| line.contains("packets transmitted"))
        .and_then(|line| {
            line.split(", ")
                .find_map(|part| part.strip_suffix(" received"))
        })
        .unwrap_or_else(|| panic!("ping printed no statistics: {text}"));
    (received.parse().unwrap(), text)
}

/// A command that ends, and is waited for, with this value.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        // It may have ended already; either way it is reaped.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// A capture being taken.
pub(crate) struct Recording {
    tcpdump: Running,
    file: PathBuf,
}

impl Recording {
    /// Ends it; the file lives as long as the lab.
    pub(crate) fn stop(self) -> PathBuf {
        // The last frames are still on their way from the kernel's ring.
        std::thread::sleep(Duration::from_millis(500));
        drop(self.tcpdump);
        self.file
    }
}

/// A client machine.
pub(crate) struct Client<'lab> {
    lab: &'lab Lab,
    name: String,
}

impl Client<'_> {
    /// Runs bash there; exit code and output.
    pub(crate) fn run(&self, script: &str) -> (i32, String) {
        let output = self.lab.run(&["exec", &self.name, script]);
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap_or(-1), text)
    }

    /// Dials; pppd's exit code if the call did not come up.
    pub(crate) fn dial(&self, password: &str, options: &str) -> Result<(), i32> {
        self.dial_as(USER, password, options)
    }

    /// Dials as somebody else than the user of the lab.
    pub(crate) fn dial_as(&self, user: &str, password: &str, options: &str) -> Result<(), i32> {
        self.dial_line(&format!("dial {user} {password} {options}"))
    }

    /// Dials with shell variables set: `DIALLER=kernel`, `PPTP_OPTIONS=...`.
    pub(crate) fn dial_with(&self, variables: &str, options: &str) -> Result<(), i32> {
        self.dial_line(&format!("{variables}; dial {USER} {PASSWORD} {options}"))
    }

    fn dial_line(&self, line: &str) -> Result<(), i32> {
        match self.run(line) {
            (0, _) => Ok(()),
            (code, _) => Err(code),
        }
    }

    /// Dials with MPPE required; the address that the client was given.
    pub(crate) fn dial_encrypted(&self) -> String {
        assert_eq!(
            self.dial(PASSWORD, REQUIRE_MPPE),
            Ok(()),
            "pppd's exit code"
        );
        let log = self.log();
        assert!(
            log.contains("MPPE 128-bit stateless compression enabled"),
            "{log}"
        );
        self.address()
    }

    /// The address that the client was given in its last call.
    pub(crate) fn address(&self) -> String {
        let up = std::fs::read_to_string(self.share().join("call.up")).unwrap();
        up.split(' ')
            .nth(1)
            .expect("interface, local and remote address")
            .to_owned()
    }

    /// Ends the call as a user does; pppd's exit code.
    pub(crate) fn hang_up(&self) -> i32 {
        let (code, text) = self.run("hangup");
        assert_eq!(code, 0, "{text}");
        text.trim().parse().expect("pppd's exit code")
    }

    /// Waits until pppd has ended by itself; its exit code.
    pub(crate) fn wait_for_exit(&self, limit: Duration) -> i32 {
        let file = self.share().join("call.exit");
        let end = Instant::now() + limit;
        loop {
            if let Ok(text) = std::fs::read_to_string(&file) {
                return text.trim().parse().expect("pppd's exit code");
            }
            assert!(Instant::now() < end, "pppd still runs after {limit:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends the machine without a word to anyone.
    pub(crate) fn kill(&self) {
        self.lab.command(&["client-kill", &self.name]);
    }

    /// Pings with `options`; how many replies, and what ping printed.
    pub(crate) fn ping(&self, options: &str, to: &str) -> (u32, String) {
        let (_, text) = self.run(&format!("ping -n {options} {to}"));
        replies(text)
    }

    /// Pings twenty times a second until [`Self::stop_pings`].
    pub(crate) fn start_pings(&self, to: &str) {
        let line = format!(
            "rm -f $SHARE/pings; ping -n -i 0.05 {to} > $SHARE/pings 2>&1 & echo $! > /run/pings.pid"
        );
        let (code, text) = self.run(&line);
        assert_eq!(code, 0, "{text}");
    }

    /// How many replies came; panics if there is a gap in them, or one came twice.
    pub(crate) fn stop_pings(&self) -> u32 {
        let (code, text) = self.run("kill -INT $(cat /run/pings.pid)");
        assert_eq!(code, 0, "{text}");
        let said = self
            .lab
            .wait_for_text(&format!("guest-{}/pings", self.name), "transmitted");
        let number = |line: &str| {
            line.split_once("icmp_seq=")?
                .1
                .split(' ')
                .next()?
                .parse()
                .ok()
        };
        let seen: Vec<u32> = said.lines().filter_map(number).collect();
        let (sent, _) = said.split_once(" packets transmitted").expect("statistics");
        let sent: usize = sent.lines().last().unwrap().parse().unwrap();
        assert!(seen.iter().copied().eq(1..=seen.len() as u32), "{said}");
        // The one on its way when ping was told to end does not count.
        assert!(sent <= seen.len() + 1, "{said}");
        u32::try_from(seen.len()).unwrap()
    }

    /// Sends a megabyte by TCP to iperf3 on the host behind, or lets it come from there with `-R`.
    pub(crate) fn move_megabyte(&self, direction: &str) {
        let (code, text) = self.run(&format!("iperf3 -J -c {INSIDE_HOST} -n 1M {direction}"));
        assert_eq!(code, 0, "{text}");
        let report: Value = serde_json::from_str(&text).expect(&text);
        let bytes = report["end"]["sum_received"]["bytes"].as_u64();
        // What is still on its way when the sender ends is not counted.
        assert!(bytes > Some(250_000), "{direction} {bytes:?}: {text}");
    }

    /// A counter of the client's kernel, as `/proc/net/snmp` names it.
    pub(crate) fn kernel_counter(&self, layer: &str, name: &str) -> u64 {
        let (code, text) = self.run("cat /proc/net/snmp");
        assert_eq!(code, 0, "{text}");
        let mut lines = text
            .lines()
            .filter(|line| line.split(':').next() == Some(layer));
        let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
        let mut found = names.split(' ').zip(values.split(' '));
        let (_, value) = found.find(|(other, _)| *other == name).expect(name);
        value.parse().unwrap()
    }

    /// pppd's debug log of the last call.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.share().join("call.log")).unwrap_or_default()
    }

    fn share(&self) -> PathBuf {
        Path::new(&self.lab.state).join(format!("guest-{}", self.name))
    }
}
