//! The first and the last row: where the learner is, what time it is, and which keys work now.

use crate::object::SECOND;
use crate::session::Speed;
use crate::tui::app::{App, Screen};
use crate::tui::keys::{self, Binding, Scope};
use crate::tui::panes::{Ages, Pane};
use crate::tui::play::Play;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws the first row.
pub fn header(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(2);
    let right = right(app, columns);
    let room = columns.saturating_sub(text::line_width(&right) + 2);
    let left = text::fit(left(app, room), room);
    super::lines(frame, area, [super::pushed(text::justify(left, right, columns))]);
}

fn left(app: &App, room: usize) -> Line<'static> {
    let product = app.theme.style(Role::Accent).add_modifier(ratatui::style::Modifier::BOLD);
    let crumbs = crumbs(app);
    let long: usize = crumbs.iter().map(|c| text::width(c) + 3).sum();
    let mut spans = Vec::new();
    // On a narrow screen the product's name goes first.
    if long + 8 <= room || crumbs.is_empty() {
        spans.extend([Span::styled("kubedojo", product), Span::raw("   ")]);
    }
    for (i, crumb) in crumbs.iter().enumerate() {
        if i > 0 {
            spans.push(Span::styled(format!(" {} ", app.theme.glyphs.crumb), app.theme.style(Role::Dim)));
        }
        let last_room = if i == 0 { room.saturating_sub(long - text::width(crumb)) } else { room };
        let role = if i == 0 { Role::Strong } else { Role::Text };
        let shown = text::cut(crumb, last_room.max(8), app.theme.glyphs.more);
        spans.push(Span::styled(shown, app.theme.style(role)));
    }
    Line::from(spans)
}

fn crumbs(app: &App) -> Vec<String> {
    match app.screen {
        Screen::Home => Vec::new(),
        Screen::Lessons => vec![app.word(Word::Lessons).to_owned()],
        Screen::Topics => vec![app.word(Word::Quiz).to_owned()],
        Screen::Quiz => {
            let mut crumbs = vec![app.word(Word::Quiz).to_owned()];
            if let Some(quiz) = &app.quiz.view {
                let topic = if quiz.topic.is_empty() { app.word(Word::AllTopics) } else { &quiz.topic };
                crumbs.push(topic.to_owned());
                if quiz.question.is_some() {
                    let (number, count) = (quiz.number.to_string(), quiz.count.to_string());
                    crumbs.push(app.fill(Word::QuestionOf, &[&number, &count]));
                }
            }
            crumbs
        }
        Screen::Play => match app.play.as_ref().and_then(|p| p.step.as_ref()) {
            Some(step) => {
                let place = app.fill(Word::StepOf, &[&step.number.to_string(), &step.count.to_string()]);
                vec![step.lesson_title.clone(), place]
            }
            None => vec![app.word(Word::Sandbox).to_owned()],
        },
    }
}

fn right(app: &App, columns: usize) -> Line<'static> {
    let (dim, key) = (app.theme.style(Role::Dim), app.theme.style(Role::Key));
    let mut parts: Vec<Vec<Span<'static>>> = Vec::new();
    if let (Screen::Play, Some(play)) = (app.screen, &app.play) {
        let clock = Span::styled(clock(play, app.ages), app.theme.style(Role::Text));
        if let Some(attached) = app.attached.as_ref().filter(|_| columns >= 68) {
            let words = app.fill(Word::ServedShort, &[&attached.count().to_string()]);
            parts.push(vec![Span::styled(words, app.theme.style(Role::Accent))]);
        }
        parts.push(vec![clock, Span::raw("  "), speed(app, play)]);
    }
    if columns >= 68 {
        parts.push(vec![Span::styled(app.language.name(), dim)]);
    }
    if columns >= 58 {
        parts.push(vec![Span::styled("? ", key), Span::styled(app.word(Word::ActHelp), dim)]);
    }
    let gap = Span::raw("   ");
    Line::from(parts.join(&gap))
}

/// The virtual time since the cluster was opened. A screen that rests does not count seconds.
fn clock(play: &Play, ages: Ages) -> String {
    let seconds = play.session.now().since(play.opened) / SECOND;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match ages {
        Ages::Exact => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        Ages::Coarse => format!("{hours:02}:{minutes:02}:--"),
    }
}

