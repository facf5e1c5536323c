//! The rules of the house, as tests: style is not reviewed here, it fails.
#![expect(
    clippy::expect_used,
    reason = "a rule that cannot be checked has to fail"
)]

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MEDIAN_MAX: usize = 250;
const FILE_LINES_MAX: usize = 600;
const NODE_LINES_MAX: usize = 200;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 110;

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines before the inline test module.
    fn product_lines(&self) -> Vec<&str> {
        let lines: Vec<_> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            pair[0].trim_start().starts_with("#[cfg(test)]") && pair[1].contains("mod ")
        });
        lines[..tests.unwrap_or(lines.len())].to_vec()
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder)
        .expect("a folder of the tree")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let path = path.strip_prefix(root()).expect("inside the tree");
            sources.push(Source {
                path: path.display().to_string(),
                text,
            });
        }
    }
}

/// Product sources below `folders`.
fn product(folders: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut sources);
    }
    sources.retain(|source| !source.is_test());
    assert!(!sources.is_empty(), "no sources in {folders:?}");
    sources
}

fn report(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

#[test]
fn files_are_short() {
    let sources = product(&["src", "dpdk/src", "perf/src"]);
    let mut lengths: Vec<_> = sources
        .iter()
        .map(|source| source.product_lines().len())
        .collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median <= FILE_LINES_MEDIAN_MAX,
        "the median file has {median} lines"
    );
    let long = |source: &Source| {
        let lines = source.product_lines().len();
        let node = source.path.starts_with("src/dataplane/node/");
        let limit = if node { NODE_LINES_MAX } else { FILE_LINES_MAX };
        (lines > limit).then(|| format!("{}: {lines} lines, at most {limit}", source.path))
    };
    report(
        "find the missing concept",
        &sources.iter().filter_map(long).collect::<Vec<_>>(),
    );
}

#[test]
fn lines_fit_the_screen() {
    let mut offences = Vec::new();
    for source in product(&[
        "src",
        "dpdk/src",
        "dpdk/sys/src",
        "perf/src",
        "tests",
        "benches",
    ]) {
        for (number, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > LINE_COLUMNS_MAX {
                offences.push(format!("{}:{}: {columns} columns", source.path, number + 1));
            }
        }
    }
    report("break the line", &offences);
}

#[test]
fn functions_fit_a_screen() {
    let mut offences = Vec::new();
    for source in product(&["src", "dpdk/src", "perf/src"]) {
        // rustfmt closes a function at the indentation of its signature.
        let mut open: Option<(usize, String, usize)> = None;
        for (number, line) in source.product_lines().into_iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let code = line.trim_start();
            if open.is_none() && is_function(code) && !code.ends_with(';') && !code.ends_with('}') {
                open = Some((indent, code.to_owned(), number));
            } else if let Some((at, name, start)) = &open
                && indent == *at
                && code.starts_with('}')
            {
                let lines = number - start + 1;
                if lines > FUNCTION_LINES_MAX {
                    offences.push(format!(
                        "{}:{}: {lines} lines: {name}",
                        source.path,
                        start + 1
                    ));
                }
                open = None;
            } else if open
                .as_ref()
                .is_some_and(|(at, ..)| indent == *at && code.ends_with(';'))
            {
                open = None;
            }
        }
    }
    report("split the function", &offences);
}

fn is_function(code: &str) -> bool {
    let words = [
        "pub ",
        "pub(crate) ",
        "pub(super) ",
        "const ",
        "unsafe ",
        "extern \"C\" ",
    ];
    let mut rest = code;
    while let Some(shorter) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    rest.starts_with("fn ")
}

/// What each room may import from the crate, besides itself, `clock` and `counted`.
const IMPORTS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("auth", &["wire"]),
    ("mppc", &["wire"]),
    ("mppe", &["wire", "mppc"]),
    ("pptp", &["wire"]),
    ("ppp", &["wire", "auth"]),
    ("flow", &["wire", "mppe"]),
    ("routing", &["wire", "flow"]),
    ("aaa", &["wire", "ppp", "pptp", "auth", "mppe", "flow"]),
    (
        "session",
        &["wire", "ppp", "pptp", "auth", "mppe", "flow", "aaa"],
    ),
    ("dataplane", &["wire", "mppc", "mppe", "flow", "routing"]),
    (
        "config",
        &[
            "wire", "auth", "mppe", "flow", "ppp", "pptp", "aaa", "session",
        ],
    ),
];

#[test]
fn imports_point_one_way() {
    let mut offences = Vec::new();
    for source in product(&["src"]) {
        let room = source
            .path
            .trim_start_matches("src/")
            .split('/')
            .next()
            .unwrap_or_default();
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == room) else {
            continue;
        };
        for (number, line) in source.product_lines().into_iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for part in code.split("crate::").skip(1) {
                let end = part.find(|c: char| !c.is_alphanumeric() && c != '_');
                let name = &part[..end.unwrap_or(part.len())];
                let own = [room, "clock", "counted", "counted_enum"].contains(&name);
                if !own && !allowed.contains(&name) {
                    offences.push(format!("{}:{}: crate::{name}", source.path, number + 1));
                }
            }
        }
    }
    report("an import against the direction of the house", &offences);
}

