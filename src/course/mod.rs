//! Lessons, checks, quizzes and progress: all that teaches.
//!
//! Always holds: a lesson sees a cluster only as a client does, and judges states, never keystrokes; every word
//! exists in each [`Language`]. Does not draw, read keys, or run commands itself: that is behind [`Runner`].

pub mod chapters;
pub mod checks;
pub mod collection;
pub mod fidelity;
pub mod format;
pub mod heading;
pub mod judge;
pub mod lesson;
pub mod library;
pub mod model;
pub mod notes;
pub mod probes;
pub mod progress;
pub mod prove;
pub mod question;
pub mod quiz;
pub mod runner;
pub mod text;
pub mod view;

pub use collection::Collection;
pub use heading::Heading;
pub use lesson::LessonRun;
pub use library::Library;
pub use model::{Lesson, Question, Step};
pub use progress::Keeper;
pub use quiz::QuizRun;
pub use runner::{Act, Lab, Recorded, RunResult, Runner};
pub use text::{Block, Language, Span, Text};
