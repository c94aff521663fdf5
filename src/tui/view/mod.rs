//! Drawing: `view(&App, &mut Frame)` and what it is made of.
//!
//! Always holds: drawing changes nothing and asks no clock; the same state gives the same screen.

mod chrome;
mod editor;
mod home;
mod lesson;
mod overlay;
mod panes;
mod play;
mod prompt;
mod quiz;
mod rollout;

pub use home::opening;
pub use lesson::{last_scroll as lesson_last_scroll, rows as lesson_rows};
pub use overlay::reader_extent;
pub use panes::row_at;
pub use prompt::output_size;
pub use quiz::last_scroll as quiz_last_scroll;

use super::app::{App, Screen};
use super::layout::layout;
use super::text;
use super::theme::Role;
use super::words::Word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

/// Draws the whole screen.
pub fn view(app: &App, frame: &mut Frame<'_>) {
    if app.too_small() {
        let area = frame.area();
        let rows = text::wrap_plain(app.word(Word::TooSmall), Style::default(), area.width.into(), 0);
        lines(frame, area, rows);
        return;
    }
    match app.screen {
        Screen::Home => home::home(app, frame),
        Screen::Lessons => home::lessons(app, frame),
        Screen::Topics => home::topics(app, frame),
        Screen::Play => play::play(app, frame),
        Screen::Quiz => quiz::quiz(app, frame),
    }
    overlay::overlay(app, frame);
}

/// How many rows the pane that has the keys shows.
pub fn pane_page(app: &App) -> usize {
    let Some(play) = &app.play else { return 1 };
    let rect = layout(app.area, app).inside(play.focus);
    rect.map_or(1, |r| usize::from(r.height).saturating_sub(1).max(1))
}

/// Draws lines from the top of a part of the screen; what does not fit is left out.
fn lines(frame: &mut Frame<'_>, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    let area = area.intersection(frame.area());
    for (row, line) in area.rows().zip(lines) {
        frame.render_widget(line, row);
    }
}

/// The rows of a list that are shown, so that the selected one is in the middle where it can be.
fn window(count: usize, selected: usize, height: usize) -> std::ops::Range<usize> {
    let start = selected.saturating_sub(height / 2).min(count.saturating_sub(height));
    start..(start + height).min(count)
}

/// Gives the whole row another look, to its right end.
fn highlight(app: &App, line: Line<'static>, columns: usize) -> Line<'static> {
    let style = app.theme.style(Role::Selected);
    let mut line = text::fit(line, columns);
    let gap = columns.saturating_sub(text::line_width(&line));
    line.spans.push(" ".repeat(gap).into());
    for span in &mut line.spans {
        // In a reversed row a colour would become a patch of background.
        span.style = style;
    }
    line
}

/// The line with a blank before it.
fn pushed(line: Line<'static>) -> Line<'static> {
    Line::from([vec![ratatui::text::Span::raw(" ")], line.spans].concat())
}
