//! The Pingora adapter: the only crate that names it.

#[cfg_attr(not(test), expect(dead_code, reason = "the gateway does not use it yet"))]
mod intake;
