//! The prompt's pane: what was printed, the line that is typed, and what opens above it.

use crate::tui::app::App;
use crate::tui::layout::layout;
use crate::tui::output;
use crate::tui::panes::Pane;
use crate::tui::play::Play;
use crate::tui::prompt::Completions;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

/// How many rows a list above the prompt has at most.
const LIST: usize = 8;

/// The columns and rows that output has.
pub fn output_size(app: &App) -> (usize, usize) {
    let area = layout(app.area, app).inside(Pane::Prompt).map(inset);
    area.map_or((usize::from(app.area.width).saturating_sub(2).max(1), 1), |a| {
        (a.width.into(), a.height.into())
    })
}

fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2).max(1), ..area }
}

/// Draws it.
pub fn prompt(app: &App, play: &Play, frame: &mut Frame<'_>, area: Rect) {
    let area = inset(area);
    let (columns, height) = (usize::from(area.width), usize::from(area.height));
    let scroll = play.output.scroll;
    let (line, cursor) = typed(app, play, columns);
    // While the learner looks further up, the line is part of what is below.
    let own = line.len().min(height);
    let (first, shown_line) = if scroll >= own { (own, Vec::new()) } else { (scroll, line) };
    let kept = own - first;
    let above = height - kept;
    let mut rows = play.output.tail(columns, scroll - first, above);
    let top = rows.len();
    let skip = shown_line.len() - shown_line.len().min(own);
    rows.extend(shown_line.into_iter().skip(skip).take(kept));
    super::lines(frame, area, rows);
    let row = top + cursor.1.saturating_sub(skip);
    let at = Position::new(area.x + cursor.0 as u16, area.y + u16::try_from(row).unwrap_or(u16::MAX));
    let visible = scroll == 0 && row < height;
    if visible && play.focus == Pane::Prompt && app.overlay.is_none() && play.prompt.search.is_none() {
        frame.set_cursor_position(at);
    }
    if !visible {
        return;
    }
    if let Some(list) = &play.prompt.completions {
        let before =
            text::width(play.prompt.line.text().get(list.start..play.prompt.line.cursor()).unwrap_or(""));
        let x = at.x.saturating_sub(u16::try_from(before).unwrap_or(0));
        completions(app, list, frame, (area, Position::new(x, at.y)));
    } else if play.prompt.search.is_some() {
        search(app, play, frame, (area, at.y));
    }
}

/// The typed line as rows, and the cursor's column and row in them.
fn typed(app: &App, play: &Play, columns: usize) -> (Vec<Line<'static>>, (usize, usize)) {
    let line = &play.prompt.line;
    let busy = play.session.busy();
    if busy && line.is_empty() && play.focus != Pane::Prompt {
        return (Vec::new(), (0, 0));
    }
    let strong = app.theme.style(if busy { Role::Text } else { Role::Strong });
    let (mut rows, mut cursor, mut start) = (Vec::new(), (0, 0), 0);
    for (i, words) in line.text().split('\n').enumerate() {
        let sign = match (busy, i) {
            (true, _) => Vec::new(),
            (false, 0) => output::sign(&play.session.shell().cwd(), &app.theme),
            (false, _) => vec![Span::styled("> ", app.theme.style(Role::Dim))],
        };
        let all = [sign.clone(), vec![Span::styled(words.to_owned(), strong)]].concat();
        if let Some(before) = line.cursor().checked_sub(start).and_then(|to| words.get(..to)) {
            let head = text::wrap_hard(&[sign, vec![Span::raw(before.to_owned())]].concat(), columns);
            let column = head.last().map_or(0, text::line_width);
            let below = rows.len() + head.len() - 1;
            cursor = if column >= columns { (0, below + 1) } else { (column, below) };
        }
        rows.extend(text::wrap_hard(&all, columns));
        start += words.len() + 1;
    }
    if cursor.1 >= rows.len() {
        rows.push(Line::default());
    }
    (rows, cursor)
}

