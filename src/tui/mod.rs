//! The interface in the terminal: home, lessons, the sandbox and the quiz, over one session.
//!
//! Always holds: one loop owns everything ([`run`]); keys become actions by one table ([`keys`]); drawing is a pure
//! function of the state ([`view`]); every word comes from one table ([`words`]) and every width from one module
//! ([`text`]).

pub mod ansi;
pub mod app;
pub mod attach;
pub mod describe;
pub mod editor;
pub mod keys;
pub mod layout;
pub mod output;
pub mod overlay;
pub mod panes;
pub mod play;
pub mod prompt;
pub mod run;
pub mod settings;
mod terminal;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;
pub mod words;

#[cfg(test)]
mod tests;

pub use app::{App, Start};
pub use run::{Opening, run};
