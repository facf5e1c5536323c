//! A password from the terminal, without showing it, or from standard input.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Asks for the password of `user`; a new one twice. Without a terminal the first line of standard
/// input is taken.
///
/// # Errors
/// What the system says, or that the two differ.
pub(super) fn ask(user: &str, new: bool) -> Result<Zeroizing<String>, String> {
    let failed = |error: io::Error| format!("cannot read the password: {error}");
    if !io::stdin().is_terminal() {
        return line().map_err(failed);
    }
    let quiet = Quiet::begin().map_err(failed)?;
    let prompt = |text: &str| {
        let mut err = io::stderr();
        let shown = write!(err, "{text} of {user:?}: ").and_then(|()| err.flush());
        let read = shown.and_then(|()| line());
        let _newline = writeln!(err);
        read.map_err(failed)
    };
    let password = prompt(if new { "New password" } else { "Password" })?;
    if new && *prompt("The same again, the password")? != *password {
        return Err("the two passwords differ".to_owned());
    }
    drop(quiet);
    Ok(password)
}

/// The next line of standard input, without what ends it.
fn line() -> io::Result<Zeroizing<String>> {
    // Room for any password: a buffer that grows leaves copies behind.
    let mut line = Zeroizing::new(String::with_capacity(4096));
    io::stdin().lock().read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

/// The terminal shows nothing that is typed while this lives.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _restored = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
