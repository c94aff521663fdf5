//! The cluster's panes: nodes, objects, events.

use super::pushed;
use crate::tui::app::App;
use crate::tui::layout::below_title;
use crate::tui::panes::{EventRow, NodeRow, Pane};
use crate::tui::play::Play;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The object's row in a pane that a row of the screen shows.
pub fn row_at(app: &App, pane: Pane, rect: Rect, y: u16) -> Option<usize> {
    let play = app.play.as_ref()?;
    let inside = below_title(rect);
    let count = play.panes.keys(pane).len();
    let (head, tall) = match pane {
        Pane::Nodes => (0, node_height(play, inside)),
        Pane::Objects => (1, 1),
        _ => (0, 1),
    };
    let line = usize::from(y.checked_sub(inside.y)?).checked_sub(head)? / tall;
    let height = usize::from(inside.height).saturating_sub(head) / tall;
    let shown = super::window(count, play.panes.choice(pane)?.row, height);
    Some(shown.start + line).filter(|row| shown.contains(row))
}

/// How many rows a node takes: with a blank row between where there is room for it.
fn node_height(play: &Play, area: Rect) -> usize {
    let (nodes, room) = (play.panes.nodes.len().max(1), usize::from(area.height) + 1);
    (room / nodes).clamp(1, 3)
}

/// Draws the nodes.
pub fn nodes(app: &App, play: &Play, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(2);
    let tall = node_height(play, area);
    let nodes = &play.panes.nodes;
    let names = nodes.iter().map(|n| text::width(&n.name)).max().unwrap_or(0).clamp(8, 20);
    let height = (usize::from(area.height) + usize::from(tall == 3)) / tall;
    let mut rows = Vec::new();
    for i in super::window(nodes.len(), play.panes.selected.node.row, height) {
        let selected = play.focus == Pane::Nodes && i == play.panes.selected.node.row;
        let lines = match tall {
            1 => vec![one_row(app, &nodes[i], names, columns)],
            _ => two_rows(app, &nodes[i], columns),
        };
        for (j, line) in lines.into_iter().enumerate() {
            rows.push(pushed(if selected && j == 0 { super::highlight(app, line, columns) } else { line }));
        }
        if tall == 3 {
            rows.push(Line::default());
        }
    }
    super::lines(frame, area, rows);
}

fn one_row(app: &App, node: &NodeRow, names: usize, columns: usize) -> Line<'static> {
    let name = Span::styled(format!("{}  ", text::pad(&node.name, names)), app.theme.style(Role::Text));
    let words = words(app, node);
    let with_bars = Line::from([words.clone(), vec![Span::raw("  ")], bars(app, node)].concat());
    let left = |right: &Line<'static>| {
        let room = columns.saturating_sub(names + 2 + text::line_width(right) + 1);
        Line::from([vec![name.clone()], dots(app, node, room)].concat())
    };
    // The pods matter more than the bars.
    let all = left(&with_bars);
    let enough = text::line_width(&all) + 1 + text::line_width(&with_bars) <= columns;
    if enough && columns >= 46 {
        return text::justify(all, with_bars, columns);
    }
    let words = Line::from(words);
    text::justify(left(&words), words, columns)
}

fn two_rows(app: &App, node: &NodeRow, columns: usize) -> Vec<Line<'static>> {
    let name = Line::styled(node.name.clone(), app.theme.style(Role::Strong));
    let first = text::justify(name, Line::from(words(app, node)), columns);
    let bars = Line::from(bars(app, node));
    let room = columns.saturating_sub(text::line_width(&bars) + 2);
    vec![first, text::justify(Line::from(dots(app, node, room)), bars, columns)]
}