/// Draws a list above (or below) the row of the cursor.
fn list(app: &App, frame: &mut Frame<'_>, (area, at): (Rect, Position), rows: Vec<Line<'static>>) {
    let width = rows.iter().map(text::line_width).max().unwrap_or(0) + 2;
    let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let x = at.x.saturating_sub(1).min(area.x + area.width - width).max(area.x);
    let screen = frame.area();
    let (above, below) = (at.y.saturating_sub(screen.y), (area.y + area.height).saturating_sub(at.y + 1));
    let y = if below >= height || below >= above { at.y + 1 } else { at.y.saturating_sub(height) };
    let height = height.min((area.y + area.height).saturating_sub(y));
    let rect = Rect { x, y, width, height };
    frame.render_widget(Clear, rect);
    let rail = app.theme.style(Role::Accent);
    let inner = usize::from(width).saturating_sub(2);
    let rows = rows.into_iter().map(|row| {
        let row = text::fit(row, inner);
        Line::from([vec![Span::styled(app.theme.glyphs.rail, rail)], row.spans].concat())
    });
    super::lines(frame, rect, rows);
}

fn completions(app: &App, list_of: &Completions, frame: &mut Frame<'_>, place: (Rect, Position)) {
    let items = &list_of.items;
    let labels = items.iter().map(|i| text::width(&i.label)).max().unwrap_or(0).min(40);
    let notes = items.iter().map(|i| text::width(&i.note)).max().unwrap_or(0).min(50);
    let wide = labels + if notes > 0 { notes + 2 } else { 0 };
    let shown = super::window(items.len(), list_of.selected.unwrap_or(0), LIST);
    let (first, last) = (shown.start, shown.end);
    let mut rows: Vec<Line<'static>> = shown
        .map(|i| {
            let item = &items[i];
            let mut spans = vec![Span::styled(text::pad(&item.label, labels), app.theme.style(Role::Text))];
            if notes > 0 {
                let note = format!("  {}", text::cut(&item.note, notes, app.theme.glyphs.more));
                spans.push(Span::styled(note, app.theme.style(Role::Dim)));
            }
            let line = Line::from(spans);
            if list_of.selected == Some(i) { super::highlight(app, line, wide) } else { line }
        })
        .collect();
    let left = items.len() - (last - first);
    if left > 0 {
        let more = app.fill(Word::MoreBelow, &[&left.to_string()]);
        rows.push(Line::styled(more, app.theme.style(Role::Dim)));
    }
    list(app, frame, place, rows);
}

fn search(app: &App, play: &Play, frame: &mut Frame<'_>, (area, y): (Rect, u16)) {
    let Some(search) = &play.prompt.search else { return };
    let found = play.prompt.found();
    let columns = usize::from(area.width).saturating_sub(2);
    let shown = super::window(found.len(), search.row, LIST.min(usize::from(area.height).saturating_sub(1)));
    let mut rows: Vec<Line<'static>> = Vec::new();
    for i in shown.rev() {
        let words = text::cut(&found[i].replace('\n', " ⏎ "), columns, app.theme.glyphs.more);
        let line = Line::styled(words, app.theme.style(Role::Text));
        rows.push(if i == search.row { super::highlight(app, line, columns) } else { line });
    }
    if found.is_empty() {
        rows.push(Line::styled(app.word(Word::SearchNothing), app.theme.style(Role::Dim)));
    }
    let height = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX).min(area.height);
    // The search ends where the prompt is, or as low as it must.
    let top = y.saturating_sub(height - 1).max(area.y);
    let rect = Rect { y: top, height, ..area };
    frame.render_widget(Clear, rect);
    let label = format!("{}: ", app.word(Word::ModeSearch));
    let pattern = search.pattern.text();
    let column = text::width(&label) + text::width(&pattern[..search.pattern.cursor()]);
    rows.push(Line::from(vec![
        Span::styled(label, app.theme.style(Role::Accent)),
        Span::styled(pattern.to_owned(), app.theme.style(Role::Strong)),
    ]));
    let skip = rows.len().saturating_sub(height.into());
    super::lines(frame, rect, rows.into_iter().skip(skip));
    let x = area.x + u16::try_from(column).unwrap_or(u16::MAX).min(area.width - 1);
    frame.set_cursor_position(Position::new(x, rect.y + rect.height - 1));
}
