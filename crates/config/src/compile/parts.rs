//! The texts that errors are made of: where each stands, and what is said about a mistake in it.

use std::collections::{BTreeMap, BTreeSet};

use engine::template::{Parts, TemplateFault, TemplateProblem};

use super::desk::Desk;
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{RawConfig, TemplatePart};
use crate::spans::deeper;

/// One text: in the config itself, or in a file that the config names.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) content: String,
    pub(super) pointer: String,
    /// As the config names it.
    file: Option<String>,
}

impl Text {
    pub(super) fn own(text: &str, pointer: String) -> Self {
        Self { content: text.to_owned(), pointer, file: None }
    }

    pub(super) fn in_file(named: &str, pointer: String, desk: &mut Desk<'_>) -> Option<Self> {
        let bytes = desk.file(&pointer, named)?;
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                Some(Self { content: text, pointer, file: Some(named.to_owned()) })
            }
            Err(error) => {
                let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let line = valid.split(|byte| *byte == b'\n').count();
                let message = format!("the file {} is not UTF-8 text: line {line} holds other bytes", quoted(named));
                desk.error(Code::FileUnreadable, &pointer, message, "save the file as UTF-8");
                None
            }
        }
    }
}

/// `errors.parts`.
#[derive(Debug, Default)]
pub(super) struct PartTexts {
    pub(super) parts: Parts,
    texts: BTreeMap<String, Text>,
    /// Of which it has been said already what is wrong.
    broken: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl PartTexts {
    pub(super) fn of(raw: &RawConfig, desk: &mut Desk<'_>) -> Self {
        let mut all = Self::default();
        for (name, part) in &raw.errors.parts {
            let pointer = deeper("/errors/parts", name);
            if !is_name(name) {
                let (place, help) =
                    (desk.key_place(&pointer), "a name has letters, digits, `-` and `_`, as in `footer`");
                let message = format!("{} is no name for a part", quoted(name));
                desk.push(Diagnostic::error(Code::MalformedValue, place, message).help(help));
                continue;
            }
            let text = match part {
                TemplatePart::Text(text) => Some(Text::own(text, pointer)),
                TemplatePart::File(named) => Text::in_file(named, format!("{pointer}/file"), desk),
            };
            // One that cannot be read has been reported; who includes it is not at fault.
            let text = text.unwrap_or_else(|| {
                all.broken.insert(name.clone());
                Text::own("", String::new())
            });
            all.used.extend(included(&text.content).filter(|inner| inner != name).map(str::to_owned));
            all.texts.insert(name.clone(), text);
        }
        all.parts = Parts::new(all.texts.iter().map(|(name, text)| (name.as_str(), text.content.as_str())));
        let names: Vec<String> = all.texts.keys().cloned().collect();
        for name in names {
            if let Err(fault) = all.parts.check(&name) {
                all.report_part(&fault, desk);
                all.broken.insert(name);
            }
        }
        all
    }

    /// What is wrong in a part, whoever includes it.
    fn report_part(&self, fault: &TemplateFault, desk: &mut Desk<'_>) {
        if is_left_out(fault, desk) {
            return;
        }
        let Some(text) = fault.part.as_deref().and_then(|part| self.texts.get(part)) else { return };
        desk.push(diagnostic(fault, text, desk));
    }

    /// What is wrong with a template, in its own text or in that of a part.
    pub(super) fn report(&self, fault: &TemplateFault, own: &Text, desk: &mut Desk<'_>) {
        if is_left_out(fault, desk) {
            return;
        }
        let Some(part) = fault.part.as_deref() else {
            desk.push(diagnostic(fault, own, desk));
            return;
        };
        let Some(text) = self.texts.get(part).filter(|_| !self.broken.contains(part)) else { return };
        let here = desk.place_of_word(&own.pointer, part);
        desk.push(diagnostic(fault, text, desk).note(here, format!("{} is included here", quoted(part))));
    }

    pub(super) fn using(&mut self, text: &str) {
        self.used.extend(included(text).map(str::to_owned));
    }

    pub(super) fn unused(&self, desk: &mut Desk<'_>) {
        for name in self.texts.keys().filter(|name| !self.used.contains(*name)) {
            let place = desk.key_place(&deeper("/errors/parts", name));
            let message = format!("no template includes the part {}", quoted(name));
            desk.push(
                Diagnostic::warning(Code::Unused, place, message)
                    .help(format!("write `{{{{> {name}}}}}`, or remove it")),
            );
        }
    }
}

/// Whether all that is wrong is a part of which another mistake has been reported.
fn is_left_out(fault: &TemplateFault, desk: &Desk<'_>) -> bool {
    matches!(&fault.problem, TemplateProblem::UnknownPart { name, .. } if desk.is_left_out(&deeper("/errors/parts", name)))
}

fn diagnostic(fault: &TemplateFault, text: &Text, desk: &Desk<'_>) -> Diagnostic {
    let place = match &text.file {
        None => desk.place_of_word(&text.pointer, fault.variable().unwrap_or_default()),
        Some(_) => desk.place(&text.pointer),
    };
    let mut diagnostic = Diagnostic::error(Code::Template, place, fault.to_string()).help(fault.help());
    if let TemplateProblem::NotJson { near, .. } = &fault.problem {
        diagnostic = reads(diagnostic, near);
    } else if let Some(file) = &text.file {
        let before = text.content.get(..fault.offset).unwrap_or_default();
        let line = before.split('\n').count();
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()).saturating_add(1);
        diagnostic = diagnostic.note(None, format!("in {}, line {line}, column {column}", quoted(file)));
    }
    diagnostic
}

/// With what a parser did not take.
pub(super) fn reads(diagnostic: Diagnostic, near: &str) -> Diagnostic {
    if near.is_empty() { diagnostic } else { diagnostic.note(None, format!("rendered, it reads {}", quoted(near))) }
}

/// The parts that a text includes itself.
fn included(text: &str) -> impl Iterator<Item = &str> {
    let tags = text.split("{{").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('>')?.split_once("}}"));
    tags.map(|(name, _)| name.trim())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
