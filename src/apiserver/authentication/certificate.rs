//! Client certificates: the common name is the user, the organisations are the groups.

use super::der::{OID, Reader, SEQUENCE};
use super::{CREDENTIAL_ID, User};
use std::fmt::Write;
use std::sync::Arc;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// Whom a certificate or a request for one is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// `CN`.
    pub common_name: String,
    /// Every `O`.
    pub organizations: Vec<String>,
}

/// The user of a certificate in DER. `None` when it is none, or has no common name.
pub fn user(der: &[u8]) -> Option<User> {
    let mut fields = Reader(der).expect(SEQUENCE)?.inside().expect(SEQUENCE)?.inside();
    // The version, which may be missing, then serial number, algorithm, issuer and validity.
    let first = fields.next()?;
    fields.nth(if first.tag == 0xa0 { 3 } else { 2 })?;
    let subject = subject(fields.expect(SEQUENCE)?.content)?;
    if subject.common_name.is_empty() {
        return None;
    }
    let mut groups: Vec<Arc<str>> = subject.organizations.iter().map(|o| Arc::from(o.as_str())).collect();
    groups.push(Arc::from("system:authenticated"));
    let extra = vec![(CREDENTIAL_ID.to_owned(), vec![format!("X509SHA256={}", fingerprint(der))])];
    Some(User { name: Arc::from(subject.common_name), groups, extra, ..User::default() })
}

/// The parts of a distinguished name that Kubernetes looks at.
pub fn subject(name: &[u8]) -> Option<Subject> {
    let mut subject = Subject::default();
    for part in Reader(name) {
        for attribute in part.inside() {
            let mut pair = attribute.inside();
            let (kind, value) = (pair.expect(OID)?, pair.next()?);
            let text = || String::from_utf8_lossy(value.content).into_owned();
            match kind.content {
                COMMON_NAME => subject.common_name = text(),
                ORGANIZATION => subject.organizations.push(text()),
                _ => {}
            }
        }
    }
    Some(subject)
}

/// SHA-256, in hexadecimal digits.
pub fn fingerprint(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut text = String::new();
    for byte in digest.as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    #[test]
    fn who_a_certificate_is() {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, "devs");
        name.push(DnType::CommonName, "jane");
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        let certificate = params.self_signed(&key).unwrap();
        let user = user(certificate.der()).unwrap();
        assert_eq!((&*user.name, user.groups.len()), ("jane", 2));
        assert_eq!(&*user.groups[0], "devs");
        assert!(super::user(&certificate.der()[..40]).is_none());
        assert!(super::user(b"").is_none());
    }
}
