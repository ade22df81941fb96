//! SIGHUP before there is a handler: its default is to end the process, so it is held back from the first statement of `main` on,
//! and is delivered, not lost, once the control thread can take it.

use nix::sys::signal::{SigSet, Signal};

fn hangup() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGHUP);
    set
}

/// For this thread and those that it starts.
pub(crate) fn hold() {
    // Fails for no valid signal.
    let _ = hangup().thread_block();
}

/// For this thread only, which is where it is then delivered.
pub(crate) fn release() {
    let _ = hangup().thread_unblock();
}
