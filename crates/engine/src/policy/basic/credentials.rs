//! What an `Authorization: Basic` field holds (RFC 7617, 2): a user, a colon, a password, in base64. Knows nobody's password.

use crate::credential::Carried;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Bytes of the longest field that is decoded.
const ENCODED_BYTES_MAX: usize = 1024;

/// A user and what it says its password is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: Box<str>,
    pub password: Password,
}

/// Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("hidden")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials")
    }
}

/// Why there are no credentials; what was sent is never in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsFault {
    Absent,
    /// A credential of another kind, which is not ours to judge.
    OtherScheme,
    Several,
    TooLong,
    Base64,
    Utf8,
    Colon,
    /// RFC 7617, 2: neither may hold control characters.
    Control,
}

impl CredentialsFault {
    /// Whether nothing was sent that this scheme is about.
    #[must_use]
    pub const fn is_absence(self) -> bool {
        match self {
            Self::Absent | Self::OtherScheme => true,
            Self::Several | Self::TooLong | Self::Base64 | Self::Utf8 | Self::Colon | Self::Control => false,
        }
    }
}

impl fmt::Display for CredentialsFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "authorization is absent",
            Self::OtherScheme => "authorization does not have the scheme Basic",
            Self::Several => "authorization was sent more than once",
            Self::TooLong => "authorization holds more than 1024 bytes",
            Self::Base64 => "what follows Basic is no base64, or has bits to spare",
            Self::Utf8 => "user and password are not UTF-8",
            Self::Colon => "there is no colon between user and password",
            Self::Control => "user or password holds a control character",
        })
    }
}

impl Credentials {
    /// Base64 in its one form, padding included; UTF-8, as the challenge asks for. The password may be empty and hold colons.
    pub fn read(carried: &Carried<'_>) -> Result<Self, CredentialsFault> {
        let value = match carried {
            Carried::Absent => return Err(CredentialsFault::Absent),
            Carried::Several => return Err(CredentialsFault::Several),
            Carried::One(value) => value,
        };
        let Some(encoded) = encoded(value) else { return Err(CredentialsFault::OtherScheme) };
        if encoded.len() > ENCODED_BYTES_MAX {
            return Err(CredentialsFault::TooLong);
        }
        let decoded = STANDARD.decode(encoded).map_err(|_| CredentialsFault::Base64)?;
        let text = String::from_utf8(decoded).map_err(|_| CredentialsFault::Utf8)?;
        if text.chars().any(char::is_control) {
            return Err(CredentialsFault::Control);
        }
        let (user, password) = text.split_once(':').ok_or(CredentialsFault::Colon)?;
        Ok(Self { user: user.into(), password: Password(password.into()) })
    }
}

/// What follows the scheme, whose case does not matter.
fn encoded(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("Basic").then(|| rest.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::{Carried, Credentials, CredentialsFault, ENCODED_BYTES_MAX, Password};

    #[track_caller]
    fn check(value: &str, expected: Result<(&str, &str), CredentialsFault>) {
        let read = Credentials::read(&Carried::One(value.into()));
        let expected =
            expected.map(|(user, password)| Credentials { user: user.into(), password: Password::new(password) });
        assert_eq!(read.map_err(|fault| (fault, value)), expected.map_err(|fault| (fault, value)));
    }

    #[test]
    fn user_and_password_are_read() {
        // The examples of RFC 7617.
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Ok(("Aladdin", "open sesame")));
        check("Basic dGVzdDoxMjPCow==", Ok(("test", "123\u{a3}")));
        check("basic   YTpi", Ok(("a", "b")));
        check("BASIC YTo=", Ok(("a", "")));
        check("Basic OmI=", Ok(("", "b")));
        check("Basic YTpiOmM=", Ok(("a", "b:c")));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        use CredentialsFault::{Base64, Colon, Control, OtherScheme, TooLong, Utf8};
        check("Bearer YTpi", Err(OtherScheme));
        check("BasicYTpi", Err(OtherScheme));
        check("", Err(OtherScheme));
        check("Basic", Err(Colon));
        check("Basic YWI=", Err(Colon));
        check("Basic a:b", Err(Base64));
        check("Basic YTpi, Basic YTpi", Err(Base64));
        check("Basic YTo", Err(Base64));
        check("Basic YTp=", Err(Base64));
        check("Basic YTr_", Err(Base64));
        check("Basic YTr/", Err(Utf8));
        check("Basic YToK", Err(Control));
        check("Basic AGE6Yg==", Err(Control));
        check("Basic wpBhOmI=", Err(Control));
        check(&format!("Basic {}", "A".repeat(ENCODED_BYTES_MAX + 4)), Err(TooLong));
        assert_eq!(Credentials::read(&Carried::Several), Err(CredentialsFault::Several));
        assert_eq!(Credentials::read(&Carried::Absent), Err(CredentialsFault::Absent));
    }

    #[test]
    fn a_password_is_never_shown() {
        let read = Credentials::read(&Carried::One("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".into())).unwrap();
        assert!(!format!("{read:?} {:?}", read.password).contains("sesame"));
    }
}
