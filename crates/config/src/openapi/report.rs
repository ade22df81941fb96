//! What could not be carried over, as it is told on stderr and in the config's comments.

use std::collections::HashMap;
use std::fmt;

use super::document::{Documents, Spot};
use super::tree::Yaml;
use crate::diagnostic::Place;

/// How many things are told. More of them say nothing new.
const NOTES_MAX: usize = 1_000;
/// How much one import may write, in parts of schemas: a schema that many operations use is written for each.
const PARTS_MAX: usize = 400_000;

/// One thing that the config does not have, or has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub place: Option<Place>,
    /// A JSON pointer into the document.
    pub pointer: String,
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(formatter, "{}:{}: {}", place.file, place.line, self.text)?,
            None => write!(formatter, "{}", self.text)?,
        }
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(formatter, " ({})", one_line(pointer))
    }
}

/// All notes, and those of the route that is being written.
pub(super) struct Report<'d> {
    documents: &'d Documents,
    notes: Vec<Note>,
    left_out: usize,
    of_route: Vec<String>,
    parts: usize,
    /// Schemas that are made already, by file and pointer.
    made: HashMap<(usize, String), Made>,
}

struct Made {
    schema: Option<Yaml>,
    remarks: Vec<String>,
    parts: usize,
}

/// Whether a schema was made before; none was kept of it if nothing could be.
pub(super) enum Known {
    Yes(Option<Yaml>),
    No,
}

/// Where a schema was begun: how many remarks there were of the route, and how many parts.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    remarks: usize,
    parts: usize,
}

impl<'d> Report<'d> {
    pub(super) fn new(documents: &'d Documents) -> Self {
        Self { documents, notes: Vec::new(), left_out: 0, of_route: Vec::new(), parts: 0, made: HashMap::new() }
    }

    pub(super) fn note(&mut self, spot: &Spot<'_>, text: impl Into<String>) {
        self.note_at(spot, "", text);
    }

    /// Of something below an item, by its pointer from there.
    pub(super) fn note_at(&mut self, spot: &Spot<'_>, below: &str, text: impl Into<String>) {
        let text = one_line(&text.into());
        if !self.of_route.contains(&text) {
            self.of_route.push(text.clone());
        }
        let note = Note { place: self.documents.place(spot), pointer: format!("{}{below}", spot.pointer), text };
        // What several operations share is told once.
        if self.notes.contains(&note) {
            return;
        }
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// What was noted since this was asked last.
    pub(super) fn of_route(&mut self) -> Vec<String> {
        std::mem::take(&mut self.of_route)
    }

    /// Counts a part of a schema; false when there are too many.
    pub(super) const fn may_write(&mut self) -> bool {
        self.parts = self.parts.saturating_add(1);
        self.parts <= PARTS_MAX
    }

    /// A schema that was made before, its remarks and its size counted again.
    pub(super) fn known(&mut self, key: &(usize, String)) -> Known {
        let Some(made) = self.made.get(key) else { return Known::No };
        self.parts = self.parts.saturating_add(made.parts);
        let new = made.remarks.iter().filter(|remark| !self.of_route.contains(remark));
        let new: Vec<String> = new.cloned().collect();
        self.of_route.extend(new);
        // What would not be written need not be copied.
        Known::Yes(if self.parts > PARTS_MAX { None } else { made.schema.clone() })
    }

    pub(super) const fn begin(&self) -> Begun {
        Begun { remarks: self.of_route.len(), parts: self.parts }
    }

    pub(super) fn keep(&mut self, key: (usize, String), begun: Begun, schema: Option<&Yaml>) {
        let remarks = self.of_route.iter().skip(begun.remarks).cloned().collect();
        let parts = self.parts.saturating_sub(begun.parts);
        self.made.insert(key, Made { schema: schema.cloned(), remarks, parts });
    }

    pub(super) const fn is_too_large(&self) -> bool {
        self.parts > PARTS_MAX
    }

    pub(super) fn finish(self) -> (Vec<Note>, usize) {
        (self.notes, self.left_out)
    }
}

/// Words of the document in a line of ours: no line ends, nothing that paints the terminal, not endless.
pub(super) fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut line: String = text
        .chars()
        .map(|character| if character.is_control() || is_directional(character) { ' ' } else { character })
        .take(CHARS_MAX)
        .collect();
    if text.chars().count() > CHARS_MAX {
        line.push('…');
    }
    line
}

const fn is_directional(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
