//! A document that is taken apart as deep as somebody looks into it, and no deeper.

use super::pointer::index;
use super::split::{Part, Parts, decoded, is_key, is_list, is_object};
use crate::transform::misfit::Misfit;
use std::borrow::Cow;
use std::collections::HashSet;

#[derive(Debug)]
pub(super) enum Node<'t> {
    /// As it stands in the text.
    Text(Cow<'t, str>),
    /// Keys with their quotes.
    Object(Vec<(Cow<'t, str>, Node<'t>)>),
    List(Vec<Node<'t>>),
}

/// What stands where a pointer leads, seen from one level above.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spot {
    Member(usize),
    Item(usize),
}

const NULL: &str = "null";

impl<'t> Node<'t> {
    pub(super) const fn of(text: &'t str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Takes one level apart. An object that has a name twice is refused: readers differ over which of them counts.
    fn open(&mut self) -> Result<(), Misfit> {
        let Self::Text(text) = self else { return Ok(()) };
        let opened = match text {
            Cow::Borrowed(text) => parts(text, Cow::Borrowed)?,
            Cow::Owned(text) => parts(text, |part| Cow::Owned(part.to_owned()))?,
        };
        if let Some(opened) = opened {
            *self = opened;
        }
        Ok(())
    }

    fn spot(&mut self, token: &str) -> Result<Option<Spot>, Misfit> {
        self.open()?;
        Ok(match self {
            Self::Text(_) => None,
            Self::Object(members) => members.iter().position(|(key, _)| is_key(key, token)).map(Spot::Member),
            Self::List(items) => index(token).filter(|index| *index < items.len()).map(Spot::Item),
        })
    }

    fn at(&mut self, spot: Spot) -> Option<&mut Self> {
        match (self, spot) {
            (Self::Object(members), Spot::Member(index)) => members.get_mut(index).map(|(_, node)| node),
            (Self::List(items), Spot::Item(index)) => items.get_mut(index),
            (Self::Text(_) | Self::Object(_) | Self::List(_), Spot::Member(_) | Spot::Item(_)) => None,
        }
    }

    /// The node that holds what the tokens lead to, and where in it. None: nothing is there.
    pub(super) fn holder(&mut self, tokens: &[Box<str>]) -> Result<Option<(&mut Self, Spot)>, Misfit> {
        let Some((last, path)) = tokens.split_last() else { return Ok(None) };
        let mut node = self;
        for token in path {
            let Some(spot) = node.spot(token)? else { return Ok(None) };
            let Some(next) = node.at(spot) else { return Ok(None) };
            node = next;
        }
        let spot = node.spot(last)?;
        Ok(spot.map(|spot| (node, spot)))
    }

    /// False where there is no such place: below a text, a number or a boolean, or beyond the end of a list. Objects that are missing on
    /// the way are made, a null counts as missing; `-` makes a list where there is nothing.
    pub(super) fn put(&mut self, tokens: &[Box<str>], value: Self) -> Result<bool, Misfit> {
        let Some((last, path)) = tokens.split_last() else { return Ok(false) };
        let mut node = self;
        for token in path {
            node.make_room(token)?;
            let Some(next) = node.child(token)? else { return Ok(false) };
            node = next;
        }
        node.make_room(last)?;
        Ok(match node {
            Self::Text(_) => false,
            Self::Object(members) => {
                match members.iter_mut().find(|(key, _)| is_key(key, last)) {
                    Some((_, old)) => *old = value,
                    None => members.push((Cow::Owned(key(last)), value)),
                }
                true
            }
            Self::List(items) => match index(last).or((**last == *"-").then_some(items.len())) {
                Some(index) if index < items.len() => items.get_mut(index).map(|old| *old = value).is_some(),
                Some(index) if index == items.len() => {
                    items.push(value);
                    true
                }
                Some(_) | None => false,
            },
        })
    }

    /// Whether [`Self::put`] would find a place.
    pub(super) fn has_room(&mut self, tokens: &[Box<str>]) -> Result<bool, Misfit> {
        let mut node = self;
        for (place, token) in tokens.iter().enumerate() {
            let is_last = place.saturating_add(1) == tokens.len();
            let found = node.spot(token)?;
            let Some(spot) = found else {
                return Ok(match node {
                    Self::Text(text) => *text == NULL,
                    Self::Object(_) => true,
                    Self::List(items) => is_last && (token.as_ref() == "-" || index(token) == Some(items.len())),
                });
            };
            let Some(next) = node.at(spot) else { return Ok(false) };
            node = next;
        }
        Ok(!tokens.is_empty())
    }

    /// Takes it apart; nothing becomes an empty object, or an empty list for `-`.
    fn make_room(&mut self, token: &str) -> Result<(), Misfit> {
        self.open()?;
        if matches!(self, Self::Text(text) if *text == NULL) {
            *self = if token == "-" { Self::List(Vec::new()) } else { Self::Object(Vec::new()) };
        }
        Ok(())
    }

    /// What the token leads to from here, made if it can be.
    fn child(&mut self, token: &str) -> Result<Option<&mut Self>, Misfit> {
        let spot = match (self.spot(token)?, &mut *self) {
            (Some(spot), _) => spot,
            (None, Self::Object(members)) => {
                members.push((Cow::Owned(key(token)), Self::of(NULL)));
                Spot::Member(members.len().saturating_sub(1))
            }
            (None, Self::Text(_) | Self::List(_)) => return Ok(None),
        };
        Ok(self.at(spot))
    }

    /// Takes it out.
    pub(super) fn take(&mut self, spot: Spot) -> Option<Self> {
        match (self, spot) {
            (Self::Object(members), Spot::Member(index)) if index < members.len() => Some(members.remove(index).1),
            (Self::List(items), Spot::Item(index)) if index < items.len() => Some(items.remove(index)),
            (Self::Text(_) | Self::Object(_) | Self::List(_), Spot::Member(_) | Spot::Item(_)) => None,
        }
    }

    /// Gives a member another name; one that had it before is gone. False in a list, whose items have none.
    pub(super) fn rename(&mut self, spot: Spot, name: &str) -> bool {
        let (Self::Object(members), Spot::Member(index)) = (self, spot) else { return false };
        let Some((old, _)) = members.get_mut(index) else { return false };
        *old = Cow::Owned(key(name));
        let mut place: usize = 0;
        members.retain(|(key, _)| {
            let is_renamed = place == index;
            place = place.saturating_add(1);
            is_renamed || !is_key(key, name)
        });
        true
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Object(members) => {
                out.push('{');
                for (place, (key, node)) in members.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    out.push_str(key);
                    out.push(':');
                    node.write(out);
                }
                out.push('}');
            }
            Self::List(items) => {
                out.push('[');
                for (place, node) in items.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    node.write(out);
                }
                out.push(']');
            }
        }
    }
}

/// None for what has no parts.
fn parts<'s, 't>(text: &'s str, keep: impl Fn(&'s str) -> Cow<'t, str>) -> Result<Option<Node<'t>>, Misfit> {
    if is_object(text) {
        distinct(text)?;
        let member = |Part { key, value }| (keep(key.unwrap_or_default()), Node::Text(keep(value)));
        return Ok(Some(Node::Object(Parts::of(text).map(member).collect())));
    }
    let items = || Parts::of(text).map(|part| Node::Text(keep(part.value))).collect();
    Ok(is_list(text).then(|| Node::List(items())))
}

fn distinct(object: &str) -> Result<(), Misfit> {
    let mut seen = HashSet::new();
    for part in Parts::of(object) {
        let Some(key) = part.key.and_then(decoded) else {
            return Err(Misfit::unreadable("a name in it is no Unicode text"));
        };
        if !seen.insert(key) {
            return Err(Misfit::unreadable("an object in it has one name twice"));
        }
    }
    Ok(())
}

fn key(name: &str) -> String {
    let mut key = String::new();
    super::push_string(name, &mut key);
    key
}
