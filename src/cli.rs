//! The command line: `pns run`, `check`, `reload`, `show`, `explain`, `call`, `user`.
//! Exit codes: 0 fine, 1 failed, 2 usage.

mod password;
mod user;

use std::fmt;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{
    Config, DEFAULT_SOCKET, UsersFileMode, machine_check, machine_found, memory_needed,
};
use crate::operate::admin::{Action, Request, Response, Selector};
use crate::operate::explain::{LAST_DEFAULT, Subject};
use crate::operate::{client, show};
use crate::slowpath::mppe_kernel;
pub use user::User;

/// A PPTP network server whose data path bypasses the kernel.
#[derive(Debug, Parser)]
#[command(name = "pns", version, about, after_help = EXAMPLES, subcommand_required = true)]
#[command(arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pns check /etc/pns/pns.toml         is the file right, and the machine ready for it?
  pns run --config /etc/pns/pns.toml  serve until SIGTERM or Ctrl-C
  pns show sessions                   who is connected
  pns show session alice              everything about one user's session
  pns show drops --json               where frames end, for a program
  pns explain user alice              why alice's attempts failed, and what to change
  pns call branch                     place a call to a [[peer]]
  pns call branch --hang-up           end it
  pns user add carol                  one user more, and then:
  pns reload                          new calls go by what the files say now

Exit codes: 0 fine, 1 failed, 2 wrong usage.";

const CHECK_HELP: &str = "\
Prints every mistake in the file and in the users file that it names, as file:line:column, then \
what is probably not meant, then what this machine lacks: drivers, hugepages, IOMMU, cores.

Exits with 0 if the file is right, whatever the machine lacks: a file may be checked on another \
machine than the one it is for. With --strict every warning and everything that is lacking counts.";

const CALL_HELP: &str = "\
Opens a control connection to the peer, or uses the one that there is, and places a call: with \
direction = \"outgoing\" the peer is an access concentrator (PAC) and is asked to dial, with \
\"incoming\" it is a network server (PNS) and is told of a caller.

Exits with 0 when the attempt has begun. What became of it: pns show peers.";

const RELOAD_HELP: &str = "\
The server reads its configuration file and the users files that it names. With any mistake in them \
nothing changes, and every mistake is printed as file:line:column. Otherwise users, groups, [ppp], \
[sessions], reservations and chains of pools hold for calls from then on; calls that are up stay as \
they are. Prints what changed, and what waits for a restart.";

const SHOW_EXAMPLES: &str = "\
Examples:
  pns show sessions
  pns show session 4711          by our Call ID
  pns show session alice         by user
  pns show session user:4711     by user, for a name that is a number
  pns show ports --json | jq '.ports[].rx_frames'";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  pns explain user alice
  pns explain call 4711              by our Call ID, live or ended
  pns explain peer 203.0.113.7       everything from that address, let in or not
  pns explain user alice --last 1 --json | jq '.explain[0].windows_error'";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration file, and this machine against it
    #[command(long_about = CHECK_HELP)]
    Check {
        /// The configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Fail on warnings and on what this machine lacks, too
        #[arg(long)]
        strict: bool,
    },
    /// Ask a running server
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Say why an attempt or a call ended, or how it stands, and what to change
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Call a peer of the configuration, or hang up
    #[command(long_about = CALL_HELP)]
    Call(Call),
    /// Let a running server read its configuration and users anew
    #[command(long_about = RELOAD_HELP)]
    Reload(Reload),
    /// Add, change, list, import and try users
    User(Box<User>),
}

