//! Everything that counts, without I/O: the only crate with atomics and locks over shared numbers, so that model checkers can run
//! on it alone. Nothing here knows HTTP, config or a runtime; time comes in as [`clock::Now`].

pub mod clock;
pub mod keyed;
