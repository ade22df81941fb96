//! Which names of `required` are about responses: what is `readOnly` anywhere in an `allOf` is so for all of it.

use std::collections::{HashMap, HashSet};

use super::document::{Documents, Spot};
use super::keywords::{LISTS, MAPS, SCHEMAS};

/// How many schemas are looked at. Beyond them a name counts as required.
const VISITS_MAX: usize = 200_000;

/// File and pointer of a schema.
type Key = (usize, String);

pub(super) struct ReadOnly<'d> {
    documents: &'d Documents,
    by_schema: HashMap<Key, HashSet<&'d str>>,
    visits_left: usize,
}

impl<'d> ReadOnly<'d> {
    /// Of a schema and all that it refers to.
    pub(super) fn of(root: &Spot<'d>, documents: &'d Documents) -> Self {
        let mut all = Self { documents, by_schema: HashMap::new(), visits_left: VISITS_MAX };
        let mut seen = HashSet::new();
        let mut open = vec![root.clone()];
        while let Some(spot) = open.pop() {
            if !seen.insert(key(&spot)) || !all.may_visit() {
                continue;
            }
            let mut names = HashSet::new();
            let mut family = Vec::new();
            all.gather(&spot, &mut names, &mut family, &mut HashSet::new());
            if !names.is_empty() {
                for member in family {
                    all.by_schema.entry(member).or_default().extend(names.iter().copied());
                }
            }
            open.extend(documents.follow(&spot).ok());
            for (word, inner) in spot.entries() {
                if SCHEMAS.contains(&word) {
                    open.push(inner);
                } else if LISTS.contains(&word) {
                    open.extend(inner.items());
                } else if MAPS.contains(&word) {
                    open.extend(inner.entries().into_iter().map(|(_, inner)| inner));
                }
            }
        }
        all
    }

    pub(super) fn has(&self, spot: &Spot<'_>, name: &str) -> bool {
        self.by_schema.get(&key(spot)).is_some_and(|names| names.contains(name))
    }

    /// The names of a schema and of its `allOf`, and the schemas that these are.
    fn gather(
        &mut self,
        spot: &Spot<'d>,
        names: &mut HashSet<&'d str>,
        family: &mut Vec<Key>,
        seen: &mut HashSet<Key>,
    ) {
        let target = self.documents.follow(spot).ok().filter(|target| key(target) != key(spot));
        for spot in std::iter::once(spot.clone()).chain(target) {
            if !seen.insert(key(&spot)) || !self.may_visit() {
                continue;
            }
            family.push(key(&spot));
            for (name, property) in spot.get("properties").map(|all| all.entries()).unwrap_or_default() {
                let target = self.documents.follow(&property).ok();
                if std::iter::once(&property).chain(&target).any(|property| property.is_true("readOnly")) {
                    names.insert(name);
                }
            }
            for member in spot.get("allOf").map(|all| all.items()).unwrap_or_default() {
                self.gather(&member, names, family, seen);
            }
        }
    }

    const fn may_visit(&mut self) -> bool {
        self.visits_left = self.visits_left.saturating_sub(1);
        self.visits_left > 0
    }
}

fn key(spot: &Spot<'_>) -> Key {
    (spot.file, spot.pointer.clone())
}
