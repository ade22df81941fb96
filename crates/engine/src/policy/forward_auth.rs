//! Whether an auth service lets a request pass. The service is somebody else's program, asked over HTTP; the call is not made in
//! here: [`ForwardAuth::check`] says what to ask it, whoever asks does so elsewhere, and [`ForwardAuth::judge`] takes the answer.
//!
//! Only 2xx lets in. 401, 403 and, where the config says so, redirects are passed to the client. Everything else, silence included,
//! refuses.

mod answer;
pub(crate) mod remember;

pub use answer::{BODY_BYTES_MAX, ServiceAnswer, ServiceReply};
pub use remember::{RememberRules, Standing};

use crate::authority::Authority;
use crate::denial::Denial;
use crate::identity::{Vouched, consumer_key};
use crate::live::Live;
use crate::names::Name;
use crate::reason::Reason;
use crate::remembered::{Fingerprint, Fingerprints, Remembered};
use crate::request::{RequestHead, Scheme};
use http::{HeaderName, HeaderValue, header};
use limits::clock::Now;
use std::borrow::Cow;
use std::sync::Arc;

const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The fields in which the service is told what it is asked about; nobody else's of these names get there.
pub static TOLD: [HeaderName; 5] =
    [X_FORWARDED_METHOD, X_FORWARDED_PROTO, X_FORWARDED_HOST, X_FORWARDED_URI, X_FORWARDED_FOR];

/// What is asked of one service, and what is made of its answer.
#[derive(Debug)]
pub struct ServiceRules {
    /// Of the request, copied to the service.
    pub request_headers: Vec<HeaderName>,
    /// Of an answer that lets in, copied to upstream.
    pub response_headers: Vec<HeaderName>,
    /// Of an answer that refuses, copied to the client.
    pub denial_headers: Vec<HeaderName>,
    /// Whether a redirect goes to the client.
    pub redirects: bool,
    /// The field of an answer that lets in that names the consumer; without it the answer does not count.
    pub consumer_header: Option<HeaderName>,
    pub plan_header: Option<HeaderName>,
    pub remember: Option<RememberRules>,
}

#[derive(Debug)]
pub struct ForwardAuth {
    name: Name,
    rules: ServiceRules,
    remembered: Arc<Remembered<Standing>>,
    fingerprints: Fingerprints,
    /// Of the service's address and rules: what it said under others is not found.
    tag: Box<[u8]>,
}

/// What a service has to be asked before it is known whether the request may pass.
#[derive(Clone, Debug)]
pub struct ServiceQuestion {
    /// The place in [`crate::snapshot::Snapshot::auth_services`].
    pub service: usize,
    /// The fields of the call, those of the connection aside.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// None if the answer is not to be remembered.
    fingerprint: Option<Fingerprint>,
}

/// How far the gateway comes by itself.
#[derive(Debug)]
pub enum Checked {
    Known(Standing),
    Ask(ServiceQuestion),
}

impl ForwardAuth {
    /// `address` is where the service is; with the rules it tells what was remembered under another config.
    #[must_use]
    pub fn new(name: Name, rules: ServiceRules, address: &str, live: &Live) -> Self {
        let entries_max = rules.remember.as_ref().map_or(0, |remember| remember.entries_max);
        let remembered = live.standings(&name, entries_max);
        let tag = format!("{name} {address} {rules:?}").into_bytes().into();
        Self { name, rules, remembered, fingerprints: Fingerprints::new(&live.keyer), tag }
    }

    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    #[must_use]
    pub const fn rules(&self) -> &ServiceRules {
        &self.rules
    }

    /// What the service is to be asked, unless it is remembered. `query` is the request's without what is hidden from upstream;
    /// `service` is this one's own place.
    pub fn check(
        &self,
        service: usize,
        head: &RequestHead<'_>,
        query: Option<&str>,
        now: Now,
    ) -> Result<Checked, Denial> {
        let fields = self.fields(head, query)?;
        let fingerprint = self.fingerprint(head, &fields);
        if let Some(fingerprint) = &fingerprint
            && let Some(standing) = self.remembered.get(fingerprint, now)
        {
            return Ok(Checked::Known(standing));
        }
        Ok(Checked::Ask(ServiceQuestion { service, fields, fingerprint }))
    }

    /// `auth_required`, `auth_redirected`, `auth_denied` or one of `auth_service_unavailable`; else whom the service vouches for.
    pub fn judge(&self, question: &ServiceQuestion, answer: ServiceAnswer, now: Now) -> Standing {
        let reply = match answer {
            ServiceAnswer::Answered(reply) => reply,
            ServiceAnswer::Failed(text) => return Err(self.denial(Reason::AuthServiceFailed, &text)),
            ServiceAnswer::TimedOut(text) => return Err(self.denial(Reason::AuthServiceTimeout, &text)),
            ServiceAnswer::Busy => {
                return Err(self.denial(Reason::AuthServiceBusy, "as many calls as `concurrentMax` are under way"));
            }
        };
        let time = self.rules.remember.as_ref().and_then(|remember| remember.time(&reply));
        let standing = self.standing(reply);
        if let (Some(fingerprint), Some(time)) = (question.fingerprint, time)
            && remember::is_kept(&standing)
        {
            self.remembered.put(fingerprint, standing.clone(), time, now);
        }
        standing
    }

