//! The lesson's pane: what there is to know, what is asked for and what is missing, help.

use crate::course::model::StepKind;
use crate::course::view::{CheckState, CheckView, HintKind, HintView, QuestionView, StepView, Verdict};
use crate::tui::app::App;
use crate::tui::layout::layout;
use crate::tui::panes::Pane;
use crate::tui::play::Play;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::words::Word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::BTreeSet;

type Rows = Vec<Line<'static>>;

/// Draws it.
pub fn lesson(app: &App, play: &Play, frame: &mut Frame<'_>, area: Rect) {
    let Some(step) = &play.step else { return };
    let area = inset(area);
    let (body, foot) = parts(app, play, step, area);
    let height = usize::from(area.height).saturating_sub(foot.len());
    let last = body.len().saturating_sub(height);
    let scroll = play.lesson_scroll.min(last);
    let mut shown: Rows = body.into_iter().skip(scroll).take(height).collect();
    if scroll < last
        && let Some(line) = shown.last_mut()
    {
        let more = app.fill(Word::MoreBelow, &[&(last - scroll + 1).to_string()]);
        *line = Line::styled(format!("{} {more}", app.theme.glyphs.down), app.theme.style(Role::Accent));
    }
    super::lines(frame, area, shown);
    let tall = u16::try_from(foot.len()).unwrap_or(u16::MAX).min(area.height);
    super::lines(frame, Rect { y: area.y + area.height - tall, height: tall, ..area }, foot);
}

/// The first row that may be shown at most.
pub fn last_scroll(app: &App) -> usize {
    let Some((play, step)) = app.play.as_ref().and_then(|p| Some((p, p.step.as_ref()?))) else { return 0 };
    let Some(area) = layout(app.area, app).inside(Pane::Lesson).map(inset) else { return 0 };
    let (body, foot) = parts(app, play, step, area);
    body.len().saturating_sub(usize::from(area.height).saturating_sub(foot.len()))
}

/// How many rows all of the step takes in a pane of this width.
pub fn rows(app: &App, play: &Play, width: u16) -> usize {
    let Some(step) = &play.step else { return 0 };
    let (body, foot) = parts(app, play, step, inset(Rect { width, height: u16::MAX, ..Rect::default() }));
    body.len() + foot.len()
}

fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

/// What scrolls, and what always stays below it: the checks, and what Enter does.
fn parts(app: &App, play: &Play, step: &StepView, area: Rect) -> (Rows, Rows) {
    let columns = usize::from(area.width).max(1);
    let room = usize::from(area.height);
    let mut body = text::wrap_plain(&step.title, app.theme.style(Role::Strong), columns, 0);
    if room > 8 {
        body.push(Line::default());
    }
    body.extend(text::blocks(&step.text, &app.theme, columns));
    if let Some(question) = &step.question {
        body.push(Line::default());
        let chosen = Chosen { at: play.option, chosen: &play.chosen, focused: play.focus == Pane::Lesson };
        body.extend(question_rows(app, question, chosen, columns));
    }
    for hint in &step.hints {
        body.push(Line::default());
        body.extend(hint_rows(app, hint, columns));
    }
    if let Some(learned) = &step.learned {
        body.push(Line::default());
        body.extend(text::wrap_plain(app.word(Word::LessonDone), app.theme.style(Role::Good), columns, 0));
        body.extend([Line::default(), Line::styled(app.word(Word::Learned), app.theme.style(Role::Strong))]);
        body.extend(text::blocks(learned, &app.theme, columns));
    }
    let mut checks: Rows = step.checks.iter().flat_map(|c| check_rows(app, c, columns)).collect();
    // Where the checks would fill the pane, they scroll with the text.
    if !checks.is_empty() && checks.len() * 2 > room {
        body.push(Line::default());
        body.append(&mut checks);
    }
    let mut foot = Vec::new();
    if !checks.is_empty() {
        foot.push(Line::default());
        foot.append(&mut checks);
    }
    if let Some(line) = closing(app, step) {
        if room > 10 || foot.is_empty() {
            foot.push(Line::default());
        }
        foot.push(text::fit(line, columns));
    }
    (body, foot)
}

/// What Enter does now, or how to get help.
fn closing(app: &App, step: &StepView) -> Option<Line<'static>> {
    let said = |word: Word, role: Role| Some(Line::styled(app.word(word), app.theme.style(role)));
    if step.learned.is_some() {
        return said(Word::LessonDoneKeys, Role::Accent);
    }
    if step.kind == StepKind::Read {
        return said(Word::StepRead, Role::Accent);
    }
    if step.done {
        return said(Word::StepDone, Role::Good);
    }
    if let Some(question) = step.question.as_ref().filter(|q| q.verdict.is_none()) {
        return said(if question.several { Word::AnswerSeveral } else { Word::AnswerOne }, Role::Accent);
    }
    let next = step.next_hint?;
    Some(Line::from(vec![
        Span::styled("Ctrl-T ", app.theme.style(Role::Key)),
        Span::styled(hint_name(app, next), app.theme.style(Role::Dim)),
    ]))
}

fn hint_name(app: &App, kind: HintKind) -> &'static str {
    app.word(match kind {
        HintKind::Where => Word::HintWhere,
        HintKind::Idea => Word::HintIdea,
        HintKind::Command => Word::HintCommand,
        HintKind::Solution => Word::HintSolution,
    })
}

