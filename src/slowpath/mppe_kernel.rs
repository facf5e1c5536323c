//! How the workers of this process make MPPE keystreams.

use std::sync::OnceLock;
use std::time::Instant;

use crate::mppe::kernel::KernelKind;

/// What is quickest on this machine: measured once, in a few milliseconds.
#[must_use]
pub fn measured() -> KernelKind {
    static KERNEL: OnceLock<KernelKind> = OnceLock::new();
    *KERNEL.get_or_init(|| {
        let epoch = Instant::now();
        KernelKind::fastest(|| epoch.elapsed())
    })
}
