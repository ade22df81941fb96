//! What a failed read of a request body means. Pingora hands the gateway an error without a type of ours around it.

use super::pace::SlowBody;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::wire::chunked::ChunkFault;
use pingora::{Error, ErrorSource, ErrorType};
use std::io;

/// The refusal of a body that is malformed, too slow or stopped; none for any other error. Asked in `fail_to_proxy`.
pub(crate) fn body_fault(error: &Error) -> Option<Denial> {
    let cause = error.root_cause().downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    if let Some(fault) = cause.and_then(|cause| cause.downcast_ref::<ChunkFault>()) {
        return Some(Denial::new(Reason::BodyMalformed).because(fault.to_string()));
    }
    if let Some(slow) = cause.and_then(|cause| cause.downcast_ref::<SlowBody>()) {
        return Some(Denial::new(Reason::BodyTimeout).because(slow.to_string()));
    }
    let stopped = *error.esource() == ErrorSource::Downstream && *error.etype() == ErrorType::ReadTimedout;
    stopped.then(|| Denial::new(Reason::BodyTimeout).because("the body stopped arriving"))
}