fn hint_rows(app: &App, hint: &HintView, columns: usize) -> Rows {
    let mut rows = vec![Line::styled(hint_name(app, hint.kind), app.theme.style(Role::Warn))];
    rows.extend(text::blocks(&hint.text, &app.theme, columns));
    rows
}

fn check_rows(app: &App, check: &CheckView, columns: usize) -> Rows {
    let glyphs = &app.theme.glyphs;
    let (mark, role) = match check.state {
        CheckState::Met => (glyphs.met, Role::Good),
        CheckState::Holding(..) => (glyphs.holding, Role::Busy),
        CheckState::Unmet => (glyphs.unmet, Role::Warn),
    };
    let met = check.state == CheckState::Met;
    let mut spans = vec![Span::styled(format!("{mark} "), app.theme.style(role))];
    let looks = if met { (Role::Dim, Role::Dim) } else { (Role::Text, Role::Code) };
    spans.extend(marked(app, &check.text, looks));
    if let CheckState::Holding(so_far, of) = check.state {
        let held = app.fill(Word::HoldingFor, &[&so_far.to_string(), &of.to_string()]);
        spans.push(Span::styled(format!("  {held}"), app.theme.style(Role::Busy)));
    }
    let mut rows = text::wrap(&spans, columns, 2);
    if let (CheckState::Unmet, Some(missing)) = (check.state, &check.missing) {
        for line in missing.lines() {
            let spans = marked(app, line, (Role::Dim, Role::Code));
            let wrapped = text::wrap(&spans, columns.saturating_sub(2), 0);
            rows.extend(wrapped.into_iter().map(|row| super::pushed(super::pushed(row))));
        }
    }
    rows
}

/// A line with its marks read: words in one look, code in another.
fn marked(app: &App, line: &str, (words, code): (Role, Role)) -> Vec<Span<'static>> {
    let look = |span: &crate::course::Span| match span {
        crate::course::Span::Code(_) => code,
        _ => words,
    };
    let spans = crate::course::text::spans(line);
    spans.into_iter().map(|span| Span::styled(span.text().to_owned(), app.theme.style(look(&span)))).collect()
}

/// What the learner points at and has chosen.
#[derive(Clone, Copy)]
#[allow(clippy::struct_field_names)] // the word is the learner's own
pub struct Chosen<'a> {
    /// The answer pointed at.
    pub at: usize,
    /// The answers chosen.
    pub chosen: &'a BTreeSet<usize>,
    /// Whether the arrows move it.
    pub focused: bool,
}

/// A question with its answers; after the answer with the reasons.
pub fn question_rows(app: &App, question: &QuestionView, chosen: Chosen<'_>, columns: usize) -> Rows {
    let mut rows = text::blocks(&question.question, &app.theme, columns);
    rows.push(Line::default());
    rows.extend(verdict_rows(app, question, columns));
    for (i, option) in question.options.iter().enumerate() {
        let answered = question.verdict.is_some();
        let picked = if answered { option.chosen } else { chosen.chosen.contains(&i) };
        let (mark, role) = option_mark(app, option.right, picked);
        let indent = text::width(mark) + 3;
        let head = [
            Span::styled(format!("{} ", i + 1), app.theme.style(Role::Key)),
            Span::styled(format!("{mark} "), app.theme.style(role)),
        ];
        let pointed = !answered && chosen.focused && chosen.at == i;
        for (j, row) in
            text::blocks(&option.text, &app.theme, columns.saturating_sub(indent)).into_iter().enumerate()
        {
            let lead = if j == 0 { head.to_vec() } else { vec![Span::raw(" ".repeat(indent))] };
            let line = Line::from([lead, row.spans].concat());
            rows.push(if pointed { super::highlight(app, line, columns) } else { line });
        }
        if answered {
            for row in text::blocks(&option.why, &app.theme, columns.saturating_sub(indent)) {
                let dim = row.spans.into_iter().map(|s| s.patch_style(app.theme.style(Role::Dim)));
                rows.push(Line::from([vec![Span::raw(" ".repeat(indent))], dim.collect()].concat()));
            }
            rows.push(Line::default());
        }
    }
    if question.verdict.is_some() && !question.explanation.is_empty() {
        rows.extend(text::blocks(&question.explanation, &app.theme, columns));
    }
    rows
}

fn verdict_rows(app: &App, question: &QuestionView, columns: usize) -> Rows {
    let (word, role, mark) = match question.verdict {
        None => return Vec::new(),
        Some(Verdict::Right) => (Word::AnswerRight, Role::Good, app.theme.glyphs.met),
        Some(Verdict::Wrong) => (Word::AnswerWrong, Role::Bad, app.theme.glyphs.broken),
    };
    let mut rows = vec![Line::styled(format!("{mark} {}", app.word(word)), app.theme.style(role))];
    for missing in &question.missing {
        let spans = marked(app, missing, (Role::Text, Role::Code));
        let wrapped = text::wrap(&spans, columns.saturating_sub(2), 0);
        rows.extend(wrapped.into_iter().map(|row| super::pushed(super::pushed(row))));
    }
    rows.push(Line::default());
    rows
}

fn option_mark(app: &App, right: Option<bool>, picked: bool) -> (&'static str, Role) {
    let glyphs = &app.theme.glyphs;
    match (right, picked) {
        (Some(true), _) => (glyphs.met, Role::Good),
        (Some(false), true) => (glyphs.broken, Role::Bad),
        (None, true) => (glyphs.chosen, Role::Accent),
        (Some(false) | None, false) => (glyphs.open, Role::Dim),
    }
}
