//! Open files: a control connection is one, and a limit that stops them half way through a storm is
//! worse than one that is said at the start.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, descriptors_wanted};

/// The hard limit on open files is too low, and only the operator can raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFew {
    /// What the configuration needs.
    pub wanted: u64,
    /// What the process may have.
    pub hard: u64,
}

impl fmt::Display for TooFew {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, hard } = self;
        write!(
            formatter,
            "server.control_connections_max needs {wanted} open files and a process may have {hard}: \
             set LimitNOFILE={wanted} in the unit, or run ulimit -Hn {wanted} as root before, or \
             lower the key"
        )
    }
}

impl std::error::Error for TooFew {}

/// Raises this process's soft limit on open files as far as `config` needs, which anybody may do up
/// to the hard one.
///
/// # Errors
/// The hard limit is lower than that.
pub fn raise_limit(config: &Config) -> Result<(), TooFew> {
    raise_to(descriptors_wanted(config))
}

/// Raises this process's soft limit on open files to `wanted`, if it is lower.
///
/// # Errors
/// The hard limit is lower than that.
pub fn raise_to(wanted: u64) -> Result<(), TooFew> {
    let limit = getrlimit(Resource::Nofile);
    // `None` is no limit at all.
    if limit.current.is_none_or(|soft| soft >= wanted) {
        return Ok(());
    }
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    if hard < wanted || setrlimit(Resource::Nofile, raised).is_err() {
        return Err(TooFew { wanted, hard });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_up_to_the_hard_one_and_no_further() {
        let before = getrlimit(Resource::Nofile);
        let hard = before.maximum.unwrap_or(1 << 20);
        let soft = before.current.unwrap_or(hard);
        assert_eq!(raise_to(soft), Ok(()), "what there is is enough");
        assert_eq!(getrlimit(Resource::Nofile), before, "and stays");
        assert_eq!(raise_to(hard), Ok(()));
        let after = getrlimit(Resource::Nofile);
        assert!(after.current.is_none_or(|soft| soft >= hard));
        assert_eq!(after.maximum, before.maximum);
        if before.maximum.is_some() {
            let wanted = hard + 1;
            let refused = raise_to(wanted).expect_err("more than the hard limit");
            assert_eq!(refused, TooFew { wanted, hard });
            assert!(
                refused
                    .to_string()
                    .contains(&format!("LimitNOFILE={wanted}"))
            );
        }
    }
}
