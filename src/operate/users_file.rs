//! The users file as `pns user` and the server change it: one user at a time, with every comment and
//! all that others wrote left as it is. Texts in, texts out; [`store`] has the file.

pub mod store;

use std::fmt;

use toml_edit::{Array, ArrayOfTables, Datetime, DocumentMut, Item, Table, value};
use zeroize::Zeroizing;

use crate::auth::{NtHash, Secret};

/// Why the file was not changed.
#[derive(Debug, PartialEq, Eq)]
pub enum EditError {
    /// It is no TOML.
    Malformed(String),
    /// There is a user of that name.
    UserExists(String),
    /// There is none.
    UserUnknown(String),
    /// This is no date and no time.
    NoTime(String),
}

impl fmt::Display for EditError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(problem) => write!(formatter, "the users file is not TOML: {problem}"),
            Self::UserExists(name) => {
                write!(
                    formatter,
                    "there is a user {name:?} already; see: pns user passwd"
                )
            }
            Self::UserUnknown(name) => {
                write!(
                    formatter,
                    "there is no user {name:?} in the file; see: pns user list"
                )
            }
            Self::NoTime(text) => {
                write!(
                    formatter,
                    "{text:?} is no time: write a date such as 2031-12-31"
                )
            }
        }
    }
}

impl std::error::Error for EditError {}

/// How a password is kept.
pub enum Kept<'a> {
    /// In clear: CHAP with MD5 needs that.
    Clear(&'a Secret),
    /// As its NT hash.
    Hash(&'a NtHash),
}

/// What a new user may have beside its name and password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// `address`.
    pub address: Option<String>,
    /// `pool`.
    pub pool: Option<String>,
    /// `group`.
    pub group: Option<String>,
    /// `routes`.
    pub routes: Vec<String>,
    /// `sessions_max`.
    pub sessions_max: Option<u32>,
    /// `rate_mikrotik`.
    pub rate: Option<String>,
    /// `expires`, a date or a time of TOML.
    pub expires: Option<String>,
    /// `quota_total_bytes`, `session_limit_s` and `idle_limit_s`, each if it is there.
    pub limits: [Option<u64>; 3],
}

/// The keys of [`Extras::limits`].
const LIMITS: [&str; 3] = ["quota_total_bytes", "session_limit_s", "idle_limit_s"];

/// One user, as a list shows it: nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// `clear` or `nt-hash`.
    pub secret: &'static str,
    /// `disabled`, `password expired` or nothing.
    pub standing: &'static str,
    /// What is said beside.
    pub extras: Extras,
}

/// The users file in memory. Its text holds passwords and is wiped where it is ours.
pub struct UsersFile(DocumentMut);

impl UsersFile {
    /// Reads a text; an empty one has no users.
    ///
    /// # Errors
    /// [`EditError::Malformed`], without a word of the text.
    pub fn parse(text: &str) -> Result<Self, EditError> {
        // What toml_edit prints quotes the line, which may hold a password.
        let place = |error: &toml_edit::TomlError| {
            let offset = error.span().map_or(0, |span| span.start);
            let before = text.get(..offset).unwrap_or_default();
            let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
            format!("line {line}: {}", error.message())
        };
        text.parse()
            .map(Self)
            .map_err(|error| EditError::Malformed(place(&error)))
    }

