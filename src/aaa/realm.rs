//! Realms: what stands in a name beside the user, `alice@example.com` or `CORP\alice`, and what
//! follows from it.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Access, Denial, Rejection, Servers};

/// Where a realm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RealmForm {
    /// Behind the user: `alice@example.com`.
    Suffix,
    /// Before it, as Windows has it: `CORP\alice`.
    Prefix,
}

/// What holds for the users of a realm.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its name; capitals do not count.
    pub name: Box<str>,
    /// Where it stands.
    pub form: RealmForm,
    /// What its users are permitted, in place of what the address permits that they come in by.
    pub access: Option<Arc<Access>>,
    /// The pool of those to whom nobody else gives one.
    pub pool: Option<Box<str>>,
    /// Whether RADIUS servers are told the name without it.
    pub strip: bool,
    /// The servers that are asked, in place of those of `access`.
    pub servers: Servers,
}

impl Realm {
    /// The name of a user without this realm.
    #[must_use]
    pub fn stripped<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        match (self.form, split(name)) {
            (RealmForm::Prefix, Some((_, rest))) => rest,
            (RealmForm::Suffix, _) => suffix(name).map_or(name, |(rest, _)| rest),
            (RealmForm::Prefix, None) => name,
        }
    }
}

fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = name.iter().position(|byte| *byte == b'\\')?;
    let (domain, rest) = name.split_at_checked(at)?;
    Some((domain, rest.get(1..)?))
}

fn suffix(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = name.iter().rposition(|byte| *byte == b'@')?;
    let (rest, realm) = name.split_at_checked(at)?;
    Some((rest, realm.get(1..)?))
}

/// All realms that are known.
#[derive(Clone, Debug, Default)]
pub struct Realms {
    /// By form and name without capitals.
    realms: HashMap<(RealmForm, Box<str>), Realm>,
    refuse_unknown: bool,
}

impl Realms {
    /// These; a name of another realm is refused if `refuse_unknown` is set.
    #[must_use]
    pub fn new(realms: impl IntoIterator<Item = Realm>, refuse_unknown: bool) -> Self {
        let key = |realm: Realm| ((realm.form, realm.name.to_lowercase().into()), realm);
        Self {
            realms: realms.into_iter().map(key).collect(),
            refuse_unknown,
        }
    }

    /// The realm of a name: what stands behind it goes before what stands before it.
    ///
    /// # Errors
    /// [`Rejection::RealmUnknown`].
    pub fn of(&self, name: &[u8]) -> Result<Option<&Realm>, Denial> {
        let named = [
            suffix(name).map(|(_, realm)| (RealmForm::Suffix, realm)),
            split(name).map(|(realm, _)| (RealmForm::Prefix, realm)),
        ];
        let mut named = named.into_iter().flatten().peekable();
        let unknown = named.peek().copied();
        let found = named.find_map(|(form, realm)| {
            let realm = String::from_utf8_lossy(realm).to_lowercase();
            self.realms.get(&(form, realm.into()))
        });
        match (found, unknown) {
            (None, Some((_, realm))) if self.refuse_unknown => Err(Denial {
                detail: Some(format!("{:?}", String::from_utf8_lossy(realm)).into()),
                ..Denial::from(Rejection::RealmUnknown)
            }),
            (found, _) => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn realm(name: &str, form: RealmForm) -> Realm {
        Realm {
            name: name.into(),
            form,
            access: None,
            pool: None,
            strip: true,
            servers: Servers::Any,
        }
    }

    #[test]
    fn a_realm_is_found_before_or_behind_the_name_and_taken_off_it() {
        let all = [
            realm("Example.com", RealmForm::Suffix),
            realm("corp", RealmForm::Prefix),
        ];
        for refuse in [false, true] {
            let realms = Realms::new(all.clone(), refuse);
            for (name, found, stripped) in [
                ("alice@EXAMPLE.com", Some("Example.com"), "alice"),
                ("CORP\\alice", Some("corp"), "alice"),
                (
                    "CORP\\alice@example.com",
                    Some("Example.com"),
                    "CORP\\alice",
                ),
                ("CORP\\alice@elsewhere", Some("corp"), "alice@elsewhere"),
                ("a@b@example.com", Some("Example.com"), "a@b"),
                ("alice", None, "alice"),
            ] {
                let realm = realms.of(name.as_bytes()).unwrap();
                assert_eq!(realm.map(|realm| &*realm.name), found, "{name}");
                let bare = realm.map_or(name.as_bytes(), |realm| realm.stripped(name.as_bytes()));
                assert_eq!(bare, stripped.as_bytes(), "{name}");
            }
            for name in ["alice@example.org", "WORK\\alice", "@", "\\", "corp@x"] {
                assert_eq!(realms.of(name.as_bytes()).is_err(), refuse, "{name}");
            }
        }
    }
}
