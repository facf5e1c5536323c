//! Servers and groups of them that are named and not there, of two kinds, or named nowhere.

use super::{Report, Tables};
use crate::config::error::Fault;

pub(super) fn check(tables: &Tables<'_>, report: &mut Report<'_>) {
    let realms = tables.realms.iter();
    let of_realms =
        realms.map(|(index, realm)| (format!("realm[{index}].servers"), &realm.servers));
    let groups = tables.groups.iter();
    let of_groups = groups.map(|group| (format!("group.{}.servers", group.name), &group.servers));
    let lists: Vec<_> = of_realms.chain(of_groups).collect();
    for (path, names) in &lists {
        if let Some(fault) = wrong(tables, names) {
            report.error(path, fault);
        }
    }
    let is_named = |name: &String| lists.iter().any(|(_, names)| names.contains(name));
    for server in all(tables) {
        let Some(group) = server.group else { continue };
        if !is_named(group) && !is_named(server.name) {
            let problem =
                format!("{group:?} is in the servers of no [group.NAME] and no [[realm]]");
            let cure = "name it there, or take it out: this server is asked about no log-in";
            let key = format!("{}.server[{}].group", server.kind, server.index);
            report.warn(&key, Fault::new(problem, cure));
        }
    }
}

struct Server<'c> {
    kind: &'static str,
    index: usize,
    name: &'c String,
    group: Option<&'c String>,
}

fn all<'c>(tables: &Tables<'c>) -> impl Iterator<Item = Server<'c>> {
    let radius = tables.radius.servers.iter().enumerate();
    let radius = radius.map(|(index, it)| ("radius", index, &it.name, &it.group));
    let tacacs = tables.tacacs.servers.iter().enumerate();
    let tacacs = tacacs.map(|(index, it)| ("tacacs", index, &it.name, &it.group));
    radius
        .chain(tacacs)
        .map(|(kind, index, name, group)| Server {
            kind,
            index,
            name,
            group: group.as_ref(),
        })
}

/// What is wrong with the servers that somebody names.
fn wrong(tables: &Tables<'_>, names: &[String]) -> Option<Fault> {
    let kinds_of = |name: &String| {
        let of_name = all(tables).filter(|it| it.name == name || it.group == Some(name));
        of_name.map(|it| it.kind).collect::<Vec<_>>()
    };
    let kinds: Vec<_> = names.iter().map(kinds_of).collect();
    if let Some((missing, _)) = names.iter().zip(&kinds).find(|(_, kinds)| kinds.is_empty()) {
        let problem = format!(
            "there is no [[radius.server]] or [[tacacs.server]] with {missing:?} for its name or group"
        );
        return Some(Fault::new(problem, "correct it, or add one"));
    }
    let mut kinds = kinds.iter().flatten();
    let first = kinds.next()?;
    kinds.any(|kind| kind != first).then(|| {
        let problem = "names servers of RADIUS and of TACACS+";
        let cure = "write servers of one kind: one of the two decides about a log-in";
        Fault::new(problem, cure)
    })
}
