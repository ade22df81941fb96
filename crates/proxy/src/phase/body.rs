//! The request body as it arrives: counted against the route's allowance, passed on untouched.

use crate::context::RequestContext;
use crate::phase::connect::{decided, wait_for_answer};
use bytes::Bytes;
use pingora::Result;

pub(crate) fn count(bytes: Option<&Bytes>, end_of_stream: bool, context: &mut RequestContext) -> Result<()> {
    if let (Some(bytes), Some(admission)) = (bytes, context.admission_mut())
        && let Err(denial) = admission.allowance().spend(bytes.len())
    {
        return Err(decided(context, denial));
    }
    if end_of_stream {
        wait_for_answer(context, bytes.is_some_and(|bytes| !bytes.is_empty()));
    }
    Ok(())
}
