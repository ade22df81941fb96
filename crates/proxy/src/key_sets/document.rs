//! One document over HTTP, within bounds: of bytes, of trust, of where it may come from. Follows no redirect and unpacks nothing. The
//! bound of time is the caller's, over all that one fetch takes.

use super::fault::FetchFault;
use crate::resolve::{ANSWER_TIMEOUT, Resolved, Resolver};
use engine::policy::jwks::source::DOCUMENT_BYTES_MAX;
use engine::policy::jwks::url::KeyUrl;
use http::{HeaderMap, HeaderName, header};
use pingora::connectors::http::v1::Connector;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::v1::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::WrappedX509;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Answers ahead of the answer (RFC 9110, 15.2) that are put up with.
const INTERIM_MAX: usize = 4;

pub(super) struct Document {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Names of one provider that are kept: its own, and that of its keys, if metadata names another.
const NAMES_MAX: usize = 4;

/// Names that are in use: the resolver keeps asking for them.
pub(super) type Names = Vec<Arc<Resolved>>;

pub(super) async fn get(
    url: &KeyUrl,
    authorities: &[Vec<u8>],
    connector: &Connector,
    resolver: &Resolver,
    names: &mut Names,
) -> Result<Document, FetchFault> {
    let address = address(url, resolver, names).await?;
    let peer = peer(url, address, authorities);
    let failed = |error: Box<pingora::Error>| FetchFault::network(&error);
    let (mut session, _) = connector.get_http_session(&peer).await.map_err(failed)?;
    session.write_request_header(Box::new(request(url).map_err(failed)?)).await.map_err(failed)?;
    let headers = answer(&mut session).await?;
    let mut body = Vec::new();
    while let Some(bytes) = session.read_body_ref().await.map_err(failed)? {
        if body.len().saturating_add(bytes.len()) > DOCUMENT_BYTES_MAX {
            return Err(FetchFault::TooLarge);
        }
        body.extend_from_slice(bytes);
    }
    // The connection ends with the session: fetches are too rare to keep one.
    Ok(Document { headers, body })
}

async fn address(url: &KeyUrl, resolver: &Resolver, names: &mut Names) -> Result<SocketAddr, FetchFault> {
    let host = || url.host().to_owned();
    let address = if let Ok(address) = url.host().parse::<IpAddr>() {
        SocketAddr::new(address, url.port())
    } else {
        let name = resolver.name(&url.host().into(), url.port());
        if !names.iter().any(|known| Arc::ptr_eq(known, &name)) {
            names.truncate(NAMES_MAX.saturating_sub(1));
            names.push(Arc::clone(&name));
        }
        name.address(ANSWER_TIMEOUT).await.ok_or_else(|| FetchFault::Name { host: host() })?
    };
    // Whatever the hosts file says of `localhost`.
    if !url.is_secure() && !address.ip().is_loopback() {
        return Err(FetchFault::NotLoopback { host: host() });
    }
    Ok(address)
}

fn peer(url: &KeyUrl, address: SocketAddr, authorities: &[Vec<u8>]) -> HttpPeer {
    // A name is always given: without one Pingora would check no certificate.
    let mut peer = HttpPeer::new(address, url.is_secure(), url.host().to_owned());
    if !authorities.is_empty() {
        let wrapped = |der: &Vec<u8>| WrappedX509::new(der.clone(), pingora::utils::tls::parse_x509);
        let authorities: Vec<WrappedX509> = authorities.iter().map(wrapped).collect();
        peer.options.ca = Some(Arc::from(authorities));
    }
    peer
}

fn request(url: &KeyUrl) -> pingora::Result<RequestHeader> {
    let mut request = RequestHeader::build("GET", url.target().as_bytes(), None)?;
    let fields: [(HeaderName, &str); 5] = [
        (header::HOST, &url.authority()),
        (header::ACCEPT, "application/jwk-set+json, application/json"),
        (header::ACCEPT_ENCODING, "identity"),
        (header::USER_AGENT, "tollgate"),
        (header::CONNECTION, "close"),
    ];
    for (name, value) in fields {
        request.insert_header(name, value)?;
    }
    Ok(request)
}

/// The head of a good answer.
async fn answer(session: &mut HttpSession) -> Result<HeaderMap, FetchFault> {
    for _ in 0..=INTERIM_MAX {
        session.read_response().await.map_err(|error| FetchFault::network(&error))?;
        let Some(head) = session.resp_header() else { break };
        let status = head.status.as_u16();
        match status {
            100 | 102..=199 => {}
            200 => return good(head),
            300..=399 => return Err(FetchFault::Redirect { status, to: destination(head) }),
            _ => return Err(FetchFault::Status(status)),
        }
    }
    Err(FetchFault::Status(100))
}

fn good(head: &ResponseHeader) -> Result<HeaderMap, FetchFault> {
    let encodings = head.headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.into_iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(FetchFault::Encoded);
    }
    // A length that is no number is Pingora's to refuse.
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > DOCUMENT_BYTES_MAX) {
        return Err(FetchFault::TooLarge);
    }
    Ok(head.headers.clone())
}

/// Where a redirect leads, short and harmless in a log.
fn destination(head: &ResponseHeader) -> String {
    const CHARACTERS_MAX: usize = 200;
    let Some(to) = head.headers.get(header::LOCATION) else { return "nowhere".to_owned() };
    let text: String = String::from_utf8_lossy(to.as_bytes()).chars().take(CHARACTERS_MAX).collect();
    format!("{text:?}")
}
