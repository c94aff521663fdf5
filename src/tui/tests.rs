//! Screens, as a terminal shows them: kept as text under `tests/screens` (`UPDATE_EXPECT=1` writes them anew).

use super::app::{App, Start};
use super::keys::Action;
use super::theme::{Depth, ThemeName};
use super::view::view;
use crate::cluster::Config;
use crate::course::{Collection, Language};
use crate::school::School;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use expect_test::expect_file;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use std::path::Path;

/// An interface on a screen of a size, without a folder to keep anything in.
struct Desk {
    app: App,
}

fn desk((width, height): (u16, u16), language: Language) -> Desk {
    let (library, problems) = Collection::of_folder(Path::new("tests/school")).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    let start = Start {
        school: School::new(library.into(), None),
        language: Some(language),
        config: Config::default(),
        dir: None,
        depth: Depth::Sixteen,
        locale: Language::En,
    };
    Desk { app: App::new(start, Rect::new(0, 0, width, height)) }
}

impl Desk {
    fn press(mut self, code: KeyCode) -> Self {
        self.app.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        self.app.refresh();
        self
    }

    fn ctrl(mut self, letter: char) -> Self {
        self.app.event(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
        self.app.refresh();
        self
    }

    fn text(mut self, text: &str) -> Self {
        for letter in text.chars() {
            self = self.press(KeyCode::Char(letter));
        }
        self
    }

    fn resize(mut self, width: u16, height: u16) -> Self {
        self.app.event(Event::Resize(width, height));
        self
    }

    fn buffer(&self) -> Buffer {
        let area = self.app.area;
        let mut terminal = Terminal::new(TestBackend::new(area.width, area.height)).unwrap();
        terminal.draw(|frame| view(&self.app, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn screen(&self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let (mut row, mut skip) = (String::new(), 0);
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                row.push_str(symbol);
                skip = super::text::width(symbol).saturating_sub(1);
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    fn see(self, name: &str) -> Self {
        expect_file![format!("../../tests/screens/{name}.txt")].assert_eq(&self.screen());
        self
    }
}

#[test]
fn home_and_lists() {
    desk((80, 24), Language::En).see("home").press(KeyCode::Char('l')).see("lessons");
    desk((40, 12), Language::Ko).see("home-small-ko");
    desk((80, 24), Language::Ko).press(KeyCode::Char('z')).see("topics-ko");
    desk((39, 12), Language::Ko).press(KeyCode::Char('q')).see("too-small-ko");
}

#[test]
fn a_lesson_from_its_first_step_to_its_last() {
    let lesson = desk((120, 36), Language::En).text("l").press(KeyCode::Enter).see("lesson-read");
    let lesson = lesson.press(KeyCode::Enter).see("lesson-do").ctrl('t').ctrl('t').see("lesson-hints");
    let lesson = lesson.ctrl('t').ctrl('t').see("lesson-solution");
    let lesson = lesson.press(KeyCode::Enter).see("lesson-done").press(KeyCode::Enter);
    let lesson = lesson.see("lesson-choose").text("2").press(KeyCode::Enter).see("lesson-answered");
    lesson.press(KeyCode::Enter).see("lesson-end").press(KeyCode::Enter).see("lessons-finished");
}

#[test]
fn a_lesson_on_smaller_screens() {
    let lesson = desk((80, 24), Language::Ko).text("l").press(KeyCode::Enter).press(KeyCode::Enter);
    let lesson = lesson.see("lesson-middle-ko").resize(45, 20).see("lesson-narrow-prompt-ko");
    lesson.press(KeyCode::Esc).see("lesson-narrow-ko").press(KeyCode::Tab).see("lesson-narrow-nodes-ko");
}

#[test]
fn the_sandbox_and_what_lies_over_it() {
    let sandbox = desk((120, 36), Language::En).text("s").text("echo hello").see("sandbox-typed");
    let sandbox = sandbox.press(KeyCode::Esc).press(KeyCode::Char('?')).see("help").press(KeyCode::Esc);
    let sandbox = sandbox.ctrl('p').text("spe60").see("palette").press(KeyCode::Enter);
    sandbox.resize(80, 24).see("sandbox-middle");
}

#[test]
fn a_quiz() {
    let quiz = desk((80, 24), Language::En).text("z").press(KeyCode::Enter).see("quiz");
    let quiz = quiz.press(KeyCode::Down).press(KeyCode::Enter).see("quiz-wrong");
    quiz.press(KeyCode::Enter).see("quiz-end").press(KeyCode::Enter).see("home-after-quiz");
}

#[test]
fn a_roll_out_as_it_happens() {
    let line = "kubectl create deployment web --image=nginx:1.26; kubectl expose deployment web --port=80";
    let mut desk = desk((80, 24), Language::En).text("s").text(line).press(KeyCode::Enter);
    desk.app.pass(std::time::Duration::from_secs(4), || false);
    let mut desk = desk.text("dojo rollout").press(KeyCode::Enter);
    for _ in 0..4 {
        desk.app.pass(std::time::Duration::from_millis(300), || false);
        desk.app.refresh();
    }
    desk.see("rollout");
}

#[test]
fn what_the_prompt_says_beyond_the_commands() {
    let desk = desk((80, 24), Language::Ko).text("s").text("kubctl get nodes").press(KeyCode::Enter);
    assert!(desk.screen().contains("혹시 kubectl인가요?"));
    let desk = desk.text("kubectl create ns shop; kubectl config set-context --current --namespace=shop");
    let desk = desk.press(KeyCode::Enter);
    assert_eq!(desk.app.play.as_ref().unwrap().panes.namespace, "shop");
    // A file is taken back by undo, and the namespace with the file that names it.
    let desk = desk.text("echo hello > f").press(KeyCode::Enter).text("undo").press(KeyCode::Enter);
    let desk = desk.text("cat f").press(KeyCode::Enter);
    assert!(desk.screen().contains("cat: f: No such file or directory"));
    let desk = desk.text("undo").press(KeyCode::Enter);
    assert_eq!(desk.app.play.as_ref().unwrap().panes.namespace, "default");
    let desk = desk.text("watch -n 1 kubectl get ns").press(KeyCode::Enter);
    let screen = desk.screen();
    assert!(screen.contains("Every 1.0s: kubectl get ns") && screen.contains("kube-system"), "{screen}");
    let desk = desk.ctrl('c').ctrl('d');
    assert_eq!(desk.app.screen, super::app::Screen::Home);
}

#[test]
fn letters_always_go_to_the_prompt() {
    let desk = desk((100, 30), Language::En).text("s").press(KeyCode::Esc).text("kubectl");
    assert_eq!(desk.app.play.as_ref().unwrap().prompt.line.text(), "kubectl");
    let desk = desk.ctrl('c');
    assert!(desk.app.play.as_ref().unwrap().prompt.line.is_empty());
    // Leaving home and coming back finds the same sandbox.
    let desk = desk.ctrl('d').text("s");
    assert!(desk.screen().contains("kubectl^C"));
}

#[test]
fn every_size_theme_and_language_can_be_drawn() {
    for language in Language::ALL {
        let mut one = desk((120, 36), language).text("l").press(KeyCode::Enter);
        for (width, height) in
            [(40, 10), (41, 11), (69, 13), (70, 14), (99, 40), (100, 10), (200, 60), (39, 9), (1, 1)]
        {
            one = one.resize(width, height);
            for pane in 0..5 {
                one.buffer();
                one = one.press(if pane == 0 { KeyCode::Esc } else { KeyCode::Tab });
            }
            one = one.press(KeyCode::Esc).ctrl('p');
            one.buffer();
            one = one.press(KeyCode::Esc);
        }
    }
}

#[test]
fn no_background_is_painted_and_no_colour_means_none() {
    let mut sandbox = desk((120, 36), Language::En).text("s");
    for theme in ThemeName::ALL {
        sandbox.app.act(Action::SetTheme(theme));
        sandbox.app.refresh();
        let buffer = sandbox.buffer();
        assert!(buffer.content().iter().all(|cell| cell.bg == Color::Reset), "{theme:?}");
        let plain = buffer.content().iter().all(|cell| cell.fg == Color::Reset);
        assert_eq!(plain, theme == ThemeName::Mono, "{theme:?}");
    }
}

#[test]
fn the_palette_leads_everywhere() {
    let desk = desk((120, 36), Language::En).text("s").ctrl('p');
    let Some(super::overlay::Overlay::Palette(palette)) = &desk.app.overlay else { panic!("no palette") };
    let has = |action: &Action| palette.entries.iter().any(|e| e.action == *action);
    assert!(has(&Action::OpenLesson("ready".to_owned())));
    assert!(has(&Action::NodeFail("worker-1".to_owned())));
    for action in
        [Action::Undo, Action::Reset, Action::Home, Action::Help, Action::SetSpeed(60), Action::Pause]
    {
        assert!(has(&action), "{action:?}");
    }
}
