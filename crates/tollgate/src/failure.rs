//! Why the program could not do what it was asked for. Mistakes of a config are told as diagnostics, not here.

use std::io::ErrorKind;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot read {path}")]
    Read { path: String, source: std::io::Error },
    #[error("cannot write {path}")]
    Write { path: String, source: std::io::Error },
    #[error("{0}")]
    Usage(String),
    #[error("the config has mistakes")]
    Config,
    #[error("cannot start")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot start: this config has quotas, and their counts cannot be kept")]
    QuotaStore(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no gateway answers at {path}: is one running with this config?")]
    NotRunning { path: String, source: std::io::Error },
    /// The same, where what is wrong and what to do is known better than the system says it.
    #[error("no gateway answers at {path}: {why}")]
    NoControlSocket { path: String, why: &'static str },
}

impl Failure {
    /// What a control socket that cannot be asked means.
    pub(crate) fn of_control_socket(path: String, source: std::io::Error) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the system's kinds of errors have no end")]
        let why = match source.kind() {
            ErrorKind::NotFound => {
                "none was started with this config. Start one with `tollgate run FILE`, or name the file that the running one was started with: \
                 `--config FILE`. A demo says at its start how it is asked"
            }
            ErrorKind::ConnectionRefused => {
                "the one that was there has ended. Start it again with `tollgate run FILE`, or name the file that the running one was \
                 started with: `--config FILE`"
            }
            ErrorKind::PermissionDenied => "it answers its own user only: ask as the user that it runs as, or as root",
            _ => return Self::NotRunning { path, source },
        };
        Self::NoControlSocket { path, why }
    }
}

/// An error with everything that caused it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
