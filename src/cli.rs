//! What is typed to start the program.

use std::process::ExitCode;

/// Reads the command line and runs what it asks for.
///
/// # Errors
/// What the person should know, with its cause.
pub fn main() -> color_eyre::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
