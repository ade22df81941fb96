//! What is read of a body, beyond its length and type: content codings are undone, JSON is parsed, a schema is asked. Everything that the
//! head tells is said before the quota ([`Reading::check`]), the rest when the body is here ([`Reading::judge`]).
//!
//! A body is judged as a whole: how it came in pieces changes nothing. Who holds it until then, and how much of all of them, is not known
//! here.

use crate::announced::Announced;
use crate::coding::{self, Codings, Unsupported};
use crate::denial::{Denial, Detail};
use crate::json::{self, Document};
use crate::media_type::ContentType;
use crate::names::PolicyId;
use crate::reason::Reason;
use crate::schema::Schema;
use crate::trail::Mode;
use crate::violation::Place;
use http::{HeaderMap, Method, header};

#[cfg(test)]
mod tests;

/// A route's `body:`, as far as it asks for the body itself.
#[derive(Debug)]
pub struct Reading {
    pub policy: PolicyId,
    pub mode: Mode,
    /// Of the body as it is sent: what is held of it at most.
    pub bytes_max: usize,
    /// Of the body as it is read.
    pub decompressed_bytes_max: usize,
    /// Not above [`json::DEPTH_MAX`].
    pub depth_max: u32,
    /// None: the body has to be JSON, whatever JSON it is.
    pub schema: Option<Schema>,
}

/// A body that passed, parsed: whoever changes it next need not parse it again.
#[derive(Debug)]
pub struct Judged {
    pub document: Document,
}

impl Reading {
    /// What the head tells. A body of unknown length may turn out to be none.
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Denial> {
        match Announced::by(headers) {
            Announced::None if asks_for_body(method) => return Err(missing()),
            Announced::None => return Ok(()),
            Announced::Length(length) if usize::try_from(length).map_or(true, |length| length > self.bytes_max) => {
                let text = format!("{length} bytes announced, {} are read", self.bytes_max);
                return Err(Denial::new(Reason::BodyTooLarge).because(text));
            }
            Announced::Length(_) | Announced::Unknown => {}
        }
        codings(headers)?;
        let fields = headers.get_all(header::CONTENT_TYPE);
        let types = fields.iter().filter_map(|field| ContentType::parse(field.to_str().ok()?).ok());
        if types.into_iter().all(|one| one.is_utf8()) { Ok(()) } else { Err(Denial::new(Reason::CharsetUnsupported)) }
    }

    /// What has to be read of a request with this head. None: there is no body, or `check` has already spoken against it.
    #[must_use]
    pub fn wants(&self, method: &Method, headers: &HeaderMap) -> Option<Wanted> {
        self.check(method, headers).ok()?;
        let codings = codings(headers).ok()?;
        match Announced::by(headers) {
            Announced::None => None,
            Announced::Length(length) => Some(Wanted { length: Some(length), codings, may_be_empty: true }),
            Announced::Unknown => Some(Wanted { length: None, codings, may_be_empty: !asks_for_body(method) }),
        }
    }

    /// Takes up more of a body: an error as soon as it is too large.
    pub fn push(&self, held: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Denial> {
        if bytes.len() > self.bytes_max.saturating_sub(held.len()) {
            let text = format!("more than {} bytes arrived", self.bytes_max);
            return Err(Denial::new(Reason::BodyTooLarge).because(text));
        }
        held.extend_from_slice(bytes);
        Ok(())
    }

    /// The whole body. None for one that turned out to be no body at all, where the method needs none.
    pub fn judge(&self, wanted: &Wanted, body: &[u8]) -> Result<Option<Judged>, Denial> {
        if body.is_empty() {
            return if wanted.may_be_empty { Ok(None) } else { Err(missing()) };
        }
        let plain = wanted.codings.undo(body, self.decompressed_bytes_max).map_err(|fault| self.undecoded(fault))?;
        let document = json::read(&plain, self.depth_max).map_err(|fault| unread(&fault))?;
        if let Some(schema) = &self.schema {
            let mismatch = |violations| Denial::new(Reason::BodySchemaMismatch).with(Detail::Invalid(violations));
            schema.check(Place::Body, "", &document.value, document.values).map_err(mismatch)?;
        }
        Ok(Some(Judged { document }))
    }

    fn undecoded(&self, fault: coding::Fault) -> Denial {
        match fault {
            coding::Fault::Broken => Denial::new(Reason::ContentCodingBroken),
            coding::Fault::TooLarge => {
                let text = format!("more than {} bytes when decompressed", self.decompressed_bytes_max);
                Denial::new(Reason::DecompressedBodyTooLarge).because(text)
            }
        }
    }
}

/// What is known of a body before it comes.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// None: it ends when it ends.
    pub length: Option<u64>,
    codings: Codings,
    may_be_empty: bool,
}

impl Wanted {
    /// Whether what is read is what is held.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.codings.is_plain()
    }
}

/// Methods whose request means nothing without content (RFC 9110, 9.3; RFC 5789).
fn asks_for_body(method: &Method) -> bool {
    matches!(method.as_str(), "POST" | "PUT" | "PATCH" | "QUERY")
}

fn missing() -> Denial {
    Denial::new(Reason::BodyMissing).because("there is no body")
}

fn codings(headers: &HeaderMap) -> Result<Codings, Denial> {
    Codings::of(headers).map_err(|unsupported| {
        let text = match unsupported {
            Unsupported::Unknown => "Content-Encoding names a coding that is not known here".to_owned(),
            Unsupported::TooMany => format!("Content-Encoding has more than {} steps", coding::STEPS_MAX),
        };
        Denial::new(Reason::ContentCodingUnsupported).because(text)
    })
}

fn unread(fault: &json::Fault) -> Denial {
    let reason = match fault {
        json::Fault::Empty => Reason::BodyMissing,
        json::Fault::ByteOrderMark => Reason::JsonByteOrderMark,
        json::Fault::NotUtf8 { .. } => Reason::JsonNotUtf8,
        json::Fault::TooDeep { .. } => Reason::JsonTooDeep,
        json::Fault::NumberOutOfRange { .. } => Reason::JsonNumberOutOfRange,
        json::Fault::DuplicateName { .. } => Reason::JsonDuplicateName,
        json::Fault::Syntax { .. } => Reason::JsonSyntax,
        json::Fault::Trailing { .. } => Reason::JsonTrailing,
    };
    Denial::new(reason).because(fault.to_string())
}
