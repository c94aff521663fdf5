//! What lies over the screen: help, a text to read, the palette, a choice.

use crate::tui::app::App;
use crate::tui::keys::{BINDINGS, Binding, LINE, Scope};
use crate::tui::layout::{centred, reader};
use crate::tui::overlay::{Dialog, Overlay, Palette, Reader};
use crate::tui::play::PlayKind;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

/// Draws what lies over the screen.
pub fn overlay(app: &App, frame: &mut Frame<'_>) {
    match &app.overlay {
        None => {}
        Some(Overlay::Help { scroll }) => {
            let rows = help_rows(app, inside(reader(app.area)).width.into());
            read(app, frame, (app.word(Word::HelpTitle), rows), *scroll);
        }
        Some(Overlay::Attached { scroll }) => {
            let rows = attached_rows(app, inside(reader(app.area)).width.into());
            read(app, frame, (app.word(Word::AttachedTitle), rows), *scroll);
        }
        Some(Overlay::Reader(reading)) => {
            let rows = reader_rows(app, reading);
            read(app, frame, (&reading.title, rows), reading.scroll);
        }
        Some(Overlay::Palette(open)) => palette(app, open, frame),
        Some(Overlay::Dialog(open)) => dialog(app, open, frame),
    }
}

/// How many rows of the open text are shown, and the first row that may be shown at most.
pub fn reader_extent(app: &App) -> (usize, usize) {
    let area = inside(reader(app.area));
    let rows = match &app.overlay {
        Some(Overlay::Help { .. }) => help_rows(app, area.width.into()).len(),
        Some(Overlay::Attached { .. }) => attached_rows(app, area.width.into()).len(),
        Some(Overlay::Reader(reading)) => reader_rows(app, reading).len(),
        _ => 0,
    };
    (usize::from(area.height).max(1), rows.saturating_sub(area.height.into()))
}

fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}

/// Draws a box with a title, and a note in its lower right corner; answers what is inside.
fn frame_box(app: &App, frame: &mut Frame<'_>, area: Rect, (title, note): (&str, &str)) -> Rect {
    frame.render_widget(Clear, area);
    let (glyphs, rule) = (&app.theme.glyphs, app.theme.style(Role::Rule));
    let [nw, ne, sw, se] = glyphs.corners;
    let columns = usize::from(area.width).saturating_sub(2);
    let title = text::cut(title, columns.saturating_sub(4), glyphs.more);
    let line = |n: usize| Span::styled(glyphs.horizontal.repeat(n), rule);
    let rest = |used: usize| columns.saturating_sub(used);
    let top = vec![
        Span::styled(nw, rule),
        line(1),
        Span::styled(format!(" {title} "), app.theme.style(Role::Strong)),
        line(rest(text::width(&title) + 3)),
        Span::styled(ne, rule),
    ];
    let note = if note.is_empty() { String::new() } else { format!(" {note} ") };
    let tail = usize::from(!note.is_empty());
    let bottom = vec![
        Span::styled(sw, rule),
        line(rest(text::width(&note) + tail)),
        Span::styled(note, app.theme.style(Role::Dim)),
        line(tail),
        Span::styled(se, rule),
    ];
    let side = Line::from(vec![
        Span::styled(glyphs.vertical, rule),
        Span::raw(" ".repeat(columns)),
        Span::styled(glyphs.vertical, rule),
    ]);
    let middle = std::iter::repeat_n(side, usize::from(area.height).saturating_sub(2));
    let rows = std::iter::once(Line::from(top)).chain(middle).chain([Line::from(bottom)]);
    super::lines(frame, area, rows);
    inside(area)
}

fn read(app: &App, frame: &mut Frame<'_>, (title, rows): (&str, Vec<Line<'static>>), scroll: usize) {
    let area = reader(app.area);
    let height = usize::from(inside(area).height);
    let last = rows.len().saturating_sub(height);
    let scroll = scroll.min(last);
    let place = if last == 0 {
        String::new()
    } else {
        format!("{}–{} / {}", scroll + 1, scroll + height, rows.len())
    };
    let close = format!("Esc {}", app.word(Word::ActClose));
    let note = if place.is_empty() { close } else { format!("{place}   {close}") };
    let inner = frame_box(app, frame, area, (title, &note));
    super::lines(frame, inner, rows.into_iter().skip(scroll));
}