    /// The text with every change.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string())
    }

    /// Every user, in the order of the file.
    #[must_use]
    pub fn list(&self) -> Vec<Entry> {
        let users = self.0.get("user").and_then(Item::as_array_of_tables);
        users.into_iter().flatten().filter_map(entry).collect()
    }

    /// Adds a user behind the others.
    ///
    /// # Errors
    /// [`EditError::UserExists`], [`EditError::NoTime`].
    pub fn add(&mut self, name: &str, kept: &Kept<'_>, extras: &Extras) -> Result<(), EditError> {
        if self.list().iter().any(|entry| entry.name == name) {
            return Err(EditError::UserExists(name.to_owned()));
        }
        let mut user = Table::new();
        user.insert("name", value(name));
        set_secret(&mut user, kept);
        let texts = [
            ("address", &extras.address),
            ("pool", &extras.pool),
            ("group", &extras.group),
            ("rate_mikrotik", &extras.rate),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                user.insert(key, value(text.as_str()));
            }
        }
        if !extras.routes.is_empty() {
            user.insert("routes", value(extras.routes.iter().collect::<Array>()));
        }
        if let Some(max) = extras.sessions_max {
            user.insert("sessions_max", value(i64::from(max)));
        }
        if let Some(expires) = &extras.expires {
            let time = expires.parse::<Datetime>();
            let time = time.map_err(|_| EditError::NoTime(expires.clone()))?;
            user.insert("expires", value(time));
        }
        for (key, limit) in LIMITS.into_iter().zip(extras.limits) {
            if let Some(limit) = limit.and_then(|limit| i64::try_from(limit).ok()) {
                user.insert(key, value(limit));
            }
        }
        let nobody = || Item::ArrayOfTables(ArrayOfTables::new());
        let users = self.0.entry("user").or_insert_with(nobody);
        match users.as_array_of_tables_mut() {
            Some(users) => {
                if !users.is_empty() {
                    user.decor_mut().set_prefix("\n");
                }
                users.push(user);
                Ok(())
            }
            None => Err(EditError::Malformed("user is not [[user]]".to_owned())),
        }
    }

    /// Gives a user another password, which has not expired.
    ///
    /// # Errors
    /// [`EditError::UserUnknown`].
    pub fn set_password(&mut self, name: &str, kept: &Kept<'_>) -> Result<(), EditError> {
        let user = self.find(name)?;
        set_secret(user, kept);
        user.remove("password_expired");
        Ok(())
    }

    /// Lets nobody log in under a name.
    ///
    /// # Errors
    /// [`EditError::UserUnknown`].
    pub fn disable(&mut self, name: &str) -> Result<(), EditError> {
        self.find(name)?.insert("disabled", value(true));
        Ok(())
    }

    fn find(&mut self, name: &str) -> Result<&mut Table, EditError> {
        let users = self.0.get_mut("user");
        let users = users.and_then(Item::as_array_of_tables_mut);
        let mut users = users.into_iter().flat_map(ArrayOfTables::iter_mut);
        let user = users.find(|user| name_of(user) == Some(name));
        user.ok_or_else(|| EditError::UserUnknown(name.to_owned()))
    }

    /// Takes a user out, with the comments above it.
    ///
    /// # Errors
    /// [`EditError::UserUnknown`].
    pub fn remove(&mut self, name: &str) -> Result<(), EditError> {
        let unknown = || EditError::UserUnknown(name.to_owned());
        let users = self
            .0
            .get_mut("user")
            .and_then(Item::as_array_of_tables_mut);
        let users = users.ok_or_else(unknown)?;
        let place = users.iter().position(|user| name_of(user) == Some(name));
        users.remove(place.ok_or_else(unknown)?);
        Ok(())
    }
}

fn name_of(user: &Table) -> Option<&str> {
    user.get("name")?.as_str()
}

/// Puts the password where the old one stood, of whatever kind that was.
fn set_secret(user: &mut Table, kept: &Kept<'_>) {
    let (key, other, text) = match kept {
        Kept::Clear(secret) => {
            let text = String::from_utf8_lossy(secret.expose()).into_owned();
            ("password", "nt_hash", Zeroizing::new(text))
        }
        Kept::Hash(hash) => ("nt_hash", "password", hexadecimal(hash)),
    };
    user.remove(other);
    let comment = user.key(key).map(|key| key.leaf_decor().clone());
    user.insert(key, value(text.as_str()));
    if let (Some(comment), Some(mut key)) = (comment, user.key_mut(key)) {
        *key.leaf_decor_mut() = comment;
    }
}

fn hexadecimal(hash: &NtHash) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(32));
    for byte in hash.expose() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

/// Rates that are written in numbers, in one text.
fn rates(user: &Table) -> Option<String> {
    let bps = |key: &str| user.get(key).and_then(Item::as_integer);
    let both = (bps("rate_upstream_bps"), bps("rate_downstream_bps"));
    (both != (None, None)).then(|| format!("{}/{}", both.0.unwrap_or(0), both.1.unwrap_or(0)))
}

fn entry(user: &Table) -> Option<Entry> {
    let text = |key: &str| user.get(key).and_then(Item::as_str).map(str::to_owned);
    let is = |key: &str| user.get(key).and_then(Item::as_bool) == Some(true);
    let routes = user.get("routes").and_then(Item::as_array);
    let routes = routes.into_iter().flatten();
    let standing = match (is("disabled"), is("password_expired")) {
        (true, _) => "disabled",
        (false, true) => "password expired",
        (false, false) => "",
    };
    let max = user.get("sessions_max").and_then(Item::as_integer);
    Some(Entry {
        name: name_of(user)?.to_owned(),
        secret: if user.contains_key("password") {
            "clear"
        } else {
            "nt-hash"
        },
        standing,
        extras: Extras {
            address: text("address"),
            pool: text("pool"),
            group: text("group"),
            routes: routes
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect(),
            sessions_max: max.and_then(|max| u32::try_from(max).ok()),
            rate: text("rate_mikrotik").or_else(|| rates(user)),
            expires: user
                .get("expires")
                .and_then(Item::as_datetime)
                .map(ToString::to_string),
            limits: LIMITS.map(|key| {
                let limit = user.get(key).and_then(Item::as_integer);
                limit.and_then(|limit| u64::try_from(limit).ok())
            }),
        },
    })
}

#[cfg(test)]
mod tests;
