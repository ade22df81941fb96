//! A password as the config has it: argon2id (RFC 9106) with its salt and its cost, in the PHC string form
//! (`$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`).

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use subtle::ConstantTimeEq;

/// The most memory that one verification may take, in KiB: 256 MiB.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;
const SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// What `tollgate password hash` makes: the least that OWASP recommends.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Memory times passes that any of OWASP's recommended settings reaches.
const WORK_KIB_MIN: u64 = 35_000;

/// Verifies one password.
#[derive(PartialEq, Eq)]
pub struct PasswordHash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
}

/// Why a text is no [`PasswordHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashFault {
    /// No `$argon2id$…` at all: probably the password itself.
    NoHash,
    /// `$2b$…` and its like.
    Bcrypt,
    /// `$argon2i$…`, `$argon2d$…` or an older version of the algorithm.
    OtherArgon2,
    /// Not the five parts, or parameters that are none.
    Form,
    /// More memory, passes or lanes than a gateway should spend, or less than the algorithm has.
    Cost,
    /// Salt or hash is no base64 without padding, or too short or long.
    Length,
}

impl HashFault {
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::NoHash | Self::Bcrypt | Self::OtherArgon2 | Self::Form | Self::Length => {
                "make it with `tollgate password hash`, and quote what it prints"
            }
            Self::Cost => {
                "`m` is 8 times `p` to 262144 (KiB), `t` 1 to 16, `p` 1 to 16; `m=19456,t=2,p=1` is a good choice"
            }
        }
    }
}

impl fmt::Display for HashFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoHash => "this is no password hash",
            Self::Bcrypt => "this is a bcrypt hash, and passwords are verified with argon2id only",
            Self::OtherArgon2 => "this is not argon2id of version 19",
            Self::Form => "this is not `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`",
            Self::Cost => "the hash asks for a cost that is out of bounds",
            Self::Length => "salt or hash is not base64 without padding, or not of a sane length",
        })
    }
}

impl PasswordHash {
    pub fn parse(text: &str) -> Result<Self, HashFault> {
        let mut parts = text.split('$');
        if parts.next() != Some("") {
            return Err(HashFault::NoHash);
        }
        match parts.next() {
            Some("argon2id") => {}
            Some("2a" | "2b" | "2x" | "2y") => return Err(HashFault::Bcrypt),
            Some("argon2i" | "argon2d") => return Err(HashFault::OtherArgon2),
            Some(_) | None => return Err(HashFault::NoHash),
        }
        if parts.next() != Some("v=19") {
            return Err(HashFault::OtherArgon2);
        }
        let (Some(cost), Some(salt), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(HashFault::Form);
        };
        let (memory_kib, passes, lanes) = self::cost(cost).ok_or(HashFault::Form)?;
        let bounded = memory_kib <= MEMORY_KIB_MAX && passes <= PASSES_MAX && lanes <= LANES_MAX;
        if !bounded || Params::new(memory_kib, passes, lanes, None).is_err() {
            return Err(HashFault::Cost);
        }
        let bytes = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| HashFault::Length);
        let (salt, hash) = (bytes(salt)?, bytes(hash)?);
        if !SALT_BYTES.contains(&salt.len()) || !HASH_BYTES.contains(&hash.len()) {
            return Err(HashFault::Length);
        }
        Ok(Self { memory_kib, passes, lanes, salt: salt.into(), hash: hash.into() })
    }

    /// Takes tens of milliseconds and as much memory as the hash says: never on a thread that serves requests.
    #[must_use]
    pub fn verifies(&self, password: &[u8]) -> bool {
        let mut found = vec![0; self.hash.len()];
        derived(password, (self.memory_kib, self.passes, self.lanes), &self.salt, &mut found).is_some()
            && bool::from(found.ct_eq(&self.hash))
    }

    /// The text for the config. None if the memory for it cannot be had.
    #[must_use]
    pub fn made_from(password: &[u8], salt: [u8; 16]) -> Option<String> {
        let mut hash = [0; 32];
        derived(password, (MEMORY_KIB, PASSES, LANES), &salt, &mut hash)?;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        Some(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"))
    }

    /// What nothing verifies with, at the same cost: for users that do not exist.
    #[must_use]
    pub fn decoy(&self) -> Self {
        Self { hash: vec![0; self.hash.len()].into(), salt: self.salt.clone(), ..*self }
    }

    /// Less work for a guesser than any setting that is recommended.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        u64::from(self.memory_kib).saturating_mul(u64::from(self.passes)) < WORK_KIB_MIN
    }

    /// Memory times passes, by which hashes of one config are compared.
    #[must_use]
    pub fn work(&self) -> u64 {
        u64::from(self.memory_kib).saturating_mul(u64::from(self.passes))
    }

    /// What tells this hash from any other.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [&self.salt, &self.hash]
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_kib, passes, lanes, salt: _, hash: _ } = self;
        write!(formatter, "PasswordHash(m={memory_kib},t={passes},p={lanes})")
    }
}

