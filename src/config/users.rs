//! `[users]` and the file it names: who may log in, with which password.
//!
//! Passwords become NT hashes (RFC 2759 §8.3) while the file is read; a copy of the clear text is kept
//! only where `ppp.authentication` allows a method that needs it. The hash is as good as the password,
//! so the file is refused if others can read it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::address::{host_address, network_behind};
use super::error::{Fault, Report};
use super::ppp;
use super::table::{Table, read_document};
use super::words::{beside, name, path};
use crate::aaa::{NameRules, Standing};
use crate::auth::secret::{NtHash, Secret};
use crate::ppp::link::MppeChange;
use crate::wire::prefix::Prefix;

/// Longest user name, in bytes: what fits a RADIUS User-Name too (RFC 2865 §5.1).
const USER_NAME_LENGTH_MAX: usize = 253;
/// Longest password, in characters (RFC 2759 §8.1).
pub(super) const PASSWORD_LENGTH_MAX: usize = 256;
/// Passwords shorter than this are warned about: MS-CHAPv2 lets a listener guess offline.
const PASSWORD_LENGTH_ADVISED: usize = 8;

/// The local users.
pub struct Users {
    /// The file they were read from.
    pub file: PathBuf,
    /// How the names that clients send are looked for.
    pub names: NameRules,
    by_name: BTreeMap<String, User>,
}

/// Who may log in.
pub struct User {
    /// The name, as the client sends it.
    pub name: String,
    /// The NT hash of the password (RFC 2759 §8.3).
    pub nt_hash: NtHash,
    /// The password itself, if the file has it and a method needs it.
    pub password: Option<Secret>,
    /// Whether who knows the password may come in.
    pub standing: Standing,
    /// The address that only this user gets, in a pool's ranges or not.
    pub address: Option<Ipv4Addr>,
    /// The pool to lease from, or to take the gateway from beside [`Self::address`], instead of
    /// `ppp.ipcp.pool`; it exists.
    pub pool: Option<String>,
    /// The group whose policy holds, instead of that of the address that the user dials; it exists.
    pub group: Option<String>,
    /// What the user's encryption has of its own.
    pub mppe: MppeChange,
    /// The networks behind the user.
    pub routes: Vec<Prefix>,
    /// How many sessions it may have, if that is not what its group says.
    pub sessions_max: Option<u32>,
}

impl Users {
    /// Nobody, where RADIUS servers decide alone.
    pub(super) fn nobody() -> Self {
        Self {
            file: PathBuf::new(),
            names: NameRules::default(),
            by_name: BTreeMap::new(),
        }
    }

    /// The user with exactly this name, but for capitals if they do not count.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&User> {
        self.by_name.get(&*self.names.key(name))
    }

    /// Every user, by name.
    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.by_name.values()
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether nobody may log in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// How many, never who nor with what.
impl fmt::Debug for Users {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Users")
            .field("file", &self.file)
            .field("count", &self.by_name.len())
            .finish_non_exhaustive()
    }
}

/// What `[users]` says.
#[derive(Clone, Default)]
pub(super) struct Section {
    /// `users.file`, relative to the directory of the configuration file; `None` where RADIUS servers
    /// decide alone.
    pub(super) file: Option<PathBuf>,
    pub(super) names: NameRules,
}

pub(super) fn read_section(
    table: &mut Table<'_, '_>,
    config_file: &Path,
    required: bool,
) -> Option<Section> {
    let names = NameRules {
        strip_domain: table.flag("strip_domain", NameRules::default().strip_domain),
        strip_realm: table.flag("strip_realm", NameRules::default().strip_realm),
        ignore_case: table.flag("ignore_case", NameRules::default().ignore_case),
    };
    let path = path("users.toml");
    let file = if required {
        Some(table.required("file", "file = \"users.toml\"", path)?)
    } else {
        table.parsed("file", path)
    };
    let file = file.map(|file| beside(config_file, &file));
    Some(Section { file, names })
}

