//! Short header lines put together without the heap.

use arrayvec::ArrayString;

/// Bytes of the longest line that we write ourselves: a `Forwarded` element with a host name of full length.
const LINE_BYTES_MAX: usize = 384;

/// A line under construction. What does not fit is left out by `write!`'s error, never cut in the middle.
pub(crate) type Line = ArrayString<LINE_BYTES_MAX>;
