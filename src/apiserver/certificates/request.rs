//! PKCS #10: what a request for a certificate asks for, and whether its signature holds.

use crate::apiserver::authentication::certificate::{Subject, subject};
use crate::apiserver::authentication::der::{Element, OID, Reader, SEQUENCE};
use base64::Engine;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SET: u8 = 0x31;
/// The attributes of a request.
const ATTRIBUTES: u8 = 0xa0;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const SHA256_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const SHA384_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
const SHA512_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
const SHA256_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SHA384_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const EXTENSIONS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

const CUT_SHORT: &str = "asn1: syntax error: data truncated";

/// The kind of a public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// ECDSA over P-256.
    P256,
    /// ECDSA over P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningRequest {
    /// For whom.
    pub subject: Subject,
    /// Alternative names in DNS.
    pub dns: Vec<String>,
    /// Alternative addresses.
    pub ips: Vec<IpAddr>,
    /// Alternative addresses of mail.
    pub emails: Vec<String>,
    /// Alternative URIs.
    pub uris: Vec<String>,
    /// The kind of the key; `None` for one that cannot be used here.
    pub key_kind: Option<KeyKind>,
    /// The key's bits.
    pub key: Vec<u8>,
}

impl SigningRequest {
    /// Reads a request in PEM and checks that it was signed with its key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(pem: &str) -> Result<Self, String> {
        let der = unwrap(pem).ok_or("PEM block type must be CERTIFICATE REQUEST")?;
        let parts = Parts::of(&der).ok_or(CUT_SHORT)?;
        let request = parts.request().ok_or(CUT_SHORT)?;
        parts.verify(&request)?;
        Ok(request)
    }
}

/// The bytes of the first block of PEM, if it is a request.
fn unwrap(pem: &str) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
    let first = pem.find("-----BEGIN ")?;
    let rest = pem[first..].strip_prefix(BEGIN)?;
    let inside = &rest[..rest.find("-----END CERTIFICATE REQUEST-----")?];
    let clean: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(clean).ok()
}

/// A request in its three parts.
struct Parts<'a> {
    /// What was signed, its header included.
    signed: &'a [u8],
    info: Element<'a>,
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        let mut parts = Reader(der).expect(SEQUENCE)?.inside();
        let before = parts.0;
        let info = parts.expect(SEQUENCE)?;
        let signed = &before[..before.len() - parts.0.len()];
        let algorithm = parts.expect(SEQUENCE)?.inside().expect(OID)?.content;
        let signature = bits(parts.expect(BIT_STRING)?)?;
        Some(Self { signed, info, algorithm, signature })
    }

    fn request(&self) -> Option<SigningRequest> {
        let mut fields = self.info.inside();
        fields.next()?; // the version
        let subject = subject(fields.expect(SEQUENCE)?.content)?;
        let mut key = fields.expect(SEQUENCE)?.inside();
        let mut algorithm = key.expect(SEQUENCE)?.inside();
        let kind = algorithm.expect(OID)?.content;
        let curve = algorithm.next().map_or(&[][..], |parameter| parameter.content);
        let key_kind = match (kind, curve) {
            (RSA, _) => Some(KeyKind::Rsa),
            (EC, P256) => Some(KeyKind::P256),
            (EC, P384) => Some(KeyKind::P384),
            (ED25519, _) => Some(KeyKind::Ed25519),
            _ => None,
        };
        let key = bits(key.expect(BIT_STRING)?)?.to_vec();
        let mut request = SigningRequest {
            subject,
            dns: Vec::new(),
            ips: Vec::new(),
            emails: Vec::new(),
            uris: Vec::new(),
            key_kind,
            key,
        };
        if let Some(attributes) = fields.expect(ATTRIBUTES) {
            request.read_attributes(attributes);
        }
        Some(request)
    }

    fn verify(&self, request: &SigningRequest) -> Result<(), String> {
        use signature as s;
        let (algorithm, name): (&dyn VerificationAlgorithm, &str) = match (self.algorithm, request.key_kind) {
            (SHA256_RSA, Some(KeyKind::Rsa)) => {
                (&s::RSA_PKCS1_2048_8192_SHA256, "crypto/rsa: verification error")
            }
            (SHA384_RSA, Some(KeyKind::Rsa)) => {
                (&s::RSA_PKCS1_2048_8192_SHA384, "crypto/rsa: verification error")
            }
            (SHA512_RSA, Some(KeyKind::Rsa)) => {
                (&s::RSA_PKCS1_2048_8192_SHA512, "crypto/rsa: verification error")
            }
            (SHA256_ECDSA, Some(KeyKind::P256)) => {
                (&s::ECDSA_P256_SHA256_ASN1, "x509: ECDSA verification failure")
            }
            (SHA384_ECDSA, Some(KeyKind::P256)) => {
                (&s::ECDSA_P256_SHA384_ASN1, "x509: ECDSA verification failure")
            }
            (SHA256_ECDSA, Some(KeyKind::P384)) => {
                (&s::ECDSA_P384_SHA256_ASN1, "x509: ECDSA verification failure")
            }
            (SHA384_ECDSA, Some(KeyKind::P384)) => {
                (&s::ECDSA_P384_SHA384_ASN1, "x509: ECDSA verification failure")
            }
            (ED25519, Some(KeyKind::Ed25519)) => (&s::ED25519, "x509: Ed25519 verification failure"),
            _ => return Err("x509: cannot verify signature: algorithm unimplemented".to_owned()),
        };
        let key = UnparsedPublicKey::new(algorithm, &request.key);
        key.verify(self.signed, self.signature).map_err(|_| name.to_owned())
    }
}

