//! What is refused before it is a request: rendered, counted and logged like every other refusal.

use crate::installed::Installed;
use crate::intake::{IntakeLimits, Pace, Refusal, Refuse};
use crate::records::Unread;
use crate::shared::Shared;
use engine::denial::Denial;
use engine::reply::{Occurrence, Reply};
use engine::wire::HeadLimits;
use http::header::{self, HeaderValue};
use limits::clock::{Now, now};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use telemetry::access_log::Entry;
use telemetry::request_id::RequestId;

/// The gateway as the intake sees it.
pub(crate) struct FrontDoor {
    pub(crate) shared: Arc<Shared>,
}

impl Refuse for FrontDoor {
    fn limits(&self) -> IntakeLimits {
        let installed = self.shared.installed.load();
        let rules = &installed.snapshot.intake;
        IntakeLimits {
            head: HeadLimits {
                head_bytes_max: rules.head_bytes_max,
                lines_max: rules.head_lines_max,
                uri_bytes_max: rules.uri_bytes_max,
            },
            header_timeout: rules.head_timeout,
            idle_timeout: rules.idle_timeout,
            connections_max: rules.connections_max,
            connections_per_address_max: rules.connections_per_address_max,
            pace: Pace { read_timeout: rules.body_timeout, ..Pace::DEFAULT },
        }
    }

    fn revision(&self) -> u64 {
        self.shared.installs.load(Ordering::Acquire)
    }

    fn refuse(&self, refusal: Refusal<'_>) -> Reply {
        let installed = self.shared.installed.load();
        let id = RequestId::new(refusal.started.unix_ms, telemetry::random::bits128());
        let ended = now();
        let line = RequestLine::of(refusal.head);
        let mut reply = render(&installed, &refusal.denial, &id, &line, ended);
        let status = reply.status;
        complete(&installed, &mut reply, &id, line.method == Some(b"HEAD"));
        let bytes = if refusal.is_told { reply.body.len() } else { 0 };
        count(&self.shared, &installed, &refusal.denial, status, ended.since(refusal.started));
        log(&installed, &refusal, &id, &line, Answer { status, bytes, duration: ended.since(refusal.started) });
        let unread = Unread {
            request_id: id,
            client: refusal.peer.map(|peer| peer.ip()),
            method: line.method.unwrap_or_default(),
            path: line.path.unwrap_or_default(),
            status,
            began: refusal.started,
            ended,
        };
        self.shared.records.note_unread(&installed, &refusal.denial, unread);
        reply
    }
}

/// What can be made out of a head that cannot be trusted: for the log only.
#[derive(Default)]
struct RequestLine<'a> {
    method: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
}

/// Of a refused request line in the log.
const SHOWN_BYTES_MAX: usize = 1024;

impl<'a> RequestLine<'a> {
    fn of(head: &'a [u8]) -> Self {
        let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
        let mut words = line.get(..SHOWN_BYTES_MAX).unwrap_or(line).split(|byte| *byte == b' ');
        let method = words.next().filter(|word| !word.is_empty());
        let path = words.next().and_then(|target| target.split(|byte| matches!(byte, b'?' | b'#')).next());
        Self { method, path }
    }
}

fn text(bytes: Option<&[u8]>) -> &str {
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

fn render(installed: &Installed, denial: &Denial, id: &RequestId, line: &RequestLine<'_>, now: Now) -> Reply {
    installed.snapshot.errors.render(&Occurrence {
        denial,
        request_id: id.as_str(),
        method: text(line.method),
        host: "",
        path: text(line.path),
        fields: None,
        route: None,
        consumer: None,
        plan: None,
        policy_name: None,
        claims: None,
        now,
    })
}

/// What every answer has. There is no session yet that could say it.
fn complete(installed: &Installed, reply: &mut Reply, id: &RequestId, head_only: bool) {
    let named = &installed.snapshot.request_id.header;
    if !reply.headers.iter().any(|(name, _)| name == named)
        && let Ok(value) = HeaderValue::from_str(id.as_str())
    {
        reply.headers.push((named.clone(), value));
    }
    reply.headers.push((header::CONTENT_LENGTH, HeaderValue::from(reply.body.len())));
    if head_only {
        reply.body.clear();
    }
}

fn count(shared: &Shared, installed: &Installed, denial: &Denial, status: u16, duration: Duration) {
    let metrics = installed.route_metrics(None);
    metrics.answered(status, duration, duration);
    shared.metrics.denied(metrics.route(), denial.kind().code(), denial.reason.code(), "-");
    if denial.kind() == engine::reason::Kind::ConnectionLimitReached {
        shared.metrics.connection_refused(denial.reason.code());
    }
}

#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    bytes: usize,
    duration: Duration,
}

fn log(installed: &Installed, refusal: &Refusal<'_>, id: &RequestId, line: &RequestLine<'_>, answer: Answer) {
    installed.access_log.write(&Entry {
        unix_ms: refusal.started.unix_ms,
        request_id: id.as_str(),
        trace_id: None,
        client: refusal.peer.map(|peer| peer.ip()),
        method: line.method,
        host: None,
        path: line.path,
        protocol: refusal.protocol,
        route: None,
        deprecated: false,
        consumer: None,
        plan: None,
        status: answer.status,
        kind: Some(refusal.denial.kind().code()),
        reason: Some(refusal.denial.reason.code()),
        policy: None,
        would_deny: &[],
        without_store: false,
        retry: None,
        upstream: None,
        endpoint: None,
        attempts: None,
        upstream_status: None,
        bytes_in: 0,
        bytes_out: u64::try_from(answer.bytes).unwrap_or(u64::MAX),
        duration: answer.duration,
        gateway: answer.duration,
        upstream_connect: None,
        upstream_first_byte: None,
        config_revision: &installed.snapshot.revision,
    });
}
