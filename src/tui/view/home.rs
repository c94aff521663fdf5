//! Home, and the lists of lessons and topics.

use super::chrome;
use crate::course::view::{LessonCard, LessonState, TopicCard};
use crate::tui::app::{App, HomeItem};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// How wide the middle column is.
const COLUMN: u16 = 66;

/// Draws home.
pub fn home(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let column = column(area);
    let columns = usize::from(column.width);
    let product = app.theme.style(Role::Accent).add_modifier(Modifier::BOLD);
    let mut rows = vec![Line::from(vec![Span::raw("  "), Span::styled("kubedojo", product)])];
    if area.height >= 12 {
        rows.push(Line::styled(format!("  {}", app.word(Word::Tagline)), app.theme.style(Role::Dim)));
        rows.push(Line::default());
    }
    for (i, item) in HomeItem::ALL.into_iter().enumerate() {
        if item == HomeItem::Language && area.height >= 14 {
            rows.push(Line::default());
        }
        rows.push(home_row(app, item, i == app.row, columns));
    }
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let free = area.height.saturating_sub(height + 1);
    // A little above the middle looks like the middle.
    let top = Rect { y: area.y + free * 2 / 5, height: height.min(area.height - 1), ..column };
    super::lines(frame, top, rows);
    chrome::footer(app, frame, last_row(area));
}

/// Draws what is seen while a cluster is set up, for a tenth of a second, so that a start is answered at once.
pub fn opening(app: &App, what: &str, frame: &mut Frame<'_>) {
    let area = frame.area();
    let product = app.theme.style(Role::Accent).add_modifier(Modifier::BOLD);
    let rows = [
        Line::from(vec![Span::raw("  "), Span::styled("kubedojo", product)]),
        Line::styled(format!("  {what}"), app.theme.style(Role::Strong)),
        Line::default(),
        Line::styled(format!("  {}", app.word(Word::SettingUp)), app.theme.style(Role::Dim)),
    ];
    let top = area.height.saturating_sub(5) * 2 / 5;
    super::lines(frame, Rect { y: area.y + top, height: area.height - top, ..column(area) }, rows);
}

fn home_row(app: &App, item: HomeItem, selected: bool, columns: usize) -> Line<'static> {
    let (key, word, note) = home_words(app, item);
    let possible = item != HomeItem::Continue || app.can_continue();
    let (key_role, word_role) = if possible { (Role::Key, Role::Strong) } else { (Role::Dim, Role::Dim) };
    let line = Line::from(vec![
        Span::raw("  "),
        Span::styled(format!("{key}  "), app.theme.style(key_role)),
        Span::styled(text::pad(word, 14), app.theme.style(word_role)),
        Span::styled(note, app.theme.style(Role::Dim)),
    ]);
    let line = text::fit(line, columns);
    if selected { super::highlight(app, line, columns) } else { line }
}

fn home_words(app: &App, item: HomeItem) -> (char, &'static str, String) {
    let note = |word: Word| app.word(word).to_owned();
    match item {
        HomeItem::Continue => ('c', app.word(Word::Continue), continue_note(app)),
        HomeItem::Lessons => ('l', app.word(Word::Lessons), note(Word::LessonsHint)),
        HomeItem::Sandbox => ('s', app.word(Word::Sandbox), note(Word::SandboxHint)),
        HomeItem::Quiz => ('z', app.word(Word::Quiz), note(Word::QuizHint)),
        HomeItem::Language => ('g', app.word(Word::LanguageItem), app.language.name().to_owned()),
        HomeItem::Theme => ('t', app.word(Word::ThemeItem), app.theme_word(app.settings.theme).to_owned()),
        HomeItem::Quit => ('q', app.word(Word::Quit), String::new()),
    }
}

fn continue_note(app: &App) -> String {
    let lesson = app.resumable.as_ref().and_then(|id| app.lessons.iter().find(|l| l.id == *id));
    match lesson {
        Some(lesson) => {
            let done = app.fill(Word::DoneOf, &[&lesson.done.to_string(), &lesson.steps.to_string()]);
            format!("{} · {done}", lesson.title)
        }
        None if app.can_continue() => app.word(Word::Sandbox).to_owned(),
        None => app.word(Word::ContinueNothing).to_owned(),
    }
}

/// Draws the list of lessons.
pub fn lessons(app: &App, frame: &mut Frame<'_>) {
    let columns = usize::from(column(frame.area()).width);
    let card = |(i, card): (usize, &LessonCard)| {
        let mut rows = lesson_card(app, card, i == app.row, columns);
        let begins = i == 0 || app.lessons[i - 1].chapter != card.chapter;
        if begins && !card.chapter.is_empty() {
            rows.insert(0, Line::styled(card.chapter, app.theme.style(Role::Accent)));
        }
        rows
    };
    let cards = app.lessons.iter().enumerate().map(card).collect();
    list(app, frame, cards);
}

