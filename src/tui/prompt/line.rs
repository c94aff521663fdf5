//! The line that is being typed: text, cursor, and what was cut, as readline keeps them.
//!
//! Always holds: the cursor stands between two graphemes. The text may have several lines (a quote, a here-document
//! or a loop that is not closed yet).

use crate::tui::keys::Edit;
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// How long a line may grow, in bytes.
pub const LINE_LIMIT: usize = 256 * 1024;

/// A line and its cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineEditor {
    text: String,
    cursor: usize,
    cut: String,
    cutting: bool,
}

impl LineEditor {
    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The cursor's place, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Replaces the text; the cursor goes to its end.
    pub fn set(&mut self, text: impl Into<String>) {
        self.text = text.into();
        self.cursor = self.text.len();
        self.cutting = false;
    }

    /// Takes the text and leaves an empty line.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        self.cutting = false;
        std::mem::take(&mut self.text)
    }

    /// Types a text at the cursor. Letters that a terminal would act on do not come in.
    pub fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
        let clean: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        if self.text.len() + clean.len() > LINE_LIMIT {
            return;
        }
        self.text.insert_str(self.cursor, &clean);
        self.cursor += clean.len();
        // A combining letter joins the one before it; the cursor must not stand between them.
        self.cursor = self.boundary_at_or_after(self.cursor);
        self.cutting = false;
    }

    /// Replaces the bytes from `start` to the cursor.
    pub fn replace_before(&mut self, start: usize, with: &str) {
        let start = start.min(self.cursor);
        if self.text.is_char_boundary(start) {
            self.text.replace_range(start..self.cursor, with);
            self.cursor = start + with.len();
        }
        self.cutting = false;
    }

    /// Does what an editing key asks.
    pub fn edit(&mut self, edit: Edit) {
        let was_cutting = std::mem::take(&mut self.cutting);
        match edit {
            Edit::Left => self.cursor = self.before(self.cursor),
            Edit::Right => self.cursor = self.after(self.cursor),
            Edit::WordLeft => self.cursor = self.word_before(),
            Edit::WordRight => self.cursor = self.word_after(),
            Edit::Start => self.cursor = self.line_start(),
            Edit::End => self.cursor = self.line_end(),
            Edit::Backspace => {
                let from = self.before(self.cursor);
                self.text.replace_range(from..self.cursor, "");
                self.cursor = from;
            }
            Edit::Delete => {
                let to = self.after(self.cursor);
                self.text.replace_range(self.cursor..to, "");
            }
            Edit::KillToEnd => {
                let end = self.line_end();
                // At the end of a line, the line break itself goes, as in an editor.
                let to = if end == self.cursor { self.after(end) } else { end };
                self.kill(self.cursor, to, was_cutting);
            }
            Edit::KillToStart => {
                let start = self.line_start();
                let from = if start == self.cursor { self.before(start) } else { start };
                self.kill(from, self.cursor, was_cutting);
            }
            Edit::KillWordBefore => self.kill(self.blank_word_before(), self.cursor, was_cutting),
            Edit::KillWordAfter => self.kill(self.cursor, self.word_after(), was_cutting),
            Edit::Yank => {
                let cut = self.cut.clone();
                self.insert(&cut);
            }
        }
    }

    /// Goes a line up or down inside the text; `false` when there is none.
    pub fn move_line(&mut self, down: bool) -> bool {
        let start = self.line_start();
        let column = self.text[start..self.cursor].graphemes(true).count();
        let target = if down {
            match self.text[self.cursor..].find('\n') {
                Some(at) => self.cursor + at + 1,
                None => return false,
            }
        } else if start == 0 {
            return false;
        } else {
            self.text[..start - 1].rfind('\n').map_or(0, |at| at + 1)
        };
        let line = self.text[target..].lines().next().unwrap_or("");
        self.cursor = target + line.graphemes(true).take(column).map(str::len).sum::<usize>();
        true
    }

    /// Consecutive cuts gather in one, so that `Ctrl-Y` puts all of it back.
    fn kill(&mut self, from: usize, to: usize, gather: bool) {
        let cut: String = self.text.drain(from..to).collect();
        let backward = to == self.cursor;
        self.cut = match (gather, backward) {
            (false, _) => cut,
            (true, true) => format!("{cut}{}", self.cut),
            (true, false) => format!("{}{cut}", self.cut),
        };
        self.cursor = from;
        self.cutting = true;
    }

    fn before(&self, at: usize) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn after(&self, at: usize) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        cursor.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }

    fn boundary_at_or_after(&self, at: usize) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        if cursor.is_boundary(&self.text, 0).unwrap_or(true) { at } else { self.after(at) }
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at)
    }

    fn word_before(&self) -> usize {
        let head = &self.text[..self.cursor];
        let kept = head.trim_end_matches(|c: char| !c.is_alphanumeric());
        kept.trim_end_matches(char::is_alphanumeric).len()
    }

    fn word_after(&self) -> usize {
        let tail = &self.text[self.cursor..];
        let rest = tail.trim_start_matches(|c: char| !c.is_alphanumeric());
        let rest = rest.trim_start_matches(char::is_alphanumeric);
        self.text.len() - rest.len()
    }

    /// `Ctrl-W` goes back to a blank, as the shell's own does.
    fn blank_word_before(&self) -> usize {
        let head = self.text[..self.cursor].trim_end_matches(char::is_whitespace);
        head.trim_end_matches(|c: char| !c.is_whitespace()).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str, edits: &[Edit]) -> String {
        let mut line = LineEditor::default();
        line.insert(text);
        for edit in edits {
            line.edit(*edit);
        }
        let (a, b) = line.text().split_at(line.cursor());
        format!("{a}|{b}")
    }

    #[test]
    fn readline_keys() {
        use Edit::*;
        assert_eq!(line("kubectl get pods", &[Start]), "|kubectl get pods");
        assert_eq!(line("kubectl get pods", &[WordLeft, WordLeft]), "kubectl |get pods");
        assert_eq!(line("kubectl get pods -n kube-system", &[KillWordBefore]), "kubectl get pods -n |");
        assert_eq!(line("get a b", &[KillWordBefore, KillWordBefore, Yank]), "get a b|");
        assert_eq!(line("get pods", &[WordLeft, KillToEnd, Start, Yank]), "pods|get ");
        assert_eq!(line("파드 보기", &[Backspace, Left, Delete]), "파드 |");
        assert_eq!(line("파드 보기", &[KillWordBefore]), "파드 |");
        assert_eq!(line("a\nb", &[KillToStart, KillToStart, KillToStart]), "|");
        assert_eq!(line("", &[Backspace, Delete, Left, Right, KillToEnd, KillToStart, WordLeft]), "|");
    }

    #[test]
    fn moves_between_lines() {
        let mut line = LineEditor::default();
        line.insert("for i in 1 2\ndo\n  echo $i");
        assert!(line.move_line(false) && line.move_line(false) && !line.move_line(false));
        assert!(line.cursor() <= "for i in 1 2".len());
        assert!(line.move_line(true) && line.move_line(true) && !line.move_line(true));
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_between_graphemes(text in "\\PC{0,20}", keys in prop::collection::vec(0usize..13, 0..30)) {
            use Edit::*;
            let all = [Left, Right, WordLeft, WordRight, Start, End, Backspace, Delete, KillToEnd, KillToStart,
                KillWordBefore, KillWordAfter, Yank];
            let mut line = LineEditor::default();
            line.insert(&text);
            for key in keys {
                line.edit(all[key]);
                prop_assert!(line.text().is_char_boundary(line.cursor()));
            }
        }
    }
}
