//! What must hold for any input, one function a target. libFuzzer calls them through `fuzz_targets/`, a plain test replays the
//! corpus and every input that once failed (`tests/replay.rs`). A target that finds something panics.
//!
//! Inputs are text wherever the code under test reads text, so that the corpus can be read and written by hand; each function says
//! how it takes its input apart.

mod body;
mod body_read;
mod config_files;
mod content_type;
mod credentials;
mod forwarding;
mod keys;
mod metadata;
mod openapi;
mod passwords;
mod paths;
mod replies;
mod routes;
mod templates;
mod tokens;
mod tracing;
mod transformations;
mod wire;

pub use body::body_guard;
pub use body_read::body_read;
pub use config_files::config_parse;
pub use content_type::content_type;
pub use credentials::credential;
pub use forwarding::forwarded;
pub use keys::jwks;
pub use metadata::key_metadata;
pub use openapi::openapi_import;
pub use passwords::basic;
pub use paths::path_normal_form;
pub use replies::accept;
pub use routes::route_match;
pub use templates::template;
pub use tokens::jwt;
pub use tracing::traceparent;
pub use transformations::{pointer_mapping, transform};
pub use wire::{chunked, wire_head};

/// A target's body.
pub type Target = fn(&[u8]);

/// Every target by its name: the binary's, the corpus folder's and the function's.
pub const TARGETS: &[(&str, Target)] = &[
    ("accept", accept),
    ("basic", basic),
    ("body_guard", body_guard),
    ("body_read", body_read),
    ("chunked", chunked),
    ("config_parse", config_parse),
    ("content_type", content_type),
    ("credential", credential),
    ("forwarded", forwarded),
    ("jwks", jwks),
    ("jwt", jwt),
    ("key_metadata", key_metadata),
    ("openapi_import", openapi_import),
    ("path_normal_form", path_normal_form),
    ("pointer_mapping", pointer_mapping),
    ("route_match", route_match),
    ("template", template),
    ("traceparent", traceparent),
    ("transform", transform),
    ("wire_head", wire_head),
];
