//! `tollgate key new`: an API key, shown once.

use super::{Failure, Outcome, output};
use engine::policy::api_key::NewKey;
use std::fmt::Write as _;
use std::io::Read as _;

pub(crate) fn new(consumer: Option<&str>) -> Result<Outcome, Failure> {
    let mut entropy = [0_u8; 20];
    let source = "/dev/urandom";
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut entropy))
        .map_err(|error| Failure::Read { path: source.into(), source: error })?;
    let key = NewKey::from_entropy(entropy);
    let mut hash = String::with_capacity(64);
    for byte in key.sha256 {
        let _ = write!(hash, "{byte:02x}");
    }
    output::result_line(&key.text);
    output::note("\nThis key is shown once and stored nowhere. For the config:\n");
    let id = consumer.unwrap_or("CONSUMER");
    output::note(format_args!("consumers:\n  - id: {id}\n    apiKeys: [{{ sha256: \"{hash}\" }}]"));
    Ok(Outcome::Yes)
}
