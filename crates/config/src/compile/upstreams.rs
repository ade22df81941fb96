//! `upstreams`: endpoints, turns, time-outs, TLS. Names are not resolved here.

use engine::live::Live;
use engine::upstream::{Address, Endpoint, Timeouts, Tls, Upstream};

use super::desk::Desk;
use crate::diagnostic::{Code, quoted};
use crate::raw::{self, Balance, RawConfig};
use crate::spans::deeper;
use crate::text;

pub(super) fn compile(raw: &RawConfig, live: &Live, desk: &mut Desk<'_>) -> Vec<Upstream> {
    raw.upstreams.iter().map(|(name, upstream)| one(name, upstream, live, desk)).collect()
}

fn one(name: &str, raw: &raw::Upstream, live: &Live, desk: &mut Desk<'_>) -> Upstream {
    let pointer = deeper("/upstreams", name);
    let Balance::RoundRobin = raw.balance;
    let endpoints: Vec<Endpoint> = raw.endpoints.iter().map(endpoint).collect();
    for (index, endpoint) in endpoints.iter().enumerate() {
        if endpoints.iter().take(index).any(|other| other.address == endpoint.address) {
            let message = format!("{} stands twice in upstream `{name}`", endpoint.label);
            let help = "remove one and give the other a `weight` if it should get more";
            desk.warn(Code::DuplicateName, &format!("{pointer}/endpoints/{index}"), message, help);
        }
    }
    if endpoints.iter().all(|endpoint| endpoint.weight == 0) {
        let message = format!("no endpoint of upstream {} takes requests: every `weight` is 0", quoted(name));
        let help = "give one of them a weight, unless every request is meant to get 503";
        desk.warn(Code::Pointless, &format!("{pointer}/endpoints"), message, help);
    }
    let timeouts = Timeouts {
        connect: raw.timeouts.connect.as_std(),
        first_byte: raw.timeouts.first_byte.as_std(),
        idle: raw.timeouts.idle.as_std(),
        total: Some(raw.timeouts.total.as_std()),
    };
    if raw.timeouts.first_byte.as_std() > raw.timeouts.total.as_std() {
        let help = "raise `total` or lower `firstByte`: the shorter one ends the wait";
        let message = "`firstByte` is longer than `total` and so never reached";
        desk.warn(Code::Pointless, &format!("{pointer}/timeouts/firstByte"), message, help);
    }
    let tls = raw.tls.as_ref().and_then(|tls| self::tls(tls, &format!("{pointer}/tls"), desk));
    Upstream::new(name.into(), endpoints, timeouts, tls, raw.keepalive.idle_timeout.as_std(), live.cursors.named(name))
}

fn endpoint(raw: &raw::EndpointEntry) -> Endpoint {
    let (label, address) = match raw.address() {
        text::Endpoint::Address(address) => (address.to_string(), Address::Socket(*address)),
        text::Endpoint::Name { host, port } => {
            (format!("{host}:{port}"), Address::Name { host: host.as_str().into(), port: *port })
        }
    };
    Endpoint { label: label.into(), address, weight: raw.weight() }
}

fn tls(raw: &raw::UpstreamTls, pointer: &str, desk: &mut Desk<'_>) -> Option<Tls> {
    let authorities = match &raw.ca_file {
        None => Vec::new(),
        Some(named) => authorities(&format!("{pointer}/caFile"), named, desk)?,
    };
    Some(Tls { server_name: raw.server_name.as_str().into(), authorities })
}

pub(super) fn authorities(pointer: &str, named: &str, desk: &mut Desk<'_>) -> Option<Vec<Vec<u8>>> {
    let bytes = desk.file(pointer, named)?;
    let mut certificates = Vec::new();
    for block in x509_parser::pem::Pem::iter_from_buffer(&bytes) {
        let readable = block.ok().filter(|block| block.label == "CERTIFICATE");
        let Some(block) = readable.filter(|block| block.parse_x509().is_ok()) else {
            desk.error(
                Code::KeyMaterial,
                pointer,
                format!("{named} holds something that is no certificate"),
                "a CA file is one or more PEM blocks that begin with `-----BEGIN CERTIFICATE-----`",
            );
            return None;
        };
        certificates.push(block.contents);
    }
    if certificates.is_empty() {
        let help = "a CA file is one or more PEM blocks that begin with `-----BEGIN CERTIFICATE-----`";
        desk.error(Code::KeyMaterial, pointer, format!("{named} holds no certificate"), help);
        return None;
    }
    Some(certificates)
}
