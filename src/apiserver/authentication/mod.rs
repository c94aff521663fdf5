//! Authentication: who a client is, by what it shows.
//!
//! Always holds: a client that shows nothing is `system:anonymous`; one that shows something wrong is nobody (401).

pub mod certificate;
pub(super) mod der;
pub mod token;
mod token_request;

use super::{ApiError, ApiServer, User};
use std::sync::Arc;

/// What a client shows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The token of `Authorization: Bearer`.
    pub token: Option<String>,
    /// The certificate of the connection, in DER. Whoever passes it has checked that the client has its key.
    pub certificate: Option<Vec<u8>>,
}

/// The key under which a user's `extra` names what it showed.
pub const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

impl ApiServer {
    /// Who shows these credentials.
    ///
    /// # Errors
    /// 401 when they are wrong.
    pub fn authenticate(&self, credentials: &Credentials) -> Result<User, ApiError> {
        if let Some(der) = &credentials.certificate {
            return certificate::user(der).ok_or_else(unauthorized);
        }
        match credentials.token.as_deref() {
            None => Ok(User::new("system:anonymous", &["system:unauthenticated"])),
            Some(token) => self.authenticate_token(token).map_err(|_| unauthorized()),
        }
    }

    /// Whose token it is: one of the static ones, or of a service account.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn authenticate_token(&self, token: &str) -> Result<User, String> {
        match self.static_tokens.get(token) {
            Some(user) => Ok((**user).clone()),
            None => token::verify(self, token, &[token::AUDIENCE]).map(|verified| verified.user),
        }
    }

    /// Takes this token for this user from now on, as the file of `--token-auth-file` would.
    pub fn add_static_token(&mut self, token: &str, user: User) {
        self.static_tokens.insert(Arc::from(token), Arc::new(user));
    }
}

/// 401.
pub fn unauthorized() -> ApiError {
    ApiError::new(401, "Unauthorized", "Unauthorized")
}

/// Namespace and name of the service account whose user has this name.
pub fn service_account_of(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

/// The groups of a namespace's service accounts, without `system:authenticated`.
pub fn account_groups(namespace: &str) -> Vec<Arc<str>> {
    vec![Arc::from("system:serviceaccounts"), Arc::from(format!("system:serviceaccounts:{namespace}"))]
}
