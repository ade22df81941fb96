//! Texts that templates share: `{{> footer}}` stands for the part `footer`, as if it had been written there.

use super::fault::{TemplateFault, TemplateProblem};
use super::{Escape, Template};
use std::collections::BTreeMap;

/// How deep parts may include parts.
pub const PARTS_DEPTH_MAX: usize = 8;

/// The parts of a config, by name.
#[derive(Clone, Debug, Default)]
pub struct Parts(BTreeMap<Box<str>, Box<str>>);

impl Parts {
    /// The last line end of a text is not part of it: editors and YAML's block texts set one, and a JSON string has no room for it.
    #[must_use]
    pub fn new<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let bare = |text: &'t str| text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text);
        Self(texts.into_iter().map(|(name, text)| (name.into(), bare(text).into())).collect())
    }

    pub(super) fn entry(&self, name: &str) -> Option<(&str, &str)> {
        self.0.get_key_value(name).map(|(name, text)| (&**name, &**text))
    }

    /// Whether a part can be included at all: its tags and the parts in it. What depends on the template around it is left to that.
    pub fn check(&self, name: &str) -> Result<(), TemplateFault> {
        let depends = |fault: &TemplateFault| {
            matches!(fault.problem, TemplateProblem::ListOutsideOfJson | TemplateProblem::OutsideOfSection { .. })
        };
        match Template::parse_with(&format!("{{{{> {name}}}}}"), Escape::Text, self) {
            Err(fault) if !depends(&fault) => Err(fault),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    pub(super) fn unknown(&self, name: &str) -> TemplateProblem {
        let distance = |known: &str| strsim::osa_distance(&name.to_ascii_lowercase(), &known.to_ascii_lowercase());
        let nearest = self.0.keys().map(|known| (distance(known), known)).min_by_key(|(distance, _)| *distance);
        let nearest =
            nearest.filter(|(distance, _)| *distance <= (name.len() / 3).max(1)).map(|(_, known)| known.clone());
        TemplateProblem::UnknownPart { name: name.into(), nearest, known: self.0.keys().cloned().collect() }
    }
}
