//! What an event changes: keys become actions by the one table, actions change the [`App`].
//!
//! Always holds: nothing here draws, and nothing waits.

mod course;
mod menus;
mod overlays;
mod panes;
mod prompt;
mod time;

use super::app::{App, Screen};
use super::keys::{self, Action, Edit, Key};
use super::overlay::Overlay;
use super::panes::Pane;
use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::{Position, Rect};

pub use prompt::WORDS;
pub use time::Wait;

impl App {
    /// Takes an event of the terminal. Answers whether the screen may look otherwise now.
    pub fn event(&mut self, event: Event) -> bool {
        let changed = self.take(event);
        self.tell();
        changed
    }

    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Resize(width, height) => {
                self.area = Rect::new(0, 0, width, height);
                true
            }
            Event::Key(_) | Event::FocusGained | Event::FocusLost => false,
        }
    }

    fn key(&mut self, event: KeyEvent) -> bool {
        if self.too_small() {
            return false;
        }
        self.said = None;
        let key = Key::of(&event);
        // Esc and a letter in one go look like Alt and the letter. Nothing needs Alt, so what it would not do is taken
        // as the two keys.
        if event.modifiers == KeyModifiers::ALT
            && matches!(event.code, KeyCode::Char(_))
            && keys::find(self, key).is_none()
            && self.play.as_ref().is_none_or(|p| p.editor.is_none())
        {
            self.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
            return self.key(KeyEvent::new(event.code, KeyModifiers::NONE));
        }
        if let Some(action) = keys::find(self, key) {
            self.act(action);
        } else if let Some(letter) = key.typed() {
            self.type_letter(letter, key.latin());
        } else if let Some(editor) = self.play.as_mut().and_then(|p| p.editor.as_mut()) {
            editor.input(event);
        }
        true
    }

    fn type_letter(&mut self, letter: char, key: Key) {
        let text = letter.to_string();
        if self.overlay.is_some() {
            if let Some(Overlay::Palette(palette)) = &mut self.overlay {
                palette.pattern.insert(&text);
                palette.search();
            }
            return;
        }
        match self.screen {
            Screen::Play => self.type_at_play(&text),
            Screen::Quiz if self.types_an_answer() => {
                self.quiz.offered.clear();
                self.quiz.line.insert(&text);
            }
            Screen::Quiz => {
                if let Some(number) = key.typed().and_then(|c| c.to_digit(10)) {
                    self.choose_quiz_option(number as usize);
                }
            }
            Screen::Home | Screen::Lessons | Screen::Topics => {}
        }
    }

    /// Letters typed into a cluster in play: to the prompt, wherever the keys were.
    fn type_at_play(&mut self, text: &str) {
        let Some(play) = &mut self.play else { return };
        if let Some(editor) = &mut play.editor {
            editor.area.insert_str(text);
        } else if let Some(search) = &mut play.prompt.search {
            search.pattern.insert(text);
            search.row = 0;
        } else {
            play.focus = Pane::Prompt;
            play.prompt.completions = None;
            play.prompt.history.leave();
            play.prompt.line.insert(text);
            play.output.scroll = 0;
        }
    }

    fn paste(&mut self, text: &str) -> bool {
        if self.too_small() {
            return false;
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let answers = self.types_an_answer();
        match (&mut self.overlay, self.screen) {
            (Some(Overlay::Palette(palette)), _) => {
                palette.pattern.insert(&text.replace('\n', " "));
                palette.search();
            }
            (Some(_), _) => return false,
            (None, Screen::Play) => self.type_at_play(&text),
            (None, Screen::Quiz) if answers => self.quiz.line.insert(text.trim_end()),
            (None, _) => return false,
        }
        true
    }

    fn mouse(&mut self, event: MouseEvent) -> bool {
        let rows = 3;
        match event.kind {
            MouseEventKind::ScrollUp => self.scroll_at(event.column, event.row, -rows),
            MouseEventKind::ScrollDown => self.scroll_at(event.column, event.row, rows),
            MouseEventKind::Down(MouseButton::Left) => self.click(Position::new(event.column, event.row)),
            _ => return false,
        }
        true
    }

    fn scroll_at(&mut self, column: u16, row: u16, by: isize) {
        if self.overlay.is_some() || self.screen != Screen::Play {
            let action = if by < 0 { Action::Up } else { Action::Down };
            self.act(action);
            return;
        }
        let at = Position::new(column, row);
        let layout = super::layout::layout(self.area, self);
        let pane = layout.panes.iter().find(|(_, rect)| rect.contains(at)).map(|(pane, _)| *pane);
        match pane {
            Some(Pane::Prompt) => self.scroll_output(-by),
            Some(Pane::Lesson) => self.scroll_lesson(by),
            Some(pane) => {
                if let Some(play) = &mut self.play {
                    play.panes.step(pane, by);
                }
            }
            None => {}
        }
    }

    fn click(&mut self, at: Position) {
        if self.screen != Screen::Play || self.overlay.is_some() {
            return;
        }
        let layout = super::layout::layout(self.area, self);
        let Some((pane, rect)) = layout.panes.iter().find(|(_, rect)| rect.contains(at)).copied() else {
            return;
        };
        let Some(play) = &mut self.play else { return };
        play.focus = pane;
        if pane != Pane::Prompt {
            play.shown = pane;
        }
        let row = super::view::row_at(self, pane, rect, at.y);
        let Some(play) = &mut self.play else { return };
        if let (Some(row), Some(choice)) = (row, play.panes.choice(pane)) {
            let by = isize::try_from(row).unwrap_or(0) - isize::try_from(choice.row).unwrap_or(0);
            play.panes.step(pane, by);
        }
    }

    /// Does what a key or the palette asks for.
    pub fn act(&mut self, action: Action) {
        if self.overlay.is_some() && self.act_on_overlay(&action) {
            return;
        }
        match action {
            Action::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Action::Attach => self.switch_on(),
            Action::Detach => self.switch_off(),
            Action::Palette => self.open_palette(),
            Action::Leave => self.leave(),
            Action::Home => self.go_home(),
            Action::Continue
            | Action::Lessons
            | Action::Sandbox
            | Action::Topics
            | Action::OpenLesson(_)
            | Action::OpenQuiz(_) => self.open(action),
            Action::NextLanguage
            | Action::NextTheme
            | Action::SetTheme(_)
            | Action::SetLanguage(_)
            | Action::ToggleMouse
            | Action::ToggleGlyphs => self.set(&action),
            Action::Faster
            | Action::Slower
            | Action::Pause
            | Action::Step
            | Action::UntilQuiet
            | Action::SetSpeed(_) => self.time(&action),
            Action::Undo
            | Action::Reset
            | Action::NodeFail(_)
            | Action::NodeRecover(_)
            | Action::NodeRemove(_)
            | Action::NodeAdd => self.change_cluster(action),
            Action::EditorMenu => self.editor_menu(),
            Action::EditorSave => self.close_editor(true),
            other => self.act_on_screen(&other),
        }
    }

    fn act_on_screen(&mut self, action: &Action) {
        match self.screen {
            Screen::Home | Screen::Lessons | Screen::Topics => self.act_on_menu(action),
            Screen::Quiz => self.act_on_quiz(action),
            Screen::Play => match action {
                Action::Hint | Action::NextStep | Action::Solve | Action::RestartLesson => {
                    self.act_on_lesson(action);
                }
                Action::Browse
                | Action::ToPrompt
                | Action::NextPane
                | Action::PreviousPane
                | Action::NextKind
                | Action::PreviousKind
                | Action::ShowKind(_)
                | Action::ShowRollout
                | Action::ToggleNamespaces => self.move_focus(action),
                _ if self.browsing() => self.act_on_pane(action),
                _ => self.act_at_prompt(action),
            },
        }
    }

    fn browsing(&self) -> bool {
        self.play.as_ref().is_some_and(|p| p.focus != Pane::Prompt && p.prompt.search.is_none())
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.said = Some(text.into());
    }

    fn edit_answer(&mut self, edit: Edit) {
        self.quiz.line.edit(edit);
    }
}
