//! Safe owners for the DPDK objects that PNS uses.