/// A configuration that is read anew.
#[derive(Debug, Args)]
pub struct Reload {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// The server's admin socket
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// Whose attempts to explain.
#[derive(Debug, Args)]
pub struct Explain {
    /// Whose.
    #[command(subcommand)]
    pub whose: Whose,
    /// How many at the most: live ones first, then the latest
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = LAST_DEFAULT)]
    pub last: usize,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// The server's admin socket
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// Whose attempts to explain.
#[derive(Debug, Subcommand)]
pub enum Whose {
    /// A user, by the name that it proved or claimed
    User {
        /// The name, with or without a domain before it
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// A call, live or ended
    Call {
        /// Our Call ID
        #[arg(value_name = "CALL-ID")]
        call_id: u16,
    },
    /// Whoever dials from an address, let in or not
    Peer {
        /// Its IPv4 address
        #[arg(value_name = "ADDRESS")]
        address: Ipv4Addr,
    },
}

impl Explain {
    fn request(&self) -> Request {
        let which = match &self.whose {
            Whose::User { name } => Subject::User(name.clone()),
            Whose::Call { call_id } => Subject::CallId(*call_id),
            Whose::Peer { address } => Subject::Peer(*address),
        };
        Request::Explain {
            which,
            last: self.last,
        }
    }
}

/// A call to a peer.
#[derive(Debug, Args)]
pub struct Call {
    /// The name of a `[[peer]]`
    #[arg(value_name = "PEER")]
    pub peer: String,
    /// End every call to it instead
    #[arg(long)]
    pub hang_up: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// The server's admin socket
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// A question to a running server.
#[derive(Debug, Args)]
pub struct Show {
    /// What to show.
    #[command(subcommand)]
    pub what: What,
    /// Print one JSON document instead of a table
    #[arg(long, global = true)]
    pub json: bool,
    /// The server's admin socket
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// What to show.
#[derive(Debug, Subcommand)]
pub enum What {
    /// The server as a whole: version, uptime, how full it is
    Status,
    /// Every session, a line each
    Sessions,
    /// Everything about the sessions of one Call ID or user
    Session {
        /// Our Call ID, or a user's name; user:NAME for a name that is a number
        #[arg(value_name = "CALL-ID|USER")]
        which: String,
    },
    /// The workers: load, frames, heartbeat
    Workers,
    /// The ports: link, frames, the kernel's share
    Ports,
    /// Dropped frames by worker and reason
    Drops,
    /// The address pools: how full they are
    Pools,
    /// The peers that can be called, and what became of the calls
    Peers,
    /// The RADIUS servers: whether they live, how fast they answer, what was not believed
    Radius,
    /// The bill: who writes it down, what waits for it in memory and on disk, what was given up and why
    Accounting,
    /// The TACACS+ servers: whether they live, their connections, what went wrong
    Tacacs,
    /// How many attempts and calls ended, by how far they came and why
    Failures,
}

impl What {
    fn request(&self) -> Request {
        match self {
            Self::Status => Request::Status {},
            Self::Sessions => Request::Sessions {},
            Self::Session { which } => Request::Session {
                which: Selector::from_word(which),
            },
            Self::Workers => Request::Workers {},
            Self::Ports => Request::Ports {},
            Self::Drops => Request::Drops {},
            Self::Pools => Request::Pools {},
            Self::Peers => Request::Peers {},
            Self::Radius => Request::Radius {},
            Self::Accounting => Request::Accounting {},
            Self::Tacacs => Request::Tacacs {},
            Self::Failures => Request::Failures {},
        }
    }
}

impl Call {
    fn request(&self) -> Request {
        let peer = self.peer.clone();
        Request::Do(if self.hang_up {
            Action::HangUp { peer }
        } else {
            Action::Call { peer }
        })
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Fine,
    /// Exit code 1; why has been written to standard error.
    Failed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Failed => Self::FAILURE,
        }
    }
}

/// Does what the command line says; `serve` runs the server with a configuration that is right.
pub fn execute<E: fmt::Display>(
    cli: &Cli,
    serve: impl FnOnce(Config) -> Result<(), E>,
) -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let outcome = execute_with(cli, Path::new("/"), &mut out, &mut err, serve);
    // A reader that has seen enough (`pns show sessions | head`) is no failure.
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn execute_with<E: fmt::Display>(
    cli: &Cli,
    root: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
    serve: impl FnOnce(Config) -> Result<(), E>,
) -> io::Result<Outcome> {
    match &cli.command {
        Command::Run { config } => run(config, err, serve),
        Command::Check { file, strict } => check(file, *strict, root, out, err),
        Command::Show(show) => ask(&show.socket, &show.what.request(), show.json, out, err),
        Command::Reload(reload) => {
            let request = Request::Do(Action::Reload {});
            ask(&reload.socket, &request, reload.json, out, err)
        }
        Command::User(user) => user::execute(user, &mut password::ask, out, err),
        Command::Call(call) => ask(&call.socket, &call.request(), call.json, out, err),
        Command::Explain(explain) => {
            ask(&explain.socket, &explain.request(), explain.json, out, err)
        }
    }
}

fn run<E: fmt::Display>(
    file: &Path,
    err: &mut dyn Write,
    serve: impl FnOnce(Config) -> Result<(), E>,
) -> io::Result<Outcome> {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(errors) => {
            writeln!(err, "{errors}\npns: not started")?;
            return Ok(Outcome::Failed);
        }
    };
    for warning in &config.warnings {
        writeln!(err, "warning: {warning}")?;
    }
    if let Err(error) = serve(config) {
        writeln!(err, "pns: {error}")?;
        return Ok(Outcome::Failed);
    }
    Ok(Outcome::Fine)
}

fn check(
    file: &Path,
    strict: bool,
    root: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Outcome> {
    let config = match Config::load_with(file, UsersFileMode::Warn) {
        Ok(config) => config,
        Err(errors) => {
            writeln!(
                err,
                "{errors}\n{}: wrong in {} places",
                file.display(),
                errors.0.len()
            )?;
            return Ok(Outcome::Failed);
        }
    };
    for warning in &config.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    for found in machine_found(&config, root) {
        writeln!(out, "{found}")?;
    }
    writeln!(out, "MPPE keystreams: {}", mppe_kernel::measured().name())?;
    let findings = machine_check(&config, root);
    for finding in &findings {
        writeln!(out, "this machine: {finding}")?;
    }
    writeln!(out, "{}", memory_needed(&config))?;
    let (warnings, lacks) = (config.warnings.len(), findings.len());
    let summary = format!("{warnings} warning(s), this machine lacks {lacks} thing(s)");
    writeln!(out, "{}: right; {summary}", file.display())?;
    Ok(if strict && warnings + lacks > 0 {
        Outcome::Failed
    } else {
        Outcome::Fine
    })
}

fn ask(
    socket: &Path,
    request: &Request,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Outcome> {
    let response = match client::ask(socket, request) {
        Ok(response) => response,
        Err(error) => {
            writeln!(err, "pns: {error}")?;
            return Ok(Outcome::Failed);
        }
    };
    if let Response::Error(_) = response {
        // A program that asked for JSON gets JSON even then.
        if as_json {
            write!(out, "{}", show::json(&response))?;
        } else {
            write!(err, "pns: {}", show::text(&response))?;
        }
        return Ok(Outcome::Failed);
    }
    let text = if as_json {
        show::json(&response)
    } else {
        show::text(&response)
    };
    write!(out, "{text}")?;
    Ok(Outcome::Fine)
}

#[cfg(test)]
mod tests;
