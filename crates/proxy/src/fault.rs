//! What the network did, as a reason. The one place that reads Pingora's errors.

use engine::denial::Denial;
use engine::reason::Reason;
use pingora::{Error, ErrorSource, ErrorType};
use std::io::{self, ErrorKind};

/// How far the exchange with the endpoint had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No endpoint contacted, or none that accepted the connection.
    Unconnected,
    /// Connected, no answer yet.
    Waiting,
    /// The answer has begun.
    Answering,
}

/// The refusal that stands for a network failure.
pub(crate) fn denial(error: &Error, progress: Progress) -> Denial {
    Denial::new(reason(error, progress)).because(shown(error))
}

/// What happened, from the whole to the cause, as the record has it: `connecting to 192.0.2.1:80: Connection refused (os error 111)`.
/// Where there is no cause, Pingora's own word for the kind of error stands in its place.
pub(crate) fn shown(error: &Error) -> String {
    let (mut said, mut next) = (Vec::new(), Some(error));
    while let Some(error) = next {
        said.extend(error.context.as_ref().map(ToString::to_string));
        let cause = error.cause.as_ref();
        next = cause.and_then(|cause| cause.downcast_ref::<Box<Error>>()).map(|cause| &**cause);
        if next.is_none() {
            said.push(cause.map_or_else(|| error.etype().as_str().to_owned(), ToString::to_string));
        }
    }
    said.join(": ").chars().take(DETAIL_CHARACTERS_MAX).collect()
}

/// What Pingora calls a body that breaks the chunked coding; the constants themselves are not public.
const BROKEN_CHUNKS: [&str; 2] = ["InvalidChunk", "InvalidTrailerEnd"];
/// Of an error's own words in the record.
const DETAIL_CHARACTERS_MAX: usize = 400;

/// Why a document of an identity provider did not come.
pub(crate) fn of_fetch(error: &Error) -> Reason {
    reason(error, Progress::Waiting)
}

fn reason(error: &Error, progress: Progress) -> Reason {
    if error.esource() == &ErrorSource::Downstream {
        return of_client(error);
    }
    match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => Reason::UpstreamConnectTimeout,
        ErrorType::ConnectRefused => Reason::ConnectionRefused,
        ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::BindError
        | ErrorType::SocketError
        | ErrorType::ConnectProxyFailure => Reason::HostUnreachable,
        ErrorType::TLSHandshakeFailure
        | ErrorType::TLSWantX509Lookup
        | ErrorType::InvalidCert
        | ErrorType::HandshakeError => of_handshake(error),
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => match progress {
            Progress::Unconnected | Progress::Waiting => Reason::FirstByteTimeout,
            Progress::Answering => Reason::IdleTimeout,
        },
        ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed => Reason::UpstreamReset,
        ErrorType::InvalidHTTPHeader
        | ErrorType::H1Error
        | ErrorType::H2Error
        | ErrorType::H2Downgrade
        | ErrorType::InvalidH2 => Reason::UpstreamProtocolError,
        ErrorType::Custom(name) if BROKEN_CHUNKS.contains(name) => Reason::UpstreamProtocolError,
        ErrorType::AcceptError
        | ErrorType::HTTPStatus(_)
        | ErrorType::FileOpenError
        | ErrorType::FileCreateError
        | ErrorType::FileReadError
        | ErrorType::FileWriteError
        | ErrorType::InternalError
        | ErrorType::UnknownError
        | ErrorType::Custom(_)
        | ErrorType::CustomCode(..) => Reason::InternalError,
    }
}

fn of_client(error: &Error) -> Reason {
    match error.etype() {
        ErrorType::ReadTimedout => Reason::BodyTimeout,
        ErrorType::ReadError => of_gate(error),
        ErrorType::Custom(name) if BROKEN_CHUNKS.contains(name) => Reason::BodyMalformed,
        ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::H2Error | ErrorType::InvalidH2 => {
            Reason::BodyMalformed
        }
        ErrorType::HTTPStatus(400) => Reason::HeaderMalformed,
        ErrorType::HTTPStatus(_)
        | ErrorType::ConnectTimedout
        | ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::TLSWantX509Lookup
        | ErrorType::TLSHandshakeFailure
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::InvalidCert
        | ErrorType::HandshakeError
        | ErrorType::ConnectError
        | ErrorType::BindError
        | ErrorType::AcceptError
        | ErrorType::SocketError
        | ErrorType::ConnectProxyFailure
        | ErrorType::H2Downgrade
        | ErrorType::WriteError
        | ErrorType::WriteTimedout
        | ErrorType::ConnectionClosed
        | ErrorType::FileOpenError
        | ErrorType::FileCreateError
        | ErrorType::FileReadError
        | ErrorType::FileWriteError
        | ErrorType::InternalError
        | ErrorType::UnknownError
        | ErrorType::Custom(_)
        | ErrorType::CustomCode(..) => Reason::ClientClosedRequest,
    }
}

/// The gate fails a read where the body breaks its framing, ends early or only drips; anything else is the connection's end.
fn of_gate(error: &Error) -> Reason {
    match error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => Reason::BodyMalformed,
        Some(ErrorKind::TimedOut) => Reason::BodyTimeout,
        Some(_) | None => Reason::ClientClosedRequest,
    }
}

