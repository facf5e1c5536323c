//! Arrays of zeros that are memory only as far as somebody has written to them: the system backs a page
//! when it is first written, on the NUMA node of the thread that does.

use std::alloc::{Layout, handle_alloc_error};

use zerocopy::FromZeros;

/// So many zeros. Where there is no room, the process ends, as with any allocation.
pub(crate) fn zeroed<T: FromZeros>(count: usize) -> Vec<T> {
    T::new_vec_zeroed(count).unwrap_or_else(|_| {
        handle_alloc_error(Layout::array::<T>(count).unwrap_or(Layout::new::<T>()))
    })
}