fn speed(app: &App, play: &Play) -> Span<'static> {
    let glyphs = &app.theme.glyphs;
    let times = if glyphs.ascii { "x" } else { "×" };
    let (words, role) = match play.session.speed() {
        Speed::Paused => (format!("{} {}", glyphs.pause, app.word(Word::Paused)), Role::Warn),
        Speed::Times(1) => (format!("{} 1{times}", glyphs.play), Role::Dim),
        Speed::Times(factor) => (format!("{} {factor}{times}", glyphs.fast), Role::Accent),
        Speed::UntilQuiet { .. } => {
            (format!("{} {}", glyphs.fast, app.word(Word::UntilQuietShort)), Role::Accent)
        }
    };
    Span::styled(words, app.theme.style(role))
}

/// Draws the last row: what was just said, or the mode and the keys that work now.
pub fn footer(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(2);
    if let Some(said) = &app.said {
        let said = text::cut(said, columns, app.theme.glyphs.more);
        super::lines(frame, area, [super::pushed(Line::styled(said, app.theme.style(Role::Accent)))]);
        return;
    }
    let mut spans = Vec::new();
    if let Some((word, role)) = mode(app) {
        let name = app.word(word);
        let name = if role == Role::Selected { format!(" {name} ") } else { name.to_owned() };
        spans.extend([Span::styled(name, app.theme.style(role)), Span::raw("   ")]);
    }
    let mut used: usize = spans.iter().map(|s| text::width(&s.content)).sum();
    for binding in working(app) {
        let (Some(word), Some(key)) = (binding.short, binding.keys.first()) else { continue };
        let ascii = app.theme.glyphs.ascii;
        let name = match (&binding.action, ascii) {
            (keys::Action::Up, false) => "↑↓".to_owned(),
            (keys::Action::Up, true) => "Up/Dn".to_owned(),
            (keys::Action::NextKind, false) => "←→".to_owned(),
            _ => key.short_name(ascii),
        };
        let word = app.word(word);
        let wide = text::width(&name) + 1 + text::width(word);
        if used + wide > columns {
            continue;
        }
        used += wide + 3;
        spans.push(Span::styled(name, app.theme.style(Role::Key)));
        spans.push(Span::styled(format!(" {word}   "), app.theme.style(Role::Dim)));
    }
    super::lines(frame, area, [super::pushed(Line::from(spans))]);
}

/// The bindings for the footer: those of the nearest scopes that work now.
fn working(app: &App) -> Vec<&'static Binding> {
    let mut taken: Vec<&'static Binding> = Vec::new();
    for scope in app.scopes() {
        for binding in keys::of_scope(app, scope) {
            // A key that does something nearer already is not free for this.
            if !taken.iter().any(|other| other.keys.first() == binding.keys.first()) {
                taken.push(binding);
            }
        }
    }
    taken.retain(|b| b.short.is_some());
    taken
}

/// The mode's word, in a cluster in play.
fn mode(app: &App) -> Option<(Word, Role)> {
    app.play.as_ref().filter(|_| app.screen == Screen::Play && app.overlay.is_none())?;
    match app.scopes().first()? {
        Scope::Browse => Some((Word::ModeBrowse, Role::Selected)),
        Scope::Running => Some((Word::ModeRunning, Role::Selected)),
        Scope::Search => Some((Word::ModeSearch, Role::Selected)),
        Scope::Prompt | Scope::Completions => Some((Word::PromptPane, Role::Dim)),
        _ => None,
    }
}

/// The name of a pane for its title row.
pub fn pane_name(app: &App, pane: Pane) -> String {
    match pane {
        Pane::Prompt => app.word(Word::PromptPane).to_owned(),
        Pane::Lesson => app.word(Word::LessonPane).to_owned(),
        Pane::Nodes => app.word(Word::NodesPane).to_owned(),
        Pane::Events => app.word(Word::EventsPane).to_owned(),
        Pane::Objects if app.play.as_ref().is_some_and(|p| p.panes.rollout.is_some()) => {
            app.word(Word::RolloutName).to_owned()
        }
        Pane::Objects => app.play.as_ref().map_or(String::new(), |p| p.panes.kind.info().plural.to_owned()),
    }
}
