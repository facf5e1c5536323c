//! Who may connect: local users, address pools, policy.
