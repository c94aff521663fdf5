//! The whole state of the interface, and the questions that keys and views ask of it.
//!
//! Always holds: drawing reads this and nothing else; only `update` changes it.

use super::attach::Attachment;
use super::keys::Scope;
use super::overlay::{Answer, Dialog, Overlay};
use super::panes::{Ages, Pane};
use super::play::{Play, PlayKind};
use super::prompt::{History, LineEditor};
use super::settings::Settings;
use super::theme::{Depth, Theme};
use super::words::{Word, fill};
use crate::cluster::Config;
use crate::course::Language;
use crate::course::view::{LessonCard, QuizView, TopicCard};
use crate::school::School;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The smallest screen on which anything is shown.
pub const SMALLEST: (u16, u16) = (40, 10);

/// What fills the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Screen {
    Home,
    Lessons,
    Topics,
    Play,
    Quiz,
}

/// An item of home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HomeItem {
    Continue,
    Lessons,
    Sandbox,
    Quiz,
    Language,
    Theme,
    Quit,
}

impl HomeItem {
    /// Every item, in order.
    pub const ALL: [HomeItem; 7] = [
        HomeItem::Continue,
        HomeItem::Lessons,
        HomeItem::Sandbox,
        HomeItem::Quiz,
        HomeItem::Language,
        HomeItem::Theme,
        HomeItem::Quit,
    ];
}

/// A quiz on the screen.
#[derive(Clone, Debug, Default)]
pub struct QuizScreen {
    /// The question, or the end.
    pub view: Option<QuizView>,
    /// The answer that is pointed at.
    pub option: usize,
    /// The answers chosen so far, where several may be.
    pub chosen: BTreeSet<usize>,
    /// The command typed as an answer.
    pub line: LineEditor,
    /// Words that its last word could become, after Tab.
    pub offered: Vec<String>,
    /// The first row shown.
    pub scroll: usize,
}

/// What the interface is started with.
pub struct Start {
    /// Lessons and quizzes.
    pub school: School,
    /// The language asked for on the command line.
    pub language: Option<Language>,
    /// The sandbox's cluster.
    pub config: Config,
    /// Where settings and history are kept.
    pub dir: Option<PathBuf>,
    /// How many colours the terminal has.
    pub depth: Depth,
    /// The language of the locale.
    pub locale: Language,
}

/// The whole state of the interface.
pub struct App {
    /// The size of the screen.
    pub area: Rect,
    /// What is on it.
    pub screen: Screen,
    /// The selected row of home, or of a list.
    pub row: usize,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// What the program has just said; the next key takes it away.
    pub said: Option<String>,
    /// The cluster that is being played with.
    pub play: Option<Play>,
    /// The quiz that is being taken.
    pub quiz: QuizScreen,
    /// The lessons, as they stand.
    pub lessons: Vec<LessonCard>,
    /// The quiz's topics, as they stand.
    pub topics: Vec<TopicCard>,
    /// The lesson to continue with.
    pub resumable: Option<String>,
    /// How exactly ages are shown now.
    pub ages: Ages,
    /// The language now.
    pub language: Language,
    /// The looks now.
    pub theme: Theme,
    /// What was set.
    pub settings: Settings,
    /// The sandbox's cluster as it is served to other programs.
    pub attached: Option<Attachment>,
    /// Set when the program is to end, with its exit status.
    pub exit: Option<u8>,
    pub(super) sandbox: Option<Play>,
    pub(super) school: School,
    pub(super) config: Config,
    pub(super) dir: Option<PathBuf>,
    pub(super) depth: Depth,
    pub(super) stale: bool,
    pub(super) wants_attachment: bool,
}

impl App {
    /// The interface at home, on a screen of this size.
    pub fn new(start: Start, area: Rect) -> Self {
        let settings = Settings::load(start.dir.as_deref());
        let language = start.language.or(settings.language).unwrap_or(start.locale);
        let mut app = Self {
            area,
            screen: Screen::Home,
            row: 0,
            overlay: None,
            said: None,
            play: None,
            quiz: QuizScreen::default(),
            lessons: Vec::new(),
            topics: Vec::new(),
            resumable: None,
            ages: Ages::Exact,
            language,
            theme: Theme::new(settings.theme, start.depth, settings.glyphs),
            settings,
            exit: None,
            sandbox: None,
            school: start.school,
            config: start.config,
            dir: start.dir,
            depth: start.depth,
            stale: false,
            attached: None,
            wants_attachment: false,
        };
        app.read_course();
        app.row = usize::from(!app.can_continue());
        app.tell();
        app
    }

    /// Shows what the school has to say about the progress, where nothing else lies over the screen.
    pub(super) fn tell(&mut self) {
        if self.overlay.is_some() {
            return;
        }
        let notices = self.school.take_notices();
        if !notices.is_empty() {
            let words: Vec<&str> = notices.iter().map(|n| n.get(self.language)).collect();
            let (title, close) = (self.word(Word::NoticeTitle).to_owned(), self.word(Word::ActClose));
            let answers = vec![(close.to_owned(), Answer::Cancel)];
            self.overlay = Some(Overlay::Dialog(Dialog { title, text: words.join("\n\n"), answers, row: 0 }));
        }
    }

