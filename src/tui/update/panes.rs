//! Moving between the panes and in them.

use crate::tui::app::App;
use crate::tui::describe;
use crate::tui::keys::Action;
use crate::tui::overlay::{Overlay, Reader};
use crate::tui::panes::{Namespaces, Pane};
use crate::tui::view;

impl App {
    pub(super) fn move_focus(&mut self, action: &Action) {
        let Some(play) = &mut self.play else { return };
        match action {
            Action::Browse => {
                play.prompt.completions = None;
                play.focus = play.shown;
            }
            Action::ToPrompt => play.focus = Pane::Prompt,
            Action::NextPane => play.turn(1),
            Action::PreviousPane => play.turn(-1),
            Action::NextKind | Action::PreviousKind => {
                play.panes.turn(if *action == Action::NextKind { 1 } else { -1 });
            }
            Action::ShowRollout => {
                play.panes.show_rollout();
                play.shown = Pane::Objects;
            }
            Action::ShowKind(kind) => {
                play.panes.show(*kind);
                play.shown = Pane::Objects;
                play.focus = Pane::Objects;
            }
            Action::ToggleNamespaces => {
                let all = play.panes.namespaces == Namespaces::Current;
                play.panes.namespaces = if all { Namespaces::All } else { Namespaces::Current };
                play.panes.forget();
            }
            _ => {}
        }
        self.stale = true;
    }

    pub(super) fn act_on_pane(&mut self, action: &Action) {
        let page = view::pane_page(self);
        let Some(play) = &mut self.play else { return };
        let rows = isize::try_from(page).unwrap_or(1).max(1);
        let by = match action {
            Action::Up => -1,
            Action::Down => 1,
            Action::PageUp => -rows,
            Action::PageDown => rows,
            Action::First => isize::MIN / 2,
            Action::Last => isize::MAX / 2,
            Action::Open => return self.open_in_pane(),
            Action::Toggle => return self.toggle_option(),
            _ => return,
        };
        if play.focus == Pane::Lesson {
            if play.question_open() && by.abs() == 1 {
                self.move_option(by);
            } else {
                self.scroll_lesson(by);
            }
        } else {
            play.panes.step(play.focus, by);
        }
    }

    fn open_in_pane(&mut self) {
        let Some(play) = &self.play else { return };
        if play.focus == Pane::Lesson {
            self.answer_options();
            return;
        }
        let Some(key) = play.panes.subject(play.focus) else { return };
        let text = describe::describe(play.session.client(), &key);
        let title = format!("{} {}", key.kind.info().singular_resource(), key.name.name());
        self.overlay = Some(Overlay::Reader(Reader { title, text, subject: Some(key), scroll: 0 }));
    }

    pub(super) fn scroll_lesson(&mut self, by: isize) {
        let last = view::lesson_last_scroll(self);
        if let Some(play) = &mut self.play {
            play.lesson_scroll = play.lesson_scroll.min(last).saturating_add_signed(by).min(last);
        }
    }

    pub(super) fn scroll_output(&mut self, by: isize) {
        let (columns, height) = view::output_size(self);
        if let Some(play) = &mut self.play {
            let last = (play.output.rows(columns) + 1).saturating_sub(height);
            play.output.scroll = play.output.scroll.saturating_add_signed(by).min(last);
        }
    }
}

impl crate::tui::play::Play {
    /// Goes to the next pane, or the one before.
    fn turn(&mut self, by: isize) {
        let panes = self.all_panes();
        let count = isize::try_from(panes.len()).unwrap_or(1);
        let at =
            panes.iter().position(|p| *p == self.shown).and_then(|i| isize::try_from(i).ok()).unwrap_or(0);
        let next = usize::try_from((at + by).rem_euclid(count)).unwrap_or(0);
        self.shown = panes[next];
        self.focus = self.shown;
    }
}
