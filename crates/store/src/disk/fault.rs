//! What can be wrong with the file of counts, in the operator's words.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why a gateway cannot begin with this file.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    #[error("the folder {} cannot be written (server.stateDir): quotas keep their counts there", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("another process keeps its counts in {}: two gateways cannot share a server.stateDir", path.display())]
    InUse { path: PathBuf },
    #[error(
        "{} was written by a newer version of Tollgate, and an older one must not touch it: start the newer one, or move the file \
         away to begin with empty counts",
        path.display()
    )]
    Newer { path: PathBuf },
    #[error("the counts of quotas cannot be read from {}", path.display())]
    Read { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    #[error("the counts of quotas cannot be kept in {}", path.display())]
    Create { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    #[error("the damaged file {} cannot be set aside", path.display())]
    SetAside { path: PathBuf, source: io::Error },
}

/// Why counts could not be written down. They stay in memory, and are written when it is possible again.
#[derive(Debug, thiserror::Error)]
pub enum FlushFault {
    #[error("the counts of quotas cannot be written to {}", path.display())]
    Write { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    #[error(transparent)]
    Open(#[from] OpenFault),
}

/// A damaged file that was moved out of the way.
#[derive(Debug)]
pub struct SetAside {
    pub to: PathBuf,
    /// What was found.
    pub because: String,
}
