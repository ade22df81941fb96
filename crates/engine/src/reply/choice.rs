//! Which template words an error. Knows templates, not what is in them.
//!
//! Everything that the client has no say in is settled when the config is loaded: which templates of a list a reason can get at all, in
//! which order. What is left to a request is one look at a few candidates, without an allocation.

use super::accept::{Accept, Format, MediaType};
use super::defaults::Typed;
use super::headers::{Line, Varies};
use super::language::{Language, Languages, Liking};
use super::rules::{ErrorTemplate, Rank, Selector};
use crate::reason::Reason;
use crate::template::Template;
use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderValue};
use std::cell::OnceCell;

/// An [`ErrorTemplate`] made ready.
#[derive(Clone, Debug)]
pub(super) struct Wording {
    pub(super) status: Option<u16>,
    pub(super) content_type: Option<Typed>,
    /// Of the body, if there is one.
    pub(super) language: Option<Language>,
    /// The headers of all errors are among them, unless this template has its own.
    pub(super) lines: Vec<Line>,
    pub(super) body: Option<Template>,
}

impl Wording {
    pub(super) fn new(template: ErrorTemplate, lines_of_all: &[Line]) -> Self {
        let ErrorTemplate { on: _, accept: _, language, status, content_type, headers, body } = template;
        let mut lines: Vec<_> = headers.into_iter().filter_map(Line::new).collect();
        let others: Vec<_> = lines_of_all.iter().filter(|line| !line.is_among(&lines)).cloned().collect();
        lines.extend(others);
        Self { status, content_type: content_type.map(Typed::new), language, lines, body }
    }
}

/// What a template is for, apart from the words in it.
#[derive(Clone, Debug)]
struct Audience {
    on: Selector,
    accept: Option<MediaType>,
    /// The type that is sent.
    sent: Option<MediaType>,
    /// One without `accept` is as good as its format: who reads `application/json` reads `application/problem+json`.
    format: Option<Format>,
    language: Option<Language>,
}

impl Audience {
    fn of(template: &ErrorTemplate, content_type_of_all: &HeaderValue) -> Self {
        let ErrorTemplate { on, accept, language, status: _, content_type, headers: _, body: _ } = template;
        let shown = content_type.as_ref();
        let shown = if accept.is_some() { shown } else { shown.or(Some(content_type_of_all)) };
        let sent = shown.and_then(|shown| shown.to_str().ok()).and_then(MediaType::parse).or_else(|| accept.clone());
        let format = match shown.map(|shown| Typed::new(shown.clone()).format) {
            Some(format @ (Format::Json | Format::Xml)) if accept.is_none() => Some(format),
            Some(Format::Json | Format::Xml | Format::Text) | None => None,
        };
        Self { on: *on, accept: accept.clone(), sent, format, language: language.clone() }
    }

    /// Whether nobody is left to whoever comes behind it.
    const fn is_everybody(&self) -> bool {
        self.accept.is_none() && self.language.is_none()
    }

    /// Whether it serves everybody whom the other one serves, and serves them as well.
    fn covers(&self, other: &Self) -> bool {
        let same_language = match (&self.language, &other.language) {
            (None, None) => true,
            (Some(own), Some(other)) => own.is(other),
            (None, Some(_)) | (Some(_), None) => false,
        };
        let same_type = self.accept == other.accept && self.sent == other.sent && self.format == other.format;
        self.on == other.on && same_language && same_type
    }

    /// How well it serves the client, in thousandths; one without `accept` serves everybody, if need be with 0.
    fn quality(&self, accept: &Accept) -> Option<u16> {
        let Some(asked) = &self.accept else {
            let exact = self.sent.as_ref().map_or(0, |sent| accept.quality(sent));
            return Some(exact.max(self.format.map_or(0, |format| accept.format_quality(format))));
        };
        // Whoever names the type that is sent has the last word about it.
        let by_name = self.sent.as_ref().and_then(|sent| accept.quality_by_name(sent));
        Some(by_name.unwrap_or_else(|| accept.quality(asked))).filter(|quality| *quality > 0)
    }

    /// None if it is for others.
    fn fit(&self, wishes: &Wishes) -> Option<Fit> {
        let quality = self.quality(wishes.accept())?;
        let liking = match &self.language {
            None => Liking::NOT_ASKED,
            Some(language) => wishes.languages().liking(language)?,
        };
        Some(Fit { quality, is_for_all: self.accept.is_none(), liking })
    }
}

/// How well a template serves a client; the greatest is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    quality: u16,
    is_for_all: bool,
    liking: Liking,
}

/// What the client would like, read from its fields when somebody asks.
pub(super) struct Wishes<'a> {
    fields: Option<&'a HeaderMap>,
    accept: OnceCell<Accept<'a>>,
    languages: OnceCell<Languages<'a>>,
}

impl<'a> Wishes<'a> {
    pub(super) const fn new(fields: Option<&'a HeaderMap>) -> Self {
        Self { fields, accept: OnceCell::new(), languages: OnceCell::new() }
    }

    pub(super) fn accept(&self) -> &Accept<'a> {
        let lines = || self.fields.into_iter().flat_map(|fields| fields.get_all(ACCEPT));
        self.accept.get_or_init(|| Accept::read(lines()))
    }

    fn languages(&self) -> &Languages<'a> {
        let lines = || self.fields.into_iter().flat_map(|fields| fields.get_all(ACCEPT_LANGUAGE));
        self.languages.get_or_init(|| Languages::read(lines()))
    }
}

