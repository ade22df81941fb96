//! The config of a test, with addresses and paths filled in. Knows nothing of the config's keys but the four that it completes.

use crate::ports;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The name of the config in its directory.
pub(super) const FILE: &str = "tollgate.yaml";

/// What tests need and need not write.
const COMPLETION: [(&str, &str); 4] = [
    ("version", "version: 1"),
    ("listeners", "listeners: [{ address: \"{{listen}}\" }]"),
    ("telemetry", "telemetry: { address: \"{{telemetry}}\" }"),
    ("accessLog", "accessLog: { path: \"{{accessLog}}\" }"),
];

/// The listener that also speaks HTTP/2, where one is asked for.
const HTTP2: (&str, &str) = ("listeners", "listeners: [{ address: \"{{listen}}\", http2: true }]");

/// The protocols of the listener that is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocols {
    Http1,
    Both,
}

/// What the places of a config stand for; the same for all configs of one gateway.
pub(super) struct Places {
    directory: PathBuf,
    upstreams: Vec<SocketAddr>,
    protocols: Protocols,
    addresses: Mutex<BTreeMap<String, SocketAddr>>,
}

impl Places {
    pub(super) fn new(directory: &Path, upstreams: Vec<SocketAddr>, protocols: Protocols) -> Self {
        Self { directory: directory.to_owned(), upstreams, protocols, addresses: Mutex::default() }
    }

    /// Fills the places in. Others in double braces are left alone: they are the config's own.
    pub(super) fn complete(&self, config: &str) -> io::Result<String> {
        let mut text = config.to_owned();
        let completion = COMPLETION.map(|completion| match self.protocols {
            Protocols::Both if completion.0 == HTTP2.0 => HTTP2,
            Protocols::Both | Protocols::Http1 => completion,
        });
        for (key, line) in completion {
            let said = text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
            if !said {
                text = format!("{line}\n{text}");
            }
        }
        let mut filled = String::new();
        let mut rest = text.as_str();
        while let Some((before, place, after)) = next_place(rest) {
            filled.push_str(before);
            match self.value(place)? {
                Some(value) => filled.push_str(&value),
                None => filled.extend(["{{", place, "}}"]),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    pub(super) fn address(&self, place: &str) -> Option<SocketAddr> {
        self.lock().get(place).copied()
    }

    pub(super) fn telemetry(&self) -> io::Result<SocketAddr> {
        self.address("telemetry")
            .ok_or_else(|| io::Error::other("the config's telemetry address has to be {{telemetry}}"))
    }

    pub(super) fn access_log(&self) -> PathBuf {
        self.directory.join("access.log")
    }

    /// None for a place that is not ours.
    fn value(&self, place: &str) -> io::Result<Option<String>> {
        let name = place.trim_end_matches(|digit: char| digit.is_ascii_digit());
        let number = place.strip_prefix(name).unwrap_or_default();
        Ok(match name {
            "listen" | "telemetry" | "admin" => Some(self.free(place)?.to_string()),
            "upstream" => {
                let index = if number.is_empty() {
                    Some(0)
                } else {
                    number.parse::<usize>().ok().and_then(|n| n.checked_sub(1))
                };
                let upstream = index.and_then(|index| self.upstreams.get(index));
                let missing = || io::Error::other(format!("no upstream was handed over for {{{{{place}}}}}"));
                Some(upstream.ok_or_else(missing)?.to_string())
            }
            "accessLog" => Some(self.access_log().display().to_string()),
            "dir" => Some(self.directory.display().to_string()),
            _ => None,
        })
    }

    fn free(&self, place: &str) -> io::Result<SocketAddr> {
        let mut addresses = self.lock();
        if let Some(address) = addresses.get(place) {
            return Ok(*address);
        }
        let address = ports::free()?;
        addresses.insert(place.to_owned(), address);
        Ok(address)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, SocketAddr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands before the first `{{place}}`, the place, and what follows.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (place, after) = rest.split_once("}}")?;
    Some((before, place, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places::new(Path::new("/tmp/x"), vec![([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()], Protocols::Http1)
    }

    #[test]
    fn places_are_filled_in() {
        #[track_caller]
        fn check(what: &str, config: &str, expected: &str) {
            let text = places().complete(&format!("{FULL}{config}")).unwrap();
            assert_eq!(text.strip_prefix(FULL), Some(expected), "{what}");
        }
        const FULL: &str = "version: 1\nlisteners: []\ntelemetry: {}\naccessLog: {}\n";
        check("none", "a: b", "a: b");
        check("upstreams", "{{upstream}} {{upstream1}} {{upstream2}}", "127.0.0.1:1 127.0.0.1:1 127.0.0.1:2");
        check("paths", "{{dir}}/a {{accessLog}}", "/tmp/x/a /tmp/x/access.log");
        check("not ours", "{{request.id}} {{dir}} {{retry.after}}", "{{request.id}} /tmp/x {{retry.after}}");
        check("not closed", "{{dir}} {{dir", "/tmp/x {{dir");
    }

    #[test]
    fn addresses_are_the_same_in_each_config() {
        let places = places();
        let first = places.complete("listeners: [{{listen}}, {{listen2}}]").unwrap();
        let second = places.complete("listeners: [{{listen}}, {{listen2}}]").unwrap();
        assert_eq!(first, second);
        let (one, other) = (places.address("listen").unwrap(), places.address("listen2").unwrap());
        assert!(one != other && first.contains(&format!("listeners: [{one}, {other}]")));
    }

    #[test]
    fn what_a_config_does_not_say_is_completed() {
        let places = places();
        let text = places.complete("routes: []\n  version: nested\n").unwrap();
        for (key, _) in COMPLETION {
            assert_eq!(text.lines().filter(|line| line.starts_with(&format!("{key}:"))).count(), 1, "{key}");
        }
        assert!(places.telemetry().is_ok() && places.address("listen").is_some());
    }

    #[test]
    fn the_listener_speaks_http2_where_that_is_asked_for() {
        let places = Places::new(Path::new("/tmp/x"), Vec::new(), Protocols::Both);
        for config in ["routes: []\n", "routes: [1]\n"] {
            let text = places.complete(config).unwrap();
            let listen = places.address("listen").unwrap();
            assert!(text.contains(&format!("listeners: [{{ address: \"{listen}\", http2: true }}]")), "{text}");
        }
        assert_eq!(places.complete("listeners: []\n").unwrap().matches("http2").count(), 0, "what is said is kept");
    }

    #[test]
    fn an_upstream_that_was_not_handed_over_is_a_mistake() {
        assert!(places().complete("{{upstream3}}").is_err());
        assert!(places().complete("{{upstream0}}").is_err());
    }
}
