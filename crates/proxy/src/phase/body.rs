//! The request body as it arrives: counted against the route's allowance, and passed on untouched unless it has to be read first.

use crate::context::RequestContext;
use crate::phase::connect::{decided, wait_for_answer};
use crate::phase::content;
use crate::shared::Shared;
use bytes::Bytes;
use pingora::Result;

pub(crate) async fn pass(
    shared: &Shared,
    bytes: &mut Option<Bytes>,
    end_of_stream: bool,
    context: &mut RequestContext,
) -> Result<()> {
    if let (Some(bytes), Some(admission)) = (&bytes, context.admission_mut())
        && let Err(denial) = admission.allowance().spend(bytes.len())
    {
        return Err(decided(context, denial));
    }
    if context.content.is_some() {
        Box::pin(content::pass(shared, bytes, end_of_stream, context)).await?;
    }
    if end_of_stream {
        wait_for_answer(context);
    }
    Ok(())
}
