//! Errors in the words of go-yaml, whose line numbers have habits of their own.

use granit_parser::{ErrorKind, ScanError};
use std::fmt;

/// Text that is not YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong, as go-yaml says it.
    pub message: String,
    /// 1-based.
    pub line: usize,
    /// 1-based.
    pub column: usize,
    shown: Option<usize>,
}

/// Which half of go-yaml finds the error: its parser counts lines from 0, and neither tells the first line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finder {
    Scanner,
    Parser,
}

impl Error {
    /// An error that go-yaml tells without a line.
    pub(super) fn plain(message: impl Into<String>, line: usize) -> Self {
        Self { message: message.into(), line, column: 1, shown: None }
    }

    /// The error of the scanner, translated.
    pub(super) fn scan(error: &ScanError, text: &str) -> Self {
        use Finder::{Parser, Scanner};
        let mark = error.marker();
        let (mut line, column) = (mark.line(), mark.col() + 1);
        let (finder, message) = match error.kind() {
            ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
                (Scanner, "mapping values are not allowed in this context".to_owned())
            }
            ErrorKind::MappingKeyNotAllowed => {
                (Scanner, "mapping keys are not allowed in this context".to_owned())
            }
            ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::BlockEntryInFlowCollection => {
                (Scanner, "block sequence entries are not allowed in this context".to_owned())
            }
            ErrorKind::UnexpectedCharacter { .. }
            | ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar => {
                (Scanner, "found character that cannot start any token".to_owned())
            }
            ErrorKind::UnclosedQuotedScalar | ErrorKind::UnexpectedEof => {
                line = text.lines().count() + usize::from(text.ends_with('\n'));
                (Scanner, "found unexpected end of stream".to_owned())
            }
            ErrorKind::UnknownQuotedScalarEscape => (Scanner, "found unknown escape character".to_owned()),
            ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
                (Scanner, "could not find expected ':'".to_owned())
            }
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::InvalidIndentation
            | ErrorKind::UnexpectedEofBlockMapping => (Parser, "did not find expected key".to_owned()),
            ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::UnexpectedEofBlockSequence => {
                (Parser, "did not find expected '-' indicator".to_owned())
            }
            ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnclosedFlowCollection { open: '[' } => {
                (Parser, "did not find expected ',' or ']'".to_owned())
            }
            ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::UnclosedFlowCollection { .. } => {
                (Parser, "did not find expected ',' or '}'".to_owned())
            }
            ErrorKind::ExpectedNodeContent
            | ErrorKind::MismatchedFlowCollectionEnd { .. }
            | ErrorKind::MisplacedFlowCollectionEnd => {
                (Parser, "did not find expected node content".to_owned())
            }
            ErrorKind::UnknownAnchor => {
                let name = alias_at(text, line, mark.col());
                return Self::plain(format!("unknown anchor '{name}' referenced"), line);
            }
            ErrorKind::RecursionLimitExceeded => {
                return Self::plain("exceeded max depth of 10000", line);
            }
            other => (Scanner, other.to_string()),
        };
        let shown = if finder == Scanner { line } else { line.saturating_sub(1) };
        let shown = (line > 1).then_some(shown);
        Self { message, line, column, shown }
    }
}

/// The name of the alias near a place.
fn alias_at(text: &str, line: usize, column: usize) -> String {
    let found = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let start = found.char_indices().nth(column).map_or(0, |(at, _)| at);
    let rest = found[start..].trim_start_matches(|c| c != '*');
    let rest = if rest.is_empty() { found.rsplit('*').next().unwrap_or("") } else { &rest[1..] };
    rest.chars().take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.starts_with("json: ") || self.message.starts_with("unsupported ") {
            return f.write_str(&self.message);
        }
        match self.shown {
            Some(line) => write!(f, "yaml: line {line}: {}", self.message),
            None => write!(f, "yaml: {}", self.message),
        }
    }
}

impl std::error::Error for Error {}
