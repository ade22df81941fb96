//! Text to snapshot, and every word said about mistakes.
mod diagnostic;
mod include;
mod mask;
mod render;
mod scalar;
mod source;
mod spans;
mod substitute;
mod tree;
mod yaml;
mod yaml_help;
