//! An OpenAPI document (3.0, 3.1) as a config: routes, parameters, schemas, content types, who may call; and what could not be carried
//! over. A document in the wild is never quite what the standard says: what is odd is told and left out, and never opens a door.
//!
//! Reads the document and the files beside it, nothing else. [`import`] makes text; whether it is a good config, `load` says.

mod body;
mod document;
mod emit;
mod json;
mod keywords;
mod loss;
mod names;
mod output;
mod parameters;
mod paths;
mod read_only;
mod report;
mod schema;
mod security;
mod servers;
mod template;
mod tree;
mod upstream;

use std::path::Path;

use crate::source::{FILE_BYTES_MAX, Files};
use document::Documents;
use engine::route::host::HostPattern;
use paths::{OPERATIONS_MAX, Walk};
pub use report::Note;
use upstream::Upstream;

/// What the one who imports says beside the document.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the service is: `http://HOST:PORT` or `https://HOST:PORT`.
    pub upstream: Option<String>,
    /// Instead of the hosts of `servers`.
    pub hosts: Vec<String>,
    pub access: Access,
}

/// Who may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Whom the document says.
    #[default]
    AsWritten,
    /// Anybody, whatever the document says.
    Open,
    /// Consumers with an API key, whatever the document says.
    ApiKey,
}

/// A config, and what it lacks.
#[derive(Debug)]
pub struct Imported {
    pub config: String,
    pub routes: usize,
    /// Of those, the ones that anybody may call.
    pub open: usize,
    pub notes: Vec<Note>,
    /// Notes beyond those.
    pub notes_left_out: usize,
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("cannot read {path}")]
    Read { path: String, source: std::io::Error },
    /// Diagnostics, as they are shown.
    #[error("the document cannot be read")]
    Syntax(String),
    #[error("the document and the files beside it are larger than 16 MiB")]
    TooLarge,
    #[error("{0}")]
    NoOpenApi(String),
    #[error(
        "the document has {0} operations beyond the {OPERATIONS_MAX} that one config is made of: import it in parts"
    )]
    TooManyOperations(usize),
    #[error(
        "the config would be larger than 8 MiB: its schemas are written for each operation. Import the document in parts"
    )]
    ConfigTooLarge,
    #[error("{0}")]
    Option(String),
}

/// The versions of Schema Objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// A cousin of draft 5.
    V30,
    /// Draft 2020-12.
    V31,
}

/// Reads a document and writes a config.
pub fn import(path: &Path, files: &dyn Files, options: &Options) -> Result<Imported, Fault> {
    for host in &options.hosts {
        HostPattern::parse(host).map_err(|fault| Fault::Option(format!("`{host}` is no host: {fault}")))?;
    }
    let documents = Documents::open(path, files)?;
    let root = documents.root().ok_or_else(|| Fault::NoOpenApi("the document is empty".to_owned()))?;
    let dialect = dialect(&root)?;
    if root.get("paths").is_none() && root.get("webhooks").is_none() && root.get("components").is_none() {
        return Err(Fault::NoOpenApi("the document has no `paths`".to_owned()));
    }
    let title = root.get("info").and_then(|info| info.text("title")).filter(|title| !title.trim().is_empty());
    let title = title.unwrap_or("api");
    let upstream = Upstream::of(title, options.upstream.as_deref()).map_err(Fault::Option)?;
    let mut walk = Walk::new(&documents, dialect, options);
    walk.run(&root);
    if walk.left_out > 0 {
        return Err(Fault::TooManyOperations(walk.left_out));
    }
    let source =
        path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let config = output::text(&walk, &source, title, &upstream);
    if walk.report.is_too_large() || u64::try_from(config.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(Fault::ConfigTooLarge);
    }
    let (routes, open) = (walk.routes.len(), walk.open);
    let (notes, notes_left_out) = walk.report.finish();
    Ok(Imported { config, routes, open, notes, notes_left_out })
}

fn dialect(root: &document::Spot<'_>) -> Result<Dialect, Fault> {
    let fault = |text: &str| Err(Fault::NoOpenApi(text.to_owned()));
    // Unquoted, a YAML document may say 3.1 and mean a number.
    let version = root.get("openapi").map(|spot| tree::Yaml::from(spot.node));
    let version = match &version {
        Some(tree::Yaml::Text(text) | tree::Yaml::Number(text)) => text.as_str(),
        Some(_) => return fault("`openapi` is no version such as 3.1.0"),
        None if root.get("swagger").is_some() => {
            return fault("this is a document of version 2 (`swagger`): convert it to OpenAPI 3 first");
        }
        None => {
            return fault("this is no OpenAPI document: it does not begin with `openapi: 3.1.0` or `openapi: 3.0.3`");
        }
    };
    let is_version =
        |wanted: &str| version == wanted || version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
    if is_version("3.0") {
        Ok(Dialect::V30)
    } else if is_version("3.1") {
        Ok(Dialect::V31)
    } else {
        Err(Fault::NoOpenApi(format!("OpenAPI {} is not read: 3.0 and 3.1 are", report::one_line(version))))
    }
}
