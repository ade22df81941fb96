//! What can refuse a request. A policy is a struct of compiled fields with one `check`; none imports another, `chain` runs them.

pub mod access;
pub mod api_key;
pub mod basic;
pub mod concurrency;
pub mod cors;
pub mod deprecation;
pub mod forward_auth;
pub mod ip_access;
pub mod jwks;
pub mod jwt;
pub mod parameters;
pub mod payload;
pub mod quota;
pub mod reading;
pub mod throttle;
pub mod token_cache;
