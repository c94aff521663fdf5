//! Certificates: an authority made at the start, the server's certificate, and the administrator's.
//!
//! Always holds: keys are made anew at every start and are nowhere but in memory and in the kubeconfig.

use crate::cluster::Authority;
use anyhow::Result;
use rcgen::{
    CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

/// What the server and its kubeconfig need.
pub struct Certificates {
    /// What the cluster is to sign with, so that its certificates let clients in.
    pub signer: Authority,
    /// The authority's certificate, as PEM.
    pub authority: String,
    /// The administrator's certificate, as PEM.
    pub client: String,
    /// The administrator's key, as PEM.
    pub client_key: String,
    /// Greets clients.
    pub acceptor: TlsAcceptor,
}

/// The names under which a cluster's server is reached.
const NAMES: &[&str] = &[
    "127.0.0.1",
    "::1",
    "localhost",
    "10.96.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// Makes an authority and its certificates.
///
/// # Errors
/// When keys cannot be made.
pub fn make() -> Result<Certificates> {
    let key = KeyPair::generate()?;
    let signer = Authority::of_key(&key);
    let authority = CertifiedIssuer::self_signed(Authority::params(), key)?;

    let server_key = KeyPair::generate()?;
    let names: Vec<String> = NAMES.iter().map(|n| (*n).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("kube-apiserver", &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = params.signed_by(&server_key, &authority)?;

    let client_key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = named("kubernetes-admin", &["kubeadm:cluster-admins"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client = params.signed_by(&client_key, &authority)?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let acceptor = acceptor(authority.der().clone(), server.der().clone(), key)?;
    Ok(Certificates {
        signer,
        authority: authority.pem(),
        client: client.pem(),
        client_key: client_key.serialize_pem(),
        acceptor,
    })
}

fn named(common_name: &str, organizations: &[&str]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for organization in organizations {
        name.push(DnType::OrganizationName, *organization);
    }
    name.push(DnType::CommonName, common_name);
    name
}

/// TLS with HTTP/2 and HTTP/1.1, and a client's certificate if it has one of this authority.
fn acceptor(
    authority: CertificateDer<'static>,
    server: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server, authority], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
