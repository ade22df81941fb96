//! What tests share: upstreams that misbehave, raw clients, tokens, a running gateway, a Redis, a browser. Never in a serving gateway's path; the demo
//! uses its upstream and its tokens.

pub mod browser;
pub mod client;
pub mod gateway;
pub mod heads;
mod http1;
pub mod http2;
pub mod idp;
pub mod ports;
pub mod redis;
#[cfg(feature = "tls")]
pub mod tls_upstream;
pub mod tokens;
pub mod upstream;
