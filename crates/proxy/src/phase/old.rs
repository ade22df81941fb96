//! Clients that speak HTTP/1.0: what that version does not know is kept from them.

use http::{Version, header};
use pingora::http::ResponseHeader;
use pingora_proxy::Session;

fn is_old(session: &Session) -> bool {
    session.req_header().version == Version::HTTP_10
}

/// Before anything is decided. No interim answers (RFC 9110, 15.2), and none that is asked for (10.1.1).
pub(crate) fn begin(session: &mut Session) {
    if is_old(session) {
        session.as_mut().set_ignore_info_resp(true);
        session.req_header_mut().remove_header(&header::EXPECT);
    }
}

/// The head goes to the client as it is now. Pingora frames every body that it does not know the length of in chunks (RFC 9112, 6.1):
/// here the end of the connection is the body's.
pub(crate) fn frame(session: &mut Session, response: &mut ResponseHeader) {
    if is_old(session) && response.remove_header(&header::TRANSFER_ENCODING).is_some() {
        session.set_keepalive(None);
    }
}
