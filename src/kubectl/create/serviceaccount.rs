//! `kubectl create serviceaccount`.

use super::{Generated, Options, named};

/// The ServiceAccount called as asked.
pub fn generate(options: &Options) -> Generated {
    Ok(named("v1", "ServiceAccount", options))
}
