//! An emulator behind TLS. A new private authority signs its certificate.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lightsail_emulator::Emulator;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// A running emulator behind TLS. Dropping it stops the server.
pub struct Tls {
    /// The `https` URL.
    pub url: String,
    /// The authority's certificate, in PEM.
    pub authority: String,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Tls {
    /// Serves an emulator on a free port of the loopback interface.
    pub async fn start(emulator: Emulator) -> Result<Self, Box<dyn std::error::Error>> {
        let mut authority = CertificateParams::new(Vec::new())?;
        // OpenSSL treats a certificate with the same name as its issuer as self-signed.
        authority
            .distinguished_name
            .push(DnType::CommonName, "Authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authoritys_key = KeyPair::generate()?;
        let authoritys_certificate = authority.self_signed(&authoritys_key)?;
        let issuer = Issuer::new(authority, authoritys_key);
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &issuer)?;
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let connections = Arc::new(AtomicUsize::new(0));
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let task = tokio::spawn(serve(
            emulator,
            listener,
            acceptor,
            Arc::clone(&connections),
        ));
        Ok(Self {
            url,
            authority: authoritys_certificate.pem(),
            connections,
            task,
        })
    }

    /// The number of connections since the previous call.
    pub fn take_connections(&self) -> usize {
        self.connections.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    emulator: Emulator,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    connections: Arc<AtomicUsize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        let (emulator, acceptor) = (emulator.clone(), acceptor.clone());
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            emulator
                .serve_connection(acceptor.accept(stream).await?)
                .await;
            io::Result::Ok(())
        });
    }
}
