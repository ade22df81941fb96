//! What tests share: upstreams that misbehave, raw clients, tokens, a running gateway.

pub mod tokens;
