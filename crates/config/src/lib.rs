//! Text to snapshot, and every word said about mistakes.
//!
//! Reading order: [`parse`] below; `include` (files, merged), `yaml` and `tree` (text to places), `substitute`, `structure` (checked
//! against `schema`), `sound` (what of a broken config is judged all the same), [`raw`] (the mirror of the file), [`text`] (values written as text), [`diagnostic`] and [`render`].
//!
//! Nevers: no network, no clock, no environment and no file but through the arguments; no secret in any message or excerpt.

mod compile;
mod conceal;
pub mod diagnostic;
mod include;
mod mask;
mod names;
pub mod openapi;
mod quote;
pub mod raw;
mod references;
pub mod render;
mod scalar;
mod schema;
mod secrets;
mod similar;
mod sound;
pub mod source;
pub mod spans;
mod structure;
mod substitute;
pub mod text;
pub mod tree;
mod yaml;
mod yaml_help;

use std::path::Path;

pub use compile::{AuthAnswer, Config, Expect, Listener, LogTarget, Process, Redis, RedisTls, TestCase, TestRequest};
use diagnostic::{Code, Diagnostic, Diagnostics, Place};
use engine::live::Live;
use include::Loader;
use raw::RawConfig;
pub use schema::schema;
use sound::LeftOut;
use source::{Files, Sources, Span};
use spans::Spans;
use substitute::Surroundings;
use tree::{Node, Origin, Style, Value};

/// What became of a config's text. Not `Debug`: it holds secrets.
pub struct Parsed {
    /// None if there is an error among the diagnostics.
    pub raw: Option<RawConfig>,
    /// Where each item of `raw` stands, by its JSON pointer.
    pub spans: Spans,
    pub sources: Sources,
    pub diagnostics: Diagnostics,
    /// What keeps `raw` from being there, if there is anything to be judged.
    broken: Option<Broken>,
}

/// How a config is broken.
struct Broken {
    faults: structure::Faults,
    /// Not all of its text is in the tree.
    is_cut_off: bool,
}

impl Parsed {
    /// The place of the item at a JSON pointer such as `/routes/3/upstream`, or of the nearest one around it.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Place {
        self.sources.place(self.spans.near(pointer).span())
    }

    /// The path that the item at a JSON pointer means by `named`: relative to the file in which the item stands.
    #[must_use]
    pub fn beside(&self, pointer: &str, named: &str) -> std::path::PathBuf {
        self.sources.beside(self.spans.near(pointer).value.file, named)
    }
}

/// Reads a config and all that it includes, as far as one can judge it without knowing what its names refer to.
#[must_use]
pub fn parse(path: &Path, files: &dyn Files, env: &dyn Fn(&str) -> Option<String>) -> Parsed {
    let mut loader = Loader::new(Surroundings { files, env });
    let root = loader.load(path, None);
    let Loader { mut sources, mut diagnostics, .. } = loader;
    let is_read = root.is_some();
    let is_cut_off = diagnostics.has_other_errors_than(Code::Substitution);
    let root = root.unwrap_or_else(|| {
        if !diagnostics.has_errors() {
            let place = Place { file: path.display().to_string().into(), line: 1, column: 1, length: 1 };
            let diagnostic = Diagnostic::error(Code::MissingKey, place, "the config is empty");
            diagnostics.push(diagnostic.help("begin it with `version: 1`, `listeners`, `upstreams` and `routes`"));
        }
        let file = sources.first_or_add(path);
        let span = Span { file, line: 1, column: 1, length: 1 };
        Node { value: Value::Map(Vec::new()), span, style: Style::Plain, origin: Origin::Written }
    });
    let spans = Spans::new(root);
    let (mut raw, mut broken) = (None, None);
    if is_read {
        let faults = structure::check(&spans, &sources, &mut diagnostics);
        names::check(spans.root(), &sources, &mut diagnostics);
        secrets::check(spans.root(), &sources, &mut diagnostics);
        if diagnostics.has_errors() {
            broken = Some(Broken { faults, is_cut_off });
        } else {
            raw = deserialize(&spans, &sources, &mut diagnostics);
        }
    }
    Parsed { raw, spans, sources, diagnostics, broken }
}

