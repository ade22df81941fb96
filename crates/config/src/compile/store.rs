//! `store`: a server, a way to it and what to do without it. The URL may hold a password, so no message ever quotes it.

use std::fmt;
use std::time::Duration;

use super::desk::Desk;
use crate::diagnostic::Code;
use crate::raw::{self, RawConfig};

const PORT: u16 = 6379;
const TIMEOUT: Duration = Duration::from_millis(20);
const PREFIX: &str = "tollgate";
const URL: &str = "/store/redis/url";

/// Where limits are counted that all nodes share.
#[derive(Clone, PartialEq, Eq)]
pub struct Redis {
    /// Host and port; several are seeds of one cluster.
    pub servers: Vec<(String, u16)>,
    pub cluster: bool,
    pub tls: Option<RedisTls>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub database: u16,
    pub timeout: Duration,
    pub on_failure: raw::OnFailure,
    pub prefix: String,
}

#[derive(Clone, PartialEq, Eq)]
pub struct RedisTls {
    /// PEM; none is the system's authorities.
    pub authorities: Option<Vec<u8>>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redis").field("servers", &self.servers).finish_non_exhaustive()
    }
}

/// What a URL says.
struct Address {
    tls: bool,
    servers: Vec<(String, u16)>,
    username: Option<String>,
    password: Option<String>,
    database: u16,
}

/// What is wrong with it, and what to write.
type Fault = (&'static str, &'static str);

/// None without a store, or with one that cannot be used; the diagnostics then say so.
pub(super) fn compile(raw: &RawConfig, desk: &mut Desk<'_>) -> Option<Redis> {
    let redis = &raw.store.as_ref()?.redis;
    let address = match address(&redis.url) {
        Ok(address) => address,
        Err((message, help)) => {
            desk.error(Code::MalformedValue, URL, message, help);
            return None;
        }
    };
    let clustered = clustered(redis, &address, desk);
    let username = either(address.username.as_deref(), redis.username.as_deref(), "username", desk);
    let password = either(address.password.as_deref(), redis.password.as_deref(), "password", desk);
    let tls = tls(redis, &address, desk);
    if username.is_some() && password.is_none() {
        let help = "give the user's password, as `password: \"${file:/run/secrets/redis}\"`";
        desk.error(Code::MissingKey, URL, "there is a user without a password", help);
    }
    if password.is_some() && !address.tls && address.servers.iter().any(|(host, _)| !is_loopback(host)) {
        let help = "write `rediss://`, and `caFile` if the server's authority is your own";
        desk.warn(Code::Unsafe, URL, "the password crosses the network in plain text", help);
    }
    clustered.then_some(Redis {
        servers: address.servers,
        cluster: redis.cluster,
        tls,
        username,
        password,
        database: address.database,
        timeout: redis.timeout.map_or(TIMEOUT, crate::text::Duration::as_std),
        on_failure: redis.on_failure,
        prefix: redis.prefix.clone().unwrap_or_else(|| PREFIX.to_owned()),
    })
}

fn clustered(redis: &raw::Redis, address: &Address, desk: &mut Desk<'_>) -> bool {
    if address.servers.len() > 1 && !redis.cluster {
        let help = "add `cluster: true` if they are one Redis Cluster, or name one server";
        desk.error(Code::Choice, URL, "several servers are named, but not as a cluster", help);
        return false;
    }
    if redis.cluster && address.database != 0 {
        desk.error(Code::Choice, URL, "a Redis Cluster has database 0 only", "leave the database out of the URL");
        return false;
    }
    true
}

fn either(in_url: Option<&str>, beside: Option<&str>, name: &str, desk: &mut Desk<'_>) -> Option<String> {
    if in_url.is_some() && beside.is_some() {
        let pointer = format!("/store/redis/{name}");
        let help = format!("take one away: the one in `url`, or `{name}`");
        desk.error(Code::Choice, &pointer, format!("the {name} is given twice"), help);
    }
    in_url.or(beside).map(str::to_owned)
}

fn tls(redis: &raw::Redis, address: &Address, desk: &mut Desk<'_>) -> Option<RedisTls> {
    let pointer = "/store/redis/caFile";
    if !address.tls {
        if redis.ca_file.is_some() {
            let help = "write `rediss://` in `url`, or take `caFile` away";
            desk.error(Code::Choice, pointer, "`caFile` is given, but the connection has no TLS", help);
        }
        return None;
    }
    let authorities = redis.ca_file.as_ref().and_then(|named| {
        let pem = desk.file(pointer, named)?;
        let has_one = pem.windows(27).any(|part| part == b"-----BEGIN CERTIFICATE-----");
        if !has_one {
            let help = "give a PEM file with the authority that signed the server's certificate";
            desk.error(Code::KeyMaterial, pointer, "there is no certificate in it", help);
        }
        has_one.then_some(pem)
    });
    Some(RedisTls { authorities })
}

