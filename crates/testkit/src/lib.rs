//! What tests share: upstreams that misbehave, raw clients, tokens, a running gateway.

pub mod client;
pub mod gateway;
mod http1;
pub mod ports;
pub mod upstream;
