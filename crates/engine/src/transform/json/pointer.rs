//! JSON pointers (RFC 6901).

use std::fmt;

/// How deep a pointer may lead.
pub const TOKENS_MAX: usize = 32;
/// How long a pointer may be.
const BYTES_MAX: usize = 1_024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Box<str>]>,
}

/// Why a text is no pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerFault {
    /// It does not begin with a slash.
    NoSlash,
    /// `~` before something else than 0 and 1.
    Tilde,
    TooDeep,
    TooLong,
}

impl fmt::Display for PointerFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlash => formatter.write_str("a JSON pointer begins with `/`"),
            Self::Tilde => formatter.write_str("in a JSON pointer `~` stands before 0 or 1 only"),
            Self::TooDeep => write!(formatter, "the JSON pointer leads deeper than {TOKENS_MAX} levels"),
            Self::TooLong => write!(formatter, "the JSON pointer is longer than {BYTES_MAX} bytes"),
        }
    }
}

impl std::error::Error for PointerFault {}

impl PointerFault {
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoSlash => {
                "write `/order/id` for the member `id` of `order`, `/items/0` for the first item".to_owned()
            }
            Self::Tilde => "write `~0` for a tilde and `~1` for a slash within a name".to_owned(),
            Self::TooDeep | Self::TooLong => "change a part that is nearer to the top".to_owned(),
        }
    }
}

impl Pointer {
    pub fn parse(text: &str) -> Result<Self, PointerFault> {
        if text.len() > BYTES_MAX {
            return Err(PointerFault::TooLong);
        }
        if text.is_empty() {
            return Ok(Self { text: text.into(), tokens: Box::default() });
        }
        let tokens = text.strip_prefix('/').ok_or(PointerFault::NoSlash)?.split('/').map(token);
        let tokens = tokens.collect::<Result<Box<[Box<str>]>, _>>()?;
        if tokens.len() > TOKENS_MAX {
            return Err(PointerFault::TooDeep);
        }
        Ok(Self { text: text.into(), tokens })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn tokens(&self) -> &[Box<str>] {
        &self.tokens
    }

    /// Leads to the same place or to one below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.tokens.starts_with(&other.tokens)
    }
}

fn token(text: &str) -> Result<Box<str>, PointerFault> {
    let mut escapes = text.split('~').skip(1);
    if escapes.any(|after| !after.starts_with(['0', '1'])) {
        return Err(PointerFault::Tilde);
    }
    Ok(text.replace("~1", "/").replace("~0", "~").into())
}

/// The place in a list of that length; no sign, no leading zeros (RFC 6901, 4).
pub(super) fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { token.parse().ok() } else { None }
}
