//! How a word can be completed: what the shell offers, as the list above the prompt shows it.

use super::Candidate;
use crate::session::Session;

/// Where the word before the cursor begins, and the ways to complete it.
pub fn candidates(_session: &mut Session, _line: &str, cursor: usize) -> (usize, Vec<Candidate>) {
    (cursor, Vec::new())
}
