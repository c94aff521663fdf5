//! The cluster's certificate authority: the key that kube-controller-manager signs with.
//!
//! Always holds: the key of a simulated cluster comes from its seed, and its signatures are the same every time; a
//! served cluster has a key made anew (`server/tls.rs`), since real clients are let in by what it signs.

use crate::apiserver::certificates::{KeyKind, SigningRequest};
use crate::object::{SECOND, SimTime};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SignatureAlgorithm,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What stands before the seed of an Ed25519 key in PKCS #8.
const ED25519_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A key to sign with.
#[derive(Clone)]
pub struct Authority {
    /// The key in PKCS #8.
    key: Arc<[u8]>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// How long a certificate is good, and what for.
#[derive(Clone, Debug)]
pub struct Terms {
    /// From when.
    pub from: SimTime,
    /// Until when.
    pub until: SimTime,
    /// `client auth`, `digital signature`, …
    pub usages: Vec<String>,
}

impl Authority {
    /// The authority of a simulated cluster.
    pub fn of_seed(seed: u64) -> Self {
        let text = format!("kubedojo certificate authority {seed}");
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        Self { key: [&ED25519_HEAD, digest.as_ref()].concat().into() }
    }

    /// The authority with this key.
    pub fn of_key(key: &KeyPair) -> Self {
        Self { key: key.serialize_der().into() }
    }

    /// What its own certificate says.
    pub fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "kubernetes");
        params
    }

    /// Signs a request, in PEM.
    ///
    /// # Errors
    /// When its key is of a kind that cannot be signed for.
    pub fn sign(&self, request: &SigningRequest, terms: &Terms) -> Result<String, Error> {
        let key = KeyPair::try_from(&*self.key)?;
        let issuer = Issuer::new(Self::params(), key);
        let kind = request.key_kind.ok_or(Error::UnsupportedSignatureAlgorithm)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for organization in &request.subject.organizations {
            params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, request.subject.common_name.as_str());
        for name in &request.dns {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        params.subject_alt_names.extend(request.ips.iter().map(|ip| SanType::IpAddress(*ip)));
        let moment = |time: SimTime| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(time.0 / SECOND);
        params.not_before = moment(terms.from);
        params.not_after = moment(terms.until);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        for usage in &terms.usages {
            match usage.as_str() {
                "digital signature" | "signing" => params.key_usages.push(KeyUsagePurpose::DigitalSignature),
                "key encipherment" => params.key_usages.push(KeyUsagePurpose::KeyEncipherment),
                "client auth" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth),
                "server auth" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth),
                _ => {}
            }
        }
        Ok(params.signed_by(&PublicKey(kind, &request.key), &issuer)?.pem())
    }
}

/// The key of a request.
struct PublicKey<'a>(KeyKind, &'a [u8]);

impl PublicKeyData for PublicKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.1
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.0 {
            KeyKind::Rsa => &rcgen::PKCS_RSA_SHA256,
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}
