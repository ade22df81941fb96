//! One request as one line. Formats by hand, as it runs for each request; what is absent is left out.

use super::escape;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

/// What the log is told about a request. What a client sent comes as bytes: it need not be text.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the request began.
    pub unix_ms: u64,
    pub request_id: &'a str,
    pub trace_id: Option<&'a str>,
    pub client: Option<IpAddr>,
    pub method: Option<&'a [u8]>,
    pub host: Option<&'a [u8]>,
    /// A query string is cut off: it may hold credentials.
    pub path: Option<&'a [u8]>,
    pub protocol: &'a str,
    pub route: Option<&'a str>,
    /// Admitted to a route that is on its way out.
    pub deprecated: bool,
    pub consumer: Option<&'a str>,
    pub plan: Option<&'a str>,
    pub status: u16,
    pub kind: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub policy: Option<&'a str>,
    /// The codes of the reasons for which policies in dry run would have refused, in the order of the chain.
    pub would_deny: &'a [&'a str],
    /// A shared limit was decided without the store.
    pub without_store: bool,
    /// How the caller comes back after a refusal: a closed list of words.
    pub retry: Option<&'a str>,
    pub upstream: Option<&'a str>,
    pub endpoint: Option<&'a str>,
    /// None if no endpoint was chosen.
    pub attempts: Option<u32>,
    pub upstream_status: Option<u16>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub duration: Duration,
    pub gateway: Duration,
    pub upstream_connect: Option<Duration>,
    pub upstream_first_byte: Option<Duration>,
    pub config_revision: &'a str,
}

impl Entry<'_> {
    /// What may be left to sampling.
    pub(super) const fn is_success(&self) -> bool {
        self.status < 400 && self.kind.is_none() && self.reason.is_none()
    }
}

/// The fields in their order, each with the sentence of the reference page.
#[must_use]
pub const fn fields() -> &'static [(&'static str, &'static str)] {
    &[
        ("time", "When the request began: RFC 3339, UTC, milliseconds."),
        (
            "requestId",
            "The ID that the client and the upstream got too: what to search for when a client reports an error.",
        ),
        ("traceId", "The W3C trace ID, 32 hex digits; absent if the caller began no trace."),
        ("client", "The client's IP address, as far as trusted proxies vouch for it."),
        ("method", "The request method."),
        ("host", "The host that was asked for."),
        ("path", "The path, without the query string."),
        ("protocol", "HTTP/1.0, HTTP/1.1 or HTTP/2."),
        ("route", "The name of the route; absent if none matched."),
        ("deprecated", "true if the call was admitted to a route that is on its way out (`deprecation`); else absent."),
        ("consumer", "The ID of the consumer; absent if the caller is not known."),
        ("plan", "The consumer's plan."),
        ("status", "The status that the client got; 499 if it left before."),
        ("kind", "The kind of the refusal or failure; absent if there was none."),
        ("reason", "The exact reason of the refusal or failure."),
        ("policy", "The policy that refused."),
        ("wouldDeny", "The reasons for which policies in dry run would have refused; absent if none."),
        (
            "withoutStore",
            "true if a limit that all nodes share was decided without the store, as `onFailure` has it; else absent.",
        ),
        (
            "retry",
            "How the caller comes back after a 429 or 5xx of the same request: `backingOff` or `looping`; absent for what is no retry.",
        ),
        ("upstream", "The name of the upstream that was chosen."),
        ("endpoint", "The address of the endpoint that was tried last."),
        ("attempts", "How many times an endpoint was tried."),
        ("upstreamStatus", "The status that the upstream answered; absent if it did not."),
        ("bytesIn", "Bytes of the request body that were read."),
        ("bytesOut", "Bytes of the response body that were sent."),
        ("durationMs", "From the first byte of the request to the last of the response, in milliseconds."),
        ("gatewayMs", "The part of it that was the gateway's own, in milliseconds."),
        ("upstreamConnectMs", "Connecting to the endpoint, in milliseconds; absent if a connection was at hand."),
        ("upstreamFirstByteMs", "From sending the request to the first byte of the answer, in milliseconds."),
        ("configRevision", "The revision of the config that decided."),
    ]
}

/// Appends the line, line feed included.
pub(super) fn format(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    append_time(entry.unix_ms, out);
    out.push(b'"');
    append_who_and_what(entry, out);
    append_verdict(entry, out);
    append_upstream(entry, out);
    append_figures(entry, out);
    out.extend_from_slice(b"}\n");
}

fn append_who_and_what(entry: &Entry<'_>, out: &mut Vec<u8>) {
    append_text(b",\"requestId\":\"", entry.request_id, out);
    append_some(b",\"traceId\":\"", entry.trace_id, out);
    if let Some(client) = entry.client {
        append_address(client, out);
    }
    append_some(b",\"method\":\"", entry.method, out);
    append_some(b",\"host\":\"", entry.host, out);
    append_some(b",\"path\":\"", entry.path.map(without_query), out);
    append_text(b",\"protocol\":\"", entry.protocol, out);
}

