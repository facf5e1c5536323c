//! Pure functions over secrets: MS-CHAPv2 and its relatives.

pub mod secret;