/// A glyph a pod, as many as there is room for.
fn dots(app: &App, node: &NodeRow, room: usize) -> Vec<Span<'static>> {
    let (fits, all) = (room / 2, node.pods.len() + node.more);
    let count = if all <= fits { node.pods.len() } else { fits.saturating_sub(2).min(node.pods.len()) };
    let mut spans = Vec::new();
    for pod in node.pods.iter().take(count) {
        let (glyph, role) = pod.state.look(&app.theme.glyphs);
        let calm = pod.system && role == Role::Good;
        let (glyph, role) = if calm { (app.theme.glyphs.system, Role::Dim) } else { (glyph, role) };
        spans.push(Span::styled(format!("{glyph} "), app.theme.style(role)));
    }
    if all > count {
        spans.push(Span::styled(format!("+{}", all - count), app.theme.style(Role::Dim)));
    }
    spans
}

/// What is unusual about a node, in words.
fn words(app: &App, node: &NodeRow) -> Vec<Span<'static>> {
    let mut words: Vec<(String, Role)> = Vec::new();
    if !node.ready {
        words.push((app.word(Word::NotReady).to_owned(), Role::Bad));
    }
    if node.cordoned {
        words.push((app.word(Word::Cordoned).to_owned(), Role::Warn));
    }
    match node.taints.as_slice() {
        [] => {}
        // kubeadm's own taint is no news.
        [one] if one.starts_with("control-plane") => {
            words.push((app.word(Word::Tainted).to_owned(), Role::Dim));
        }
        [one] if text::width(one) <= 20 => words.push((one.clone(), Role::Warn)),
        [_] => words.push((app.word(Word::Tainted).to_owned(), Role::Warn)),
        several => words.push((format!("{} ({})", app.word(Word::Tainted), several.len()), Role::Warn)),
    }
    let mut spans = Vec::new();
    for (i, (word, role)) in words.into_iter().enumerate() {
        let gap = if i > 0 { " " } else { "" };
        spans.push(Span::styled(format!("{gap}{word}"), app.theme.style(role)));
    }
    spans
}

/// How much of a node's processor and memory is asked for.
fn bars(app: &App, node: &NodeRow) -> Vec<Span<'static>> {
    let bar = |percent: u32| {
        let bars = &app.theme.glyphs.bars;
        let level = (percent.min(100) as usize * (bars.len() - 1)).div_ceil(100);
        Span::styled(bars[level], app.theme.style(if percent >= 90 { Role::Warn } else { Role::Accent }))
    };
    let dim = |word: String| Span::styled(word, app.theme.style(Role::Dim));
    vec![
        dim(format!("{} ", app.word(Word::CpuShort))),
        bar(node.cpu),
        dim(format!(" {} ", app.word(Word::MemoryShort))),
        bar(node.memory),
    ]
}

/// Draws the objects.
pub fn objects(app: &App, play: &Play, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(2);
    let table = &play.panes.objects;
    if table.rows.is_empty() {
        let namespace = play.panes.filter().filter(|_| play.panes.kind.info().namespaced);
        let words = match namespace {
            Some(namespace) => app.fill(Word::NoObjects, &[play.panes.kind.info().plural, namespace]),
            None => app.word(Word::NothingHere).to_owned(),
        };
        super::lines(frame, area, [pushed(Line::styled(words, app.theme.style(Role::Dim)))]);
        return;
    }
    let widths = column_widths(&table.columns, &table.rows, columns);
    let mut lines = vec![pushed(row_line(&table.columns, &widths, |_, _| app.theme.style(Role::Dim)))];
    let row = play.panes.selected.object.row;
    for i in super::window(table.rows.len(), row, usize::from(area.height).saturating_sub(1)) {
        let look = |column: usize, cell: &str| {
            app.theme.style(cell_role(table.columns.get(column).map_or("", String::as_str), cell))
        };
        let line = row_line(&table.rows[i], &widths, look);
        let selected = play.focus == Pane::Objects && i == row;
        lines.push(pushed(if selected {
            super::highlight(app, line, columns)
        } else {
            text::fit(line, columns)
        }));
    }
    super::lines(frame, area, lines);
}

