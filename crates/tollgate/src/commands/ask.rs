//! Asks the running gateway of a config, over the control socket in its stateDir.

use super::Failure;
use crate::origin::Origin;
use crate::process::control::Question;
use crate::process::socket::SOCKET;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For the next line of an answer: a reload of a large config takes seconds at most.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A gateway that was asked something.
pub(super) struct Asked {
    socket: PathBuf,
    answer: BufReader<UnixStream>,
}

impl Asked {
    /// The config may be the very file that is broken: only its place and its stateDir are needed.
    pub(super) fn new(config: &Path, question: &Question) -> Result<Self, Failure> {
        let socket = Origin::disk(config).state_dir().join(SOCKET);
        let mut line = serde_json::to_vec(question).map_err(|error| Failure::Usage(error.to_string()))?;
        line.push(b'\n');
        let asked = UnixStream::connect(&socket).and_then(|mut stream| {
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            stream.write_all(&line)?;
            Ok(stream)
        });
        match asked {
            Ok(stream) => Ok(Self { socket, answer: BufReader::new(stream) }),
            Err(source) => Err(Failure::of_control_socket(socket.display().to_string(), source)),
        }
    }

    /// The next line of the answer, which has to be one: an answer that ends early is none.
    pub(super) fn line<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let ended = io::Error::new(io::ErrorKind::UnexpectedEof, "the answer has no end");
        self.read()?.ok_or_else(|| self.failed(ended))
    }

    /// The same, for an answer that ends with the gateway: none when it has.
    pub(super) fn line_or_end<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        self.read()
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        let mut text = String::new();
        let read = self.answer.read_line(&mut text).map_err(|error| self.failed(error))?;
        if read == 0 {
            return Ok(None);
        }
        let invalid = |error| self.failed(io::Error::new(io::ErrorKind::InvalidData, error));
        serde_json::from_str(&text).map(Some).map_err(invalid)
    }

    fn failed(&self, source: io::Error) -> Failure {
        Failure::NotRunning { path: self.socket.display().to_string(), source }
    }
}
