//! What tests share. Never linked into the program.

pub mod heads;
