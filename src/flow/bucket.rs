//! Which worker owns a call: the low 8 bits of our Call ID are a bucket, and this table is the only
//! thing that turns a bucket into a worker. It is fixed at start for now; a later rebalancing moves
//! buckets here and nowhere else.

use crate::wire::call_id::CallId;

/// 256 buckets dealt round robin to the workers.
#[derive(Clone, Debug)]
pub struct BucketTable {
    workers: [u8; 256],
    count: u8,
}

impl BucketTable {
    /// Deals the buckets to `workers` workers, of which there is at least one.
    #[must_use]
    pub fn new(workers: u8) -> Self {
        let count = workers.max(1);
        let mut table = [0; 256];
        for (owner, worker) in table.iter_mut().zip((0..count).cycle()) {
            *owner = worker;
        }
        Self {
            workers: table,
            count,
        }
    }

    /// The worker that owns `call_id`.
    #[inline]
    #[must_use]
    pub fn worker(&self, call_id: CallId) -> u8 {
        self.workers[usize::from(call_id.bucket())]
    }

    /// How many workers share the buckets.
    #[must_use]
    pub const fn workers(&self) -> u8 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_has_an_owner_and_shares_differ_by_one_at_most() {
        for workers in 1..=16u8 {
            let table = BucketTable::new(workers);
            let mut shares = vec![0u32; usize::from(workers)];
            for bucket in 0..=255u16 {
                shares[usize::from(table.worker(CallId::new(bucket)))] += 1;
            }
            let (least, most) = (shares.iter().min(), shares.iter().max());
            assert!(
                most.unwrap() - least.unwrap() <= 1,
                "{workers} workers: {shares:?}"
            );
        }
    }
}
