//! The `pns` program.

fn main() {}