/// Reads the users file. Errors go to `report`, which stands for that file. Passwords are kept in clear
/// if `clear` is set.
pub(super) fn read_file<'t>(
    report: &mut Report<'t>,
    text: &'t str,
    Section { file, names }: Section,
    clear: bool,
    check: impl Fn(&User) -> Result<(), (&'static str, Fault)>,
) -> Users {
    let users = read_document(report, text, |table| table.sections("user", read_user));
    let mut by_name: BTreeMap<String, (usize, User)> = BTreeMap::new();
    let mut addresses: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for (index, user) in users.into_iter().flatten().enumerate() {
        let Some(mut user) = user else { continue };
        user.password = user.password.filter(|_| clear);
        let path = |key: &str| format!("user[{index}].{key}");
        if let Err((key, fault)) = check(&user) {
            report.error(&path(key), fault);
        }
        if let Some(address) = user.address
            && let Some(other) = addresses.insert(address, user.name.clone())
        {
            let fault = Fault::new(format!("{address} already is the address of {other:?}"), "");
            report.error(&path("address"), fault);
        }
        let key = names.key(&user.name).into_owned();
        if let Some((earlier, _)) = by_name.get(&key) {
            let line = report
                .line_of(&format!("user[{earlier}].name"))
                .unwrap_or(0);
            let capitals = if names.ignore_case {
                " but for capitals"
            } else {
                ""
            };
            let problem = format!(
                "{:?} is already a user{capitals}, on line {line}",
                user.name
            );
            report.error(
                &path("name"),
                Fault::new(problem, "take one of the two out"),
            );
            continue;
        }
        by_name.insert(key, (index, user));
    }
    let by_name = by_name
        .into_iter()
        .map(|(name, (_, user))| (name, user))
        .collect();
    Users {
        file: file.unwrap_or_default(),
        names,
        by_name,
    }
}

fn read_user(table: &mut Table<'_, '_>) -> Option<User> {
    let user_name = table.required("name", "name = \"alice\"", user_name);
    let secret = read_secret(table);
    let standing = read_standing(table);
    let address = table.parsed("address", host_address);
    let pool = table.parsed("pool", name(32));
    let group = table.parsed("group", name(32));
    let mppe = table.section("mppe", ppp::read_mppe);
    let routes = table.list("routes", network_behind).unwrap_or_default();
    let sessions_max = table.number_if_given("sessions_max", 1..=16_000_000);
    let (nt_hash, password) = secret?;
    Some(User {
        name: user_name?,
        nt_hash,
        password,
        standing,
        address,
        pool,
        group,
        mppe,
        routes,
        sessions_max,
    })
}

fn read_standing(table: &mut Table<'_, '_>) -> Standing {
    let expired = table.flag("password_expired", false);
    if table.flag("disabled", false) {
        Standing::Disabled
    } else if expired {
        Standing::PasswordExpired
    } else {
        Standing::Good
    }
}

fn read_secret(table: &mut Table<'_, '_>) -> Option<(NtHash, Option<Secret>)> {
    let short = std::cell::Cell::new(false);
    let from_password = table.parsed("password", |password| {
        let length = password.chars().count();
        short.set(length < PASSWORD_LENGTH_ADVISED);
        if length == 0 || length > PASSWORD_LENGTH_MAX {
            let cure = format!("write 1 to {PASSWORD_LENGTH_MAX} characters");
            return Err(Fault::new(format!("has {length} characters"), cure));
        }
        let secret = Secret::from(password.to_owned());
        Ok((NtHash::from_password(password), Some(secret)))
    });
    if short.get() {
        let cure = "whoever hears a log-in can guess offline: better use 12 or more";
        let problem = format!("has fewer than {PASSWORD_LENGTH_ADVISED} characters");
        table.warn("password", Fault::new(problem, cure));
    }
    let from_hex = table.parsed("nt_hash", nt_hash);
    match (table.has("password"), table.has("nt_hash")) {
        (true, true) => {
            let fault = Fault::new("is there beside user.password", "take one of the two out");
            table.refuse("nt_hash", fault);
            None
        }
        (true, false) => from_password,
        (false, true) => from_hex.map(|nt_hash| (nt_hash, None)),
        (false, false) => {
            table.refuse_missing(
                "password",
                "password = \"…\", or nt_hash = \"32 hex digits\"",
            );
            None
        }
    }
}

/// Thirty-two hexadecimal digits. The message does not repeat them: they are a secret.
fn nt_hash(text: &str) -> Result<NtHash, Fault> {
    let refused = || Fault::new("is not an NT hash", "write 32 hexadecimal digits");
    let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| refused())?;
    let mut bytes = [0u8; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok());
            *byte = (*byte << 4) | value.ok_or_else(refused)?;
        }
    }
    Ok(NtHash::from_bytes(bytes))
}

pub(super) fn user_name(text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > USER_NAME_LENGTH_MAX || text.chars().any(char::is_control) {
        let cure = format!("write 1 to {USER_NAME_LENGTH_MAX} bytes without control characters");
        return Err(Fault::new(format!("{text:?} cannot be a user name"), cure));
    }
    Ok(text.to_owned())
}

/// Why a file with passwords is refused with this mode, and the command that helps.
pub(super) fn mode_fault(file: &Path, mode: u32) -> Option<Fault> {
    (mode & 0o007 != 0).then(|| {
        Fault::new(
            format!(
                "{} holds passwords, and its mode {:04o} lets every user of this machine at it",
                file.display(),
                mode & 0o7777
            ),
            format!("run: chmod o-rwx {}", file.display()),
        )
    })
}