/// What became of a config.
pub struct Loaded {
    /// None if there is an error among the diagnostics.
    pub config: Option<Config>,
    pub diagnostics: Diagnostics,
    /// What the diagnostics point into.
    pub sources: Sources,
}

/// How diagnostics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text { colour: bool },
    Json,
    Github,
}

impl Loaded {
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text { colour: true } => render::text(&self.diagnostics, &self.sources, render::Colour::Always),
            Format::Text { colour: false } => render::text(&self.diagnostics, &self.sources, render::Colour::Never),
            Format::Json => render::json(&self.diagnostics),
            Format::Github => render::github(&self.diagnostics),
        }
    }
}

/// Reads and compiles a config: all its mistakes, or a config without any. `live` is what outlives it.
#[must_use]
pub fn load(path: &Path, files: &dyn Files, env: &dyn Fn(&str) -> Option<String>, live: &Live) -> Loaded {
    let Parsed { raw, spans, sources, mut diagnostics, broken } = parse(path, files, env);
    let compile = |raw: &RawConfig, spans: &Spans, left_out: &LeftOut, diagnostics: &mut Diagnostics| {
        let around = compile::Surroundings { spans, sources: &sources, files, live, left_out };
        compile::compile(raw, &around, diagnostics)
    };
    let config = raw.and_then(|raw| compile(&raw, &spans, &LeftOut::default(), &mut diagnostics));
    if let Some(Broken { faults, is_cut_off }) = broken {
        let (sound, left_out) = sound::part(&spans, &faults, is_cut_off);
        // Names first: here all are known, those of broken items as well.
        references::check(&spans, &sources, &left_out, &mut diagnostics);
        if let Some(sound) = sound
            && let Some(raw) = deserialize(&sound, &sources, &mut diagnostics)
        {
            compile(&raw, &sound, &left_out, &mut diagnostics);
        }
    }
    Loaded { config, diagnostics, sources }
}

/// `server.stateDir` of a config that may otherwise be broken.
#[must_use]
pub fn state_dir(path: &Path, files: &dyn Files, env: &dyn Fn(&str) -> Option<String>) -> std::path::PathBuf {
    let parsed = parse(path, files, env);
    let found = parsed.spans.at("/server/stateDir").and_then(|found| found.node.as_text().map(str::to_owned));
    parsed.beside("/server/stateDir", found.as_deref().unwrap_or(raw::STATE_DIR))
}

/// A day or an RFC 3339 time as seconds since 1970; none if it is neither.
#[must_use]
pub fn unix_seconds(text: &str) -> Option<u64> {
    use text::Text as _;
    text::Moment::read(text).ok().map(text::Moment::unix_seconds)
}

/// The candidate that a slip of the fingers most likely meant.
#[must_use]
pub fn closest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    similar::closest(written, candidates)
}

/// After a clean structural pass this cannot fail; if it does, schema and types disagree, and the operator is told so.
fn deserialize(spans: &Spans, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<RawConfig> {
    match serde_yaml::from_value(spans.root().to_yaml()) {
        Ok(raw) => Some(raw),
        Err(error) => {
            // Without what serde quotes: it may be a secret.
            let said = error.to_string().split('"').step_by(2).collect::<Vec<_>>().join("…");
            let message = format!("the config passes its schema, but cannot be read: {said}");
            let diagnostic = Diagnostic::error(Code::Internal, sources.place(spans.root().span), message);
            diagnostics
                .push(diagnostic.help("this is a bug of Tollgate: please report it with this config, secrets removed"));
            None
        }
    }
}
