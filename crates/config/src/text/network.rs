//! Addresses: of networks, of peers, to listen on, to connect to.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::{Fault, Text, text_type};

/// RFC 1035: the longest host name in text.
const HOST_BYTES_MAX: usize = 253;

/// RFC 1035: the longest label of a host name.
const LABEL_BYTES_MAX: usize = 63;

/// A network; one address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl Cidr {
    #[must_use]
    pub const fn net(self) -> IpNet {
        self.0
    }
}

impl Text for Cidr {
    const FORMAT: &'static str = "tollgate-cidr";
    const WHAT: &'static str = "a network such as `10.0.0.0/8`";
    const PATTERN: Option<&'static str> = Some("^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write an address and a prefix length: `10.0.0.0/8`, `2001:db8::/32`, or one address";
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address)));
        }
        let Ok(net) = text.parse::<IpNet>() else {
            let (address, length) = text.split_once('/').unwrap_or((text, ""));
            let what = match address.parse::<IpAddr>() {
                Ok(_) if length.parse::<u32>().is_ok() => "has a longer prefix than the address has bits",
                Ok(_) => "has no prefix length after the `/`",
                Err(_) => "is no IP network",
            };
            return Err(Fault::new(what, help));
        };
        if net != net.trunc() {
            let what = "has bits set behind its prefix";
            return Err(Fault::new(what, format!("write `{}` for the network, or the address alone", net.trunc())));
        }
        Ok(Self(net))
    }
}

text_type!(Cidr, "An IP network, or one address.", "10.0.0.0/8", "2001:db8::/32");

/// One IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpAddress(IpAddr);

impl IpAddress {
    #[must_use]
    pub const fn get(self) -> IpAddr {
        self.0
    }
}

impl Text for IpAddress {
    const FORMAT: &'static str = "tollgate-ip";
    const WHAT: &'static str = "an IP address such as `203.0.113.7`";
    const PATTERN: Option<&'static str> = Some("^[0-9A-Fa-f.:]+$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write `203.0.113.7` or `2001:db8::7`, without port and brackets";
        text.parse().map(Self).map_err(|_| Fault::new("is no IP address", help))
    }
}

text_type!(IpAddress, "An IPv4 or IPv6 address without a port.", "203.0.113.7", "2001:db8::7");

/// An IP address and a port to listen on; port 0 lets the system choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(SocketAddr);

impl ListenAddress {
    #[must_use]
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

impl Text for ListenAddress {
    const FORMAT: &'static str = "tollgate-listen-address";
    const WHAT: &'static str = "an address to listen on such as `0.0.0.0:8080`";
    const PATTERN: Option<&'static str> = Some("^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$");

    fn read(text: &str) -> Result<Self, Fault> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        if let Ok(port) = text.parse::<u16>() {
            return Err(Fault::new(
                "has no IP address",
                format!("write `0.0.0.0:{port}` or `[::]:{port}` for all interfaces"),
            ));
        }
        let (host, port) = host_and_port(text)?;
        if host.is_empty() || host == "*" {
            return Err(Fault::new(
                "has no IP address",
                format!("write `0.0.0.0:{port}` or `[::]:{port}` for all interfaces"),
            ));
        }
        if host == "localhost" {
            return Err(Fault::new(
                "names a host",
                format!("write `127.0.0.1:{port}`: a listener takes an IP address"),
            ));
        }
        let what = if host.starts_with('[') { "has no IPv6 address in its brackets" } else { "has no IP address" };
        Err(Fault::new(what, format!("write `0.0.0.0:{port}` for all interfaces or the address of one")))
    }
}

text_type!(ListenAddress, "An IP address and a port; port 0 lets the system choose.", "0.0.0.0:8080", "[::]:8443");

/// A host name or IP address, and a port to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Address(SocketAddr),
    /// Resolved while running, never while a config is checked.
    Name {
        host: String,
        port: u16,
    },
}

impl Text for Endpoint {
    const FORMAT: &'static str = "tollgate-endpoint";
    const WHAT: &'static str = "an endpoint such as `10.0.0.5:9001` or `orders.internal:9001`";
    const PATTERN: Option<&'static str> = Some("^([A-Za-z0-9_.-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$");

    fn read(text: &str) -> Result<Self, Fault> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let tls = if scheme == "https" { ", and give the upstream a `tls` section" } else { "" };
            let host = rest.split('/').next().unwrap_or(rest);
            let port = if scheme == "https" { "443" } else { "80" };
            let host = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
            return Err(Fault::new("is a URL", format!("write host and port alone, `{host}`{tls}")));
        }
        let (host, port) = host_and_port(text)?;
        if port == 0 {
            return Err(Fault::new("has port 0", "name the port that the service listens on"));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            if address.ip().is_unspecified() {
                let help = format!("`{}` is for listening; write `127.0.0.1:{port}` for this machine", address.ip());
                return Err(Fault::new("names no machine", help));
            }
            return Ok(Self::Address(address));
        }
        check_host(host)?;
        Ok(Self::Name { host: host.to_ascii_lowercase(), port })
    }
}