fn derived(password: &[u8], (memory_kib, passes, lanes): (u32, u32, u32), salt: &[u8], out: &mut [u8]) -> Option<()> {
    let params = Params::new(memory_kib, passes, lanes, Some(out.len())).ok()?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(password, salt, out).ok()
}

/// `m=…,t=…,p=…`, in this order and nothing else.
fn cost(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(',');
    let mut number = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    let found = (number("m")?, number("t")?, number("p")?);
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::{HashFault, PasswordHash};

    /// Of `password`, as the reference implementation's own tests have it.
    const KNOWN: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    #[track_caller]
    fn check(text: &str, expected: HashFault) {
        assert_eq!(PasswordHash::parse(text), Err(expected), "{text}");
    }

    #[test]
    fn texts_that_are_none() {
        check("hunter2", HashFault::NoHash);
        check("", HashFault::NoHash);
        check("$", HashFault::NoHash);
        check("$6$salt$hash", HashFault::NoHash);
        check("$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe", HashFault::Bcrypt);
        check("$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", HashFault::OtherArgon2);
        check("$argon2id$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", HashFault::OtherArgon2);
        check("$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", HashFault::OtherArgon2);
        check("$argon2id$v=19$m=64,t=1$c29tZXNhbHQ$AAAA", HashFault::Form);
        check("$argon2id$v=19$t=1,m=64,p=1$c29tZXNhbHQ$AAAA", HashFault::Form);
        check("$argon2id$v=19$m=64,t=1,p=1,x=1$c29tZXNhbHQ$AAAA", HashFault::Form);
        check("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", HashFault::Form);
        check("$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAA", HashFault::Cost);
        check("$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$AAAA", HashFault::Cost);
        check("$argon2id$v=19$m=64,t=1000,p=1$c29tZXNhbHQ$AAAA", HashFault::Cost);
        check("$argon2id$v=19$m=8,t=1,p=2$c29tZXNhbHQ$AAAA", HashFault::Cost);
        check("$argon2id$v=19$m=64,t=1,p=1$c29t$KFIrDBnzbPcyIkcbD8VrFMdo6ftdEYyFQnXuIOoq1VA", HashFault::Length);
        check("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", HashFault::Length);
        check("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ=$AAAA", HashFault::Length);
    }

    #[test]
    fn only_the_password_verifies() {
        let made = PasswordHash::parse(&PasswordHash::made_from(b"p\xc3\xa4ss:word", [7; 16]).unwrap()).unwrap();
        assert!(made.verifies(b"p\xc3\xa4ss:word") && !made.is_weak());
        let weak = PasswordHash::parse(KNOWN).unwrap();
        assert!(weak.is_weak());
        for wrong in [&b""[..], b"passwor", b"password1", b"Password"] {
            assert!(!weak.verifies(wrong));
        }
        let decoy = weak.decoy();
        assert!(!decoy.verifies(b"password") && decoy.work() == weak.work());
    }

    #[test]
    fn a_hash_of_another_program_is_verified() {
        assert!(PasswordHash::parse(KNOWN).unwrap().verifies(b"password"));
    }

    #[test]
    fn what_is_shown_is_the_cost_alone() {
        assert_eq!(format!("{:?}", PasswordHash::parse(KNOWN).unwrap()), "PasswordHash(m=256,t=2,p=1)");
    }
}
