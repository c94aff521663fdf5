//! Where everything is: a pure function of the screen's size and the state.
//!
//! Always holds: 100 columns and more have all panes side by side, 70 to 99 one pane above the prompt, fewer one pane at
//! a time; the prompt is the largest part wherever it shares the screen.

use super::app::App;
use super::panes::Pane;
use super::play::{Play, PlayKind};
use super::view;
use ratatui::layout::Rect;

/// From this width on, all panes are shown at once.
pub const WIDE: u16 = 100;
/// From this width on, one pane is shown above the prompt.
pub const MIDDLE: u16 = 70;

/// How many rows the prompt's pane has at least.
const PROMPT: u16 = 4;

/// How the play screen is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The first row.
    pub header: Rect,
    /// The last row.
    pub footer: Rect,
    /// The panes that are shown, with their title row on top.
    pub panes: Vec<(Pane, Rect)>,
    /// Whether panes share a place, so that the title row has tabs.
    pub tabs: bool,
    /// The column between left and right panes, and where it ends below.
    pub divider: Option<Rect>,
}

impl Layout {
    /// Where a pane is, with its title row.
    pub fn of(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(p, _)| *p == pane).map(|(_, rect)| *rect)
    }

    /// The part of a pane below its title.
    pub fn inside(&self, pane: Pane) -> Option<Rect> {
        self.of(pane).map(below_title)
    }
}

/// A pane without its title row.
pub fn below_title(rect: Rect) -> Rect {
    Rect { y: rect.y + 1, height: rect.height.saturating_sub(1), ..rect }
}

/// Divides the play screen.
pub fn layout(area: Rect, app: &App) -> Layout {
    let row = |y: u16| Rect { x: area.x, y, width: area.width, height: 1 };
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    let mut layout = Layout {
        header: row(area.y),
        footer: row(area.y + area.height.saturating_sub(1)),
        panes: Vec::new(),
        tabs: false,
        divider: None,
    };
    let Some(play) = &app.play else { return layout };
    if area.width >= WIDE {
        wide(&mut layout, body, (app, play));
    } else if stacks(area, body, play) {
        let above = if play.shown == Pane::Lesson {
            let taken = view::lesson_rows(app, play, area.width);
            for_text(body.height, taken, play.rows_printed(area.width))
        } else {
            body.height * 45 / 100
        };
        layout.tabs = true;
        layout.panes.push((play.shown, Rect { height: above, ..body }));
        layout.panes.push((Pane::Prompt, Rect { y: body.y + above, height: body.height - above, ..body }));
    } else {
        layout.tabs = true;
        layout.panes.push((if play.focus == Pane::Prompt { Pane::Prompt } else { play.shown }, body));
    }
    layout
}

/// Whether a pane and the prompt are both shown: a lesson needs both sooner than anything else.
fn stacks(area: Rect, body: Rect, play: &Play) -> bool {
    (area.width >= MIDDLE && body.height >= 12) || (play.shown == Pane::Lesson && body.height >= 16)
}

/// How high the lesson's pane is above the prompt: as high as its text, where the prompt does not need the rows. A prompt
/// that has printed much gets four rows of ten.
fn for_text(height: u16, text: usize, printed: usize) -> u16 {
    let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let most = height.saturating_sub(rows(printed + 2)).max(height * 6 / 10);
    let most = most.min(height.saturating_sub(PROMPT));
    rows(text + 1).min(most).max(6)
}

fn wide(layout: &mut Layout, body: Rect, (app, play): (&App, &Play)) {
    let lesson = play.kind == PlayKind::Lesson;
    let left_width =
        if lesson { (body.width * 42 / 100).clamp(40, 72) } else { (body.width * 40 / 100).clamp(40, 56) };
    // In a lesson there is more to read above; in the sandbox the prompt takes more.
    let above = if lesson {
        let text = view::lesson_rows(app, play, left_width);
        for_text(body.height, text, play.rows_printed(body.width)).max(body.height / 2)
    } else {
        body.height * 46 / 100
    };
    let above = above.clamp(6, body.height.saturating_sub(6).max(6));
    let left = Rect { width: left_width, height: above, ..body };
    let right = Rect { x: left.x + left_width + 1, width: body.width - left_width - 1, ..left };
    layout.divider = Some(Rect { x: left.x + left_width, width: 1, ..left });
    let nodes = u16::try_from(play.panes.nodes.len()).unwrap_or(u16::MAX);
    let part = |rect: Rect, y: u16, height: u16| Rect { y: rect.y + y, height, ..rect };
    if lesson {
        let nodes = nodes.saturating_add(1).clamp(2, (above / 3).max(2));
        let events = ((above - nodes) * 2 / 5).max(3);
        let objects = above - nodes - events;
        layout.panes.push((Pane::Lesson, left));
        layout.panes.push((Pane::Nodes, part(right, 0, nodes)));
        layout.panes.push((Pane::Objects, part(right, nodes, objects)));
        layout.panes.push((Pane::Events, part(right, nodes + objects, events)));
    } else {
        let events = (above * 2 / 5).max(3);
        layout.panes.push((Pane::Nodes, left));
        layout.panes.push((Pane::Objects, part(right, 0, above - events)));
        layout.panes.push((Pane::Events, part(right, above - events, events)));
    }
    let prompt = Rect { y: body.y + above, height: body.height - above, ..body };
    layout.panes.push((Pane::Prompt, prompt));
}

/// A box in the middle of the screen, of at most this size.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// The box of something to read over the screen.
pub fn reader(area: Rect) -> Rect {
    let margin = |length: u16| if length >= 60 { length - 8 } else { length };
    let height = if area.height >= 20 { area.height - 4 } else { area.height };
    centred(area, margin(area.width).min(120), height)
}
