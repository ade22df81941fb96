//! placeholder
#[derive(Debug)]
pub struct Throttle;
