//! `-o custom-columns`.

use crate::kubectl::errors::{Failure, Outcome};

/// The specification in a file: a line of headers and a line of paths.
///
/// # Errors
/// When the lines do not fit together.
pub fn from_file(content: &str) -> Outcome<String> {
    let mut lines = content.lines();
    let words = |line: Option<&str>| -> Vec<String> {
        line.unwrap_or("").split_whitespace().map(str::to_owned).collect()
    };
    let (headers, paths) = (words(lines.next()), words(lines.next()));
    if headers.len() != paths.len() {
        let why = format!(
            "number of headers ({}) and field specifications ({}) don't match",
            headers.len(),
            paths.len()
        );
        return Err(Failure::new(why));
    }
    let pairs: Vec<String> = headers.iter().zip(&paths).map(|(h, p)| format!("{h}:{p}")).collect();
    Ok(pairs.join(","))
}
