//! What the server hands out to Services: cluster addresses and node ports.

use super::{ApiError, ApiServer};
use crate::object::{Object, hash::Stream};

/// What is handed out, and the stream that chooses.
#[derive(Clone, Debug)]
pub struct Allocators {
    #[allow(dead_code)]
    random: Stream,
}

impl Allocators {
    /// Nothing handed out yet.
    pub fn new(seed: u64) -> Self {
        Self { random: Stream::new(seed, "apiserver", "allocators") }
    }
}

/// Allocates for a new object, after validation.
///
/// # Errors
/// When what it asks for is taken or out of range.
pub fn on_create(_api: &mut ApiServer, _object: &mut Object) -> Result<(), ApiError> {
    Ok(())
}

/// Allocates and gives back after an update.
///
/// # Errors
/// When what it asks for is taken or out of range.
pub fn on_update(_api: &mut ApiServer, _object: &mut Object, _old: &Object) -> Result<(), ApiError> {
    Ok(())
}

/// Gives back what a removed object had.
pub fn release(_api: &mut ApiServer, _object: &Object) {}
