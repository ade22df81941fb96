//! Everything that counts, without I/O: the only crate with atomics and locks over shared numbers, so that model checkers can run
//! on it alone. Nothing here knows HTTP, config or a runtime; time comes in as [`clock::Now`].
//!
//! Reading order: [`keyed`] (what is counted), [`bucket`], [`buckets`] and [`crowd`] (rates), [`window`] and [`counts`] (quotas),
//! [`gauge`] (how many at once).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod bucket;
pub mod buckets;
pub mod clock;
pub mod counts;
pub mod crowd;
pub mod cursor;
pub mod gauge;
pub mod keyed;
mod meters;
pub mod retries;
mod scatter;
mod shards;
mod sketch;
pub mod window;
