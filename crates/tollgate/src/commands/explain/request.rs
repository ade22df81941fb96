//! curl's options, read as curl reads them.

use crate::cli::Explain;
use crate::commands::Failure;
use crate::offline::OfflineRequest;
use config::AuthAnswer;

pub(super) fn of(arguments: &Explain) -> Result<OfflineRequest, Failure> {
    let mut headers = Vec::new();
    for line in &arguments.headers {
        headers.push(header(line)?);
    }
    for cookie in &arguments.cookies {
        headers.push(("Cookie".into(), cookie.clone()));
    }
    let data = data(arguments)?;
    // clap asks for it unless there is a batch.
    let mut url = arguments.url.clone().unwrap_or_default();
    let body = match data {
        Some(data) if arguments.get => {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&String::from_utf8_lossy(&data));
            None
        }
        data => data,
    };
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if body.is_some() && !has_type {
        headers.push(("Content-Type".into(), "application/x-www-form-urlencoded".into()));
    }
    let method = match &arguments.method {
        Some(method) => method.clone(),
        None if arguments.head => "HEAD".into(),
        None if body.is_some() => "POST".into(),
        None => "GET".into(),
    };
    Ok(OfflineRequest { method, url, headers, body, client: arguments.client, auth_answer: auth_answer(arguments)? })
}

fn auth_answer(arguments: &Explain) -> Result<Option<AuthAnswer>, Failure> {
    let Some(status) = arguments.auth_answer else { return Ok(None) };
    let headers = arguments.auth_header.iter().map(|line| header(line)).collect::<Result<_, _>>()?;
    Ok(Some(AuthAnswer { status, headers }))
}

/// `Name: value`; `Name;` is an empty one.
fn header(line: &str) -> Result<(String, String), Failure> {
    let split = line.split_once(':').or_else(|| line.strip_suffix(';').map(|name| (name, "")));
    match split {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(Failure::Usage(format!("-H {line:?}: a header line is `Name: value`"))),
    }
}

fn data(arguments: &Explain) -> Result<Option<Vec<u8>>, Failure> {
    let mut parts = Vec::new();
    for text in &arguments.data {
        let mut bytes = content(text)?;
        if text.starts_with('@') {
            bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        }
        parts.push(bytes);
    }
    for text in &arguments.data_binary {
        parts.push(content(text)?);
    }
    Ok(if parts.is_empty() { None } else { Some(parts.join(&b'&')) })
}

fn content(text: &str) -> Result<Vec<u8>, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_vec()),
        Some(path) => std::fs::read(path).map_err(|source| Failure::Read { path: path.into(), source }),
    }
}