    /// What the service is told: the request in the form in which upstream would get it.
    fn fields(&self, head: &RequestHead<'_>, query: Option<&str>) -> Result<Vec<(HeaderName, HeaderValue)>, Denial> {
        let mut fields = Vec::with_capacity(8);
        for name in &self.rules.request_headers {
            fields.extend(head.headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
        let target = query.map_or_else(|| head.path.to_string(), |query| format!("{}?{query}", head.path));
        let scheme = match head.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let told = [head.method.as_str(), scheme, &*host_and_port(head), &*target, &*head.client.to_string()];
        for (name, text) in TOLD.iter().zip(told) {
            let value = HeaderValue::from_str(text)
                .map_err(|_| Denial::new(Reason::InternalError).because(format!("{name} cannot be told")))?;
            fields.push((name.clone(), value));
        }
        Ok(fields)
    }

    /// None where nothing is remembered, and for who shows nothing to be remembered by: one stranger's answer is not another's.
    fn fingerprint(&self, head: &RequestHead<'_>, fields: &[(HeaderName, HeaderValue)]) -> Option<Fingerprint> {
        let remember = self.rules.remember.as_ref()?;
        if !remember.headers.iter().any(|name| head.headers.contains_key(name)) {
            return None;
        }
        let counts = |name: &HeaderName| {
            if TOLD.contains(name) {
                remember.target || *name == X_FORWARDED_FOR
            } else {
                remember.headers.contains(name)
            }
        };
        let parts = fields.iter().filter(|(name, _)| counts(name));
        let parts = parts.flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        Some(self.fingerprints.of([&*self.tag].into_iter().chain(parts)))
    }

    fn standing(&self, reply: ServiceReply) -> Standing {
        match reply.status {
            200..=299 => self.vouched(&reply).map(Arc::new),
            401 => Err(self.passed(Reason::AuthRequired, reply)),
            403 => Err(self.passed(Reason::AuthDenied, reply)),
            301 | 302 | 303 | 307 | 308 if self.rules.redirects && reply.headers.contains_key(header::LOCATION) => {
                Err(self.passed(Reason::AuthRedirected, reply))
            }
            301 | 302 | 303 | 307 | 308 => {
                let text = format!("it redirected ({}), and `redirects` is off or there is no Location", reply.status);
                Err(self.denial(Reason::AuthServiceFailed, &text))
            }
            status => Err(self.denial(Reason::AuthServiceFailed, &format!("it answered {status}"))),
        }
    }

    fn vouched(&self, reply: &ServiceReply) -> Result<Vouched, Denial> {
        let ServiceRules { consumer_header, plan_header, response_headers, .. } = &self.rules;
        let consumer = match consumer_header {
            Some(name) => Some(self.name_in(reply, name)?.ok_or_else(|| {
                self.denial(Reason::AuthServiceFailed, &format!("it let in without saying whom: {name} is absent"))
            })?),
            None => None,
        };
        let plan = match plan_header {
            Some(name) => self.name_in(reply, name)?,
            None => None,
        };
        let copied = response_headers.iter();
        let copied =
            copied.flat_map(|name| reply.headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        let consumer_key = consumer.as_deref().map(consumer_key);
        Ok(Vouched { service: self.name.clone(), consumer, consumer_key, plan, headers: copied.collect() })
    }

    /// A name has one value, and one that can be logged, counted and told.
    fn name_in(&self, reply: &ServiceReply, field: &HeaderName) -> Result<Option<Name>, Denial> {
        const NAME_BYTES_MAX: usize = 256;
        let mut values = reply.headers.get_all(field).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            if reply.headers.contains_key(field) {
                return Err(self.denial(Reason::AuthServiceFailed, &format!("its {field} has several values")));
            }
            return Ok(None);
        };
        match value.to_str().map(str::trim) {
            Ok("") => Ok(None),
            Ok(text) if text.len() <= NAME_BYTES_MAX => Ok(Some(text.into())),
            Ok(_) | Err(_) => {
                Err(self.denial(Reason::AuthServiceFailed, &format!("its {field} is no name that can be shown")))
            }
        }
    }

    fn passed(&self, reason: Reason, reply: ServiceReply) -> Denial {
        Denial::new(reason).with(reply.passed(self.name.clone(), &self.rules.denial_headers))
    }

    fn denial(&self, reason: Reason, text: &str) -> Denial {
        Denial::new(reason).because(format!("auth service {}: {text}", self.name))
    }
}

/// The host in its one form, with the port that the client has named: who signs in has to come back to it.
fn host_and_port<'h>(head: &'h RequestHead<'_>) -> Cow<'h, str> {
    let named = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match named.and_then(|host| Authority::parse(host).ok()?.port) {
        Some(port) => Cow::Owned(format!("{}:{port}", head.host)),
        None => Cow::Borrowed(&head.host),
    }
}

#[cfg(test)]
mod tests;
