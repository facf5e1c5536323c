//! The benchmark harness of PNS.

fn main() {}
