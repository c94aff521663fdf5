//! Lessons, checks, quizzes and progress. Reads the cluster only through `client.rs`.