/// Each column as wide as its widest cell; where that is too much, the widest give way.
fn column_widths(columns: &[String], rows: &[Vec<String>], room: usize) -> Vec<usize> {
    let cell = |row: &Vec<String>, i: usize| row.get(i).map_or(0, |c| text::width(c));
    let widest = |i: usize| rows.iter().map(|r| cell(r, i)).max().unwrap_or(0).max(text::width(&columns[i]));
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let gaps = 2 * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > room {
        let Some(widest) = widths.iter_mut().max_by_key(|w| **w).filter(|w| **w > 10) else { break };
        *widest -= 1;
    }
    widths
}

fn row_line(cells: &[String], widths: &[usize], style: impl Fn(usize, &str) -> Style) -> Line<'static> {
    let mut spans = Vec::new();
    for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let shown = text::pad(&text::cut_middle(cell, *width, "…"), *width);
        spans.extend([Span::styled(shown, style(i, cell)), Span::raw("  ")]);
    }
    spans.pop();
    Line::from(spans)
}

/// How a cell of a table looks: states stand out, names are calm.
fn cell_role(column: &str, cell: &str) -> Role {
    match column {
        "STATUS" => status_role(cell),
        "READY" if cell.split_once('/').is_some_and(|(ready, all)| ready != all) => Role::Warn,
        "AGE" | "NAMESPACE" => Role::Dim,
        "RESTARTS" if !cell.starts_with('0') => Role::Warn,
        _ => Role::Text,
    }
}

fn status_role(status: &str) -> Role {
    let any = |words: &[&str]| words.iter().any(|w| status.contains(w));
    if any(&[
        "Error",
        "BackOff",
        "Err",
        "Failed",
        "NotReady",
        "Evicted",
        "OOMKilled",
        "Lost",
        "Unknown",
        "Invalid",
    ]) {
        Role::Bad
    } else if any(&["Pending", "ContainerCreating", "PodInitializing", "Init:"]) {
        Role::Busy
    } else if any(&["Terminating", "Released", "SchedulingDisabled"]) {
        Role::Warn
    } else if any(&["Running", "Ready", "Bound", "Active", "Available"]) {
        Role::Good
    } else {
        Role::Text
    }
}

/// Draws the events.
pub fn events(app: &App, play: &Play, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(2);
    let events = &play.panes.events;
    if events.is_empty() {
        super::lines(
            frame,
            area,
            [pushed(Line::styled(app.word(Word::NoEvents), app.theme.style(Role::Dim)))],
        );
        return;
    }
    let focused = play.focus == Pane::Events;
    // Unless somebody looks for one, the newest are what matters.
    let row = if focused { play.panes.selected.event.row } else { 0 };
    let shown = super::window(events.len(), row, usize::from(area.height));
    let ages = events[shown.clone()].iter().map(|e| e.age.len()).max().unwrap_or(0);
    let reasons = events[shown.clone()].iter().map(|e| text::width(&e.reason)).max().unwrap_or(0).min(20);
    let lines = shown.map(|i| {
        let line = event_line(app, &events[i], (ages, reasons), columns);
        pushed(if focused && i == row {
            super::highlight(app, line, columns)
        } else {
            text::fit(line, columns)
        })
    });
    super::lines(frame, area, lines);
}

fn event_line(app: &App, event: &EventRow, (ages, reasons): (usize, usize), columns: usize) -> Line<'static> {
    let reason = if event.warning { Role::Warn } else { Role::Text };
    let object = text::cut_middle(&event.object, (columns / 3).max(14), "…");
    let count = if event.count > 1 { format!(" (x{})", event.count) } else { String::new() };
    let dim = app.theme.style(Role::Dim);
    Line::from(vec![
        Span::styled(format!("{}  ", text::pad_left(&event.age, ages)), dim),
        Span::styled(format!("{}  ", text::pad(&event.reason, reasons)), app.theme.style(reason)),
        Span::styled(format!("{object}{count}  "), app.theme.style(Role::Text)),
        Span::styled(event.message.clone(), dim),
    ])
}
