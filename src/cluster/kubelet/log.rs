//! A container's log: lines with their moments, bounded.

use crate::object::SimTime;
use imbl::Vector;
use std::sync::Arc;

/// How many bytes of a container's log are kept; the oldest lines go first (the kubelet rotates at 10 MiB).
pub const LOG_BYTES: usize = 256 * 1024;
/// The longest line; longer ones are cut into several, as the CRI format does at 16 KiB.
pub const LINE_BYTES: usize = 16 * 1024;

/// A line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was finished.
    pub at: SimTime,
    /// Its text; bytes that are no UTF-8 are replaced.
    pub text: Arc<str>,
    /// Whether a newline ended it; `false` for the last words of a process.
    pub ended: bool,
}

/// A log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: Vector<Line>,
    bytes: usize,
    partial: Vec<u8>,
    /// How many lines were ever finished, also those that are gone.
    pub count: u64,
}

impl Log {
    /// Adds output; whole lines become visible.
    pub fn write(&mut self, at: SimTime, bytes: &[u8]) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            self.partial.extend_from_slice(part);
            if self.partial.ends_with(b"\n") {
                self.partial.pop();
                self.finish(at, true);
            } else if self.partial.len() >= LINE_BYTES {
                self.finish(at, false);
            }
        }
    }

    /// The process has ended: what it wrote last becomes visible, even without a newline.
    pub fn flush(&mut self, at: SimTime) {
        if !self.partial.is_empty() {
            self.finish(at, false);
        }
    }

    fn finish(&mut self, at: SimTime, ended: bool) {
        let text: Arc<str> = Arc::from(String::from_utf8_lossy(&self.partial).as_ref());
        self.partial.clear();
        self.bytes += text.len() + 1;
        self.count += 1;
        self.lines.push_back(Line { at, text, ended });
        while self.bytes > LOG_BYTES {
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes -= line.text.len() + 1;
        }
    }

    /// The lines that are kept, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> + '_ {
        self.lines.iter()
    }

    /// All of it as a terminal shows it, unfinished words included.
    pub fn screen(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in self.lines.iter().rev().take(50).rev() {
            bytes.extend_from_slice(line.text.as_bytes());
            if line.ended {
                bytes.push(b'\n');
            }
        }
        bytes.extend_from_slice(&self.partial);
        bytes
    }

    /// The lines after the first `seen` ones of all time.
    pub fn since(&self, seen: u64) -> impl Iterator<Item = &Line> + '_ {
        let kept = self.lines.len() as u64;
        let skip = seen.saturating_sub(self.count - kept.min(self.count));
        self.lines.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX).min(self.lines.len()))
    }
}