#[test]
fn only_the_slow_path_and_the_worker_loop_touch_the_world() {
    let forbidden = [
        "Instant::now",
        "SystemTime::now",
        "std::thread",
        "getrandom::",
        "println!",
    ];
    let pure = [
        "wire", "ppp", "pptp", "mppc", "mppe", "auth", "flow", "aaa", "session", "routing",
    ];
    let mut offences = Vec::new();
    for source in product(
        &pure
            .map(|room| format!("src/{room}"))
            .each_ref()
            .map(String::as_str),
    ) {
        for (number, line) in source.product_lines().into_iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let io = code.contains("std::fs") || code.contains("std::net::Tcp");
            if io || forbidden.iter().any(|word| code.contains(word)) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, code.trim()));
            }
        }
    }
    report(
        "a machine must take its clock, randomness and input as arguments",
        &offences,
    );
}

#[test]
fn unsafe_lives_in_the_dpdk_crates_and_where_mppe_speaks_to_the_cpu() {
    let mut offences = Vec::new();
    for source in product(&["src", "perf/src", "benches", "tests"]) {
        if source.path.starts_with("src/mppe/simd/") {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let opens = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
            let quoted = source.path == "tests/tidy.rs";
            if !quoted && opens.iter().any(|word| code.contains(word)) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, code.trim()));
            }
        }
    }
    report("unsafe outside dpdk/ and src/mppe/simd/", &offences);
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut offences = Vec::new();
    for source in product(&["dpdk/src", "src/mppe/simd", "perf/peers/src"]) {
        let lines: Vec<_> = source.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !code.contains("unsafe {") && !code.contains("unsafe impl") {
                continue;
            }
            let before = &lines[number.saturating_sub(8)..number];
            if !before.iter().any(|line| line.contains("SAFETY")) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, code.trim()));
            }
        }
    }
    report("an unsafe block without SAFETY", &offences);
}

#[test]
fn state_tables_have_no_wildcard_arm() {
    let tables = [
        "src/ppp/fsm.rs",
        "src/pptp/control/reaction.rs",
        "src/pptp/call/mod.rs",
        "src/pptp/call/pac_incoming.rs",
        "src/pptp/call/pac_outgoing.rs",
        "src/pptp/call/pns_incoming.rs",
        "src/pptp/call/pns_outgoing.rs",
    ];
    for table in tables {
        assert!(root().join(table).exists(), "{table} has moved");
    }
    let mut offences = Vec::new();
    for source in product(&["src/ppp", "src/pptp"]) {
        if !tables.contains(&source.path.as_str()) {
            continue;
        }
        for (number, line) in source.product_lines().into_iter().enumerate() {
            let code = line.trim_start();
            if code.starts_with("_ =>") || code.contains("| _ =>") || code.contains("(_, _)") {
                offences.push(format!("{}:{}: {code}", source.path, number + 1));
            }
        }
    }
    report("name every state and event", &offences);
}

#[test]
fn only_aaa_makes_the_proof_of_authentication() {
    let mut offences = Vec::new();
    for source in product(&["src"]) {
        let allowed = source.path.starts_with("src/aaa/") || source.path == "src/flow/policy.rs";
        let product = source.product_lines().join("\n");
        // The benchmark harness has no logins, the product has nothing else.
        let harness = source.path.starts_with("perf/");
        let forges = !harness && product.contains("Authenticated::without_login");
        if !allowed && (forges || product.contains("Authenticated::new")) {
            offences.push(source.path);
        }
    }
    report("Authenticated::new outside aaa", &offences);
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["todo!(", "unimplemented!(", "FIXME", "TODO", "#[ignore"];
    let mut offences = Vec::new();
    for source in product(&["src", "dpdk/src", "perf/src", "tests", "benches"]) {
        if source.path == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    report("finish it, or say so in the issue", &offences);
}

#[test]
fn a_stranger_reads_under_2000_lines() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("the map");
    let named = map.lines().filter_map(|line| {
        let item = line.strip_prefix("//! ")?.split_once(". `")?;
        item.1.split('`').next()
    });
    let files: Vec<_> = ["README.md", "src/lib.rs"]
        .into_iter()
        .chain(named)
        .collect();
    assert!(
        files.len() > 8,
        "the reading order names its files: {files:?}"
    );
    let lines = |file: &&str| {
        let text = fs::read_to_string(root().join(file));
        text.unwrap_or_else(|_| panic!("{file} is named and not there"))
            .lines()
            .count()
    };
    let total: usize = files.iter().map(lines).sum();
    assert!(total < 2000, "{total} lines in {files:?}");
}
