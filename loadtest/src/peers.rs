//! How each proxy is set up for each work: the files are written anew for every start, with fresh ports.
//!
//! Equal work is the rule (README.md, "How fair it is"): every peer routes, checks, limits, logs and adds the same
//! forwarding headers as Tollgate does for the same row.

mod haproxy;
mod nginx;
mod tollgate;

use crate::case::{Peer, Work};
use crate::material::Material;
use crate::ports::Ports;
use crate::process::Launch;
use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What a throttle and a quota let through.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limits {
    /// So high that nothing is refused while measuring.
    Open,
    /// One request a second, five at once.
    Throttle,
    /// Five requests a day.
    Quota,
}

impl Limits {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Throttle => "throttle",
            Self::Quota => "quota",
        }
    }

    const fn per_second(self) -> u32 {
        match self {
            Self::Open | Self::Quota => 1_000_000,
            Self::Throttle => 1,
        }
    }

    const fn burst(self) -> u32 {
        match self {
            Self::Open | Self::Quota => 1_000_000,
            Self::Throttle => 5,
        }
    }

    const fn per_day(self) -> u32 {
        match self {
            Self::Open | Self::Throttle => 1_000_000_000,
            Self::Quota => 5,
        }
    }
}

/// The programs that stand for the peers.
pub(crate) struct Programs {
    pub(crate) nginx: PathBuf,
    /// Directory of nginx's dynamic modules.
    pub(crate) nginx_modules: PathBuf,
    pub(crate) haproxy: PathBuf,
    pub(crate) bare: PathBuf,
    pub(crate) upstream: PathBuf,
    pub(crate) tollgate: Option<PathBuf>,
}

/// Writes a proxy's files into a directory of its own and says how to start it.
pub(crate) struct Peers<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) material: &'a Material,
    pub(crate) upstream: SocketAddr,
    /// The Redis of the rows that need one.
    pub(crate) store: Option<SocketAddr>,
    pub(crate) work_dir: &'a Path,
}

/// What the writer of a configuration is told.
struct Setup<'a> {
    material: &'a Material,
    dir: &'a Path,
    work: Work,
    limits: Limits,
    listen: SocketAddr,
    metrics: SocketAddr,
    upstream: SocketAddr,
    store: Option<SocketAddr>,
}

impl Peers<'_> {
    pub(crate) fn launch(&self, peer: Peer, work: Work, limits: Limits, ports: &mut Ports) -> Result<Launch> {
        let dir = self.work_dir.join(format!("{}-{work:?}-{}", peer.name(), limits.name()).to_lowercase());
        fs::create_dir_all(&dir)?;
        let listen = ports.free()?;
        let metrics = ports.free()?;
        let (material, upstream, store) = (self.material, self.upstream, self.store);
        let setup = Setup { material, dir: &dir, work, limits, listen, metrics, upstream, store };
        fs::write(dir.join("public.pem"), material.signer.public_pem()?)?;
        let programs = self.programs;
        let (program, args, metrics_path) = match peer {
            Peer::Direct => (programs.upstream.clone(), vec!["--listen".to_owned(), listen.to_string()], None),
            Peer::Bare => (programs.bare.clone(), bare_args(&setup), None),
            Peer::Nginx => (programs.nginx.clone(), nginx::write(&setup, &programs.nginx_modules)?, Some("/status")),
            Peer::Haproxy => (programs.haproxy.clone(), haproxy::write(&setup)?, Some("/metrics")),
            Peer::Tollgate => {
                let program = programs.tollgate.clone().context("no tollgate to measure: --tollgate PATH")?;
                (program, tollgate::write(&setup)?, Some("/metrics"))
            }
        };
        let full = work == Work::Full;
        let access_log = full.then(|| dir.join(if peer == Peer::Haproxy { "stdout.log" } else { "access.log" }));
        let metrics = metrics_path.filter(|_| full).map(|path| (metrics, path));
        Ok(Launch { program, args, dir, listen, access_log, metrics })
    }
}

fn bare_args(setup: &Setup<'_>) -> Vec<String> {
    vec!["--listen".to_owned(), setup.listen.to_string(), "--upstream".to_owned(), setup.upstream.to_string()]
}

/// A refusal's body, in the shape of Tollgate's own, where `request_id` is the proxy's word for it.
fn problem(status: u16, title: &str, code: &str, request_id: &str) -> String {
    format!(
        r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}","instance":"urn:request:{request_id}","requestId":"{request_id}"}}"#
    )
}
