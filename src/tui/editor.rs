//! The editor for `vi FILE`, `nano FILE` and `kubectl edit`: one plain editor under all their names.
//!
//! Always holds: what is not saved is never lost without a question. It is no vi: letters are typed, Esc asks what to do.

use crossterm::event::KeyEvent;
use ratatui_textarea::{CursorMove, TextArea};

/// A file that is being edited.
#[derive(Debug)]
pub struct Editor {
    /// The file, as its name is shown.
    pub path: String,
    /// The text and its cursor.
    pub area: TextArea<'static>,
    original: Vec<String>,
}

impl Editor {
    /// Opens a text.
    pub fn new(path: &str, content: &str) -> Self {
        let lines: Vec<String> = content.lines().map(|l| l.replace('\t', "    ")).collect();
        let mut area = TextArea::new(lines);
        area.set_cursor_line_style(ratatui::style::Style::default());
        area.set_tab_length(2);
        area.move_cursor(CursorMove::Top);
        Self { path: path.to_owned(), original: area.lines().to_vec(), area }
    }

    /// Whether anything was changed.
    pub fn changed(&self) -> bool {
        self.area.lines() != self.original
    }

    /// The text, with a line break at its end.
    pub fn content(&self) -> String {
        let mut text = self.area.lines().join("\n");
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// Hands a key to it. Answers whether anything came of it.
    pub fn input(&mut self, event: KeyEvent) -> bool {
        let before = (self.area.cursor(), self.area.lines().len());
        self.area.input(event) || before != (self.area.cursor(), self.area.lines().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    #[test]
    fn knows_whether_it_changed() {
        let mut editor = Editor::new("a.yaml", "kind: Pod\n");
        assert_eq!((editor.changed(), editor.content().as_str()), (false, "kind: Pod\n"));
        editor.input(KeyEvent::new(KeyCode::Char('#'), KeyModifiers::NONE));
        assert_eq!((editor.changed(), editor.content().as_str()), (true, "#kind: Pod\n"));
    }
}
