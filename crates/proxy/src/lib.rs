//! The Pingora adapter: the only crate that names it.

#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the gateway does not use it yet"))]
mod intake;