    /// A word of the interface.
    pub fn word(&self, word: Word) -> &'static str {
        word.in_language(self.language)
    }

    /// A word of the interface with its places filled.
    pub fn fill(&self, word: Word, parts: &[&str]) -> String {
        fill(word, self.language, parts)
    }

    /// Reads the lists of lessons and topics again.
    pub(super) fn read_course(&mut self) {
        self.lessons = self.school.lessons(self.language);
        self.topics = self.school.topics(self.language);
        self.resumable = self.school.resumable();
    }

    pub(super) fn history(&self) -> History {
        History::open(self.dir.as_ref().map(|d| d.join("history")))
    }

    /// Whether the screen is too small for anything.
    pub fn too_small(&self) -> bool {
        self.area.width < SMALLEST.0 || self.area.height < SMALLEST.1
    }

    /// The scopes whose keys work now, the most special first.
    pub fn scopes(&self) -> Vec<Scope> {
        match &self.overlay {
            Some(Overlay::Dialog(_)) => return vec![Scope::Dialog],
            Some(Overlay::Palette(_)) => return vec![Scope::Palette],
            Some(Overlay::Help { .. } | Overlay::Attached { .. } | Overlay::Reader(_)) => {
                return vec![Scope::Reader];
            }
            None => {}
        }
        self.scopes_without_overlay()
    }

    /// The scopes of the screen itself, whatever lies over it.
    pub fn scopes_without_overlay(&self) -> Vec<Scope> {
        let mut scopes = match self.screen {
            Screen::Home => vec![Scope::Home],
            Screen::Lessons | Screen::Topics => vec![Scope::List],
            Screen::Quiz if self.quiz_answered() => vec![Scope::Answered],
            Screen::Quiz => vec![Scope::Question],
            Screen::Play => self.play_scopes(),
        };
        if !scopes.contains(&Scope::Editor) {
            scopes.push(Scope::Anywhere);
        }
        scopes
    }

    fn play_scopes(&self) -> Vec<Scope> {
        let Some(play) = &self.play else { return Vec::new() };
        if play.editor.is_some() {
            vec![Scope::Editor]
        } else if play.prompt.search.is_some() {
            vec![Scope::Search]
        } else if play.focus != Pane::Prompt {
            vec![Scope::Browse]
        } else if play.session.busy() {
            vec![Scope::Running, Scope::Prompt]
        } else if play.prompt.completions.is_some() {
            vec![Scope::Completions, Scope::Prompt]
        } else {
            vec![Scope::Prompt]
        }
    }

    /// Whether letters go into a line.
    pub fn types_a_line(&self) -> bool {
        match (&self.overlay, self.screen) {
            (Some(Overlay::Palette(_)), _) => true,
            (Some(_), _) => false,
            (None, Screen::Play) => {
                self.play.as_ref().is_some_and(|p| p.focus == Pane::Prompt && p.editor.is_none())
            }
            (None, Screen::Quiz) => self.types_an_answer(),
            (None, _) => false,
        }
    }

    /// Whether letters do not go into a line, so that `?` is free.
    pub fn letters_are_free(&self) -> bool {
        !self.types_a_line()
    }

    /// Whether a cluster is being played with.
    pub fn playing(&self) -> bool {
        self.screen == Screen::Play && self.play.is_some()
    }

    /// Whether there is something to continue.
    pub fn can_continue(&self) -> bool {
        self.resumable.is_some() || self.sandbox.is_some()
    }

    /// Whether a lesson is open.
    pub fn in_lesson(&self) -> bool {
        self.play.as_ref().is_some_and(|p| p.kind == PlayKind::Lesson)
    }

    /// Whether there is a hint to take, or a solution to type in.
    pub fn has_hint(&self) -> bool {
        let step = self.play.as_ref().and_then(|p| p.step.as_ref());
        step.is_some_and(|s| !s.done && (s.next_hint.is_some() || s.hints.iter().any(|h| h.script.is_some())))
    }

    /// Whether the line at the prompt (or of an answer) is empty.
    pub fn line_is_empty(&self) -> bool {
        match self.screen {
            Screen::Quiz => self.quiz.line.is_empty(),
            _ => self.play.as_ref().is_none_or(|p| p.prompt.line.is_empty()),
        }
    }

    /// Whether something was typed.
    pub fn has_line(&self) -> bool {
        !self.line_is_empty()
    }

    /// Whether Enter on the empty line goes on with the lesson.
    pub fn enter_goes_on(&self) -> bool {
        self.line_is_empty() && self.play.as_ref().is_some_and(|p| !p.session.busy() && p.goes_on())
    }

    /// Whether the lesson has the keys and can go on.
    pub fn lesson_goes_on(&self) -> bool {
        self.play.as_ref().is_some_and(|p| p.focus == Pane::Lesson && p.goes_on())
    }

    /// Whether the lesson has the keys and asks a question.
    pub fn question_open(&self) -> bool {
        self.play.as_ref().is_some_and(|p| p.focus == Pane::Lesson && p.question_open())
    }

    /// Whether an object is selected.
    pub fn has_selection(&self) -> bool {
        self.play.as_ref().is_some_and(|p| p.panes.subject(p.focus).is_some())
    }

    /// Whether the objects pane has the keys.
    pub fn on_objects(&self) -> bool {
        self.play.as_ref().is_some_and(|p| p.focus == Pane::Objects)
    }

    /// Whether panes share a place on this screen.
    pub fn panes_share(&self) -> bool {
        self.area.width < super::layout::WIDE
    }

    /// Whether the quiz's question is answered, or the quiz over.
    pub fn quiz_answered(&self) -> bool {
        let question = self.quiz.view.as_ref().and_then(|v| v.question.as_ref());
        question.is_none_or(|q| q.verdict.is_some())
    }

    /// Whether the quiz's question has answers to choose from.
    pub fn has_options(&self) -> bool {
        let question = self.quiz.view.as_ref().and_then(|v| v.question.as_ref());
        question.is_some_and(|q| !q.options.is_empty())
    }

    /// Whether the quiz's question wants a command.
    pub fn types_an_answer(&self) -> bool {
        !self.quiz_answered() && !self.has_options()
    }
}