/// The bytes of a string of bits that has whole bytes.
fn bits(element: Element<'_>) -> Option<&[u8]> {
    element.content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

impl SigningRequest {
    fn read_attributes(&mut self, attributes: Element) {
        for attribute in attributes.inside() {
            let mut parts = attribute.inside();
            if parts.expect(OID).is_none_or(|kind| kind.content != EXTENSIONS) {
                continue;
            }
            let extensions = parts.expect(SET).and_then(|set| set.inside().expect(SEQUENCE));
            for extension in extensions.iter().flat_map(Element::inside) {
                let mut parts = extension.inside();
                let kind = parts.expect(OID);
                let value = parts.find(|part| part.tag == OCTET_STRING);
                if let (Some(ALTERNATIVE_NAMES), Some(value)) = (kind.map(|k| k.content), value) {
                    self.read_names(value);
                }
            }
        }
    }

    fn read_names(&mut self, value: Element) {
        let Some(names) = value.inside().expect(SEQUENCE) else { return };
        for name in names.inside() {
            let text = || String::from_utf8_lossy(name.content).into_owned();
            match name.tag {
                0x81 => self.emails.push(text()),
                0x82 => self.dns.push(text()),
                0x86 => self.uris.push(text()),
                0x87 => self.ips.extend(address(name.content)),
                _ => {}
            }
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    #[test]
    fn requests_are_read() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["worker-1".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, "system:node:worker-1");
        params.subject_alt_names.push(SanType::Rfc822Name("a@b.c".try_into().unwrap()));
        let pem = params.serialize_request(&key).unwrap().pem().unwrap();
        let request = SigningRequest::read(&pem).unwrap();
        assert_eq!(request.subject.common_name, "system:node:worker-1");
        assert_eq!(request.subject.organizations, ["system:nodes"]);
        assert_eq!((request.dns.as_slice(), request.emails.len()), (&["worker-1".to_owned()][..], 1));
        assert_eq!(request.ips, [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(request.key_kind, Some(KeyKind::P256));
        let other = pem.replace("CERTIFICATE REQUEST", "CERTIFICATE");
        assert_eq!(SigningRequest::read(&other).unwrap_err(), "PEM block type must be CERTIFICATE REQUEST");
        // A request whose signature is another's.
        let mut der = unwrap(&pem).unwrap();
        let last = der.len() - 1;
        der[last] ^= 1;
        let parts = Parts::of(&der).unwrap();
        assert_eq!(parts.verify(&request).unwrap_err(), "x509: ECDSA verification failure");
        for end in 0..der.len() {
            assert!(Parts::of(&der[..end]).and_then(|p| p.request()).is_none());
        }
    }
}
