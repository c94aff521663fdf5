//! Lessons, checks, quizzes and progress: all that teaches.
//!
//! Always holds: a lesson sees a cluster only as a client does, and judges states, never keystrokes; every word
//! exists in each [`Language`]. Does not draw, read keys, or run commands itself: that is behind [`Runner`].

pub mod model;
pub mod runner;
pub mod text;
pub mod view;

pub use model::{Lesson, Question, Step};
pub use runner::{RunResult, Runner};
pub use text::{Block, Language, Span, Text};
