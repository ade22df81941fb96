//! Which template words an error. Knows templates, not what is in them.

use super::accept::Format;
use super::accept::{Accept, MediaType};
use super::defaults::Typed;
use super::headers::Line;
use super::rules::{ErrorTemplate, Rank, Selector};
use crate::reason::Reason;
use crate::template::Template;
use http::HeaderValue;

/// An [`ErrorTemplate`] made ready.
#[derive(Clone, Debug)]
pub(super) struct Wording {
    on: Selector,
    accept: Option<MediaType>,
    /// What the client would get: `accept`, or the content type of what has none.
    media_type: Option<MediaType>,
    /// One without `accept` is as good as its format: who reads `application/json` reads `application/problem+json`.
    format: Option<Format>,
    pub(super) status: Option<u16>,
    pub(super) content_type: Option<Typed>,
    /// The headers of all errors are among them, unless this template has its own.
    pub(super) lines: Vec<Line>,
    pub(super) body: Option<Template>,
}

impl Wording {
    pub(super) fn new(template: ErrorTemplate, content_type_of_all: &HeaderValue, lines_of_all: &[Line]) -> Self {
        let ErrorTemplate { on, accept, status, content_type, headers, body } = template;
        let mut lines: Vec<_> = headers.into_iter().filter_map(Line::new).collect();
        let others: Vec<_> = lines_of_all.iter().filter(|line| !line.is_among(&lines)).cloned().collect();
        lines.extend(others);
        let shown = content_type.as_ref().unwrap_or(content_type_of_all);
        let media_type = accept.clone().or_else(|| shown.to_str().ok().and_then(MediaType::parse));
        let format = match Typed::new(shown.clone()).format {
            format @ (Format::Json | Format::Xml) if accept.is_none() => Some(format),
            Format::Json | Format::Xml | Format::Text => None,
        };
        Self { on, accept, media_type, format, status, content_type: content_type.map(Typed::new), lines, body }
    }

    /// How well it serves the client, in thousandths; one without `accept` serves everybody, if need be with 0.
    fn quality(&self, accept: Accept) -> Option<u16> {
        let exact = self.media_type.as_ref().map_or(0, |media_type| accept.quality(media_type));
        let quality = exact.max(self.format.map_or(0, |format| accept.format_quality(format)));
        (quality > 0 || self.accept.is_none()).then_some(quality)
    }
}

pub(super) struct Choice<'a> {
    pub(super) wording: Option<&'a Wording>,
    /// Another `Accept` could have led to another choice.
    pub(super) by_accept: bool,
}

/// The first of the scopes that has something for this reason and this client decides. In it the most exact selector wins, then the
/// client's preference, then what has no `accept`, then the order of the config.
pub(super) fn choose<'a>(scopes: [&'a [Wording]; 3], reason: Reason, accept: Accept) -> Choice<'a> {
    let mut by_accept = false;
    for scope in scopes {
        let mut best: Option<((Rank, u16, bool), &Wording)> = None;
        for wording in scope {
            let Some(rank) = wording.on.rank(reason) else { continue };
            let Some(quality) = wording.quality(accept) else { continue };
            let place = (rank, quality, wording.accept.is_none());
            if best.is_none_or(|(best, _)| place > best) {
                best = Some((place, wording));
            }
        }
        let least = best.map_or(Rank::Any, |((rank, ..), _)| rank);
        by_accept |= scope.iter().any(|wording| wording.accept.is_some() && wording.on.rank(reason) >= Some(least));
        if let Some((_, wording)) = best {
            return Choice { wording: Some(wording), by_accept };
        }
    }
    Choice { wording: None, by_accept }
}
