//! A finding as sentences: the words of `finding` with the numbers of this attempt in them.

use std::net::Ipv4Addr;

use super::observed::{MppeOffer, Observed};
use super::{Facts, Finding};
use crate::aaa::Terms;
use crate::ppp::link::{Farewell, MppeChange};

/// Where something has to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// At the client.
    Client,
    /// At this server.
    Server,
    /// In between.
    Path,
}

impl Side {
    /// The name in texts and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Path => "path",
        }
    }
}

/// One thing that would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub side: Side,
    /// What.
    pub text: String,
}

/// What happened, in plain words.
pub(super) fn conclusion(finding: Finding, facts: &Facts) -> String {
    fill(finding.words(), facts)
}

/// What to change, and where.
pub(super) fn changes(finding: Finding, facts: &Facts) -> Vec<Change> {
    let change = |(side, text): &(Side, &str)| Change {
        side: *side,
        text: fill(text, facts),
    };
    finding.changes().iter().map(change).collect()
}

/// Puts what was seen in the places of `{words}`.
fn fill(template: &str, facts: &Facts) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((word, behind)) = after.split_once('}') else {
            break;
        };
        text.push_str(before);
        text.push_str(&value(word, facts));
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// What stands for a word; an unknown one stays as it is, and a test finds it.
fn value(word: &str, facts: &Facts) -> String {
    let observed = &facts.observed;
    match word {
        "peer" => facts.peer_address.to_string(),
        "local" => facts.local_address.to_string(),
        "user" => facts.user_key().map_or_else(
            || "nobody".into(),
            |user| format!("\"{}\"", String::from_utf8_lossy(user)),
        ),
        "stage" => facts.stage.name().to_owned(),
        "decided_by" => detail(facts, "nobody has said why"),
        "keys_from" => detail(facts, "its authentication"),
        "pool" => facts
            .detail
            .as_ref()
            .map_or_else(|| "its pool".into(), |pool| format!("pool {pool}")),
        "mppe_offered" => mppe(observed.mppe_offered),
        "mppe_asked" => mppe(observed.mppe_asked),
        "methods_offered" => list(observed.methods_offered.names(), "none that it named"),
        "user_methods_key" => facts.detail.as_deref().and_then(named_group).map_or_else(
            || key(facts, None, "authentication", "authentication.methods"),
            |group| format!("group.{group}.authentication"),
        ),
        "methods_key" => key(facts, None, "authentication", "authentication.methods"),
        "eap_methods_key" => key(facts, None, "eap_methods", "authentication.eap_methods"),
        "mppe_policy_key" => {
            let own = |own: MppeChange| own.requirement.is_some();
            key(facts, Some(own), "mppe.policy", "mppe.policy")
        }
        "mppe_strength_key" => {
            let own = |own: MppeChange| own.strengths.is_some();
            key(facts, Some(own), "mppe.strength", "mppe.strength")
        }
        "mppe_stateful_key" => {
            let own = |own: MppeChange| own.stateful.is_some();
            key(facts, Some(own), "mppe.stateful", "mppe.stateful")
        }
        "mppe_of" => whose_mppe(facts),
        "methods_asked" => list(observed.methods_asked.names(), "none"),
        "address_offered" => observed
            .address_offered
            .map_or_else(|| "one of its own".into(), |address| address.to_string()),
        "address_given" => observed
            .address_given
            .map_or_else(|| "another".into(), |address| address.to_string()),
        "terminate_error" => observed
            .terminate_error
            .filter(|number| *number != 0)
            .map_or_else(
                || farewell(facts),
                |number| format!("with its error number {number}"),
            ),
        "frames" => observed.frames.to_string(),
        "malformed" => facts.malformed.unwrap_or("out of order").to_owned(),
        unknown => format!("{{{unknown}}}"),
    }
}

/// Where an operator changes what holds for the call: at the user if `of_user` says that it is the
/// user's own, in its group, or for the whole server.
fn key(
    facts: &Facts,
    of_user: Option<fn(MppeChange) -> bool>,
    of_group: &str,
    of_server: &str,
) -> String {
    let terms = facts.terms.as_ref();
    if terms.is_some_and(|terms| of_user.is_some_and(|own| own(terms.own()))) {
        return format!("user.{of_group}");
    }
    match terms.and_then(Terms::group) {
        Some(group) => format!("group.{group}.{of_group}"),
        None => format!("ppp.{of_server}"),
    }
}

/// The group that a detail begins with: `group office permits …`.
fn named_group(detail: &str) -> Option<&str> {
    detail.strip_prefix("group ")?.split(' ').next()
}

/// Of whom encryption is demanded, if not of everybody.
fn whose_mppe(facts: &Facts) -> String {
    match &facts.terms {
        Some(terms) if !terms.own().is_none() => " of this user".into(),
        Some(terms) => terms
            .group()
            .map_or_else(String::new, |group| format!(" of group {group}")),
        None => String::new(),
    }
}

