//! `pns user` as the program that it is: passwords typed at a terminal, which does not show them, and
//! passwords from a pipe; and what no server has to be asked about.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const CONFIG: &str = include_str!("support/smallest.toml");

/// A configuration of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pns-user-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("pns.toml"), CONFIG).unwrap();
        Self(path)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pns"));
        command.arg("user").args(words);
        command.arg("--config").arg(self.0.join("pns.toml"));
        command.args(["--socket", "/nonexistent/pns.sock"]);
        command
    }

    fn users(&self) -> String {
        fs::read_to_string(self.0.join("users.toml")).unwrap_or_default()
    }

    /// Exit code and output, with this on standard input.
    fn piped(&self, words: &[&str], input: &str) -> (Option<i32>, String) {
        let mut command = self.command(words);
        command.stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever refuses before it reads has closed the pipe.
        let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
        let ended = child.wait_with_output().unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.code(), String::from_utf8(said).unwrap())
    }

    /// The same at a terminal, where each answer is typed when it is asked for.
    fn typed(&self, words: &[&str], answers: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut terminal = Terminal::new(self.command(words));
        for (prompt, answer) in answers {
            terminal.wait_for(prompt);
            terminal
                .controller
                .write_all(format!("{answer}\n").as_bytes())
                .unwrap();
        }
        terminal.end()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A program at a terminal.
struct Terminal {
    controller: File,
    child: Child,
    shown: String,
    read_to: usize,
}

impl Terminal {
    fn new(mut command: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controller: OwnedFd = openpt(flags).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let open = || {
            let path = name.to_str().unwrap();
            let user = OpenOptions::new().read(true).write(true).open(path);
            Stdio::from(user.unwrap())
        };
        command.stdin(open()).stdout(open()).stderr(open());
        let child = command.spawn().unwrap();
        // Our copies of the user's end go, so that its end is seen.
        drop(command);
        Self {
            controller: controller.into(),
            child,
            shown: String::new(),
            read_to: 0,
        }
    }

    /// Reads on; `false` when nobody is there any more.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 512];
        match self.controller.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.shown
                    .push_str(&String::from_utf8_lossy(&buffer[..length]));
                true
            }
        }
    }

    fn wait_for(&mut self, prompt: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(at) = self.shown[self.read_to..].find(prompt) {
                self.read_to += at + prompt.len();
                return;
            }
            let there = self.read() && Instant::now() < end;
            assert!(there, "no {prompt:?} in {:?}", self.shown);
        }
    }

    fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.child.wait().unwrap().code(), self.shown)
    }
}

#[test]
fn a_password_typed_twice_is_kept_and_never_shown() {
    let folder = Folder::new("typed");
    let twice = |first, second| {
        [
            ("New password of \"alice\": ", first),
            ("The same again, the password of \"alice\": ", second),
        ]
    };
    let (code, shown) = folder.typed(&["add", "alice"], &twice("wonderland-7", "wonderland-8"));
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("the two passwords differ"), "{shown}");
    assert_eq!(folder.users(), "", "nothing is written");

    let (code, shown) = folder.typed(&["add", "alice"], &twice("wonderland-7", "wonderland-7"));
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("\"alice\" is added") && !shown.contains("wonderland"),
        "{shown}"
    );
    assert!(folder.users().contains("nt_hash") && !folder.users().contains("wonderland"));

    let once = |password| [("Password of \"alice\": ", password)];
    let (code, shown) = folder.typed(&["test", "alice"], &once("wonderland-7"));
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("\"alice\" would be let in"), "{shown}");

    let (code, shown) = folder.typed(
        &["passwd", "alice"],
        &twice("looking-glass", "looking-glass"),
    );
    assert_eq!(code, Some(0), "{shown}");
    let (code, shown) = folder.typed(&["test", "alice"], &once("wonderland-7"));
    assert_eq!(code, Some(1), "{shown}");
    assert!(
        shown.contains("The password of \"alice\" is wrong"),
        "{shown}"
    );
    assert!(!shown.contains("wonderland"), "{shown}");
    let (code, shown) = folder.typed(&["test", "alice"], &once("looking-glass"));
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn a_password_from_a_pipe_is_its_first_line_and_nobody_is_asked() {
    let folder = Folder::new("piped");
    let (code, said) = folder.piped(&["add", "bob", "--clear"], "builder 3\r\nnot this\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("assword of"), "no prompt: {said}");
    assert!(folder.users().contains("password = \"builder 3\""));
    assert_eq!(folder.piped(&["test", "bob"], "builder 3").0, Some(0));
    assert_eq!(folder.piped(&["test", "bob"], "builder 4\n").0, Some(1));
    let (code, said) = folder.piped(&["passwd", "nobody"], "builder 4\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("no user \"nobody\""), "{said}");
    let before = folder.users();
    let (code, said) = folder.piped(&["add", "bob"], "builder 4\n");
    assert_eq!((code, folder.users()), (Some(1), before), "{said}");
    assert_eq!(folder.piped(&["del", "bob"], "").0, Some(0));
    let (code, said) = folder.piped(&["test", "bob"], "builder 3\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("user_unknown"), "{said}");
    // Wrong usage is told from a refusal.
    assert_eq!(folder.piped(&["add"], "").0, Some(2));
}