text_type!(Endpoint, "A host name or IP address and a port.", "127.0.0.1:9001", "orders.internal:9001");

fn host_and_port(text: &str) -> Result<(&str, u16), Fault> {
    let missing = || Fault::new("has no port", "write host and port, as in `10.0.0.5:9001` or `[2001:db8::5]:9001`");
    let (host, port) = text.rsplit_once(':').ok_or_else(missing)?;
    if host.contains(':') && !host.starts_with('[') {
        return Err(Fault::new("is an IPv6 address without brackets", "write `[2001:db8::5]:9001`"));
    }
    if port.is_empty() {
        return Err(missing());
    }
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let fault = || Fault::new("has no valid port after the colon", "a port is a number from 1 to 65535");
    if is_number { Ok((host, port.parse().map_err(|_| fault())?)) } else { Err(fault()) }
}

fn check_host(host: &str) -> Result<(), Fault> {
    let help = "a host name has labels of letters, digits, `-` and `_`, joined by dots";
    let trimmed = host.strip_suffix('.').unwrap_or(host);
    if trimmed.is_empty() {
        return Err(Fault::new("has no host before the port", "write `127.0.0.1` for this machine"));
    }
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if trimmed.len() > HOST_BYTES_MAX || !trimmed.split('.').all(is_label) {
        return Err(Fault::new("has no valid host name", help));
    }
    // Four numbers that are no address would be sent to DNS as a name.
    if trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(Fault::new("has no valid IPv4 address", "an IPv4 address is four numbers from 0 to 255"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Text>(text: &str, expected: Result<(), &str>) {
        match (T::read(text), expected) {
            (Ok(_), Ok(())) => {}
            (Err(fault), Err(part)) => {
                assert!(format!("{} | {}", fault.what, fault.help).contains(part), "{text}: {fault:?}");
            }
            (Ok(_), Err(part)) => panic!("{text} was taken, not refused with {part}"),
            (Err(fault), Ok(())) => panic!("{text} was refused: {fault:?}"),
        }
    }

    #[test]
    fn networks() {
        check::<Cidr>("10.0.0.0/8", Ok(()));
        check::<Cidr>("10.0.0.1", Ok(()));
        check::<Cidr>("2001:db8::/32", Ok(()));
        check::<Cidr>("10.0.0.1/8", Err("write `10.0.0.0/8`"));
        check::<Cidr>("10.0.0.0/33", Err("longer prefix"));
        check::<Cidr>("10.0.0.0/", Err("no prefix length"));
        check::<Cidr>("example.com", Err("no IP network"));
        check::<IpAddress>("::1", Ok(()));
        check::<IpAddress>("1.2.3.4:80", Err("no IP address"));
    }

    #[test]
    fn addresses_to_listen_on() {
        check::<ListenAddress>("0.0.0.0:8080", Ok(()));
        check::<ListenAddress>("[::]:0", Ok(()));
        check::<ListenAddress>(":8080", Err("`0.0.0.0:8080`"));
        check::<ListenAddress>("8080", Err("`0.0.0.0:8080`"));
        check::<ListenAddress>("*:8080", Err("`0.0.0.0:8080`"));
        check::<ListenAddress>("localhost:8080", Err("`127.0.0.1:8080`"));
        check::<ListenAddress>("0.0.0.0", Err("has no port"));
        check::<ListenAddress>("0.0.0.0:99999", Err("no valid port"));
        check::<ListenAddress>("::1:80", Err("brackets"));
    }

    #[test]
    fn endpoints() {
        check::<Endpoint>("127.0.0.1:9001", Ok(()));
        check::<Endpoint>("[::1]:9001", Ok(()));
        check::<Endpoint>("my_svc.internal.:9001", Ok(()));
        check::<Endpoint>("https://a.example/x", Err("`a.example:443`, and give"));
        check::<Endpoint>("http://a.example:81", Err("`a.example:81`"));
        check::<Endpoint>("a.example", Err("has no port"));
        check::<Endpoint>("a.example:", Err("has no port"));
        check::<Endpoint>("a.example:http", Err("no valid port"));
        check::<Endpoint>("a.example:+80", Err("no valid port"));
        check::<Endpoint>("a.example:0", Err("port 0"));
        check::<Endpoint>(":9001", Err("no host"));
        check::<Endpoint>("0.0.0.0:9001", Err("names no machine"));
        check::<Endpoint>("1.2.3:80", Err("no valid IPv4"));
        check::<Endpoint>("a b:80", Err("no valid host name"));
        check::<Endpoint>("-a:80", Err("no valid host name"));
    }
}
