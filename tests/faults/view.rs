//! What an operator sees of a rig.

use pns::operate::admin::Request;
use pns::operate::answer::handle;
use pns::operate::show;
use pns::slowpath::errands::Errands;
use pns::slowpath::view::{KernelFigures, ServerFacts, ServerView};

use super::plane::{Rig, Servers};

struct NoKernel;

impl KernelFigures for NoKernel {
    fn tap_frames(&self, _: usize) -> (u64, u64) {
        (0, 0)
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// Looks at everything there is to see.
pub(crate) fn look<S: Servers, T>(
    rig: &mut Rig<S>,
    errands: Option<&mut Errands>,
    at: impl FnOnce(&mut ServerView<'_>) -> T,
) -> T {
    let facts = ServerFacts {
        host_name: "pns".into(),
        memory: "huge",
        connections_max: 1,
        calls_max: 1,
    };
    at(&mut ServerView {
        facts: &facts,
        plane: &mut rig.plane,
        ports: &[],
        kernel: &NoKernel,
        errands,
        slow_turns: 0,
        now: rig.now,
    })
}

/// What `pns show` or `pns explain` prints.
pub(crate) fn printed<S: Servers>(rig: &mut Rig<S>, request: &Request) -> String {
    look(rig, None, |view| show::text(&handle(request, view)))
}