fn lesson_card(app: &App, card: &LessonCard, selected: bool, columns: usize) -> Vec<Line<'static>> {
    let glyphs = &app.theme.glyphs;
    let (mark, role, word) = match card.state {
        LessonState::Finished => (glyphs.met, Role::Good, Word::Finished),
        LessonState::Started => (glyphs.holding, Role::Accent, Word::Started),
        LessonState::New => (" ", Role::Dim, Word::NewLesson),
    };
    let left = Line::from(vec![
        Span::styled(format!("{mark} "), app.theme.style(role)),
        Span::styled(card.title.clone(), app.theme.style(Role::Strong)),
    ]);
    let done = card.done.min(card.steps);
    let word = app.word(word);
    let right = Line::from(vec![
        Span::styled(glyphs.running.repeat(done), app.theme.style(Role::Good)),
        Span::styled(glyphs.ended.repeat(card.steps - done), app.theme.style(Role::Dim)),
        Span::styled(format!("  {}", text::pad(word, 8)), app.theme.style(role)),
    ]);
    card_rows(app, (left, right), &card.summary, selected, columns)
}

fn card_rows(
    app: &App,
    (left, right): (Line<'static>, Line<'static>),
    summary: &str,
    selected: bool,
    columns: usize,
) -> Vec<Line<'static>> {
    let head = text::justify(left, right, columns);
    let mut rows = vec![if selected { super::highlight(app, head, columns) } else { head }];
    for row in text::wrap_plain(summary, app.theme.style(Role::Dim), columns.saturating_sub(4), 0) {
        rows.push(super::pushed(super::pushed(row)));
    }
    rows
}

/// Draws the list of a quiz's topics.
pub fn topics(app: &App, frame: &mut Frame<'_>) {
    let columns = usize::from(column(frame.area()).width);
    let card = |(i, card): (usize, &TopicCard)| topic_card(app, card, i == app.row, columns);
    let cards = app.topics.iter().enumerate().map(card).collect();
    list(app, frame, cards);
}

fn topic_card(app: &App, card: &TopicCard, selected: bool, columns: usize) -> Vec<Line<'static>> {
    let title = if card.id.is_empty() { app.word(Word::AllTopics).to_owned() } else { card.title.clone() };
    let left = Line::from(vec![Span::raw("  "), Span::styled(title, app.theme.style(Role::Strong))]);
    let mut right = Vec::new();
    if card.answered > 0 {
        let role = if card.right == card.questions { Role::Good } else { Role::Accent };
        let right_ones = app.fill(Word::RightSoFar, &[&card.right.to_string()]);
        right.push(Span::styled(right_ones, app.theme.style(role)));
        right.push(Span::styled(" · ", app.theme.style(Role::Dim)));
    }
    let count = app.fill(Word::Questions, &[&card.questions.to_string()]);
    right.push(Span::styled(format!("{count}  "), app.theme.style(Role::Dim)));
    card_rows(app, (left, Line::from(right)), "", selected, columns)
}

/// Draws cards one below the other, so that the selected one is seen.
fn list(app: &App, frame: &mut Frame<'_>, cards: Vec<Vec<Line<'static>>>) {
    let area = frame.area();
    chrome::header(app, frame, Rect { height: 1, ..area });
    chrome::footer(app, frame, last_row(area));
    let gap = if area.height >= 20 { 2 } else { u16::from(area.height >= 12) };
    let body = Rect { y: area.y + 1 + gap, height: area.height.saturating_sub(2 + gap), ..column(area) };
    if cards.is_empty() {
        super::lines(frame, body, [Line::styled(app.word(Word::NoLessons), app.theme.style(Role::Dim))]);
        return;
    }
    let spread = cards.iter().any(|c| c.len() > 1);
    let (mut rows, mut selected) = (Vec::new(), 0..0);
    for (i, card) in cards.into_iter().enumerate() {
        let start = rows.len();
        rows.extend(card);
        if i == app.row {
            selected = start..rows.len();
        }
        if spread {
            rows.push(Line::default());
        }
    }
    let shown = super::window(rows.len(), selected.start.midpoint(selected.end), usize::from(body.height));
    super::lines(frame, body, rows.drain(shown));
}

fn column(area: Rect) -> Rect {
    let width = COLUMN.min(area.width.saturating_sub(2));
    Rect { x: area.x + (area.width - width) / 2, width, ..area }
}

fn last_row(area: Rect) -> Rect {
    Rect { y: area.y + area.height.saturating_sub(1), height: 1, ..area }
}
