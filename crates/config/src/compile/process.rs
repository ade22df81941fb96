//! What holds for the whole process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use engine::snapshot::IntakeRules;

use super::desk::Desk;
use super::fields;
use super::store::{self, Redis};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, AccessLogFormat, RawConfig, Threads};
use crate::text::Size;

/// What a process is started with. Only the access log can change while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pub listeners: Vec<Listener>,
    pub telemetry: Option<SocketAddr>,
    /// None is one for each core.
    pub threads: Option<usize>,
    pub drain: Duration,
    /// Where the process keeps what is its own: the counts of quotas and the control socket.
    pub state_dir: PathBuf,
    pub access_log: LogTarget,
    /// The share of successes that are logged, 0 to 1.
    pub access_log_sample: f64,
    /// Where limits are counted that all nodes share.
    pub store: Option<Redis>,
}

/// Where clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    pub address: SocketAddr,
    /// In clear text, by prior knowledge, beside HTTP/1.
    pub http2: bool,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    Stdout,
    File(PathBuf),
    None,
}

pub(super) fn compile(raw: &RawConfig, desk: &mut Desk<'_>) -> Option<Process> {
    let listener = |raw: &raw::Listener| Listener { address: raw.address.get(), http2: raw.http2 };
    let listeners: Vec<Listener> = raw.listeners.iter().map(listener).collect();
    let telemetry = raw.telemetry.as_ref().map(|telemetry| telemetry.address.get());
    let sound = addresses(&listeners, telemetry, desk);
    for (index, network) in raw.trusted_proxies.iter().enumerate() {
        if network.net().prefix_len() == 0 {
            let pointer = format!("/trustedProxies/{index}");
            let help = "name the networks of your own proxies";
            let message = "everybody is trusted to say which address a request comes from";
            desk.warn(Code::Unsafe, &pointer, message, help);
        }
    }
    if let Some(name) = raw.request_id.header.as_ref().map(crate::text::HeaderName::get)
        && let Some(meaning) = fields::credential_in(name, raw)
    {
        let message = format!("{} {} and cannot carry the request's ID", quoted(name.as_str()), meaning.words());
        let help = "name a field that nothing else uses, such as `X-Request-Id`";
        desk.error(Code::Choice, "/requestId/header", message, help);
    }
    let AccessLogFormat::Json = raw.access_log.format;
    let access_log = match &*raw.access_log.path {
        "-" => LogTarget::Stdout,
        "none" => LogTarget::None,
        path => LogTarget::File(desk.path("/accessLog/path", path)),
    };
    let process = Process {
        listeners,
        telemetry,
        threads: match raw.server.threads {
            Threads::Auto => None,
            Threads::Number(number) => Some(usize::from(number)),
        },
        drain: raw.server.drain.as_std(),
        state_dir: desk.path("/server/stateDir", &raw.server.state_dir),
        access_log,
        access_log_sample: raw.access_log.sample,
        store: store::compile(raw, desk),
    };
    sound.then_some(process)
}

/// Whether each address can be listened on beside the others. Two of one text have been reported by their names.
fn addresses(listeners: &[Listener], telemetry: Option<SocketAddr>, desk: &mut Desk<'_>) -> bool {
    let mut sound = true;
    let listening =
        listeners.iter().enumerate().map(|(index, listener)| (format!("/listeners/{index}/address"), listener.address));
    let listening: Vec<(String, SocketAddr)> = listening.collect();
    let telemetry = telemetry.map(|address| ("/telemetry/address".to_owned(), address));
    for (index, (pointer, address)) in listening.iter().chain(&telemetry).enumerate() {
        let is_telemetry = pointer.starts_with("/telemetry");
        for (other_pointer, other) in listening.iter().take(index) {
            let overlap = overlap(*address, *other);
            if overlap == Overlap::None || (!is_telemetry && desk.have_one_text(pointer, other_pointer)) {
                continue;
            }
            let what = if is_telemetry && address == other {
                format!("{address} is a listener for clients too")
            } else {
                format!("{address} and {other} cannot both be listened on")
            };
            let help = if is_telemetry {
                "give telemetry an address of its own: what it tells is not for clients"
            } else {
                "keep the one that takes connections for both, or give each a port of its own"
            };
            let (place, first) = (desk.place(pointer), desk.place(other_pointer));
            let diagnostic = if overlap == Overlap::Sure {
                sound = false;
                Diagnostic::error(Code::DuplicateName, place, what)
            } else {
                Diagnostic::warning(Code::DuplicateName, place, format!("{what} where `[::]` takes IPv4, too"))
            };
            desk.push(diagnostic.help(help).note(first, "the other one is here"));
        }
    }
    sound
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Overlap {
    None,
    /// It depends on the system: most let `[::]` take connections of IPv4.
    Likely,
    Sure,
}

fn overlap(one: SocketAddr, other: SocketAddr) -> Overlap {
    if one.port() != other.port() || one.port() == 0 {
        return Overlap::None;
    }
    let (left, right) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_any = left.is_unspecified() || right.is_unspecified();
    let takes_all = [left, right].iter().any(|ip| ip.is_ipv6() && ip.is_unspecified());
    match left.is_ipv4() == right.is_ipv4() {
        true if left == right || is_any => Overlap::Sure,
        false if takes_all => Overlap::Likely,
        true | false => Overlap::None,
    }
}

pub(super) fn intake(raw: &RawConfig) -> IntakeRules {
    let limits = &raw.limits;
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    IntakeRules {
        head_bytes_max: bytes(limits.header_bytes),
        head_lines_max: number(limits.headers),
        uri_bytes_max: bytes(limits.uri_bytes),
        head_timeout: limits.header_timeout.as_std(),
        idle_timeout: limits.idle_timeout.as_std(),
        body_timeout: limits.body_timeout.as_std(),
        connections_max: number(limits.connections),
        connections_per_address_max: number(limits.connections_per_address),
        held_body_bytes_max: bytes(limits.held_body_bytes),
    }
}

pub(super) fn bytes(size: Size) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}
