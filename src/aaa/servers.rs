//! Which servers are asked about a log-in, where that is not everybody's.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Access, Realm};

/// Names of servers.
pub type Names = Arc<[Box<str>]>;

/// Which servers are asked about a log-in. Those that have a group are asked only where they are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Servers {
    /// Those without a group.
    #[default]
    Any,
    /// These RADIUS servers.
    Radius(Names),
    /// These TACACS+ servers.
    Tacacs(Names),
}

impl Servers {
    /// Those of a realm go before those of an address or a group.
    #[must_use]
    pub fn of<'a>(realm: Option<&'a Realm>, access: &'a Access) -> &'a Self {
        match realm.map(|realm| &realm.servers) {
            None | Some(Self::Any) => &access.servers,
            Some(servers @ (Self::Radius(_) | Self::Tacacs(_))) => servers,
        }
    }

    /// Their names; `None`: those without a group.
    #[must_use]
    pub fn names(&self) -> Option<&Names> {
        match self {
            Self::Any => None,
            Self::Radius(names) | Self::Tacacs(names) => Some(names),
        }
    }
}

/// Whether a server may be asked by who asks `among` these; `None`: those without a group.
#[must_use]
pub(super) fn may_ask(among: Option<&[Box<str>]>, name: &str, group: Option<&str>) -> bool {
    match among {
        Some(names) => names.iter().any(|of| **of == *name),
        None => group.is_none(),
    }
}

/// Of servers with their groups, those that write the bill of calls which one of `group` has let in: its
/// own, or else those without a group, or else all.
#[must_use]
pub(super) fn writers<'s>(
    servers: impl Iterator<Item = (&'s str, Option<&'s str>)>,
    group: Option<&str>,
) -> Names {
    let mut servers: Vec<_> = servers.collect();
    for group in [group, None] {
        if servers.iter().any(|(_, of)| *of == group) {
            servers.retain(|(_, of)| *of == group);
        }
    }
    servers.into_iter().map(|(name, _)| name.into()).collect()
}

/// Of servers by their groups, each group once.
#[must_use]
pub(super) fn groups<'s>(servers: impl Iterator<Item = Option<&'s str>>) -> Vec<Option<Box<str>>> {
    let groups: BTreeSet<_> = servers.collect();
    groups.into_iter().map(|it| it.map(Into::into)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lets_in_writes_the_bill_or_those_without_a_group_or_anybody() {
        let all = [
            ("a", None),
            ("b", Some("gold")),
            ("c", None),
            ("d", Some("gold")),
        ];
        let of = |servers: &[(&'static str, Option<&'static str>)], group| {
            let writers = writers(servers.iter().copied(), group);
            writers.join(" ")
        };
        assert_eq!(of(&all, Some("gold")), "b d");
        assert_eq!(of(&all, Some("silver")), "a c");
        assert_eq!(of(&all, None), "a c");
        assert_eq!(of(&[("b", Some("gold"))], None), "b");
    }

    #[test]
    fn a_server_with_a_group_is_asked_only_where_it_is_named() {
        let names: [Box<str>; 1] = ["b".into()];
        assert!(may_ask(None, "a", None) && !may_ask(None, "b", Some("gold")));
        assert!(may_ask(Some(&names), "b", Some("gold")) && !may_ask(Some(&names), "a", None));
    }
}
