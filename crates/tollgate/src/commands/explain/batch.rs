//! Many requests in one run, for those who compare `explain` with a running gateway.

use super::json;
use crate::commands::{Failure, Outcome, output};
use crate::offline::{Offline, OfflineRequest};
use limits::clock::Now;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::Path;

/// One line of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// One verdict a line, in the order of the file.
pub(super) fn run(offline: &Offline<'_>, file: &Path, client: IpAddr, at: Now) -> Result<Outcome, Failure> {
    let path = || file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| Failure::Read { path: path(), source })?;
    for (number, line) in text.lines().enumerate() {
        let Line { method, url, headers, body } = serde_json::from_str(line)
            .map_err(|error| Failure::Usage(format!("{}:{}: {error}", path(), number.saturating_add(1))))?;
        let request =
            OfflineRequest { method, url, headers, body: body.map(String::into_bytes), client, auth_answer: None };
        let decided = offline.decide(&request, at);
        output::result_line(json(offline.snapshot, &request, &decided));
    }
    Ok(Outcome::Yes)
}