/// How to attach, and what attached clients have done: status, verb, path and program.
fn attached_rows(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(attached) = &app.attached else { return Vec::new() };
    let theme = &app.theme;
    let mut rows = Vec::new();
    let told = app.fill(Word::AttachedWhere, &[&attached.url()]);
    rows.extend(text::wrap_plain(&told, theme.style(Role::Text), columns, 0));
    rows.push(Line::default());
    rows.push(Line::styled(format!("  {}", attached.export_line()), theme.style(Role::Strong)));
    rows.push(Line::default());
    rows.push(Line::styled(app.word(Word::AttachedSeen), theme.style(Role::Accent)));
    for seen in attached.seen() {
        let role = if seen.status < 400 { Role::Text } else { Role::Warn };
        let left = Line::from(vec![
            Span::styled(format!("{:<4}", seen.status), theme.style(role)),
            Span::styled(format!("{:<7}", seen.verb), theme.style(Role::Key)),
            Span::styled(seen.path.clone(), theme.style(role)),
        ]);
        let agent = text::cut(&seen.agent, columns / 3, theme.glyphs.more);
        let room = columns.saturating_sub(text::width(&agent) + 2);
        let right = Line::styled(agent, theme.style(Role::Dim));
        rows.push(text::justify(text::fit(left, room), right, columns));
    }
    if attached.count() == 0 {
        rows.push(Line::styled(app.word(Word::AttachedNobody), theme.style(Role::Dim)));
    }
    rows
}

/// The describe text: what stands before a colon is what something is called.
fn reader_rows(app: &App, reading: &Reader) -> Vec<Line<'static>> {
    let columns = usize::from(inside(reader(app.area)).width);
    let parsed = crate::tui::ansi::lines(&reading.text, app.theme.style(Role::Text), &app.theme);
    let mut rows = Vec::new();
    for spans in parsed {
        let whole: String = spans.iter().map(|s| s.content.as_ref()).collect();
        let name = whole.split_once(':').filter(|(name, after)| {
            (after.is_empty() || after.starts_with(' '))
                && text::width(name.trim()) < 28
                && !name.trim().is_empty()
        });
        let spans = match name {
            Some((name, after)) => vec![
                Span::styled(format!("{name}:"), app.theme.style(Role::Dim)),
                Span::styled(after.to_owned(), app.theme.style(Role::Text)),
            ],
            None => spans,
        };
        rows.extend(text::wrap_hard(&spans, columns));
    }
    rows
}

/// Every key, those of this place first.
fn help_rows(app: &App, columns: usize) -> Vec<Line<'static>> {
    let mut below = app.scopes_without_overlay();
    below.retain(|s| *s != Scope::Anywhere);
    let sandbox = app.play.as_ref().is_some_and(|p| p.kind == PlayKind::Sandbox);
    let useful = || BINDINGS.iter().filter(move |b| !(sandbox && b.is_for_lessons()));
    let here: Vec<&'static Binding> =
        useful().filter(|b| below.contains(&b.scope) && b.scope != Scope::Completions).collect();
    let types = below.contains(&Scope::Prompt) || below.contains(&Scope::Running);
    let mut rows = Vec::new();
    section(app, &mut rows, Word::HelpHere, &here, columns);
    let of = |scope: Scope| -> Vec<&'static Binding> { useful().filter(|b| b.scope == scope).collect() };
    if !types {
        section(app, &mut rows, Word::HelpPrompt, &of(Scope::Prompt), columns);
    }
    section(app, &mut rows, Word::HelpLine, &LINE.iter().collect::<Vec<_>>(), columns);
    if !below.contains(&Scope::Browse) {
        section(app, &mut rows, Word::HelpPanes, &of(Scope::Browse), columns);
    }
    section(app, &mut rows, Word::HelpEverywhere, &of(Scope::Anywhere), columns);
    rows.push(Line::styled(app.word(Word::HelpWords), app.theme.style(Role::Accent)));
    let words = crate::tui::update::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join("  ");
    rows.extend(text::wrap_plain(&words, app.theme.style(Role::Strong), columns, 0));
    rows.push(Line::default());
    let truth = crate::course::text::blocks(app.word(Word::HelpTruth));
    rows.extend(text::blocks(&truth, &app.theme, columns));
    rows
}

