//! The play screen: its lines, and each pane in its place.

use super::{chrome, editor, lesson, panes, prompt, rollout};
use crate::tui::app::App;
use crate::tui::layout::{Layout, below_title, layout};
use crate::tui::panes::{KINDS, Namespaces, Pane};
use crate::tui::play::Play;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// Draws it.
pub fn play(app: &App, frame: &mut Frame<'_>) {
    let Some(play) = &app.play else { return };
    let layout = layout(frame.area(), app);
    chrome::header(app, frame, layout.header);
    chrome::footer(app, frame, layout.footer);
    if let Some(open) = &play.editor {
        editor::editor(app, open, frame, &layout);
        return;
    }
    for (pane, rect) in &layout.panes {
        title(app, play, frame, &layout, *pane);
        let inside = below_title(*rect);
        match pane {
            Pane::Prompt => prompt::prompt(app, play, frame, inside),
            Pane::Lesson => lesson::lesson(app, play, frame, inside),
            Pane::Nodes => panes::nodes(app, play, frame, inside),
            Pane::Objects => match &play.panes.rollout {
                Some(shown) => rollout::rollout(app, play, shown, frame, inside),
                None => panes::objects(app, play, frame, inside),
            },
            Pane::Events => panes::events(app, play, frame, inside),
        }
    }
    divider(app, frame, &layout);
}

/// Draws the row above a pane: its name, or the tabs of those that share its place.
fn title(app: &App, play: &Play, frame: &mut Frame<'_>, layout: &Layout, pane: Pane) {
    let Some(rect) = layout.of(pane) else { return };
    let columns = usize::from(rect.width);
    let rule = app.theme.style(Role::Rule);
    let line = |n: usize| Span::styled(app.theme.glyphs.horizontal.repeat(n), rule);
    let names = if layout.tabs && (pane != Pane::Prompt || layout.panes.len() == 1) {
        tab_names(app, play, pane, layout.panes.len() == 1)
    } else if pane == Pane::Objects {
        kind_names(app, play, columns)
    } else if pane == Pane::Prompt {
        Vec::new()
    } else {
        vec![name(app, chrome::pane_name(app, pane), pane == play.focus, true)]
    };
    let note = note(app, play, pane);
    let note_wide = note.as_ref().map_or(0, |n| text::width(&n.content) + 3);
    let mut spans = vec![line(1)];
    let mut used = 1;
    for part in names {
        let wide = text::width(&part.content) + 3;
        if used + wide + note_wide > columns {
            break;
        }
        used += wide;
        spans.extend([Span::raw(" "), part, Span::raw(" "), line(1)]);
    }
    match note.filter(|_| used + note_wide <= columns) {
        Some(note) => {
            spans.extend([line(columns - used - note_wide), Span::raw(" "), note, Span::raw(" "), line(1)]);
        }
        None => spans.push(line(columns - used)),
    }
    super::lines(frame, Rect { height: 1, ..rect }, [Line::from(spans)]);
}

fn name(app: &App, name: String, focused: bool, shown: bool) -> Span<'static> {
    let style = match (focused, shown) {
        (true, _) => app.theme.style(Role::Focus).add_modifier(Modifier::BOLD),
        (false, true) => app.theme.style(Role::Strong),
        (false, false) => app.theme.style(Role::Dim),
    };
    Span::styled(name, style)
}

fn tab_names(app: &App, play: &Play, shown: Pane, with_prompt: bool) -> Vec<Span<'static>> {
    let mut tabs = play.all_panes();
    if with_prompt {
        tabs.insert(0, Pane::Prompt);
    }
    let tab = |pane: Pane| {
        name(app, chrome::pane_name(app, pane), pane == play.focus && pane != Pane::Prompt, pane == shown)
    };
    tabs.into_iter().map(tab).collect()
}

/// The kinds around the chosen one: from the first, or from the chosen one where it would not fit.
fn kind_names(app: &App, play: &Play, columns: usize) -> Vec<Span<'static>> {
    let rolling = play.panes.rollout.is_some();
    let kinds = KINDS.iter().map(|kind| (kind.info().plural, !rolling && *kind == play.panes.kind));
    let all: Vec<(&str, bool)> =
        std::iter::once((app.word(Word::RolloutName), rolling)).chain(kinds).collect();
    let at = all.iter().position(|(_, chosen)| *chosen).unwrap_or(0);
    let wide: usize = all.iter().take(at + 1).map(|(word, _)| text::width(word) + 3).sum();
    // Pods, which most look at, stand first where there is no room for all.
    let skip = if wide + 2 > columns { at } else { usize::from(!rolling) };
    let shown = all.iter().skip(skip).chain(all.iter().take(skip));
    shown
        .map(|(word, chosen)| name(app, (*word).to_owned(), *chosen && play.focus == Pane::Objects, *chosen))
        .collect()
}

/// What stands at the right end of a title row.
fn note(app: &App, play: &Play, pane: Pane) -> Option<Span<'static>> {
    let dim = app.theme.style(Role::Dim);
    match pane {
        Pane::Prompt if play.output.scroll > 0 => {
            let words = format!("{} {}", app.theme.glyphs.down, app.word(Word::NewBelow));
            Some(Span::styled(words, app.theme.style(Role::Accent)))
        }
        Pane::Objects if play.panes.namespaces == Namespaces::All => {
            Some(Span::styled(app.word(Word::AllNamespaces), dim))
        }
        Pane::Objects if play.panes.namespace != "default" => {
            Some(Span::styled(play.panes.namespace.clone(), dim))
        }
        _ => None,
    }
}

/// Draws the column between left and right panes, joined to the rows it meets.
fn divider(app: &App, frame: &mut Frame<'_>, layout: &Layout) {
    let Some(column) = layout.divider else { return };
    let (glyphs, rule) = (&app.theme.glyphs, app.theme.style(Role::Rule));
    let right: Vec<u16> = layout.panes.iter().filter(|(_, r)| r.x > column.x).map(|(_, r)| r.y).collect();
    let left: Vec<u16> = layout.panes.iter().filter(|(_, r)| r.x < column.x).map(|(_, r)| r.y).collect();
    for (i, row) in column.rows().enumerate() {
        let glyph = match (i, left.contains(&row.y), right.contains(&row.y)) {
            (0, ..) => glyphs.tee_down,
            (_, true, true) => glyphs.cross,
            (_, true, false) => glyphs.tee_right,
            (_, false, true) => glyphs.tee_left,
            (_, false, false) => glyphs.vertical,
        };
        frame.render_widget(Span::styled(glyph, rule), row);
    }
    let below = Rect { y: column.y + column.height, height: 1, ..column };
    frame.render_widget(Span::styled(glyphs.tee_up, rule), below);
}
