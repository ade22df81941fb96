//! A test upstream behind TLS: takes the TLS off and hands the plain bytes to an [`Upstream`]. Its certificates are made anew each
//! time, good or wrong in one respect. Only with the feature `tls`.

#![expect(clippy::expect_used, reason = "without certificates the test is over")]

use crate::upstream::Upstream;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Who signs certificates, and whom a gateway may be told to trust.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// One that nobody has seen yet.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key pair");
        Self { issuer: CertifiedIssuer::self_signed(parameters, key).expect("an authority") }
    }

    /// For `caFile`.
    #[must_use]
    pub fn pem(&self) -> String {
        crate::tokens::pem("CERTIFICATE", self.issuer.der())
    }

    /// A certificate for one host name.
    ///
    /// # Panics
    /// If it is no host name.
    #[must_use]
    pub fn certify(&self, host: &str, validity: Validity) -> Certificate {
        let mut parameters = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
        let (from, to) = match validity {
            Validity::Good => (2000, 2100),
            Validity::Expired => (2000, 2001),
            Validity::NotYet => (2100, 2101),
        };
        parameters.not_before = date_time_ymd(from, 1, 1);
        parameters.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().expect("a key pair");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        Certificate { chain: vec![certificate.der().clone()], key: key.serialize_der() }
    }
}

/// Whether a certificate holds today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    Good,
    Expired,
    NotYet,
}

/// What a server shows, with its key.
#[derive(Debug)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Certificate {
    /// The chain and the private key, for servers that read files.
    #[must_use]
    pub fn pem(&self) -> (String, String) {
        let chain = self.chain.iter().map(|der| crate::tokens::pem("CERTIFICATE", der)).collect();
        (chain, crate::tokens::pem("PRIVATE KEY", &self.key))
    }
}

/// A running TLS server in front of an upstream; both end when it is dropped.
pub struct TlsUpstream {
    address: SocketAddr,
    inner: Upstream,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsUpstream {
    /// On a loopback port that the system chooses.
    pub fn start(certificate: Certificate, inner: Upstream) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let key = PrivatePkcs8KeyDer::from(certificate.key).into();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(certificate.chain, key)
            .map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let plain = inner.address();
        let thread = thread::Builder::new().name("tls upstream".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, acceptor, plain) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { address, inner, stop: Some(stop), thread: Some(thread) })
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the requests reach once TLS is off.
    #[must_use]
    pub const fn inner(&self) -> &Upstream {
        &self.inner
    }
}

impl Drop for TlsUpstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported already.
            thread.join().ok();
        }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, plain: SocketAddr) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that does not like the certificate ends here.
            let Ok(mut outer) = acceptor.accept(stream).await else { return };
            let Ok(mut inner) = TcpStream::connect(plain).await else { return };
            tokio::io::copy_bidirectional(&mut outer, &mut inner).await.ok();
        });
    }
}
