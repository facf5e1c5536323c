//! `pns user`: the users file changed one user at a time, and log-ins tried.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use super::Outcome;
use crate::auth::{NtHash, Secret};
use crate::clock::Timestamp;
use crate::config::{Config, DEFAULT_SOCKET, check_users_text, read_chap_secrets};
use crate::operate::admin::{Action, Hidden, Request, Response};
use crate::operate::client::{self, ClientError};
use crate::operate::table::Table;
use crate::operate::users_file::{Entry, Extras, Kept, UsersFile, store};
use crate::slowpath::{log_in_test, settings};

/// Where the configuration is if nothing else is said.
const DEFAULT_CONFIG: &str = "/etc/pns/pns.toml";

const EXAMPLES: &str = "\
Examples:
  pns user add alice                          asks for the password, which is not shown
  pns user add site7 --address 10.77.1.7 --route 10.3.0.0/24 < password-file
  pns user add guest --rate 2M/10M --expires 2031-12-31 --idle-limit-s 900
  pns user passwd alice
  pns user list --json
  pns user import /etc/ppp/chap-secrets       users of pppd and accel-ppp
  pns user test alice                         would she be let in, and if not, why?
  pns reload                                  what was changed holds for new calls

The file is replaced whole, with its comments, owner and group; one that other users of the machine can
read is refused. Passwords are kept as NT hashes, unless --clear is given (CHAP with MD5 needs it).";

/// Users of the users file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct User {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
    /// The configuration, which names the users file
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub config: PathBuf,
    /// The users file itself, without a configuration to check it against
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The server's admin socket
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Add a user; the password is asked for, or the first line of standard input
    Add(Add),
    /// Give a user another password
    Passwd {
        /// The name
        name: String,
        /// Keep the password in clear, for CHAP with MD5
        #[arg(long)]
        clear: bool,
    },
    /// Take a user out
    Del {
        /// The name
        name: String,
    },
    /// Every user, without passwords
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Add the users of a chap-secrets of pppd
    Import {
        /// The chap-secrets
        #[arg(value_name = "CHAP-SECRETS")]
        from: PathBuf,
        /// What the server column has to say, where it is not *
        #[arg(long, value_name = "NAME", default_value = "pns")]
        server: String,
        /// Keep passwords in clear, for CHAP with MD5
        #[arg(long)]
        clear: bool,
    },
    /// Would this name and password be let in, with what, and if not, why? Asks the running server;
    /// without one, the files
    Test {
        /// The name, as the client sends it
        name: String,
        /// The password is the first line of this file
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Let a user log in again at once, after too many failures
    Unlock {
        /// The name
        name: String,
    },
}

/// A new user.
#[derive(Debug, Args)]
pub struct Add {
    /// The name, as the client sends it
    pub name: String,
    /// Always this address
    #[arg(long)]
    pub address: Option<Ipv4Addr>,
    /// The pool to take the address from
    #[arg(long)]
    pub pool: Option<String>,
    /// The [group.NAME] whose policy holds
    #[arg(long)]
    pub group: Option<String>,
    /// A network behind the user; may be given several times
    #[arg(long = "route", value_name = "NETWORK")]
    pub routes: Vec<String>,
    /// Most sessions at once
    #[arg(long, value_name = "NUMBER")]
    pub sessions_max: Option<u32>,
    /// Rates from and to the client, with bursts and priority as RouterOS writes them: "2M/10M"
    #[arg(long, value_name = "RATES")]
    pub rate: Option<String>,
    /// From when on the user does not come in: 2031-12-31, or 2031-12-31T18:00:00Z
    #[arg(long, value_name = "DATE")]
    pub expires: Option<String>,
    /// Most bytes that a session may carry
    #[arg(long, value_name = "BYTES")]
    pub quota_bytes: Option<u64>,
    /// Longest time of a session, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub session_limit_s: Option<u64>,
    /// Longest time without a packet, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub idle_limit_s: Option<u64>,
    /// Let nobody log in under the name yet
    #[arg(long)]
    pub disabled: bool,
    /// Keep the password in clear, for CHAP with MD5
    #[arg(long)]
    pub clear: bool,
}

/// Asks for a password; told what for, and whether it is a new one.
pub(super) type AskPassword<'a> =
    &'a mut dyn FnMut(&str, bool) -> Result<Zeroizing<String>, String>;

