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
        let everybody: Vec<u8> = (0..workers.max(1)).collect();
        Self::among(workers, &everybody)
    }

    /// Deals the buckets to `owners`, some of `workers` workers; the others have no calls. Without
    /// any owner the first worker has all.
    #[must_use]
    pub fn among(workers: u8, owners: &[u8]) -> Self {
        let mut table = [0; 256];
        for (bucket, owner) in table.iter_mut().zip(owners.iter().cycle()) {
            *bucket = *owner;
        }
        Self {
            workers: table,
            count: workers.max(1),
        }
    }

    /// The worker that owns `call_id`.
    #[inline]
    #[must_use]
    pub fn worker(&self, call_id: CallId) -> u8 {
        self.owner(call_id.bucket())
    }

    /// The worker that owns the calls of a bucket.
    #[inline]
    #[must_use]
    pub fn owner(&self, bucket: u8) -> u8 {
        self.workers[usize::from(bucket)]
    }

    /// How many buckets `worker` owns.
    #[must_use]
    pub fn buckets_of(&self, worker: u8) -> usize {
        self.workers
            .iter()
            .filter(|owner| **owner == worker)
            .count()
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
    fn workers_that_only_receive_own_no_bucket() {
        let table = BucketTable::among(3, &[2, 1]);
        let owned = [0, 1, 2].map(|worker| table.buckets_of(worker));
        assert_eq!((owned, table.workers()), ([0, 128, 128], 3));
        assert_eq!([0, 1, 2].map(|bucket| table.owner(bucket)), [2, 1, 2]);
    }

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
