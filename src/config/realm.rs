//! `[[realm]]`: what follows from what stands in a name beside the user.

use super::error::Fault;
use super::table::Table;
use super::words::{name, one_of};
use crate::aaa::RealmForm;

const FORMS: &[(&str, RealmForm)] = &[("suffix", RealmForm::Suffix), ("prefix", RealmForm::Prefix)];

/// What holds for the users of a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// Its name; capitals do not count.
    pub name: String,
    /// Where it stands in a name.
    pub form: RealmForm,
    /// The group whose policy holds; it exists.
    pub group: Option<String>,
    /// The pool of users who have none; it exists.
    pub pool: Option<String>,
    /// Whether RADIUS servers are told the name without it.
    pub strip: bool,
    /// The servers that are asked, or groups of them, of one kind; empty: as in its group.
    pub servers: Vec<String>,
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Realm> {
    let realm = table.required("name", "name = \"example.com\"", |text| {
        let refused = text.is_empty() || text.len() > 128 || text.contains(['@', '\\']);
        let cure = "write what stands behind the @, or before the \\";
        (!refused)
            .then(|| text.to_owned())
            .ok_or_else(|| Fault::new(format!("{text:?} is not a realm"), cure))
    });
    let form = table.parsed("form", one_of("a place of a realm", FORMS));
    let group = table.parsed("group", name(32));
    let pool = table.parsed("pool", name(32));
    let strip = table.flag("strip", false);
    let servers = table.list("servers", name(32));
    Some(Realm {
        name: realm?,
        form: form.unwrap_or(RealmForm::Suffix),
        group,
        pool,
        strip,
        servers: servers.unwrap_or_default(),
    })
}
