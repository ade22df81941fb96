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
    #[error("cannot start: this config has quotas, and their counts cannot be kept")]
    QuotaStore(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no gateway answers at {path}: is one running with this config?")]
    NotRunning { path: String, source: std::io::Error },
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
