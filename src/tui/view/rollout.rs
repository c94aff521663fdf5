//! The roll-out view: old and new ReplicaSets, the Service's endpoints, and a strip of requests.

use super::pushed;
use crate::tui::app::App;
use crate::tui::panes::rollout::{EndpointState, Hit, Rollout, ServiceRow, SetRow, Strip};
use crate::tui::play::Play;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// How many ReplicaSets are shown at most.
const SETS: usize = 4;

/// Draws it in the place of the objects.
pub fn rollout(app: &App, play: &Play, rollout: &Rollout, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(2);
    let Some(subject) = &rollout.subject else {
        let words = match play.panes.filter() {
            Some(namespace) => app.fill(Word::NoObjects, &["deployments", namespace]),
            None => app.word(Word::NothingHere).to_owned(),
        };
        super::lines(frame, area, [pushed(Line::styled(words, app.theme.style(Role::Dim)))]);
        return;
    };
    let mut rows = vec![head(app, subject.name.name(), rollout, columns)];
    rows.extend(rollout.sets.iter().take(SETS).map(|set| set_row(app, set, columns)));
    match &rollout.service {
        Some(service) => {
            rows.push(endpoints(app, service, rollout));
            rows.push(requests(app, service, &rollout.strip, columns));
            rows.push(strip(app, rollout, columns));
        }
        None => rows.push(Line::styled(app.word(Word::RolloutNoService), app.theme.style(Role::Dim))),
    }
    // What the requests show is last, and matters most.
    let skip = rows.len().saturating_sub(area.height.into());
    super::lines(frame, area, rows.into_iter().skip(skip).map(|row| pushed(text::fit(row, columns))));
}

fn head(app: &App, name: &str, rollout: &Rollout, columns: usize) -> Line<'static> {
    let head = &rollout.head;
    let parts = [head.updated.to_string(), head.wanted.to_string(), head.available.to_string()];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let done = head.updated >= head.wanted && head.available >= head.wanted;
    let role = if done { Role::Good } else { Role::Busy };
    let left = Line::from(vec![
        Span::styled(format!("{name}  "), app.theme.style(Role::Strong)),
        Span::styled(app.fill(Word::RolloutHead, &parts), app.theme.style(role)),
    ]);
    let right = if head.paused {
        Span::styled(app.word(Word::RolloutPaused), app.theme.style(Role::Warn))
    } else {
        Span::styled(head.strategy.clone(), app.theme.style(Role::Dim))
    };
    let enough = text::line_width(&left) + 2 + text::width(&right.content) <= columns;
    if enough { text::justify(left, Line::from(right), columns) } else { left }
}

fn label(app: &App, word: Word) -> Span<'static> {
    let wide = [Word::RolloutNew, Word::RolloutOld, Word::RolloutEndpoints, Word::RolloutRequests];
    let width = wide.iter().map(|w| text::width(app.word(*w))).max().unwrap_or(0);
    Span::styled(format!("{}  ", text::pad(app.word(word), width)), app.theme.style(Role::Dim))
}

/// The digit that stands for a revision wherever its pods are meant.
fn digit(revision: u64) -> String {
    if revision == 0 { "?".to_owned() } else { (revision % 10).to_string() }
}

fn set_row(app: &App, set: &SetRow, columns: usize) -> Line<'static> {
    let word = if set.newest { Word::RolloutNew } else { Word::RolloutOld };
    let role = if set.newest { Role::Accent } else { Role::Text };
    let mut spans =
        vec![label(app, word), Span::styled(format!("{} ", digit(set.revision)), app.theme.style(role))];
    for state in &set.pods {
        let (glyph, role) = state.look(&app.theme.glyphs);
        spans.push(Span::styled(format!("{glyph} "), app.theme.style(role)));
    }
    let left = Line::from(spans);
    let right = Line::from(vec![
        Span::styled(format!("{}  ", set.image), app.theme.style(Role::Dim)),
        Span::styled(format!("{:>3}", set.wanted), app.theme.style(Role::Text)),
    ]);
    let enough = text::line_width(&left) + 2 + text::line_width(&right) <= columns;
    if enough { text::justify(left, right, columns) } else { left }
}

fn endpoints(app: &App, service: &ServiceRow, rollout: &Rollout) -> Line<'static> {
    let mut spans = vec![label(app, Word::RolloutEndpoints)];
    let newest = rollout.sets.first().map_or(0, |s| s.revision);
    for (revision, state) in &service.endpoints {
        let role = match state {
            EndpointState::Ready if *revision == newest => Role::Accent,
            EndpointState::Ready => Role::Text,
            EndpointState::NotReady => Role::Warn,
            EndpointState::Leaving => Role::Dim,
        };
        let mark = match state {
            EndpointState::Ready => "",
            EndpointState::NotReady => app.theme.glyphs.unready,
            EndpointState::Leaving => app.theme.glyphs.leaving,
        };
        spans.push(Span::styled(format!("{}{mark} ", digit(*revision)), app.theme.style(role)));
    }
    if service.endpoints.is_empty() {
        spans.push(Span::styled(app.word(Word::RolloutNobody), app.theme.style(Role::Bad)));
    }
    Line::from(spans)
}

fn requests(app: &App, service: &ServiceRow, strip: &Strip, columns: usize) -> Line<'static> {
    let mut spans = vec![label(app, Word::RolloutRequests)];
    spans.push(Span::styled(
        format!("http://{}:{}  ", service.name, service.port),
        app.theme.style(Role::Text),
    ));
    let good = app.fill(Word::RolloutGood, &[&strip.good.to_string()]);
    spans.push(Span::styled(good, app.theme.style(if strip.good > 0 { Role::Good } else { Role::Dim })));
    if strip.bad > 0 {
        let bad = format!("  {}", app.fill(Word::RolloutBad, &[&strip.bad.to_string()]));
        spans.push(Span::styled(bad, app.theme.style(Role::Bad)));
    }
    if let Some(failure) = strip.failure {
        let why = match failure {
            Hit::Status(status) => format!("HTTP {status}"),
            Hit::Refused => app.word(Word::RolloutRefused).to_owned(),
            Hit::TimedOut | Hit::Answered(_) => app.word(Word::RolloutTimedOut).to_owned(),
        };
        spans.push(Span::styled(format!(" ({why})"), app.theme.style(Role::Dim)));
    }
    text::fit(Line::from(spans), columns)
}

/// A letter a request, the latest at the right end: the revision that answered, or a cross.
fn strip(app: &App, rollout: &Rollout, columns: usize) -> Line<'static> {
    let hits = &rollout.strip.hits;
    if hits.is_empty() {
        return Line::styled(app.word(Word::RolloutCalm), app.theme.style(Role::Dim));
    }
    let newest = rollout.sets.first().map_or(0, |s| s.revision);
    let shown = hits.iter().skip(hits.len().saturating_sub(columns));
    let hit = |hit: &Hit| match hit {
        Hit::Answered(revision) if *revision == newest => {
            Span::styled(digit(*revision), app.theme.style(Role::Accent))
        }
        Hit::Answered(revision) => Span::styled(digit(*revision), app.theme.style(Role::Text)),
        _ => Span::styled(app.theme.glyphs.broken, app.theme.style(Role::Bad)),
    };
    Line::from(shown.map(hit).collect::<Vec<_>>())
}
