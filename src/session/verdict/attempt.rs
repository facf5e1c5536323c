//! What a call notes of itself on its way, for the verdict at its end.

use std::time::Duration;

use super::observed::Observed;
use super::{LinkProgress, NAME_BYTES_MAX, Stage};
use crate::aaa::Rejection;
use crate::clock::Timestamp;
use crate::counted_enum;

counted_enum! {
    /// What can happen to a call, each noted the first time.
    pub enum Step {
        /// Outgoing-Call-Request came.
        Asked => "asked",
        /// The client was told our Call ID.
        Placed => "placed",
        /// The first PPP frame of the client came.
        Heard => "heard",
        /// LCP opened.
        LcpAgreed => "lcp_agreed",
        /// The client said who it is.
        Named => "named",
        /// What it said was refused.
        Refused => "refused",
        /// What it said was believed.
        Accepted => "accepted",
        /// No server answered, and it was let in as a server had let it in before.
        AdmittedInOutage => "admitted_in_outage",
        /// MPPE is in force.
        Encrypted => "encrypted",
        /// The client can use its network.
        NetworkUp => "network_up",
        /// Frames of the client failed to decrypt steadily.
        DecryptionFailing => "decryption_failing",
        /// The end began.
        Ended => "ended",
    }
}

/// How many steps there are.
pub const STEPS_MAX: usize = Step::COUNT;

/// When each step was taken, in milliseconds after the begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps([u32; STEPS_MAX]);

/// Not taken.
const NEVER: u32 = u32::MAX;

impl Default for Steps {
    fn default() -> Self {
        Self([NEVER; STEPS_MAX])
    }
}

impl Steps {
    /// Notes a step, unless it was taken before.
    pub fn note(&mut self, step: Step, after: Duration) {
        if let Some(place) = self.0.get_mut(step.index())
            && *place == NEVER
        {
            *place = u32::try_from(after.as_millis()).unwrap_or(NEVER - 1);
        }
    }

    /// When it was taken, in milliseconds after the begin.
    #[must_use]
    pub fn at_ms(&self, step: Step) -> Option<u32> {
        let at = self.0.get(step.index()).copied()?;
        (at != NEVER).then_some(at)
    }

    /// Every step that was taken, in order of time.
    #[must_use]
    pub fn taken(&self) -> Vec<(Step, u32)> {
        let taken = |step: &Step| Some((*step, self.at_ms(*step)?));
        let mut steps: Vec<_> = Step::ALL.iter().filter_map(taken).collect();
        steps.sort_by_key(|(step, at)| (*at, *step));
        steps
    }
}

/// What a live call has noted so far.
#[derive(Clone, Debug)]
pub(in crate::session) struct Attempt {
    pub(in crate::session) stage: Stage,
    pub(in crate::session) steps: Steps,
    pub(in crate::session) observed: Observed,
    pub(in crate::session) name: Option<Box<[u8]>>,
    pub(in crate::session) rejection: Option<Rejection>,
    /// Who decided, and what it said beside.
    pub(in crate::session) detail: Option<Box<str>>,
    /// The control connection, once it is gone before the call.
    pub(in crate::session) came_by: Option<Box<CameBy>>,
}

/// What is kept of a control connection.
#[derive(Clone, Debug)]
pub(in crate::session) struct CameBy {
    /// The client's TCP port.
    pub(in crate::session) peer_port: u16,
    /// When TCP was accepted.
    pub(in crate::session) accepted: Timestamp,
    /// Host Name and Vendor Name.
    pub(in crate::session) host_and_vendor: (Box<str>, Box<str>),
}

impl Attempt {
    /// A call was asked for.
    pub(in crate::session) fn new() -> Self {
        let mut steps = Steps::default();
        steps.note(Step::Asked, Duration::ZERO);
        Self {
            stage: Stage::Call,
            steps,
            observed: Observed::default(),
            name: None,
            rejection: None,
            detail: None,
            came_by: None,
        }
    }

    /// The client was told our Call ID.
    pub(in crate::session) fn placed(&mut self, after: Duration) {
        self.stage = Stage::Lcp;
        self.steps.note(Step::Placed, after);
    }

    /// A PPP control frame of the client came.
    pub(in crate::session) fn received(&mut self, frame: &[u8], after: Duration) {
        self.steps.note(Step::Heard, after);
        self.observed.received(frame);
    }

    /// The client said who it is.
    pub(in crate::session) fn named(&mut self, name: &[u8], after: Duration) {
        let kept = name.get(..NAME_BYTES_MAX).unwrap_or(name);
        self.name = Some(kept.into());
        self.steps.note(Step::Named, after);
    }

    /// What it said was refused.
    pub(in crate::session) fn refused(
        &mut self,
        rejection: Rejection,
        detail: Option<Box<str>>,
        after: Duration,
    ) {
        self.rejection = Some(rejection);
        self.detail = detail;
        if self.stage != Stage::Network {
            self.stage = Stage::Authentication;
        }
        self.steps.note(Step::Refused, after);
    }

    /// The link has moved.
    pub(in crate::session) fn moved(&mut self, progress: LinkProgress, after: Duration) {
        if self.stage == Stage::Network {
            return;
        }
        let Some(stage) = progress.stage else { return };
        self.stage = stage;
        if stage > Stage::Lcp {
            self.steps.note(Step::LcpAgreed, after);
        }
        if progress.encrypted {
            self.steps.note(Step::Encrypted, after);
        }
    }

    /// The client can use its network.
    pub(in crate::session) fn network_up(&mut self, after: Duration) {
        self.stage = Stage::Network;
        self.steps.note(Step::NetworkUp, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_noted_once_and_steps_come_in_order_of_time() {
        let mut steps = Steps::default();
        assert!(steps.taken().is_empty());
        for (step, ms) in [
            (Step::Named, 7),
            (Step::Asked, 0),
            (Step::Named, 9),
            (Step::Placed, 7),
        ] {
            steps.note(step, Duration::from_millis(ms));
        }
        assert_eq!(
            steps.taken(),
            [(Step::Asked, 0), (Step::Placed, 7), (Step::Named, 7)]
        );
        steps.note(Step::Ended, Duration::from_secs(1 << 40));
        assert_eq!(steps.at_ms(Step::Ended), Some(u32::MAX - 1));
    }

    #[test]
    fn a_name_is_kept_in_its_bytes_up_to_the_bound_and_the_network_phase_stays_reached() {
        let mut attempt = Attempt::new();
        attempt.named(&[0xff; NAME_BYTES_MAX + 1], Duration::ZERO);
        assert_eq!(attempt.name.as_deref(), Some(&[0xff; NAME_BYTES_MAX][..]));
        attempt.network_up(Duration::from_secs(1));
        let back = LinkProgress {
            stage: Some(Stage::Ipcp),
            encrypted: true,
        };
        attempt.moved(back, Duration::from_secs(2));
        assert_eq!(attempt.stage, Stage::Network);
    }
}