impl Observed {
    /// What both sides asked of each other: the matter, what the client said, what we said; empty
    /// where nothing was said.
    #[must_use]
    pub fn matters(&self) -> Vec<(&'static str, String, String)> {
        let said = |text: Option<String>| text.unwrap_or_default();
        let refused: Vec<String> = (0..32u8)
            .filter(|kind| self.lcp_options_refused & (1 << kind) != 0)
            .map(|kind| kind.to_string())
            .collect();
        let methods = if self.authentication_rejected {
            "refuses to authenticate".into()
        } else if self.methods_offered.is_empty() {
            String::new()
        } else {
            format!("would take {}", list(self.methods_offered.names(), "none"))
        };
        let asked = self.methods_asked;
        let asked = (!asked.is_empty()).then(|| format!("asks for {}", list(asked.names(), "")));
        let mppe_of_client = if self.mppe_rejected_by_peer {
            Some(match self.mppe_offered {
                Some(_) => format!("{}, and rejects ours", mppe(self.mppe_offered)),
                None => "rejects MPPE".into(),
            })
        } else {
            self.ccp_heard.then(|| mppe(self.mppe_offered))
        };
        let mppe_of_us = if self.ccp_rejected_by_us {
            Some("rejects CCP".into())
        } else {
            self.mppe_asked.map(|_| mppe(self.mppe_asked))
        };
        let lcp_refused = (!refused.is_empty()).then(|| format!("rejects {}", refused.join(", ")));
        let address = |address: Option<Ipv4Addr>| said(address.map(|it| it.to_string()));
        vec![
            (
                "mru",
                said(self.mru_offered.map(|mru| mru.to_string())),
                String::new(),
            ),
            ("lcp_options", String::new(), said(lcp_refused)),
            ("authentication", methods, said(asked)),
            ("encryption", said(mppe_of_client), said(mppe_of_us)),
            (
                "address",
                address(self.address_offered),
                address(self.address_given),
            ),
        ]
    }
}

fn detail(facts: &Facts, otherwise: &str) -> String {
    facts.detail.as_deref().unwrap_or(otherwise).to_owned()
}

fn farewell(facts: &Facts) -> String {
    match &facts.farewell {
        Some(Farewell::Text(text)) => format!("saying {:?}", text.to_string()),
        Some(Farewell::WindowsError(_)) | None => "without an error number".into(),
    }
}

/// `40- or 56-bit, stateless`.
pub(super) fn mppe(offer: Option<MppeOffer>) -> String {
    let Some(offer) = offer else {
        return "no MPPE".into();
    };
    let strengths: Vec<_> = offer
        .strengths()
        .map(|strength| strength.to_string())
        .collect();
    if strengths.is_empty() {
        return "no key length of MPPE".into();
    }
    let mode = if offer.is_stateless() {
        "stateless"
    } else {
        "stateful"
    };
    format!("{}-bit {mode} MPPE", strengths.join("- or "))
}

fn list<'n>(names: impl Iterator<Item = &'n str>, none: &str) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        none.to_owned()
    } else {
        names.join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use super::*;
    use crate::clock::Timestamp;

    fn facts() -> Facts {
        let peer = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 40_000);
        Facts::of_connection(peer, Ipv4Addr::new(198, 51, 100, 1), Timestamp::ZERO)
    }

    #[test]
    fn every_finding_says_what_happened_and_every_place_in_it_is_filled() {
        for &finding in Finding::ALL {
            let mut texts = vec![conclusion(finding, &facts())];
            texts.extend(
                changes(finding, &facts())
                    .into_iter()
                    .map(|change| change.text),
            );
            for text in &texts {
                assert!(text.ends_with('.'), "{finding}: {text}");
                assert!(
                    !text.contains(['{', '}']) && !text.contains("  "),
                    "{finding}: {text}"
                );
            }
            let twins = Finding::ALL
                .iter()
                .filter(|other| other.words() == finding.words());
            assert_eq!(twins.count(), 1, "{finding} says what another says");
        }
    }

    #[test]
    fn the_numbers_of_the_attempt_are_in_the_sentence() {
        let mut facts = facts();
        facts.observed.received(&[
            0x80, 0xfd, 1, 1, 0, 10, 18, 6, 1, 0, 0, 0x20, // L and H
        ]);
        facts.observed.sent(&[
            0x80, 0xfd, 3, 1, 0, 10, 18, 6, 1, 0, 0, 0x40, // S and H
        ]);
        let text = conclusion(Finding::EncryptionTooWeak, &facts);
        assert!(text.contains("40-bit stateless MPPE"), "{text}");
        assert!(text.contains("128-bit stateless MPPE"), "{text}");
        facts.name = Some((*b"WORK\\al\xffice").into());
        let text = conclusion(Finding::UserUnknown, &facts);
        assert!(text.contains("\"al\u{fffd}ice\""), "{text}");
    }
}
