//! `servers`: the hosts at which an operation is served, and what its paths begin with.

use std::collections::BTreeSet;

use engine::route::host::HostPattern;

use super::document::Spot;
use super::report::Report;

/// The most servers of one list that are looked at.
const SERVERS_MAX: usize = 32;

/// Hosts that share the beginning of their paths. No host is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) hosts: Vec<String>,
    /// Without a slash at its end.
    pub(super) base: String,
}

/// The sites of the nearest `servers`: the operation's, its path's, or the document's.
pub(super) fn sites<'d>(around: &[&Spot<'d>], hosts: &[String], report: &mut Report<'d>) -> Vec<Site> {
    let servers = around.iter().filter_map(|spot| spot.get("servers")).map(|servers| servers.items());
    let servers = servers.into_iter().find(|servers| !servers.is_empty()).unwrap_or_default();
    let mut sites: Vec<Site> = Vec::new();
    let mut any_host = Vec::new();
    if let Some(first) = servers.get(SERVERS_MAX) {
        let more = servers.len().saturating_sub(SERVERS_MAX);
        report.note(first, format!("of the servers {more} are not carried over: a list has at most {SERVERS_MAX}"));
    }
    for server in servers.iter().take(SERVERS_MAX) {
        let Some((host, base)) = server_of(server, report) else { continue };
        if !sites.iter().any(|site| site.base == base) {
            sites.push(Site { hosts: Vec::new(), base: base.clone() });
        }
        let Some(site) = sites.iter_mut().find(|site| site.base == base) else { continue };
        match host {
            Some(host) if !site.hosts.contains(&host) => site.hosts.push(host),
            Some(_) => {}
            None => any_host.push(base),
        }
    }
    if let (true, Some(first)) = (sites.is_empty(), servers.first()) {
        let bases: BTreeSet<String> = servers.iter().take(SERVERS_MAX).map(base_alone).collect();
        sites.extend(bases.into_iter().map(|base| Site { hosts: Vec::new(), base }));
        if hosts.is_empty() {
            report
                .note(first, "none of the servers can be carried over: the routes take any host; say it with `--host`");
        }
    }
    if sites.is_empty() {
        sites.push(Site { hosts: Vec::new(), base: String::new() });
    }
    for site in &mut sites {
        if any_host.contains(&site.base) {
            site.hosts.clear();
        }
        if !hosts.is_empty() {
            site.hosts = hosts.to_vec();
        }
    }
    sites
}

/// A host, if the server names one, and what its paths begin with.
fn server_of<'d>(server: &Spot<'d>, report: &mut Report<'d>) -> Option<(Option<String>, String)> {
    let Some(url) = server.text("url") else {
        report.note(server, "a server without `url` is not carried over");
        return None;
    };
    let url = filled(url, server, report)?;
    let (authority, path) = parts(&url);
    let base = base_of(path);
    if authority.is_empty() {
        return Some((None, base));
    }
    let name = authority.rsplit('@').next().unwrap_or(authority);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(name, |(name, _)| name);
    match HostPattern::parse(name) {
        Ok(pattern) => Some((Some(pattern.to_string()), base)),
        Err(fault) => {
            report.note(server, format!("the server `{url}` is not carried over: {fault}"));
            None
        }
    }
}

/// Authority and path; a URL without a host has no authority.
fn parts(url: &str) -> (&str, &str) {
    match url.split_once("://").map(|(_, rest)| rest).or_else(|| url.strip_prefix("//")) {
        Some(rest) => rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "")),
        None => ("", url),
    }
}

fn base_of(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// What the paths of a server begin with whose host cannot be said; nothing where that is not known either.
fn base_alone(server: &Spot<'_>) -> String {
    let (_, path) = server.text("url").map(parts).unwrap_or_default();
    if path.contains(['{', '}']) { String::new() } else { base_of(path) }
}

/// The URL with its variables at their defaults.
fn filled<'d>(url: &str, server: &Spot<'d>, report: &mut Report<'d>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        let variable = server.get("variables").and_then(|variables| variables.get(name));
        let Some(default) = variable.as_ref().and_then(|variable| variable.text("default")) else {
            report.note(server, format!("the server `{url}` is not carried over: `{name}` has no default"));
            return None;
        };
        if let Some(variable) =
            variable.filter(|variable| variable.get("enum").is_some_and(|list| list.items().len() > 1))
        {
            report.note(
                &variable,
                format!("of the server variable `{name}` only the default `{default}` is carried over"),
            );
        }
        filled.push_str(default);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}