/// One list of templates (of a policy, of a route, or the global one), with what each reason can get of it.
#[derive(Debug)]
pub(super) struct Menu {
    wordings: Box<[Wording]>,
    audiences: Box<[Audience]>,
    /// By the reason's number.
    groups: Box<[Box<[Group]>]>,
}

/// The templates that meet a reason equally exactly: among them the client chooses. Never empty.
#[derive(Debug)]
struct Group {
    /// Places in the list, in its order.
    members: Box<[usize]>,
    varies: Varies,
    /// One of them takes whatever client there is, and there is nothing to choose.
    is_single: bool,
}

impl Menu {
    pub(super) fn new(templates: Vec<ErrorTemplate>, content_type_of_all: &HeaderValue, lines_of_all: &[Line]) -> Self {
        let audiences: Box<[_]> =
            templates.iter().map(|template| Audience::of(template, content_type_of_all)).collect();
        let groups = Reason::ALL.iter().map(|reason| groups(&audiences, *reason).into()).collect();
        let wordings = templates.into_iter().map(|template| Wording::new(template, lines_of_all)).collect();
        Self { wordings, audiences, groups }
    }

    fn best(&self, group: &Group, wishes: &Wishes) -> Option<&Wording> {
        let mut best: Option<(Fit, usize)> = None;
        for member in &group.members {
            let Some(audience) = self.audiences.get(*member) else { continue };
            if group.is_single {
                return self.wordings.get(*member);
            }
            let Some(fit) = audience.fit(wishes) else { continue };
            if best.is_none_or(|(best, _)| fit > best) {
                best = Some((fit, *member));
            }
        }
        best.and_then(|(_, member)| self.wordings.get(member))
    }
}

/// Most exact first; nothing behind a group that leaves nobody.
fn groups(audiences: &[Audience], reason: Reason) -> Vec<Group> {
    let mut groups = Vec::new();
    for rank in [Rank::Reason, Rank::Kind, Rank::Class, Rank::Any] {
        let ranked = audiences.iter().enumerate().filter(|(_, audience)| audience.on.rank(reason) == Some(rank));
        let ranked: Vec<(usize, &Audience)> = ranked.collect();
        let members: Vec<(usize, &Audience)> = (ranked.iter().enumerate())
            .filter(|(place, (_, audience))| !ranked.iter().take(*place).any(|(_, before)| before.covers(audience)))
            .map(|(_, member)| *member)
            .collect();
        let is_last = members.iter().any(|(_, audience)| audience.is_everybody());
        if !members.is_empty() {
            groups.push(group(&members));
        }
        if is_last {
            break;
        }
    }
    groups
}

fn group(members: &[(usize, &Audience)]) -> Group {
    let mut types = members.iter().map(|(_, audience)| &audience.sent);
    let first = types.next();
    let varies = Varies {
        // Also between two that take everybody: each is sent to who reads it better.
        accept: members.iter().any(|(_, audience)| audience.accept.is_some()) || types.any(|sent| Some(sent) != first),
        language: members.iter().any(|(_, audience)| audience.language.is_some()),
    };
    let is_single = matches!(members, [(_, audience)] if audience.is_everybody());
    Group { members: members.iter().map(|(index, _)| *index).collect(), varies, is_single }
}

/// A template that no request can get, and the one that gets its requests; by their places in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    pub template: usize,
    pub by: usize,
}

/// The templates of one list that nobody can get, for lack of a reason or of a client that the others leave.
#[must_use]
pub fn hidden(templates: &[ErrorTemplate], content_type_of_all: &HeaderValue) -> Vec<Hidden> {
    let audiences: Vec<_> = templates.iter().map(|template| Audience::of(template, content_type_of_all)).collect();
    let mut reached = vec![false; templates.len()];
    for group in Reason::ALL.iter().flat_map(|reason| groups(&audiences, *reason)) {
        for member in &group.members {
            if let Some(reached) = reached.get_mut(*member) {
                *reached = true;
            }
        }
    }
    let unreached = audiences.iter().enumerate().filter(|(index, _)| reached.get(*index) == Some(&false));
    unreached.map(|(template, audience)| Hidden { template, by: hider(&audiences, audience, template) }).collect()
}

/// The one that the first of its reasons gets instead.
fn hider(audiences: &[Audience], hidden: &Audience, index: usize) -> usize {
    if let Some(before) = audiences.iter().take(index).position(|before| before.covers(hidden)) {
        return before;
    }
    let reason = Reason::ALL.iter().find(|reason| hidden.on.rank(**reason).is_some());
    let groups = reason.map(|reason| groups(audiences, *reason)).unwrap_or_default();
    let members = groups.iter().rev().flat_map(|group| group.members.iter().copied());
    let takes_all = |member: &usize| audiences.get(*member).is_some_and(Audience::is_everybody);
    members.into_iter().find(takes_all).unwrap_or_default()
}

pub(super) struct Choice<'a> {
    pub(super) wording: Option<&'a Wording>,
    /// What other fields of the request could have led to another choice.
    pub(super) varies: Varies,
}

/// The first of the lists that has something for this reason and this client decides. In it the most exact selector wins, then the
/// client's preference for a type, then what has no `accept`, then the client's language, then the order of the config.
pub(super) fn choose<'a>(menus: [Option<&'a Menu>; 3], reason: Reason, wishes: &Wishes) -> Choice<'a> {
    let mut varies = Varies::default();
    for menu in menus.into_iter().flatten() {
        for group in menu.groups.get(reason as usize).into_iter().flatten() {
            varies = varies.and(group.varies);
            if let Some(wording) = menu.best(group, wishes) {
                return Choice { wording: Some(wording), varies };
            }
        }
    }
    Choice { wording: None, varies }
}
