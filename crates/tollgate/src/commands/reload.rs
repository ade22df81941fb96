//! `tollgate reload`: tells a running gateway to reload, and with `--wait` reports its verdict.

use super::{Failure, Outcome, output};
use crate::origin::Origin;
use crate::process::control::{Question, SOCKET};
use crate::process::reload::Verdict;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A reload of a large config takes seconds at most.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn run(path: &Path, wait: bool) -> Result<Outcome, Failure> {
    // The file may be the very one that is broken: only its place and its stateDir are needed.
    let socket = Origin::disk(path).state_dir().join(SOCKET);
    let failed = |source| Failure::NotRunning { path: socket.display().to_string(), source };
    let mut stream = UnixStream::connect(&socket).map_err(failed)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    let mut line = serde_json::to_vec(&Question::Reload).map_err(|error| Failure::Usage(error.to_string()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(failed)?;
    if !wait {
        output::result_line("reload asked for");
        return Ok(Outcome::Yes);
    }
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(failed)?;
    let verdict: Verdict = serde_json::from_str(&answer)
        .map_err(|error| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
    output::notes(&verdict.diagnostics);
    if verdict.loaded {
        output::result_line(format_args!("loaded: revision {} serves", verdict.revision));
        Ok(Outcome::Yes)
    } else {
        output::result_line(format_args!("not loaded: revision {} keeps serving", verdict.revision));
        Ok(Outcome::No)
    }
}
