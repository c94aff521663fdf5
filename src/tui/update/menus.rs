//! Home, the lists, and what is opened from them; settings.

use crate::course::Language;
use crate::school::Begin;
use crate::session::Session;
use crate::tui::app::{App, HomeItem, QuizScreen, Screen};
use crate::tui::keys::Action;
use crate::tui::overlay::{Answer, Dialog, Overlay};
use crate::tui::play::{Play, PlayKind};
use crate::tui::settings::Mouse;
use crate::tui::theme::{GlyphSet, Theme, ThemeName};
use crate::tui::words::Word;

impl App {
    pub(super) fn act_on_menu(&mut self, action: &Action) {
        let last = self.rows().saturating_sub(1);
        match action {
            Action::Up => self.row = self.row.checked_sub(1).unwrap_or(last),
            Action::Down => self.row = if self.row >= last { 0 } else { self.row + 1 },
            Action::PageUp => self.row = self.row.saturating_sub(5),
            Action::PageDown => self.row = (self.row + 5).min(last),
            Action::First => self.row = 0,
            Action::Last => self.row = last,
            Action::Open => self.open_row(),
            Action::Back => self.go_home(),
            _ => {}
        }
        self.skip_what_cannot_be(action);
    }

    /// How many rows the menu on the screen has.
    fn rows(&self) -> usize {
        match self.screen {
            Screen::Home => HomeItem::ALL.len(),
            Screen::Lessons => self.lessons.len(),
            Screen::Topics => self.topics.len(),
            Screen::Play | Screen::Quiz => 0,
        }
    }

    /// "Continue" is passed over while there is nothing to continue.
    fn skip_what_cannot_be(&mut self, action: &Action) {
        if self.screen == Screen::Home && self.row == 0 && !self.can_continue() {
            self.row = if *action == Action::Up { HomeItem::ALL.len() - 1 } else { 1 };
        }
    }

    fn open_row(&mut self) {
        match self.screen {
            Screen::Home => match HomeItem::ALL.get(self.row) {
                Some(HomeItem::Continue) => self.open(Action::Continue),
                Some(HomeItem::Lessons) => self.open(Action::Lessons),
                Some(HomeItem::Sandbox) => self.open(Action::Sandbox),
                Some(HomeItem::Quiz) => self.open(Action::Topics),
                Some(HomeItem::Language) => self.set(&Action::NextLanguage),
                Some(HomeItem::Theme) => self.set(&Action::NextTheme),
                Some(HomeItem::Quit) | None => self.leave(),
            },
            Screen::Lessons => {
                if let Some(id) = self.lessons.get(self.row).map(|l| l.id.clone()) {
                    self.open_lesson(&id, Begin::Resume);
                }
            }
            Screen::Topics => {
                if let Some(id) = self.topics.get(self.row).map(|t| t.id.clone()) {
                    self.open_quiz(&id);
                }
            }
            Screen::Play | Screen::Quiz => {}
        }
    }

    pub(super) fn open(&mut self, action: Action) {
        match action {
            Action::Continue => match self.resumable.clone() {
                Some(id) => self.open_lesson(&id, Begin::Resume),
                None => self.open_sandbox(),
            },
            Action::Lessons => self.list(Screen::Lessons),
            Action::Topics => self.list(Screen::Topics),
            Action::Sandbox => self.open_sandbox(),
            Action::OpenLesson(id) => self.open_lesson(&id, Begin::Resume),
            Action::OpenQuiz(id) => self.open_quiz(&id),
            _ => {}
        }
    }

    fn list(&mut self, screen: Screen) {
        self.put_away();
        self.read_course();
        self.screen = screen;
        self.row = 0;
        if screen == Screen::Lessons {
            let open =
                |l: &crate::course::view::LessonCard| l.state != crate::course::view::LessonState::Finished;
            self.row = self.lessons.iter().position(open).unwrap_or(0);
        }
    }

    /// Opens a free cluster, or goes back to the one that is open.
    pub fn open_sandbox(&mut self) {
        if self.play.as_ref().is_some_and(|p| p.kind == PlayKind::Sandbox) && self.screen == Screen::Play {
            return;
        }
        self.put_away();
        let play = self.sandbox.take().unwrap_or_else(|| {
            let mut play = Play::new(PlayKind::Sandbox, Session::new(self.config.clone()), self.history());
            let welcome = self.word(Word::SandboxWelcome).to_owned();
            play.session.transcript_mut().push(crate::session::Entry::Note(welcome + "\n"));
            play
        });
        self.play = Some(play);
        self.screen = Screen::Play;
        self.refresh();
    }

