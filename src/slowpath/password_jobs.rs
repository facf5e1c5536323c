//! The thread that works on passwords: what is kept of them for outages is slow to make on purpose.

use std::collections::HashMap;
use std::io;

use super::control_plane::ControlPlane;
use super::jobs::{JobId, JobPool, Outcome};
use crate::aaa::outage::{Done, WORK_MAX, Work};
use crate::clock::Timestamp;

/// Passwords that are worked on.
pub(super) struct PasswordJobs {
    jobs: JobPool<Done>,
    /// What is said of each if nothing comes of it.
    undone: HashMap<JobId, Done>,
}

impl PasswordJobs {
    /// None yet; `wake` makes the loop call [`Self::turn`].
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        Ok(Self {
            jobs: JobPool::new(1, WORK_MAX, wake)?,
            undone: HashMap::new(),
        })
    }

    /// Begins with one; what came of it at once if it cannot be begun.
    pub(super) fn begin(&mut self, work: Work) -> Option<Done> {
        let undone = work.undone();
        match self.jobs.submit(move || work.run()) {
            Ok(job) => {
                self.undone.insert(job, undone);
                None
            }
            Err(_) => Some(undone),
        }
    }

    /// Tells what came of those that are done.
    pub(super) fn turn(&mut self, plane: &mut ControlPlane, now: Timestamp) {
        while let Some((job, outcome)) = self.jobs.poll_output() {
            let undone = self.undone.remove(&job);
            let done = match outcome {
                Outcome::Done(done) => Some(done),
                Outcome::Panicked => undone,
            };
            done.into_iter().for_each(|done| plane.derived(done, now));
        }
    }
}