fn append_verdict(entry: &Entry<'_>, out: &mut Vec<u8>) {
    append_some(b",\"route\":\"", entry.route, out);
    if entry.deprecated {
        out.extend_from_slice(b",\"deprecated\":true");
    }
    append_some(b",\"consumer\":\"", entry.consumer, out);
    append_some(b",\"plan\":\"", entry.plan, out);
    append_number(b",\"status\":", u64::from(entry.status), out);
    append_some(b",\"kind\":\"", entry.kind, out);
    append_some(b",\"reason\":\"", entry.reason, out);
    append_some(b",\"policy\":\"", entry.policy, out);
    if let [first, rest @ ..] = entry.would_deny {
        append_text(b",\"wouldDeny\":[\"", first, out);
        for reason in rest {
            append_text(b",\"", reason, out);
        }
        out.push(b']');
    }
    if entry.without_store {
        out.extend_from_slice(b",\"withoutStore\":true");
    }
    append_some(b",\"retry\":\"", entry.retry, out);
}

fn append_upstream(entry: &Entry<'_>, out: &mut Vec<u8>) {
    append_some(b",\"upstream\":\"", entry.upstream, out);
    append_some(b",\"endpoint\":\"", entry.endpoint, out);
    if let Some(attempts) = entry.attempts {
        append_number(b",\"attempts\":", u64::from(attempts), out);
    }
    if let Some(status) = entry.upstream_status {
        append_number(b",\"upstreamStatus\":", u64::from(status), out);
    }
}

fn append_figures(entry: &Entry<'_>, out: &mut Vec<u8>) {
    append_number(b",\"bytesIn\":", entry.bytes_in, out);
    append_number(b",\"bytesOut\":", entry.bytes_out, out);
    append_milliseconds(b",\"durationMs\":", entry.duration, out);
    append_milliseconds(b",\"gatewayMs\":", entry.gateway, out);
    if let Some(connect) = entry.upstream_connect {
        append_milliseconds(b",\"upstreamConnectMs\":", connect, out);
    }
    if let Some(first_byte) = entry.upstream_first_byte {
        append_milliseconds(b",\"upstreamFirstByteMs\":", first_byte, out);
    }
    append_text(b",\"configRevision\":\"", entry.config_revision, out);
}

fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

/// `opening` has the comma, the name and the first quote.
fn append_text(opening: &[u8], text: impl AsRef<[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(opening);
    escape::append(text.as_ref(), out);
    out.push(b'"');
}

fn append_some(opening: &[u8], text: Option<impl AsRef<[u8]>>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        append_text(opening, text, out);
    }
}

fn append_address(address: IpAddr, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"client\":\"");
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                append_number(if index == 0 { b"" } else { b"." }, u64::from(octet), out);
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
    out.push(b'"');
}

fn append_number(opening: &[u8], number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(opening);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// To the microsecond, as `12.345`.
fn append_milliseconds(opening: &[u8], duration: Duration, out: &mut Vec<u8>) {
    let milliseconds = duration.as_secs().saturating_mul(1_000).saturating_add(u64::from(duration.subsec_millis()));
    append_number(opening, milliseconds, out);
    let [hundreds, tens, ones] = three_digits(u64::from(duration.subsec_micros() % 1_000));
    out.extend_from_slice(&[b'.', hundreds, tens, ones]);
}

/// RFC 3339 in UTC with milliseconds.
fn append_time(unix_ms: u64, out: &mut Vec<u8>) {
    let (seconds, milliseconds) = (unix_ms / 1_000, unix_ms % 1_000);
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    out.extend_from_slice(itoa::Buffer::new().format(year).as_bytes());
    let parts = [
        (b'-', month),
        (b'-', day),
        (b'T', second_of_day / 3_600),
        (b':', second_of_day / 60 % 60),
        (b':', second_of_day % 60),
    ];
    for (before, number) in parts {
        let [_, tens, ones] = three_digits(number);
        out.extend_from_slice(&[before, tens, ones]);
    }
    let [hundreds, tens, ones] = three_digits(milliseconds);
    out.extend_from_slice(&[b'.', hundreds, tens, ones, b'Z']);
}

/// Of a number below 1,000.
fn three_digits(number: u64) -> [u8; 3] {
    [number / 100, number / 10, number].map(|number| b'0' + u8::try_from(number % 10).unwrap_or_default())
}

/// The Gregorian date of a day since 1970-01-01. Counts years from March, so that the leap day is the last one of a year.
const fn date(days: u64) -> (u64, u64, u64) {
    // Days from 0000-03-01 to 1970-01-01, and of 400, 100 and 4 years.
    const EPOCH: u64 = 719_468;
    const DAYS_400: u64 = 146_097;
    const DAYS_100: u64 = 36_524;
    const DAYS_4: u64 = 1_460;
    let days = days + EPOCH;
    let (era, day_of_era) = (days / DAYS_400, days % DAYS_400);
    let year_of_era = (day_of_era - day_of_era / DAYS_4 + day_of_era / DAYS_100 - day_of_era / (DAYS_400 - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March have 153 days in each run of five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests;
