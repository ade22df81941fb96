//! `Accept-Encoding` (RFC 9110, 12.5.3).

use super::Coding;
use http::header::{self, HeaderMap};

/// The coding that the client likes best. None: the body stays as it is.
#[must_use]
pub fn negotiate(headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut asked = Asked::default();
    for item in lines.flat_map(|line| line.split(',')) {
        asked.read(item);
    }
    let mut best: Option<(u16, Coding)> = None;
    for coding in offered {
        let weight = asked.weight(*coding);
        if weight > 0 && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, *coding));
        }
    }
    // Without a word on identity it is the last resort.
    let (weight, coding) = best?;
    (weight >= asked.identity.unwrap_or(0)).then_some(coding)
}

/// Weights in thousandths.
#[derive(Default)]
struct Asked {
    zstd: Option<u16>,
    brotli: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    others: Option<u16>,
}

impl Asked {
    /// What is malformed asks for nothing.
    fn read(&mut self, item: &str) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = match parts.next() {
            None => 1_000,
            Some(parameter) => weight(parameter).unwrap_or(0),
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let place = if is("gzip") || is("x-gzip") {
            &mut self.gzip
        } else if is("br") {
            &mut self.brotli
        } else if is("zstd") {
            &mut self.zstd
        } else if is("identity") {
            &mut self.identity
        } else if is("*") {
            &mut self.others
        } else {
            return;
        };
        *place = Some(weight);
    }

    fn weight(&self, coding: Coding) -> u16 {
        let own = match coding {
            Coding::Zstd => self.zstd,
            Coding::Brotli => self.brotli,
            Coding::Gzip => self.gzip,
        };
        own.or(self.others).unwrap_or(0)
    }
}

/// `q=0.5` in thousandths (RFC 9110, 12.4.2).
fn weight(parameter: &str) -> Option<u16> {
    let value = parameter.strip_prefix(['q', 'Q'])?.trim().strip_prefix('=')?.trim();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{part:0<3}").parse::<u16>().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}
