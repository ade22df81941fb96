//! Which route a request belongs to. The most specific one wins, and the order of the file never matters: the host first, then
//! the path, then the number of conditions. START AT [`table`].
//!
//! - Host: exact, then the longer wildcard, then the shorter one, then any host.
//! - Path: without and with `{param}`, compared segment by segment (a literal before a parameter); then regexes (the longer text first);
//!   then `/*` below the longest prefix, compared in the same way.
//! - A path that is only matched thanks to `trailingSlash` comes right after the one that is matched as it stands.
//! - Conditions on headers and query: more before fewer.

pub mod capture;
mod condition;
mod distance;
mod group;
mod hidden;
pub mod host;
mod method;
mod near;
pub mod path;
mod rule;
pub mod table;
mod trie;
