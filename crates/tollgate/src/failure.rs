//! Why the program could not do what it was asked for. Mistakes of a config are told as diagnostics, not here.

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
    #[error("no gateway answers at {path}: is one running with this config?")]
    NotRunning { path: String, source: std::io::Error },
}
