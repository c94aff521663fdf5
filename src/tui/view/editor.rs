//! The editor's screen: a title row, the text, and the real cursor in it.

use crate::tui::app::App;
use crate::tui::editor::Editor;
use crate::tui::layout::Layout;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// Draws it between the first and the last row.
pub fn editor(app: &App, editor: &Editor, frame: &mut Frame<'_>, layout: &Layout) {
    let area = frame.area();
    let title = Rect { y: layout.header.y + 1, height: 1, ..area };
    let columns = usize::from(area.width);
    let rule = app.theme.style(Role::Rule);
    let glyph = app.theme.glyphs.horizontal;
    let name = text::cut(&editor.path, columns / 2, app.theme.glyphs.more);
    let count = app.fill(
        Word::EditorStatus,
        &[&(editor.area.cursor().0 + 1).to_string(), &editor.area.lines().len().to_string()],
    );
    let state =
        if editor.changed() { format!("{} · {count}", app.word(Word::EditorChanged)) } else { count };
    let left = Line::from(vec![
        Span::styled(glyph, rule),
        Span::styled(format!(" {name} "), app.theme.style(Role::Strong)),
    ]);
    let gap = columns.saturating_sub(text::line_width(&left) + text::width(&state) + 3);
    let mut spans = left.spans;
    spans.push(Span::styled(glyph.repeat(gap), rule));
    spans.push(Span::styled(format!(" {state} "), app.theme.style(Role::Dim)));
    spans.push(Span::styled(glyph, rule));
    super::lines(frame, title, [Line::from(spans)]);
    let inside = Rect {
        x: area.x + 1,
        y: title.y + 1,
        width: area.width.saturating_sub(2),
        height: layout.footer.y.saturating_sub(title.y + 1),
    };
    frame.render_widget(&editor.area, inside);
    if app.overlay.is_none() {
        let (cursor, (top, left)) = (editor.area.screen_cursor(), editor.area.scroll_offset());
        let place = |at: usize, first: u16| u16::try_from(at).unwrap_or(u16::MAX).saturating_sub(first);
        let at = Position::new(inside.x + place(cursor.col, left), inside.y + place(cursor.row, top));
        if inside.contains(at) {
            frame.set_cursor_position(at);
        }
    }
}
