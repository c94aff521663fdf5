//! Who a client is: by its certificate, which TLS has verified, or by its bearer token.

use crate::apiserver::{ApiError, Impersonation, User};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use std::sync::Arc;

/// What a connection knows of its client, and how tokens are checked.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user that the client's certificate names.
    pub certificate: Option<User>,
    /// The administrator's token.
    pub token: Arc<str>,
}

impl Identity {
    /// Who asks with these headers.
    ///
    /// # Errors
    /// 401 when what they show is not known.
    pub fn user(&self, headers: &HeaderMap) -> Result<User, ApiError> {
        if let Some(user) = &self.certificate {
            return Ok(user.clone());
        }
        let Some(header) = headers.get(AUTHORIZATION) else { return Ok(anonymous()) };
        let token = header
            .to_str()
            .ok()
            .and_then(|h| h.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token {
            Some((_, token)) if same(token.trim().as_bytes(), self.token.as_bytes()) => Ok(User::admin()),
            _ => Err(ApiError::new(401, "Unauthorized", "Unauthorized")),
        }
    }
}

/// Compares without telling by its time how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

fn anonymous() -> User {
    User { name: Arc::from("system:anonymous"), groups: vec![Arc::from("system:unauthenticated")] }
}

/// The `Impersonate-*` headers.
pub fn impersonation(headers: &HeaderMap) -> Option<Impersonation> {
    let texts = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().filter_map(|v| v.to_str().ok().map(str::to_owned)).collect()
    };
    let first = |name: &str| texts(name).into_iter().next().unwrap_or_default();
    let extra = headers.iter().filter_map(|(name, value)| {
        let key = name.as_str().strip_prefix("impersonate-extra-")?;
        Some((super::request::percent_decode(key, false), value.to_str().ok()?.to_owned()))
    });
    let found = Impersonation {
        user: first("impersonate-user"),
        uid: first("impersonate-uid"),
        groups: texts("impersonate-group"),
        extra: extra.collect(),
    };
    (found != Impersonation::default()).then_some(found)
}

/// The user that a verified certificate names: its common name, and its organizations as groups.
pub fn of_certificate(der: &[u8]) -> Option<User> {
    let (_, certificate, _) = element(der)?;
    let (_, body, _) = element(certificate)?;
    let mut rest = body;
    let mut parts = Vec::new();
    while let Some((tag, content, after)) = element(rest) {
        parts.push((tag, content));
        rest = after;
    }
    // [version], serial, algorithm, issuer, validity, subject
    let skip = usize::from(parts.first()?.0 == 0xa0);
    let (_, mut subject) = *parts.get(skip + 4)?;
    let (mut name, mut groups) = (None, Vec::new());
    while let Some((_, set, after)) = element(subject) {
        subject = after;
        let (_, pair, _) = element(set)?;
        let (_, oid, value) = element(pair)?;
        let (_, text, _) = element(value)?;
        let text = std::str::from_utf8(text).ok()?;
        match oid {
            [0x55, 4, 3] => name = Some(Arc::from(text)),
            [0x55, 4, 10] => groups.push(Arc::from(text)),
            _ => {}
        }
    }
    groups.push(Arc::from("system:authenticated"));
    Some(User { name: name?, groups })
}

/// One DER element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        (digits.iter().fold(0, |n, d| n << 8 | usize::from(*d)), rest)
    };
    (rest.len() >= length).then(|| {
        let (content, after) = rest.split_at(length);
        (tag, content, after)
    })
}