/// Does it. Failures are said on `err`.
pub(super) fn execute(
    user: &User,
    ask: AskPassword<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Outcome> {
    let done = match &user.what {
        What::Add(add) => user.add(add, ask),
        What::Passwd { name, clear } => user.passwd(name, *clear, ask),
        What::Del { name } => user.change(|file| {
            file.remove(name)?;
            Ok(format!("{name:?} is taken out"))
        }),
        What::List { json } => user.list(*json),
        What::Import {
            from,
            server,
            clear,
        } => user.import(from, server, *clear),
        What::Test {
            name,
            password_file,
            json,
        } => match password_file {
            Some(file) => user.test(name, *json, &mut |_, _| first_line(file)),
            None => user.test(name, *json, ask),
        },
        What::Unlock { name } => user.ask_server(Action::Unlock { user: name.clone() }),
    };
    match done {
        Ok(text) => {
            let said: Option<serde_json::Value> = serde_json::from_str(&text).ok();
            let failed = said.is_some_and(|it| it.get("let_in") == Some(&json!(false)));
            writeln!(out, "{}", text.trim_end())?;
            Ok(if failed {
                Outcome::Failed
            } else {
                Outcome::Fine
            })
        }
        Err(text) => writeln!(err, "pns: {}", text.trim_end()).map(|()| Outcome::Failed),
    }
}

impl User {
    /// The users file: given, or what the configuration names.
    fn users_file(&self) -> Result<PathBuf, String> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let config = Config::load_without_users(&self.config).map_err(|error| error.to_string())?;
        config.ok_or_else(|| {
            let config = self.config.display();
            format!("{config}: users.file is not there: write file = \"users.toml\" below [users]")
        })
    }

    /// Changes the file, if what comes of it is right by the configuration.
    fn change(
        &self,
        edit: impl FnOnce(&mut UsersFile) -> Result<String, Box<dyn std::error::Error>>,
    ) -> Result<String, String> {
        let path = self.users_file()?;
        let mut said = String::new();
        store::change(&path, |text| {
            let mut file = UsersFile::parse(text).map_err(|error| error.to_string())?;
            said = edit(&mut file).map_err(|error| error.to_string())?;
            let text = file.text();
            let checked = match &self.file {
                Some(_) => check_users_text(&text, &path),
                None => Config::check_with_users(&self.config, &path, &text),
            };
            checked.map_err(|errors| format!("{errors}\n{} was not changed", path.display()))?;
            Ok(text)
        })?;
        Ok(format!(
            "{said} in {}; for new calls after: pns reload",
            path.display()
        ))
    }

    fn add(&self, add: &Add, ask: AskPassword<'_>) -> Result<String, String> {
        let password = ask(&add.name, true)?;
        let secret = Secret::from(password.to_string());
        let hash = NtHash::from_password(&password);
        let extras = Extras {
            address: add.address.map(|address| address.to_string()),
            pool: add.pool.clone(),
            group: add.group.clone(),
            routes: add.routes.clone(),
            sessions_max: add.sessions_max,
            rate: add.rate.clone(),
            expires: add.expires.clone(),
            limits: [add.quota_bytes, add.session_limit_s, add.idle_limit_s],
        };
        self.change(|file| {
            file.add(&add.name, &kept(add.clear, &secret, &hash), &extras)?;
            if add.disabled {
                file.disable(&add.name)?;
            }
            Ok(format!("{:?} is added", add.name))
        })
    }

    fn passwd(&self, name: &str, clear: bool, ask: AskPassword<'_>) -> Result<String, String> {
        let password = ask(name, true)?;
        let secret = Secret::from(password.to_string());
        let hash = NtHash::from_password(&password);
        self.change(|file| {
            file.set_password(name, &kept(clear, &secret, &hash))?;
            Ok(format!("{name:?} has another password"))
        })
    }

    fn import(&self, from: &Path, server: &str, clear: bool) -> Result<String, String> {
        let text = std::fs::read_to_string(from).map(Zeroizing::new);
        let text = text.map_err(|error| format!("{}: cannot be read: {error}", from.display()))?;
        let users = read_chap_secrets(&text, from, server).map_err(|errors| errors.to_string())?;
        if users.is_empty() {
            let from = from.display();
            return Err(format!(
                "{from}: has no line for server {server:?} or *; see --server"
            ));
        }
        self.change(|file| {
            for user in &users {
                let extras = Extras {
                    address: user.address.map(|address| address.to_string()),
                    ..Extras::default()
                };
                let kept = match &user.password {
                    Some(password) if clear => Kept::Clear(password),
                    Some(_) | None => Kept::Hash(&user.nt_hash),
                };
                file.add(&user.name, &kept, &extras)?;
                if user.standing == crate::aaa::Standing::Disabled {
                    file.disable(&user.name)?;
                }
            }
            Ok(format!("{} user(s) are added", users.len()))
        })
    }

    fn list(&self, as_json: bool) -> Result<String, String> {
        let entries = store::load(&self.users_file()?)?.list();
        if as_json {
            let rows: Vec<_> = entries.iter().map(row).collect();
            return Ok(json!({ "users": rows }).to_string());
        }
        let columns = [
            "user",
            "password",
            "standing",
            "address",
            "pool",
            "group",
            "routes",
            ">sessions_max",
            "rate",
            "expires",
        ];
        let mut table = Table::new(&columns);
        for entry in &entries {
            let extras = &entry.extras;
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            table.row(vec![
                entry.name.clone(),
                entry.secret.to_owned(),
                if entry.standing.is_empty() {
                    "good"
                } else {
                    entry.standing
                }
                .to_owned(),
                or_dash(&extras.address),
                or_dash(&extras.pool),
                or_dash(&extras.group),
                extras.routes.join(" "),
                or_dash(&extras.sessions_max.map(|max| max.to_string())),
                or_dash(&extras.rate),
                or_dash(&extras.expires),
            ]);
        }
        Ok(table.render())
    }

    fn test(&self, name: &str, json: bool, ask: AskPassword<'_>) -> Result<String, String> {
        let password = ask(name, false)?;
        let action = Action::TestUser {
            user: name.to_owned(),
            password: Hidden::new(&password),
            json,
        };
        match client::ask(&self.socket, &Request::Do(action)) {
            Err(ClientError::NoServer { .. }) => {}
            answer => return done(answer),
        }
        let config = Config::load(&self.config).map_err(|errors| errors.to_string())?;
        let (users, access) = (
            settings::local_users(&config).with_clock(unix_now()),
            settings::first_access(&config),
        );
        let tested = (name, password.as_str());
        let said = log_in_test::by_local_users(&users, &access, tested, Timestamp::ZERO).say(json);
        if json {
            return said;
        }
        let note = format!("(by {}: no server runs)", self.config.display());
        match said {
            Ok(text) => Ok(format!("{text}\n{note}")),
            Err(text) => Err(format!("{text}\n{note}")),
        }
    }

    fn ask_server(&self, action: Action) -> Result<String, String> {
        done(client::ask(&self.socket, &Request::Do(action)))
    }
}

