//! `tollgate import`, as a user types it.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// An `OpenAPI` document, 3.0 or 3.1, JSON or YAML: routes, parameters, bodies and who may call. What it says beyond that is told
    /// on stderr and in the config's comments
    Openapi(ImportOpenapi),
}

/// Which document, and what it does not say.
#[derive(Args, Debug)]
pub(crate) struct ImportOpenapi {
    /// The document; files that it refers to are read from its folder, and nothing is fetched
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The config to write; without it, it is printed
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write over a config that is there already
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Where the service is, for example <http://10.0.0.5:9001>
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Serve at this host instead of those of the document's `servers`; can be given more than once
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Who may call: whom the document says, anybody, or consumers with an API key
    #[arg(long, value_enum, default_value_t = ImportAuth::Document, value_name = "WHO")]
    pub(crate) auth: ImportAuth,
    /// Exit code 1 if anything is not as in the document; the config is written all the same
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportAuth {
    Document,
    None,
    #[value(name = "apiKey")]
    ApiKey,
}
