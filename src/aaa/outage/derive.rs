//! Passwords as they are kept: never themselves, but what a slow function makes of them (argon2id,
//! RFC 9106), so that who steals the memory of the server has to guess each for itself.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

/// What is kept of a password.
pub(super) type Tag = Zeroizing<[u8; 32]>;

/// How much work one password is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

/// About 20 ms of one core.
impl Default for Cost {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
        }
    }
}

/// A password to be worked on, away from the loop that serves calls.
pub struct Work {
    pub(super) number: u64,
    pub(super) password: Zeroizing<Vec<u8>>,
    pub(super) salt: [u8; 16],
    pub(super) cost: Cost,
}

/// What came of it.
pub struct Done {
    pub(super) number: u64,
    /// `None`: nothing.
    pub(super) tag: Option<Tag>,
}

impl Work {
    /// Does it, which takes [`Cost`].
    #[must_use]
    pub fn run(self) -> Done {
        let mut tag = Tag::default();
        let params = Params::new(self.cost.memory_kib, self.cost.passes, 1, Some(tag.len()));
        let derived = params.and_then(|params| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                &self.password,
                &self.salt,
                tag.as_mut(),
            )
        });
        Done {
            number: self.number,
            tag: derived.is_ok().then_some(tag),
        }
    }

    /// What to say of work that nobody can do.
    #[must_use]
    pub const fn undone(&self) -> Done {
        Done {
            number: self.number,
            tag: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_depends_on_password_and_salt_and_on_nothing_else() {
        let tag = |password: &[u8], salt| {
            let work = Work {
                number: 1,
                password: Zeroizing::new(password.to_vec()),
                salt: [salt; 16],
                cost: Cost {
                    memory_kib: 8,
                    passes: 1,
                },
            };
            work.run().tag.unwrap()
        };
        assert_eq!(tag(b"wonderland", 1), tag(b"wonderland", 1));
        assert_ne!(tag(b"wonderland", 1), tag(b"wonderland", 2));
        assert_ne!(tag(b"wonderland", 1), tag(b"wonderlane", 1));
    }
}
