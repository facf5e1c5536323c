//! Realms that are there twice, or name what is not there.

use super::{Report, Tables};
use crate::config::error::Fault;

pub(super) fn check(tables: &Tables<'_>, report: &mut Report<'_>) {
    for (position, (index, realm)) in tables.realms.iter().enumerate() {
        let path = |key: &str| format!("realm[{index}].{key}");
        let mut earlier = tables.realms.iter().take(position).map(|(_, other)| other);
        let twin = |name: &str| name.eq_ignore_ascii_case(&realm.name);
        if earlier.any(|other| other.form == realm.form && twin(&other.name)) {
            let problem = format!("{:?} is the name of a realm above", realm.name);
            report.error(
                &path("name"),
                Fault::new(problem, "take one of the two out"),
            );
        }
        let mut missing = |key: &str, what: &str, name: &str, there: bool| {
            if !there {
                let problem = format!("there is no {what} {name:?}");
                report.error(&path(key), Fault::new(problem, "correct it, or add one"));
            }
        };
        if let Some(name) = &realm.group {
            let there = tables.groups.iter().any(|group| group.name == *name);
            missing("group", "[group.NAME]", name, there);
        }
        if let Some(name) = &realm.pool {
            let there = tables.pools.iter().any(|(_, pool)| pool.name == *name);
            missing("pool", "[[pool]]", name, there);
        }
    }
}
