//! What tests share: upstreams that misbehave, raw clients, tokens, a running gateway. Never linked into a serving gateway's path.

pub mod heads;
pub mod tokens;
