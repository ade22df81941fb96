//! The request body as it arrives: counted against the route's allowance, passed on untouched.

use crate::context::RequestContext;
use crate::phase::connect::decided;
use bytes::Bytes;
use pingora::Result;

pub(crate) fn count(bytes: Option<&Bytes>, context: &mut RequestContext) -> Result<()> {
    let Some(bytes) = bytes else { return Ok(()) };
    let Some(admission) = context.admission_mut() else { return Ok(()) };
    match admission.allowance().spend(bytes.len()) {
        Ok(()) => Ok(()),
        Err(denial) => Err(decided(context, denial)),
    }
}