fn address(url: &str) -> Result<Address, Fault> {
    const HELP: &str = "write `redis://HOST:PORT`, or `rediss://USER:PASSWORD@HOST:PORT/0` with all that there can be";
    let (scheme, rest) = url.split_once("://").ok_or(("the URL has no scheme", HELP))?;
    let tls = match scheme {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return Err(("the URL is neither `redis://` nor `rediss://`", HELP)),
    };
    // A password may hold `@` and `/`, a host neither: the last one divides.
    let (login, place) = rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
    let (hosts, database) = place.split_once('/').map_or((place, ""), |(hosts, database)| (hosts, database));
    if database.contains(['?', '#']) || hosts.contains(['?', '#']) {
        return Err(("the URL has options behind it, and Tollgate reads none", HELP));
    }
    let database = match database {
        "" => 0,
        number => number.parse().map_err(|_| ("the database behind the host is no number", HELP))?,
    };
    let (username, password) = match login {
        None => (None, None),
        Some(login) => {
            let (username, password) = login.split_once(':').ok_or(("there is a user without a password", HELP))?;
            let known = |text: &str| if text.is_empty() { Ok(None) } else { decoded(text).map(Some) };
            (known(username)?, known(password)?)
        }
    };
    let servers = hosts.split(',').map(server).collect::<Result<Vec<_>, Fault>>()?;
    Ok(Address { tls, servers, username, password, database })
}

fn server(text: &str) -> Result<(String, u16), Fault> {
    const HELP: &str = "write HOST or HOST:PORT, an IPv6 address in brackets; several are separated by commas";
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => {
            (host, Some(port.strip_prefix(':').ok_or(("what follows the address is no port", HELP))?))
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(("the URL has no host", HELP));
    }
    let port = match port {
        None => PORT,
        Some(port) => {
            port.parse().ok().filter(|port| *port != 0).ok_or(("the port is no number from 1 to 65535", HELP))?
        }
    };
    Ok((host.to_owned(), port))
}

/// `%` and two hexadecimal digits are a byte, as in any URL.
fn decoded(text: &str) -> Result<String, Fault> {
    const FAULT: Fault = (
        "the user or the password holds a `%` that begins no byte",
        "write `%25` for it, or give the password as `password:` beside `url`, where it needs no escapes",
    );
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let byte = digit(*high).zip(digit(*low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                bytes.push(byte.ok_or(FAULT)?);
                after
            }
            (b'%', _) => return Err(FAULT),
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes).map_err(|_| FAULT)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        let said = match address(url) {
            Ok(Address { tls, servers, username, password, database }) => {
                format!("{tls} {servers:?} {username:?} {password:?} {database}")
            }
            Err((message, _)) => message.to_owned(),
        };
        assert_eq!(said, expected, "{url}");
    }

    #[test]
    fn urls() {
        check("redis://a", r#"false [("a", 6379)] None None 0"#);
        check("rediss://a:7000/3", r#"true [("a", 7000)] None None 3"#);
        check("valkey://[::1]:7000", r#"false [("::1", 7000)] None None 0"#);
        check("redis://:p@a", r#"false [("a", 6379)] None Some("p") 0"#);
        check("redis://u:p%40%2fq@x:1,y:2", r#"false [("x", 1), ("y", 2)] Some("u") Some("p@/q") 0"#);
        check("redis://u:p@q/r@a", r#"false [("a", 6379)] Some("u") Some("p@q/r") 0"#);
        check("a:6379", "the URL has no scheme");
        check("http://a", "the URL is neither `redis://` nor `rediss://`");
        check("redis://", "the URL has no host");
        check("redis://a:x", "the port is no number from 1 to 65535");
        check("redis://a:0", "the port is no number from 1 to 65535");
        check("redis://[::1]7", "what follows the address is no port");
        check("redis://a/x", "the database behind the host is no number");
        check("redis://a?db=1", "the URL has options behind it, and Tollgate reads none");
        check("redis://u@a", "there is a user without a password");
        check("redis://u:%zz@a", "the user or the password holds a `%` that begins no byte");
        check("redis://a,,b", "the URL has no host");
    }

    #[test]
    fn a_password_is_not_shown() {
        let Ok(Address { servers, .. }) = address("redis://u:hidden@a") else { panic!("a sound URL") };
        let redis = Redis {
            servers,
            cluster: false,
            tls: None,
            username: Some("u".to_owned()),
            password: Some("hidden".to_owned()),
            database: 0,
            timeout: TIMEOUT,
            on_failure: raw::OnFailure::Deny,
            prefix: PREFIX.to_owned(),
        };
        assert!(!format!("{redis:?}").contains("hidden"));
    }
}
