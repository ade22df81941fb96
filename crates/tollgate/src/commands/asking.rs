//! A question to a running gateway, over the control socket of its config.

use super::Failure;
use crate::origin::Origin;
use crate::process::control::{Question, SOCKET};
use serde::de::DeserializeOwned;
use std::io::{BufRead as _, BufReader, Error, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A reload of a large config takes seconds at most.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A question that has been asked.
pub(super) struct Asked {
    socket: PathBuf,
    stream: UnixStream,
}

impl Asked {
    /// The file may be broken: only its place and its `stateDir` are needed.
    pub(super) fn new(config: &Path, question: &Question) -> Result<Self, Failure> {
        let socket = Origin::disk(config).state_dir().join(SOCKET);
        let failed = |source| Failure::NotRunning { path: socket.display().to_string(), source };
        let mut stream = UnixStream::connect(&socket).map_err(failed)?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
        let mut line = serde_json::to_vec(question).map_err(|error| Failure::Usage(error.to_string()))?;
        line.push(b'\n');
        stream.write_all(&line).map_err(failed)?;
        Ok(Self { socket, stream })
    }

    pub(super) fn answer<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let failed = |source| Failure::NotRunning { path: self.socket.display().to_string(), source };
        let mut answer = String::new();
        BufReader::new(self.stream).read_line(&mut answer).map_err(failed)?;
        serde_json::from_str(&answer).map_err(|error| failed(Error::new(ErrorKind::InvalidData, error)))
    }
}
