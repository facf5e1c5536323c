//! Tables that were replaced while a worker may still look at them. Whoever lets go of one last frees
//! it, and that must not be a worker: a free of megabytes stops packets.

use std::sync::Arc;

/// What was replaced, until nobody else holds it: at most one for each reader.
pub(crate) struct Retired<T>(Vec<Arc<T>>);

impl<T> Default for Retired<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Retired<T> {
    /// Takes what was just replaced, and frees what nobody holds any more.
    pub(crate) fn keep(&mut self, old: Arc<T>) {
        self.0.push(old);
        self.sweep();
    }

    /// Frees what nobody holds any more.
    pub(crate) fn sweep(&mut self) {
        self.0.retain(|old| Arc::strong_count(old) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_holds_outlives_it() {
        let mut retired = Retired::default();
        let (old, unread) = (Arc::new(1), Arc::new(2));
        let (watch, watch_unread) = (Arc::downgrade(&old), Arc::downgrade(&unread));
        let reader = Arc::clone(&old);
        retired.keep(old);
        retired.keep(unread);
        assert_eq!(watch_unread.upgrade(), None, "nobody reads it");
        drop(reader);
        assert!(watch.upgrade().is_some(), "the reader did not free it");
        retired.sweep();
        assert_eq!(watch.upgrade(), None);
    }
}
