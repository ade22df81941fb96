
//! What tests share. Never linked into the program.
//! What tests share: upstreams that misbehave, raw clients, tokens, a running gateway.
pub mod heads;
pub mod tokens;
