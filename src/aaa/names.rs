//! How the name that a client sends becomes that of a user: Windows puts a domain before it, routers
//! and RADIUS proxies a realm behind it, and people type capitals as they like.

use std::borrow::Cow;

/// Under which names a user is looked for. The name as it came is always the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRules {
    /// `DOMAIN\alice` is also `alice`.
    pub strip_domain: bool,
    /// `alice@realm` is also `alice`.
    pub strip_realm: bool,
    /// `Alice` and `alice` are one user, to whom the file gives one spelling.
    pub ignore_case: bool,
}

impl Default for NameRules {
    fn default() -> Self {
        Self {
            strip_domain: true,
            strip_realm: true,
            ignore_case: false,
        }
    }
}

impl NameRules {
    /// What two names that are the same user have in common.
    #[must_use]
    pub fn key(self, name: &str) -> Cow<'_, str> {
        if self.ignore_case {
            Cow::Owned(name.to_lowercase())
        } else {
            Cow::Borrowed(name)
        }
    }

    /// The keys to look for, in this order.
    pub fn keys(self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        let domainless = name.rsplit_once('\\').filter(|_| self.strip_domain);
        let domainless = domainless.map(|(_, bare)| bare);
        let of_both = domainless.and_then(|name| self.realmless(name));
        [Some(name), domainless, self.realmless(name), of_both]
            .into_iter()
            .flatten()
            .map(move |name| self.key(name))
    }

    fn realmless(self, name: &str) -> Option<&str> {
        let parts = name.rsplit_once('@').filter(|_| self.strip_realm);
        parts.map(|(bare, _)| bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_adds_the_names_that_it_speaks_of() {
        let keys = |[strip_domain, strip_realm, ignore_case]: [bool; 3], name: &str| {
            let rules = NameRules {
                strip_domain,
                strip_realm,
                ignore_case,
            };
            rules.keys(name).collect::<Vec<_>>().join(" ")
        };
        let name = "D\\Zoë@r";
        assert_eq!(keys([false, false, false], name), name);
        assert_eq!(keys([true, false, false], name), "D\\Zoë@r Zoë@r");
        assert_eq!(keys([false, true, false], name), "D\\Zoë@r D\\Zoë");
        let all = "D\\Zoë@r Zoë@r D\\Zoë Zoë";
        assert_eq!(keys([true, true, false], name), all);
        assert_eq!(keys([true, true, true], name), all.to_lowercase());
        assert_eq!(keys([true, true, true], ""), "");
    }
}
