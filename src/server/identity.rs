//! Who a client is: by its certificate, which TLS has verified, or by its bearer token.

use crate::apiserver::{ApiError, Credentials, Impersonation, User};
use crate::client::Client;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use std::sync::Arc;

/// What a connection knows of its client, and how tokens are checked.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The client's certificate, in DER.
    pub certificate: Option<Arc<[u8]>>,
    /// The administrator's token.
    pub token: Arc<str>,
}

impl Identity {
    /// Who asks with these headers. The cluster behind `client` knows its service accounts' tokens.
    ///
    /// # Errors
    /// 401 when what they show is not known.
    pub fn user(&self, headers: &HeaderMap, client: &Client) -> Result<User, ApiError> {
        let certificate = self.certificate.as_ref().map(|der| der.to_vec());
        let header = headers.get(AUTHORIZATION).filter(|_| certificate.is_none());
        let token = header.map(|header| {
            let parts = header.to_str().ok().and_then(|h| h.split_once(' '));
            parts
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map_or("", |(_, token)| token.trim())
        });
        match token {
            Some(token) if same(token.as_bytes(), self.token.as_bytes()) => Ok(User::admin()),
            token => client.authenticate(&Credentials { token: token.map(str::to_owned), certificate }),
        }
    }
}

/// Compares without telling by its time how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
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