fn done(answer: Result<Response, ClientError>) -> Result<String, String> {
    match answer {
        Ok(Response::Done(text)) => Ok(text),
        Ok(Response::Error(error)) => Err(error.message),
        Ok(other) => Err(format!("the server answers something else: {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn first_line(file: &Path) -> Result<Zeroizing<String>, String> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
}

/// Since 1970.
fn unix_now() -> Duration {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    unix.unwrap_or_default()
}

fn kept<'a>(clear: bool, secret: &'a Secret, hash: &'a NtHash) -> Kept<'a> {
    if clear {
        Kept::Clear(secret)
    } else {
        Kept::Hash(hash)
    }
}

fn row(entry: &Entry) -> serde_json::Value {
    let extras = &entry.extras;
    let [quota_bytes, session_limit_s, idle_limit_s] = extras.limits;
    json!({
        "name": entry.name,
        "password": entry.secret,
        "standing": if entry.standing.is_empty() { "good" } else { entry.standing },
        "address": extras.address,
        "pool": extras.pool,
        "group": extras.group,
        "routes": extras.routes,
        "sessions_max": extras.sessions_max,
        "rate": extras.rate,
        "expires": extras.expires,
        "quota_bytes": quota_bytes,
        "session_limit_s": session_limit_s,
        "idle_limit_s": idle_limit_s,
    })
}

#[cfg(test)]
mod tests;
