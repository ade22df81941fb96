//! The path patterns of one host, segment by segment: a look-up costs as many steps as the path has segments, however many routes
//! there are.
//! (Where literals and parameters overlap, both ways may have to be tried; never more than there are patterns.)

use super::group::{Fit, Group};
use super::path::{End, Segment};
use crate::names::ByConfig;
use std::ops::ControlFlow;

/// As deep as the longest pattern, which is bounded by [`super::path::SEGMENTS_MAX`]: so is the recursion below.
#[derive(Debug, Default)]
pub(super) struct Trie {
    literals: ByConfig<Box<str>, Self>,
    param: Option<Box<Self>>,
    bare: Group,
    slash: Group,
    tail: Group,
    /// Whether there is a pattern without `/*` here or below, and one with it: else there is no need to descend.
    wholes: bool,
    tails: bool,
}

/// A path on its way through the trie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'p> {
    /// The segments that are left; none is empty.
    rest: Option<&'p str>,
    /// After all segments.
    slash: bool,
}

impl<'p> Cursor<'p> {
    /// `path` in normal form, without parameters. None for `*`.
    pub(super) fn new(path: &'p str) -> Option<Self> {
        let rest = path.strip_prefix('/')?;
        let (segments, slash) = match rest.strip_suffix('/') {
            Some(segments) => (segments, true),
            None => (rest, rest.is_empty()),
        };
        Some(Self { rest: (!segments.is_empty()).then_some(segments), slash })
    }

    fn step(self) -> Option<(&'p str, Self)> {
        let rest = self.rest?;
        // Segments are short: a plain loop beats a search.
        let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
        let (segment, rest) = rest.split_at_checked(end)?;
        Some((segment, Self { rest: rest.strip_prefix('/'), ..self }))
    }
}

impl Trie {
    /// The place of a pattern; made if it is new.
    pub(super) fn group(&mut self, segments: &[Segment], end: End) -> &mut Group {
        let tail = end == End::Tail;
        self.tails |= tail;
        self.wholes |= !tail;
        match segments {
            [Segment::Literal(literal), rest @ ..] => {
                self.literals.entry(literal.clone()).or_default().group(rest, end)
            }
            [Segment::Param, rest @ ..] => self.param.get_or_insert_default().group(rest, end),
            [] => match end {
                End::Bare => &mut self.bare,
                End::Slash => &mut self.slash,
                End::Tail => &mut self.tail,
            },
        }
    }

    /// The patterns without `/*` that match, the most specific first.
    pub(super) fn whole<'t, B, F>(&'t self, path: Cursor<'_>, visit: &mut F) -> ControlFlow<B>
    where
        F: FnMut(&'t Group, Fit) -> ControlFlow<B>,
    {
        if !self.wholes {
            return ControlFlow::Continue(());
        }
        let Some((segment, rest)) = path.step() else {
            let (same, other) = if path.slash { (&self.slash, &self.bare) } else { (&self.bare, &self.slash) };
            visit(same, Fit::AsItStands)?;
            return visit(other, Fit::OtherSlash);
        };
        if let Some(child) = self.literals.get(segment) {
            child.whole(rest, visit)?;
        }
        match &self.param {
            Some(child) => child.whole(rest, visit),
            None => ControlFlow::Continue(()),
        }
    }

    /// The patterns with `/*` that match, the most specific first.
    pub(super) fn tails<'t, B, F>(&'t self, path: Cursor<'_>, visit: &mut F) -> ControlFlow<B>
    where
        F: FnMut(&'t Group, Fit) -> ControlFlow<B>,
    {
        if !self.tails {
            return ControlFlow::Continue(());
        }
        if let Some((segment, rest)) = path.step() {
            if let Some(child) = self.literals.get(segment) {
                child.tails(rest, visit)?;
            }
            if let Some(child) = &self.param {
                child.tails(rest, visit)?;
            }
        }
        visit(&self.tail, Fit::AsItStands)
    }

    /// All groups that have a route, in no order; with `true` for those of `/*`.
    pub(super) fn each<'t>(&'t self, visit: &mut impl FnMut(&'t Group, bool)) {
        for (group, tail) in [(&self.bare, false), (&self.slash, false), (&self.tail, true)] {
            if !group.entries().is_empty() {
                visit(group, tail);
            }
        }
        let children = self.literals.values().chain(self.param.as_deref());
        children.for_each(|child| child.each(visit));
    }
}
