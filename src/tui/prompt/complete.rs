//! How a word can be completed: what the shell offers, as the list above the prompt shows it.

use super::Candidate;
use crate::session::Session;

/// Where the word before the cursor begins, and the ways to complete it.
pub fn candidates(session: &mut Session, line: &str, cursor: usize) -> (usize, Vec<Candidate>) {
    let found = session.shell().complete(line, cursor);
    let candidate =
        |insert: String| Candidate { label: insert.trim_end().to_owned(), insert, note: String::new() };
    (found.start, found.candidates.into_iter().map(candidate).collect())
}
