//! `docs/radius-attributes.md` is printed from the table that the code uses, and held equal to it here.

#![expect(clippy::unwrap_used, reason = "a case fails by it")]

use std::fmt::Write;
use std::path::Path;

use pns::aaa::radius::WORDS;
use pns::wire::radius::attribute::{self, ALL, Attribute, Places};

const HEAD: &str = include_str!("radius_attributes.md");

const VENDORS: &[(u32, &str)] = &[
    (0, "Standard attributes"),
    (attribute::CISCO, "Cisco (9)"),
    (attribute::MICROSOFT, "Microsoft (311, RFC 2548)"),
    (attribute::ASCEND, "Ascend (529)"),
    (attribute::ROARING_PENGUIN, "Roaring Penguin (10055)"),
    (attribute::DSL_FORUM, "DSL Forum (3561, RFC 4679)"),
    (attribute::MPD, "mpd (12341)"),
    (attribute::ACCEL_PPP, "accel-ppp (55999)"),
    (attribute::WISPR, "WISPr (14122)"),
    (attribute::CHILLISPOT, "ChilliSpot (14559)"),
    (attribute::MIKROTIK, "MikroTik (14988)"),
];

fn names(places: Places) -> String {
    let names: Vec<_> = places.names().collect();
    names.join(", ")
}

fn row(attribute: &Attribute) -> String {
    // A bar would end the cell.
    let effect = attribute.effect.replace('|', "\\|");
    format!(
        "| {} | {} | {} | {} | {} | {effect} |\n",
        attribute.name,
        attribute.number,
        attribute.kind.name(),
        names(attribute.sent),
        names(attribute.honoured),
    )
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (vendor, title) in VENDORS {
        write!(page, "\n## {title}\n\n").unwrap();
        page += "| attribute | number | type | sent in | honoured in | effect |\n";
        page += "|---|---|---|---|---|---|\n";
        let rows = ALL.iter().filter(|it| it.vendor == *vendor);
        rows.for_each(|attribute| page += &row(attribute));
    }
    page += "\n## Attributes of other vendors\n\n";
    page +=
        "`[[radius.map]]` says what another attribute means, by one of these words; those with a\n";
    page += "star also change a live call by CoA-Request.\n\n";
    for (word, meaning) in WORDS {
        let star = if meaning.changes_live_calls() {
            " *"
        } else {
            ""
        };
        writeln!(page, "- `{word}`{star}").unwrap();
    }
    page
}

#[test]
fn the_printed_table_is_the_one_that_is_used() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/radius-attributes.md");
    let page = page();
    if std::env::var_os("PNS_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let same = std::fs::read_to_string(&path).unwrap_or_default() == page;
    assert!(
        same,
        "write docs/radius-attributes.md anew: PNS_WRITE_DOCS=1 cargo test --test radius_attributes"
    );
}

#[test]
fn every_attribute_is_in_the_page_once_and_says_what_it_does() {
    let page = page();
    for attribute in ALL {
        let found = page.matches(&format!("| {} |", attribute.name)).count();
        assert_eq!(found, 1, "{}", attribute.name);
        assert!(!attribute.effect.is_empty());
        let idle = attribute.sent == Places::NONE && attribute.honoured == Places::NONE;
        let length_only = attribute.effect.starts_with("known by its length only");
        assert_eq!(idle, length_only, "{}", attribute.name);
    }
}
