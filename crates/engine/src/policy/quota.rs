//! placeholder
#[derive(Debug)]
pub struct Quota;
