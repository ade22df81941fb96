//! `tollgate run`: serves until a signal.

use super::{Failure, Outcome};
use crate::origin::Origin;
use crate::process::startup;
use std::path::Path;

pub(crate) fn run(path: &Path) -> Result<Outcome, Failure> {
    let control = startup::take_over()?;
    super::must_open(path)?;
    startup::serve(control, Origin::disk(path), startup::ControlSocket::InStateDir, |_| {})?;
    Ok(Outcome::Yes)
}