fn section(
    app: &App,
    rows: &mut Vec<Line<'static>>,
    title: Word,
    bindings: &[&'static Binding],
    columns: usize,
) {
    rows.push(Line::styled(app.word(title), app.theme.style(Role::Accent)));
    let mut told: Vec<(Word, Vec<String>)> = Vec::new();
    for binding in bindings {
        let names = binding.keys.iter().map(|k| k.name());
        match told.iter_mut().find(|(word, _)| *word == binding.long) {
            Some((_, keys)) => keys.extend(names),
            None => told.push((binding.long, names.collect())),
        }
    }
    let key_columns = 20.min(columns / 2);
    for (word, mut names) in told {
        names.dedup();
        let mut shown = String::new();
        for name in &names {
            let gap = if shown.is_empty() { "" } else { "  " };
            if text::width(&shown) + gap.len() + text::width(name) > key_columns {
                break;
            }
            shown.push_str(gap);
            shown.push_str(name);
        }
        let key = Span::styled(text::pad(&shown, key_columns), app.theme.style(Role::Key));
        let words = text::wrap_plain(
            app.word(word),
            app.theme.style(Role::Text),
            columns.saturating_sub(key_columns + 2),
            0,
        );
        for (i, row) in words.into_iter().enumerate() {
            let head = if i == 0 { key.clone() } else { Span::raw(" ".repeat(key_columns)) };
            rows.push(Line::from([vec![head, Span::raw("  ")], row.spans].concat()));
        }
    }
    rows.push(Line::default());
}

fn palette(app: &App, open: &Palette, frame: &mut Frame<'_>) {
    let height = (app.area.height * 3 / 5).clamp(8, 24);
    let area = Rect { y: app.area.height / 8, ..centred(app.area, 68, height) };
    let inner = frame_box(app, frame, area, (app.word(Word::PaletteTitle), ""));
    let columns = usize::from(inner.width);
    let pattern = if open.pattern.is_empty() {
        Span::styled(app.word(Word::PalettePlaceholder), app.theme.style(Role::Dim))
    } else {
        Span::styled(open.pattern.text().to_owned(), app.theme.style(Role::Strong))
    };
    let pointer = Span::styled(format!("{} ", app.theme.glyphs.pointer), app.theme.style(Role::Accent));
    let mut rows = vec![text::fit(Line::from(vec![pointer, pattern]), columns), Line::default()];
    let room = usize::from(inner.height).saturating_sub(2);
    for i in super::window(open.found.len(), open.row, room) {
        let Some(entry) = open.found.get(i).and_then(|at| open.entries.get(*at)) else { continue };
        let left = Line::styled(entry.label.clone(), app.theme.style(Role::Text));
        let key = Line::styled(entry.key.clone(), app.theme.style(Role::Dim));
        let line = text::justify(left, key, columns);
        rows.push(if i == open.row { super::highlight(app, line, columns) } else { line });
    }
    if open.found.is_empty() {
        rows.push(Line::styled(app.word(Word::PaletteEmpty), app.theme.style(Role::Dim)));
    }
    super::lines(frame, inner, rows);
    let before = text::width(&open.pattern.text()[..open.pattern.cursor()]);
    let x = inner.x + 2 + u16::try_from(before).unwrap_or(0).min(inner.width.saturating_sub(3));
    frame.set_cursor_position(Position::new(x, inner.y));
}

fn dialog(app: &App, open: &Dialog, frame: &mut Frame<'_>) {
    let columns = 56.min(usize::from(app.area.width).saturating_sub(4));
    let mut rows = vec![Line::default()];
    rows.extend(text::wrap_plain(&open.text, app.theme.style(Role::Text), columns - 4, 0));
    rows.push(Line::default());
    let answers: usize = open.answers.iter().map(|(word, _)| text::width(word) + 6).sum();
    let answer = |i: usize, word: &str| {
        let style = if i == open.row { app.theme.style(Role::Selected) } else { app.theme.style(Role::Text) };
        Span::styled(format!(" {word} "), style)
    };
    let spans: Vec<Span<'static>> =
        open.answers.iter().enumerate().map(|(i, (word, _))| answer(i, word)).collect();
    if answers <= columns {
        let gap = Span::raw("   ");
        rows.push(Line::from(spans.into_iter().flat_map(|s| [s, gap.clone()]).collect::<Vec<_>>()));
    } else {
        rows.extend(spans.into_iter().map(Line::from));
    }
    let height = u16::try_from(rows.len() + 3).unwrap_or(u16::MAX);
    let area = centred(app.area, u16::try_from(columns).unwrap_or(40), height);
    let inner = frame_box(app, frame, area, (&open.title, ""));
    super::lines(frame, inner, rows);
}
