//! The program as operators run it: real processes, real sockets, real signals. What one request is answered is in `tests/e2e`; here
//! is what happens to the process: reload, stop, the command line, the shipped configs, and whether `explain` tells the truth.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail in its helpers")]

mod cli;
mod demo;
mod denials;
mod explain;
mod heads;
mod import;
mod program;
mod quota;
mod random;
mod reload;
mod shipped;
mod start;
mod stop;
mod token;
