//! How many sessions a user may have, and a group.

/// What happens to a log-in of a user who has as many sessions as it may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtLimit {
    /// It is refused.
    #[default]
    Deny,
    /// It takes the place of the user's oldest session, which ends first.
    Replace,
}

/// How many sessions there may be; `None` is as many as come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionLimits {
    /// Of one user.
    pub per_user_max: Option<u32>,
    /// What happens then.
    pub at_user_limit: AtLimit,
    /// Of the whole group.
    pub group_max: Option<u32>,
}