    /// Opens a lesson.
    pub fn open_lesson(&mut self, id: &str, begin: Begin) {
        self.put_away();
        match self.school.open(id, begin) {
            Ok(session) => {
                self.play = Some(Play::new(PlayKind::Lesson, session, self.history()));
                self.screen = Screen::Play;
                self.refresh();
                self.show_step();
            }
            Err(why) => self.say(why),
        }
    }

    /// Opens a quiz.
    pub fn open_quiz(&mut self, topic: &str) {
        match self.school.begin_quiz(topic) {
            Ok(()) => {
                self.put_away();
                self.quiz = QuizScreen { view: self.school.quiz(self.language), ..QuizScreen::default() };
                self.screen = Screen::Quiz;
            }
            Err(why) => self.say(why),
        }
    }

    /// Leaves what is open: a sandbox is kept until the program ends, a lesson in its progress.
    fn put_away(&mut self) {
        let Some(mut play) = self.play.take() else { return };
        match play.kind {
            PlayKind::Lesson => self.school.leave(&play.session),
            PlayKind::Sandbox => {
                play.focus = crate::tui::panes::Pane::Prompt;
                self.sandbox = Some(play);
            }
        }
    }

    /// Leaves what is open for home.
    pub fn go_home(&mut self) {
        self.put_away();
        self.read_course();
        self.screen = Screen::Home;
        self.row = usize::from(!self.can_continue());
    }

    /// From anywhere home, and from home out.
    pub(super) fn leave(&mut self) {
        if self.screen != Screen::Home {
            self.go_home();
        } else if self.sandbox.as_ref().is_some_and(|p| p.session.undo_depth() > 0) {
            self.overlay = Some(Overlay::Dialog(Dialog::dangerous(
                self.word(Word::LeaveTitle).to_owned(),
                self.word(Word::LeaveSandbox).to_owned(),
                self.word(Word::ActCancel),
                (self.word(Word::LeaveYes), Answer::Quit),
            )));
        } else {
            self.exit = Some(0);
        }
    }

    pub(super) fn set(&mut self, action: &Action) {
        match action {
            Action::NextLanguage => {
                let next = if self.language == Language::En { Language::Ko } else { Language::En };
                self.set_language(next);
            }
            Action::SetLanguage(language) => self.set_language(*language),
            Action::NextTheme => {
                let at = ThemeName::ALL.iter().position(|t| *t == self.settings.theme).unwrap_or(0);
                self.settings.theme = ThemeName::ALL[(at + 1) % ThemeName::ALL.len()];
            }
            Action::SetTheme(theme) => self.settings.theme = *theme,
            Action::ToggleGlyphs => {
                let unicode = self.settings.glyphs == GlyphSet::Unicode;
                self.settings.glyphs = if unicode { GlyphSet::Ascii } else { GlyphSet::Unicode };
            }
            Action::ToggleMouse => {
                let on = self.settings.mouse == Mouse::Terminal;
                self.settings.mouse = if on { Mouse::Program } else { Mouse::Terminal };
                self.say(self.word(if on { Word::SaidMouseOn } else { Word::SaidMouseOff }));
            }
            _ => {}
        }
        self.settings.save(self.dir.as_deref());
        self.theme = Theme::new(self.settings.theme, self.depth, self.settings.glyphs);
        for play in self.play.iter_mut().chain(self.sandbox.as_mut()) {
            play.output.forget();
        }
        self.stale = true;
    }

    /// Shows ASCII letters only, whatever was set.
    pub fn use_ascii(&mut self) {
        self.theme = Theme::new(self.settings.theme, self.depth, GlyphSet::Ascii);
        self.settings.glyphs = GlyphSet::Ascii;
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
        self.settings.language = Some(language);
        self.read_course();
        self.quiz.view = self.school.quiz(language);
        if let Some(play) = self.play.as_mut().filter(|p| p.kind == PlayKind::Lesson) {
            play.step = self.school.step(language);
        }
    }
}
