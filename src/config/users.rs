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
use super::chap_secrets;
use super::error::{ConfigErrors, Fault, Report};
use super::ppp;
use super::table::{Table, read_document};
use super::user_policy;
use super::words::{beside, name, one_of, path};
use crate::aaa::{CallPolicy, NameRules, Standing};
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
    /// The file they were read from; empty if there is none.
    pub file: PathBuf,
    /// The `chap-secrets` that others were read from.
    pub chap_secrets: Option<PathBuf>,
    /// How the names that clients send are looked for.
    pub names: NameRules,
    /// Whether names of realms that are not configured are refused.
    pub refuse_unknown_realm: bool,
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
    /// Seconds since 1970 from which on it does not come in, and at which its calls end.
    pub expires_s: Option<u64>,
    /// How long, how much and how fast its calls may be.
    pub policy: CallPolicy,
}

impl User {
    /// Whether nothing is different.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same_password = match (&self.password, &other.password) {
            (Some(one), Some(two)) => one.matches(two.expose()),
            (one, two) => one.is_none() && two.is_none(),
        };
        let rest = |user: &Self| {
            let (pool, group) = (user.pool.clone(), user.group.clone());
            let routes = user.routes.clone();
            (
                user.standing,
                user.address,
                pool,
                group,
                user.mppe,
                routes,
                (user.sessions_max, user.expires_s, user.policy.clone()),
            )
        };
        same_password && self.nt_hash.matches(&other.nt_hash) && rest(self) == rest(other)
    }
}

impl Users {
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
    /// `users.chap_secrets`, likewise.
    pub(super) chap_secrets: Option<PathBuf>,
    pub(super) names: NameRules,
    pub(super) refuse_unknown_realm: bool,
}

const UNKNOWN_REALM: &[(&str, bool)] = &[("allow", false), ("refuse", true)];

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
    let unknown = one_of("what becomes of other realms", UNKNOWN_REALM);
    let unknown = table.parsed("unknown_realm", unknown);
    let chap_secrets = table.parsed("chap_secrets", path("chap-secrets"));
    let path = path("users.toml");
    let file = if required && chap_secrets.is_none() {
        Some(table.required("file", "file = \"users.toml\"", path)?)
    } else {
        table.parsed("file", path)
    };
    let beside = |file: PathBuf| beside(config_file, &file);
    Some(Section {
        file: file.map(beside),
        chap_secrets: chap_secrets.map(beside),
        names,
        refuse_unknown_realm: unknown.unwrap_or(false),
    })
}

/// The users of one file, each with its key there.
pub(super) fn read_file<'t>(report: &mut Report<'t>, text: &'t str) -> Vec<(String, User)> {
    let users = read_document(report, text, |table| table.sections("user", read_user));
    let users = users.into_iter().flatten().enumerate();
    users
        .filter_map(|(index, user)| Some((format!("user[{index}]"), user?)))
        .collect()
}

/// The users of all files, of whom no two are one or have one address.
pub(super) struct Gathered {
    names: NameRules,
    /// Whether passwords are kept in clear.
    clear: bool,
    /// With the place of each, for messages.
    by_name: BTreeMap<String, (String, User)>,
    addresses: BTreeMap<Ipv4Addr, String>,
}

impl Gathered {
    pub(super) const fn new(names: NameRules, clear: bool) -> Self {
        Self {
            names,
            clear,
            by_name: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// Adds the users of one file, for which `report` stands.
    pub(super) fn add(
        &mut self,
        users: Vec<(String, User)>,
        report: &mut Report<'_>,
        check: impl Fn(&User) -> Result<(), (&'static str, Fault)>,
    ) {
        for (key, mut user) in users {
            let path = |part: &str| format!("{key}.{part}");
            user.password = user.password.filter(|_| self.clear);
            if let Err((part, fault)) = check(&user) {
                report.error(&path(part), fault);
            }
            if let Some(address) = user.address
                && let Some(other) = self.addresses.insert(address, user.name.clone())
            {
                let problem = format!("{address} already is the address of {other:?}");
                report.error(&path("address"), Fault::new(problem, ""));
            }
            let name = self.names.key(&user.name).into_owned();
            if let Some((place, _)) = self.by_name.get(&name) {
                let capitals = if self.names.ignore_case {
                    " but for capitals"
                } else {
                    ""
                };
                let problem = format!("{:?} is already a user{capitals}, {place}", user.name);
                let fault = Fault::new(problem, "take one of the two out");
                report.error(&path("name"), fault);
                continue;
            }
            let line = report.line_of(&path("name")).unwrap_or(0);
            self.by_name.insert(name, (format!("on line {line}"), user));
        }
    }

    pub(super) fn finish(self, section: &Section) -> Users {
        let users = self.by_name.into_iter();
        Users {
            file: section.file.clone().unwrap_or_default(),
            chap_secrets: section.chap_secrets.clone(),
            names: self.names,
            refuse_unknown_realm: section.refuse_unknown_realm,
            by_name: users.map(|(name, (_, user))| (name, user)).collect(),
        }
    }
}

/// Everything wrong with a text as a users file, as far as it shows without the configuration.
///
/// # Errors
/// All of it.
pub fn check_users_text(text: &str, file: &Path) -> Result<(), ConfigErrors> {
    let mut report = Report::new(file.display().to_string(), text);
    let users = read_file(&mut report, text);
    let mut all = Gathered::new(NameRules::default(), false);
    all.add(users, &mut report, |_| Ok(()));
    let errors = report.finish().errors;
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ConfigErrors(errors))
    }
}

/// The users of a `chap-secrets`, for a server that calls itself `server`.
///
/// # Errors
/// Everything wrong with it.
pub fn read_chap_secrets(text: &str, file: &Path, server: &str) -> Result<Vec<User>, ConfigErrors> {
    let mut report = Report::new(file.display().to_string(), text);
    let users = chap_secrets::read(&mut report, text, server);
    let errors = report.finish().errors;
    if errors.is_empty() {
        Ok(users.into_iter().map(|(_, user)| user).collect())
    } else {
        Err(ConfigErrors(errors))
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
    let expires_s = table.time("expires");
    let policy = user_policy::read(table);
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
        expires_s,
        policy,
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
pub(super) fn nt_hash(text: &str) -> Result<NtHash, Fault> {
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
#[must_use]
pub fn mode_fault(file: &Path, mode: u32) -> Option<Fault> {
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
