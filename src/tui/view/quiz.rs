//! The quiz: a question, its answers, and what came of them; at the end the score.

use super::chrome;
use super::lesson::{Chosen, question_rows};
use crate::course::view::QuizView;
use crate::tui::app::App;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// How wide the text is at most.
const COLUMN: u16 = 84;

/// How many rows of offered words are shown.
const OFFERED: usize = 3;

/// Draws it.
pub fn quiz(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    chrome::header(app, frame, Rect { height: 1, ..area });
    chrome::footer(app, frame, Rect { y: area.y + area.height - 1, height: 1, ..area });
    let Some(quiz) = &app.quiz.view else { return };
    let body = body(area);
    let rows = rows(app, quiz, usize::from(body.width));
    let answer = answer_height(app, body.width);
    let text_area = Rect { height: body.height.saturating_sub(answer), ..body };
    let last = rows.len().saturating_sub(text_area.height.into());
    let scroll = app.quiz.scroll.min(last);
    let mut shown: Vec<Line<'static>> = rows.into_iter().skip(scroll).take(text_area.height.into()).collect();
    if scroll < last
        && let Some(line) = shown.last_mut()
    {
        let more = app.fill(Word::MoreBelow, &[&(last - scroll + 1).to_string()]);
        *line = Line::styled(format!("{} {more}", app.theme.glyphs.down), app.theme.style(Role::Accent));
    }
    let end = text_area.y + u16::try_from(shown.len()).unwrap_or(0);
    super::lines(frame, text_area, shown);
    if app.types_an_answer() {
        answer_line(app, frame, Rect { y: end + 1, height: 1, ..body });
    }
}

/// The first row that may be shown at most.
pub fn last_scroll(app: &App) -> usize {
    let Some(quiz) = &app.quiz.view else { return 0 };
    let body = body(app.area);
    let answer = usize::from(answer_height(app, body.width));
    let height = usize::from(body.height).saturating_sub(answer);
    rows(app, quiz, usize::from(body.width)).len().saturating_sub(height)
}

fn body(area: Rect) -> Rect {
    let width = COLUMN.min(area.width.saturating_sub(2));
    let gap = if area.height >= 20 { 2 } else { u16::from(area.height >= 12) };
    let height = area.height.saturating_sub(3 + gap);
    Rect { x: area.x + (area.width - width) / 2, y: area.y + 1 + gap, width, height }
}

fn rows(app: &App, quiz: &QuizView, columns: usize) -> Vec<Line<'static>> {
    let Some(question) = &quiz.question else { return end_rows(app, quiz, columns) };
    let chosen = Chosen { at: app.quiz.option, chosen: &app.quiz.chosen, focused: true };
    let mut rows = question_rows(app, question, chosen, columns);
    let word = match (question.verdict.is_some(), question.options.is_empty(), question.several) {
        (true, ..) => Word::GoOn,
        (false, true, _) => Word::AnswerCommand,
        (false, false, true) => Word::QuizSeveral,
        (false, false, false) => Word::QuizOne,
    };
    if rows.last().is_some_and(|r| text::line_width(r) > 0) {
        rows.push(Line::default());
    }
    rows.extend(text::wrap_plain(app.word(word), app.theme.style(Role::Dim), columns, 0));
    rows
}

fn end_rows(app: &App, quiz: &QuizView, columns: usize) -> Vec<Line<'static>> {
    let (right, count) = (quiz.right.to_string(), quiz.count.to_string());
    let all = quiz.right == quiz.count;
    let mut rows = vec![
        Line::styled(app.word(Word::QuizEnd), app.theme.style(Role::Strong)),
        Line::default(),
        Line::styled(
            app.fill(Word::Score, &[&right, &count]),
            app.theme.style(if all { Role::Good } else { Role::Accent }),
        ),
        Line::default(),
    ];
    if !quiz.wrong.is_empty() {
        rows.push(Line::styled(app.word(Word::ToRepeat), app.theme.style(Role::Strong)));
        for question in &quiz.wrong {
            let bullet = Span::styled(format!("{} ", app.theme.glyphs.bullet), app.theme.style(Role::Dim));
            rows.extend(text::wrap(&[bullet, Span::raw(question.clone())], columns, 2));
        }
        rows.push(Line::default());
    }
    rows.push(Line::styled(app.word(Word::QuizBack), app.theme.style(Role::Dim)));
    rows
}

/// How many rows the answer's line takes, with the words that are offered for it.
fn answer_height(app: &App, width: u16) -> u16 {
    if !app.types_an_answer() {
        return 0;
    }
    2 + u16::try_from(offered(app, width).len()).unwrap_or(0)
}

fn offered(app: &App, width: u16) -> Vec<Line<'static>> {
    let words = app.quiz.offered.join("  ");
    let columns = usize::from(width).saturating_sub(4).max(1);
    let mut rows = text::wrap_plain(&words, app.theme.style(Role::Dim), columns, 0);
    if words.is_empty() {
        rows.clear();
    }
    rows.truncate(OFFERED);
    rows.into_iter().map(|row| super::pushed(super::pushed(row))).collect()
}

/// The line for a command as an answer.
fn answer_line(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let line = &app.quiz.line;
    let columns = usize::from(area.width).saturating_sub(3);
    let before = text::width(&line.text()[..line.cursor()]);
    // A line that is too long is shown from where the cursor is near its right end.
    let skip = before.saturating_sub(columns);
    let shown = text::split_at(line.text(), skip).1;
    let words = Line::from(vec![
        Span::styled("$ ", app.theme.style(Role::Accent)),
        Span::styled(shown.replace('\n', " "), app.theme.style(Role::Strong)),
    ]);
    super::lines(frame, area, [text::fit(words, area.width.into())]);
    let offered = offered(app, area.width);
    let below = Rect { y: area.y + 1, height: u16::try_from(offered.len()).unwrap_or(1), ..area };
    super::lines(frame, below, offered);
    if app.overlay.is_none() {
        let x = area.x + 2 + u16::try_from(before - skip.min(before)).unwrap_or(0);
        frame.set_cursor_position(Position::new(x, area.y));
    }
}
