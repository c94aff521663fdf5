//! The transcript as rows of the screen: parsed once an entry, wrapped only where it is seen.
//!
//! Always holds: the end is shown unless the learner has scrolled up; then what is seen stays still while more comes.

use super::ansi;
use super::text;
use super::theme::{Role, Theme};
use crate::session::{Entry, Transcript};
use ratatui::text::{Line, Span};

/// The transcript's entries, parsed.
#[derive(Clone, Debug, Default)]
pub struct Output {
    entries: Vec<Parsed>,
    first: u64,
    seen: Option<u64>,
    repainted: u64,
    /// How many rows are below what is shown.
    pub scroll: usize,
}

#[derive(Clone, Debug)]
struct Parsed {
    bytes: usize,
    lines: Vec<Vec<Span<'static>>>,
}

impl Output {
    /// Forgets what was parsed, as after a change of theme.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.seen = None;
    }

    /// Parses what is new. Answers whether anything was. `columns` is the pane's width.
    pub fn sync(&mut self, transcript: &Transcript, theme: &Theme, columns: usize) -> bool {
        if self.seen == Some(transcript.version()) {
            return false;
        }
        let before = if self.scroll > 0 { self.rows(columns) } else { 0 };
        self.seen = Some(transcript.version());
        let gone =
            usize::try_from(transcript.first() - self.first.min(transcript.first())).unwrap_or(usize::MAX);
        self.entries.drain(..gone.min(self.entries.len()));
        self.first = transcript.first();
        self.entries.truncate(transcript.entries().len());
        if std::mem::replace(&mut self.repainted, transcript.repainted()) != transcript.repainted() {
            let kept = transcript.entries().iter().rposition(|e| matches!(e, Entry::Command { .. }));
            self.entries.truncate(kept.map_or(0, |at| at + 1));
        }
        for (i, entry) in transcript.entries().iter().enumerate() {
            let bytes = size(entry);
            match self.entries.get(i) {
                Some(parsed) if parsed.bytes == bytes => {}
                Some(_) => self.entries[i] = Parsed { bytes, lines: parse(entry, theme) },
                None => self.entries.push(Parsed { bytes, lines: parse(entry, theme) }),
            }
        }
        if self.scroll > 0 {
            self.scroll += self.rows(columns).saturating_sub(before);
        }
        true
    }

    /// How many rows there are at this width.
    pub fn rows(&self, columns: usize) -> usize {
        self.lines().map(|line| rows_of(line, columns)).sum()
    }

    /// How many rows there are at this width; counted no further than to `most`.
    pub fn rows_at_most(&self, columns: usize, most: usize) -> usize {
        let mut rows = 0;
        for line in self.entries.iter().rev().flat_map(|e| e.lines.iter()) {
            rows += rows_of(line, columns);
            if rows >= most {
                return most;
            }
        }
        rows
    }

    /// The last `height` rows above the lowest `skip`, oldest first.
    pub fn tail(&self, columns: usize, skip: usize, height: usize) -> Vec<Line<'static>> {
        let mut rows: Vec<Line<'static>> = Vec::new();
        let mut below = 0;
        for line in self.entries.iter().rev().flat_map(|e| e.lines.iter().rev()) {
            let count = rows_of(line, columns);
            if below + count <= skip {
                below += count;
                continue;
            }
            for (i, row) in text::wrap_hard(line, columns).into_iter().rev().enumerate() {
                if below + i >= skip && rows.len() < height {
                    rows.push(row);
                }
            }
            below += count;
            if rows.len() >= height {
                break;
            }
        }
        rows.reverse();
        rows
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<Span<'static>>> {
        self.entries.iter().flat_map(|e| e.lines.iter())
    }
}

fn rows_of(line: &[Span<'static>], columns: usize) -> usize {
    let wide: usize = line.iter().map(|s| text::width(&s.content)).sum();
    // A wide letter at the edge may leave a column empty; only then is wrapping needed to count.
    if wide <= columns { 1 } else { text::wrap_hard(line, columns).len() }
}

fn size(entry: &Entry) -> usize {
    match entry {
        Entry::Command { line, .. } => line.len(),
        Entry::Output { text, .. } | Entry::Note(text) => text.len(),
    }
}

fn parse(entry: &Entry, theme: &Theme) -> Vec<Vec<Span<'static>>> {
    match entry {
        Entry::Command { line, cwd } => command(line, cwd, theme),
        Entry::Output { text, .. } => ansi::lines(text, theme.style(Role::Text), theme),
        Entry::Note(text) => {
            let mark = Span::styled(format!("{} ", theme.glyphs.rail), theme.style(Role::Accent));
            let lines = ansi::lines(text, theme.style(Role::Dim), theme);
            lines.into_iter().map(|line| [vec![mark.clone()], line].concat()).collect()
        }
    }
}

fn command(line: &str, cwd: &str, theme: &Theme) -> Vec<Vec<Span<'static>>> {
    let mut sign = sign(cwd, theme);
    let mut lines = Vec::new();
    for mut words in ansi::lines(line, theme.style(Role::Strong), theme) {
        sign.append(&mut words);
        lines.push(std::mem::replace(&mut sign, vec![Span::styled("> ", theme.style(Role::Dim))]));
    }
    lines
}

/// What stands before a command: `$ `, with the directory unless it is the home.
pub fn sign(cwd: &str, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    if cwd != "~" && !cwd.is_empty() {
        spans.push(Span::styled(format!("{cwd} "), theme.style(Role::Dim)));
    }
    spans.push(Span::styled("$ ", theme.style(Role::Accent)));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, GlyphSet, ThemeName};

    fn output(text: &str) -> Entry {
        Entry::Output { error: false, text: text.to_owned() }
    }

    fn shown(output: &Output, skip: usize, height: usize) -> Vec<String> {
        let rows = output.tail(10, skip, height);
        rows.iter().map(|r| r.spans.iter().map(|s| s.content.as_ref()).collect()).collect()
    }

    #[test]
    fn the_end_is_shown_and_scrolling_stays_still() {
        let theme = Theme::new(ThemeName::Mono, Depth::None, GlyphSet::Unicode);
        let mut transcript = Transcript::default();
        let mut out = Output::default();
        transcript.push(Entry::Command { line: "seq 3".to_owned(), cwd: "~".to_owned() });
        transcript.push(output("1\n2\n3 and some more\n"));
        assert!(out.sync(&transcript, &theme, 10) && !out.sync(&transcript, &theme, 10));
        assert_eq!(shown(&out, 0, 3), ["2", "3 and some", " more"]);
        assert_eq!(shown(&out, 1, 3), ["1", "2", "3 and some"]);
        assert_eq!(shown(&out, 0, 10), ["$ seq 3", "1", "2", "3 and some", " more"]);
        out.scroll = 1;
        transcript.push(output("4\n"));
        out.sync(&transcript, &theme, 10);
        assert_eq!(out.scroll, 2);
        assert_eq!(shown(&out, out.scroll, 3), ["1", "2", "3 and some"]);
        transcript.clear();
        out.sync(&transcript, &theme, 10);
        assert_eq!(out.rows(10), 0);
    }
}