/// rustls says what is wrong with a certificate only in its error's text.
fn of_handshake(error: &Error) -> Reason {
    let text = format!("{error:?} {error}");
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["Expired", "NotValidYet", "expired", "not valid yet"]) {
        Reason::CertificateExpired
    } else if says(&["NotValidForName", "not valid for name"]) {
        Reason::CertificateNameMismatch
    } else if says(&[
        "UnknownIssuer",
        "InvalidCertificate",
        "BadSignature",
        "CaUsedAsEndEntity",
        "invalid peer certificate",
    ]) {
        Reason::CertificateUntrusted
    } else {
        Reason::HandshakeFailed
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, reason, shown};
    use engine::reason::Reason;
    use pingora::{Error, ErrorType};
    use std::io::{self, ErrorKind};

    #[test]
    fn each_failure_has_its_reason() {
        use Progress::{Answering, Unconnected, Waiting};
        let check = |etype: ErrorType, progress, expected: Reason| {
            let mut error = Error::new(etype);
            error.as_up();
            assert_eq!(reason(&error, progress), expected, "{error}");
        };
        check(ErrorType::ConnectRefused, Unconnected, Reason::ConnectionRefused);
        check(ErrorType::ConnectNoRoute, Unconnected, Reason::HostUnreachable);
        check(ErrorType::ConnectTimedout, Unconnected, Reason::UpstreamConnectTimeout);
        check(ErrorType::ReadTimedout, Waiting, Reason::FirstByteTimeout);
        check(ErrorType::ReadTimedout, Answering, Reason::IdleTimeout);
        check(ErrorType::ConnectionClosed, Waiting, Reason::UpstreamReset);
        check(ErrorType::InvalidHTTPHeader, Waiting, Reason::UpstreamProtocolError);
        check(ErrorType::Custom("InvalidChunk"), Answering, Reason::UpstreamProtocolError);
        check(ErrorType::InternalError, Waiting, Reason::InternalError);
    }

    #[test]
    fn an_error_is_told_from_the_whole_to_the_cause() {
        let refused = || io::Error::from_raw_os_error(111);
        let error = Error::because(ErrorType::ConnectRefused, "connecting to 192.0.2.1:80", refused());
        assert_eq!(shown(&error), "connecting to 192.0.2.1:80: Connection refused (os error 111)");
        let error = Error::because(
            ErrorType::ConnectRefused,
            "asking",
            Error::because(ErrorType::ReadError, "reading", refused()),
        );
        assert_eq!(shown(&error), "asking: reading: Connection refused (os error 111)");
        assert_eq!(shown(&Error::new(ErrorType::ConnectionClosed)), "ConnectionClosed");
        let error = Error::explain(ErrorType::ConnectionClosed, "reading the head");
        assert_eq!(shown(&error), "reading the head: ConnectionClosed");
        assert_eq!(shown(&Error::explain(ErrorType::ReadError, "x".repeat(1000))).len(), 400);
    }

    #[test]
    fn a_clients_failure_is_the_clients() {
        let check = |etype: ErrorType, expected: Reason| {
            let mut error = Error::new(etype);
            error.as_down();
            assert_eq!(reason(&error, Progress::Waiting), expected, "{error}");
        };
        check(ErrorType::ReadTimedout, Reason::BodyTimeout);
        check(ErrorType::ConnectionClosed, Reason::ClientClosedRequest);
        check(ErrorType::WriteError, Reason::ClientClosedRequest);
        check(ErrorType::Custom("InvalidTrailerEnd"), Reason::BodyMalformed);
    }

    #[test]
    fn what_the_gate_found_in_a_body_is_told_apart() {
        let check = |kind: ErrorKind, expected: Reason| {
            let mut error = Error::because(ErrorType::ReadError, "when reading body", io::Error::from(kind));
            error.as_down();
            assert_eq!(reason(&error, Progress::Waiting), expected, "{error}");
        };
        check(ErrorKind::InvalidData, Reason::BodyMalformed);
        check(ErrorKind::UnexpectedEof, Reason::BodyMalformed);
        check(ErrorKind::TimedOut, Reason::BodyTimeout);
        check(ErrorKind::ConnectionReset, Reason::ClientClosedRequest);
    }

    #[test]
    fn a_handshake_fails_for_what_rustls_says() {
        let check = |text: &'static str, expected: Reason| {
            let mut error = Error::explain(ErrorType::TLSHandshakeFailure, text);
            error.as_up();
            assert_eq!(reason(&error, Progress::Unconnected), expected, "{error}");
        };
        check("invalid peer certificate: certificate expired: verification time 2", Reason::CertificateExpired);
        check("invalid peer certificate: certificate not valid yet: verification time 2", Reason::CertificateExpired);
        check("invalid peer certificate: certificate not valid for name \"a\"", Reason::CertificateNameMismatch);
        check("invalid peer certificate: UnknownIssuer", Reason::CertificateUntrusted);
        check("received corrupt message of type InvalidContentType", Reason::HandshakeFailed);
    }
}
