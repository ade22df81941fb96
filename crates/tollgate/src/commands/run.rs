//! `tollgate run`: serves until a signal.

use super::{Failure, Outcome};
use crate::process::startup;
use std::path::Path;

pub(crate) fn run(path: &Path) -> Result<Outcome, Failure> {
    startup::serve(path, |_| {})?;
    Ok(Outcome::Yes)
}
