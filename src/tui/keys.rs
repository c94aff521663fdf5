//! THE table of keys. What a key does, where it does it, and the words for it: the loop, the footer, the help and the
//! palette all read this one table.
//!
//! Always holds: the more special scope is asked first; letters without Ctrl or Alt are bound only where nothing can be
//! typed; nothing essential needs a function key, Alt, Ctrl-S, Ctrl-J or Ctrl-\.

use super::app::App;
use super::words::Word;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where the keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Home.
    Home,
    /// A list of lessons or topics.
    List,
    /// The prompt, waiting for a command.
    Prompt,
    /// The small list of completions above the prompt.
    Completions,
    /// The search through earlier commands.
    Search,
    /// A command runs.
    Running,
    /// The panes.
    Browse,
    /// A question in a quiz, before the answer.
    Question,
    /// A question in a quiz, after the answer, and the quiz's end.
    Answered,
    /// The editor.
    Editor,
    /// Something to read over the screen: help, describe.
    Reader,
    /// The palette.
    Palette,
    /// A choice to make.
    Dialog,
    /// Everywhere but in dialogs.
    Anywhere,
}

/// A change of the line at the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Edit {
    Left,
    Right,
    WordLeft,
    WordRight,
    Start,
    End,
    Backspace,
    Delete,
    KillToEnd,
    KillToStart,
    KillWordBefore,
    KillWordAfter,
    Yank,
}

/// What a key, or an entry of the palette, does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Help,
    Palette,
    Back,
    Leave,
    Home,
    // lists
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Toggle,
    // home
    Continue,
    Lessons,
    Sandbox,
    Topics,
    NextLanguage,
    NextTheme,
    // play
    Browse,
    ToPrompt,
    NextPane,
    PreviousPane,
    NextKind,
    PreviousKind,
    Hint,
    NextStep,
    Solve,
    RestartLesson,
    Faster,
    Slower,
    Pause,
    Step,
    UntilQuiet,
    Undo,
    Reset,
    Attach,
    Detach,
    // prompt
    Run,
    Complete,
    CompletePrevious,
    Accept,
    HistoryBack,
    HistoryForward,
    SearchHistory,
    Interrupt,
    EndOfInput,
    DeleteOrLeave,
    ScrollUp,
    ScrollDown,
    ScrollToEnd,
    ClearOutput,
    Line(Edit),
    // editor
    EditorMenu,
    EditorSave,
    // palette only
    OpenLesson(String),
    OpenQuiz(String),
    SetTheme(super::theme::ThemeName),
    SetLanguage(crate::course::Language),
    SetSpeed(u32),
    ShowKind(crate::object::Kind),
    ShowRollout,
    ToggleNamespaces,
    ToggleMouse,
    ToggleGlyphs,
    NodeFail(String),
    NodeRecover(String),
    NodeRemove(String),
    NodeAdd,
}

/// A key with what is held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Ctrl, Alt, Shift.
    pub held: KeyModifiers,
}

const fn key(code: KeyCode) -> Key {
    Key { code, held: KeyModifiers::NONE }
}

const fn ctrl(c: char) -> Key {
    Key { code: KeyCode::Char(c), held: KeyModifiers::CONTROL }
}

const fn alt(c: char) -> Key {
    Key { code: KeyCode::Char(c), held: KeyModifiers::ALT }
}

const fn letter(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn held(code: KeyCode, held: KeyModifiers) -> Key {
    Key { code, held }
}

const ENTER: Key = key(KeyCode::Enter);
const ESC: Key = key(KeyCode::Esc);
const TAB: Key = key(KeyCode::Tab);
const BACKTAB: Key = key(KeyCode::BackTab);
const UP: Key = key(KeyCode::Up);
const DOWN: Key = key(KeyCode::Down);
const LEFT: Key = key(KeyCode::Left);
const RIGHT: Key = key(KeyCode::Right);
const PAGE_UP: Key = key(KeyCode::PageUp);
const PAGE_DOWN: Key = key(KeyCode::PageDown);

impl Key {
    /// The key of a terminal's event. Shift is dropped from letters, which show it themselves.
    pub fn of(event: &KeyEvent) -> Self {
        let mut held = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let mut code = event.code;
        if let KeyCode::Char(c) = code {
            held -= KeyModifiers::SHIFT;
            if held.contains(KeyModifiers::CONTROL) {
                code = KeyCode::Char(c.to_ascii_lowercase());
            }
        } else if code == KeyCode::BackTab {
            held -= KeyModifiers::SHIFT;
        }
        Self { code, held }
    }

    /// The letter that is typed, if nothing else is held.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.held.is_empty() => Some(c),
            _ => None,
        }
    }

    /// The Latin letter on the same key, where a Korean keyboard sent a jamo: commands work in either state.
    #[must_use]
    pub fn latin(self) -> Self {
        const JAMO: &str = "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ";
        const KEYS: &str = "qwertyuiopasdfghjklzxcvbnm";
        let KeyCode::Char(c) = self.code else { return self };
        let found = JAMO.chars().position(|j| j == c).and_then(|i| KEYS.chars().nth(i));
        Self { code: KeyCode::Char(found.unwrap_or(c)), held: self.held }
    }

    /// How the key is called: `Ctrl-P`, `Tab`, `↑`.
    pub fn name(self) -> String {
        let base = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if !self.held.is_empty() => c.to_ascii_uppercase().to_string(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Enter => "Enter".to_owned(),
            KeyCode::Esc => "Esc".to_owned(),
            KeyCode::Tab => "Tab".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::Home => "Home".to_owned(),
            KeyCode::End => "End".to_owned(),
            KeyCode::Backspace => "Backspace".to_owned(),
            KeyCode::Delete => "Del".to_owned(),
            KeyCode::F(n) => format!("F{n}"),
            other => format!("{other:?}"),
        };
        let ctrl = if self.held.contains(KeyModifiers::CONTROL) { "Ctrl-" } else { "" };
        let alt = if self.held.contains(KeyModifiers::ALT) { "Alt-" } else { "" };
        format!("{ctrl}{alt}{base}")
    }

    /// The same, short, for the footer: `^P`.
    pub fn short_name(self, ascii: bool) -> String {
        let name = self.name().replace("Ctrl-", "^").replace("Shift-Tab", "S-Tab");
        if !ascii {
            return name;
        }
        ["↑ Up", "↓ Dn", "← Left", "→ Right"].iter().fold(name, |name, pair| {
            let (arrow, word) = pair.split_once(' ').unwrap_or((pair, ""));
            name.replace(arrow, word)
        })
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Binding {
    /// Where it works.
    pub scope: Scope,
    /// The keys that do it; the first is the one shown.
    pub keys: &'static [Key],
    /// What they do.
    pub action: Action,
    /// Its words in the help and in the palette.
    pub long: Word,
    /// Its word in the footer, for what belongs there.
    pub short: Option<Word>,
    /// Whether it works now.
    pub when: fn(&App) -> bool,
}

impl Binding {
    /// Whether it is of use only in a lesson.
    pub fn is_for_lessons(&self) -> bool {
        let of_lessons =
            [Action::Hint, Action::NextStep, Action::Solve, Action::RestartLesson, Action::Toggle];
        of_lessons.contains(&self.action) || self.long == Word::ActAnswer
    }
}

fn always(_: &App) -> bool {
    true
}

macro_rules! bindings {
    ($($scope:ident { $([$($key:expr),+] $action:expr, $long:ident $(, $short:ident)? $(; $when:path)?;)* })*) => {
        &[$($(Binding {
            scope: Scope::$scope,
            keys: &[$($key),+],
            action: $action,
            long: Word::$long,
            short: bindings!(@short $($short)?),
            when: bindings!(@when $($when)?),
        }),*),*]
    };
    (@short) => { None };
    (@short $short:ident) => { Some(Word::$short) };
    (@when) => { always };
    (@when $when:path) => { $when };
}

/// The table. Within a scope the footer keeps its order.
pub const BINDINGS: &[Binding] = bindings! {
    Home {
        [ENTER] Action::Open, ActOpen, ActOpen;
        [UP, ctrl('k')] Action::Up, ActMoveLong, ActMove;
        [DOWN, TAB] Action::Down, ActMoveLong;
        [letter('c')] Action::Continue, Continue; App::can_continue;
        [letter('l')] Action::Lessons, Lessons;
        [letter('s')] Action::Sandbox, Sandbox;
        [letter('z')] Action::Topics, Quiz;
        [letter('g')] Action::NextLanguage, LanguageItem;
        [letter('t')] Action::NextTheme, ThemeItem;
        [letter('q'), ctrl('d'), ctrl('c')] Action::Leave, Quit, Quit;
    }
    List {
        [ENTER, RIGHT] Action::Open, ActOpen, ActOpen;
        [UP, BACKTAB] Action::Up, ActMoveLong, ActMove;
        [DOWN, TAB] Action::Down, ActMoveLong;
        [PAGE_UP] Action::PageUp, ActScrollLong;
        [PAGE_DOWN] Action::PageDown, ActScrollLong;
        [key(KeyCode::Home)] Action::First, ActMoveLong;
        [key(KeyCode::End)] Action::Last, ActMoveLong;
        [ESC, LEFT, letter('q'), ctrl('d'), ctrl('c')] Action::Back, ActBack, ActBack;
    }
    Completions {
        [TAB, DOWN, RIGHT] Action::Complete, ActCompleteLong, ActComplete;
        [BACKTAB, UP, LEFT] Action::CompletePrevious, ActCompleteLong;
        [ENTER] Action::Accept, ActOpen, ActToggle;
        [ESC, ctrl('c')] Action::Back, ActBack, ActBack;
    }
    Search {
        [ENTER, TAB, RIGHT] Action::Accept, ActOpen, ActToggle;
        [UP, ctrl('r')] Action::Up, ActMoveLong, ActMove;
        [DOWN] Action::Down, ActMoveLong;
        [key(KeyCode::Backspace), ctrl('h')] Action::Line(Edit::Backspace), ActDelete;
        [ESC, ctrl('c'), ctrl('g'), ctrl('d')] Action::Back, ActBack, ActBack;
    }
    Running {
        [ctrl('c')] Action::Interrupt, ActInterruptLong, ActInterrupt;
        [ENTER] Action::Run, ActSendLine, ActSendLine;
        [ctrl('d')] Action::EndOfInput, ActLeaveLong;
    }
    Prompt {
        [ENTER] Action::NextStep, ActNextLong, ActNext; App::enter_goes_on;
        [ENTER] Action::Run, ActRunLong, ActRun; App::has_line;
        [TAB] Action::Complete, ActCompleteLong, ActComplete; App::has_line;
        [ctrl('t')] Action::Hint, ActHintLong, ActHint; App::has_hint;
        [ctrl('n')] Action::NextStep, ActNextLong; App::in_lesson;
        [ESC] Action::Browse, ActBrowseLong, ActBrowse;
        [BACKTAB] Action::NextPane, ActPaneLong, ActPane; App::panes_share;
        [letter('?')] Action::Help, ActHelpLong; App::line_is_empty;
        [ctrl('r')] Action::SearchHistory, ActSearchLong, ActHistory; App::line_is_empty;
        [UP] Action::HistoryBack, ActHistoryLong;
        [DOWN] Action::HistoryForward, ActHistoryLong;
        [ctrl('c')] Action::Interrupt, ActInterruptLong;
        [ctrl('d')] Action::DeleteOrLeave, ActLeaveLong;
        [ctrl('l')] Action::ClearOutput, ActClear;
    }
    Browse {
        [ENTER] Action::Open, ActDescribeLong, ActDescribe; App::has_selection;
        [ENTER] Action::NextStep, ActNextLong, ActNext; App::lesson_goes_on;
        [ENTER] Action::Open, ActAnswer, ActAnswer; App::question_open;
        [ENTER, ESC, ctrl('c')] Action::ToPrompt, ActPromptLong, ActPrompt;
        [UP] Action::Up, ActMoveLong, ActMove;
        [DOWN] Action::Down, ActMoveLong;
        [TAB] Action::NextPane, ActPaneLong, ActPane;
        [BACKTAB] Action::PreviousPane, ActPaneLong;
        [RIGHT] Action::NextKind, ActKindLong, ActKind; App::on_objects;
        [LEFT] Action::PreviousKind, ActKindLong; App::on_objects;
        [letter(' ')] Action::Toggle, ActToggleLong, ActToggle; App::question_open;
        [ctrl('t')] Action::Hint, ActHintLong, ActHint; App::has_hint;
        [ctrl('n')] Action::NextStep, ActNextLong; App::in_lesson;
        [letter('+'), letter('=')] Action::Faster, ActFasterLong, ActFaster;
        [letter('-')] Action::Slower, ActSlowerLong;
        [letter(' ')] Action::Pause, ActPauseLong;
        [letter('.')] Action::Step, ActStepLong;
        [letter('>')] Action::UntilQuiet, ActQuietLong;
        [letter('*')] Action::ToggleNamespaces, ActShowAllNamespaces;
        [letter('a')] Action::Attach, ActAttachLong; App::in_sandbox;
        [PAGE_UP] Action::PageUp, ActScrollLong;
        [PAGE_DOWN] Action::PageDown, ActScrollLong;
        [key(KeyCode::Home)] Action::First, ActMoveLong;
        [key(KeyCode::End)] Action::Last, ActMoveLong;
        [letter('?')] Action::Help, ActHelpLong;
        [ctrl('d')] Action::Leave, ActLeaveLong;
    }
    Question {
        [ENTER] Action::Open, ActAnswer, ActAnswer;
        [UP] Action::Up, ActMoveLong, ActMove; App::has_options;
        [DOWN] Action::Down, ActMoveLong; App::has_options;
        [letter(' ')] Action::Toggle, ActToggleLong, ActToggle; App::has_options;
        [TAB] Action::Complete, ActCompleteLong, ActComplete; App::has_line;
        [PAGE_UP] Action::PageUp, ActScrollLong;
        [PAGE_DOWN] Action::PageDown, ActScrollLong;
        [ESC] Action::Back, ActBack, ActBack;
        [letter('?')] Action::Help, ActHelpLong; App::line_is_empty;
        [ctrl('c')] Action::Interrupt, ActInterruptLong;
        [ctrl('d')] Action::DeleteOrLeave, ActLeaveLong;
    }
    Answered {
        [ENTER, letter(' ')] Action::NextStep, ActNextLong, ActNext;
        [UP] Action::ScrollUp, ActScrollLong, ActScroll;
        [DOWN] Action::ScrollDown, ActScrollLong;
        [PAGE_UP] Action::PageUp, ActScrollLong;
        [PAGE_DOWN] Action::PageDown, ActScrollLong;
        [ESC, ctrl('d'), ctrl('c')] Action::Back, ActBack, ActBack;
    }
    Editor {
        [ESC] Action::EditorMenu, ActEditorMenu, ActEditorMenu;
        [ctrl('x')] Action::EditorMenu, ActEditorMenu;
        [ctrl('s')] Action::EditorSave, ActSaveLong;
    }
    Reader {
        [ESC, ENTER, letter('q'), ctrl('c'), ctrl('d')] Action::Back, ActClose, ActClose;
        [letter('x')] Action::Detach, ActDetachLong, ActDetach; App::shows_attached;
        [UP] Action::Up, ActScrollLong, ActScroll;
        [DOWN] Action::Down, ActScrollLong;
        [PAGE_UP, letter('b')] Action::PageUp, ActScrollLong;
        [PAGE_DOWN, letter(' ')] Action::PageDown, ActScrollLong;
        [key(KeyCode::Home), letter('g')] Action::First, ActScrollLong;
        [key(KeyCode::End), letter('G')] Action::Last, ActScrollLong;
    }
    Palette {
        [ENTER] Action::Open, ActRun, ActOpen;
        [UP, BACKTAB] Action::Up, ActMoveLong, ActMove;
        [DOWN, TAB] Action::Down, ActMoveLong;
        [PAGE_UP] Action::PageUp, ActMoveLong;
        [PAGE_DOWN] Action::PageDown, ActMoveLong;
        [key(KeyCode::Backspace), ctrl('h')] Action::Line(Edit::Backspace), ActDelete;
        [ctrl('u')] Action::Line(Edit::KillToStart), ActKillStart;
        [ESC, ctrl('c'), ctrl('p'), ctrl('d')] Action::Back, ActClose, ActClose;
    }
    Dialog {
        [ENTER] Action::Open, ActToggleLong, ActToggle;
        [LEFT, UP, BACKTAB] Action::Up, ActMoveLong, ActMove;
        [RIGHT, DOWN, TAB] Action::Down, ActMoveLong;
        [ESC, ctrl('c'), ctrl('d')] Action::Back, ActCancel, ActCancel;
    }
    Anywhere {
        [ctrl('p')] Action::Palette, ActPaletteLong, ActPalette;
        [letter('?'), key(KeyCode::F(1))] Action::Help, ActHelpLong; App::letters_are_free;
        [PAGE_UP] Action::ScrollUp, ActScrollLong; App::playing;
        [PAGE_DOWN] Action::ScrollDown, ActScrollLong; App::playing;
    }
};

/// The keys that move in and change a line, wherever one is typed: as readline has them.
pub const LINE: &[Binding] = bindings! {
    Prompt {
        [LEFT, ctrl('b')] Action::Line(Edit::Left), ActLineMove;
        [RIGHT, ctrl('f')] Action::Line(Edit::Right), ActLineMove;
        [ctrl('a'), key(KeyCode::Home)] Action::Line(Edit::Start), ActLineStart;
        [ctrl('e'), key(KeyCode::End)] Action::Line(Edit::End), ActLineEnd;
        [held(KeyCode::Left, KeyModifiers::CONTROL), held(KeyCode::Left, KeyModifiers::ALT), alt('b')]
            Action::Line(Edit::WordLeft), ActWordLeft;
        [held(KeyCode::Right, KeyModifiers::CONTROL), held(KeyCode::Right, KeyModifiers::ALT), alt('f')]
            Action::Line(Edit::WordRight), ActWordRight;
        [key(KeyCode::Backspace), ctrl('h')] Action::Line(Edit::Backspace), ActDelete;
        [key(KeyCode::Delete)] Action::Line(Edit::Delete), ActDelete;
        [ctrl('w'), held(KeyCode::Backspace, KeyModifiers::ALT)] Action::Line(Edit::KillWordBefore), ActKillWord;
        [alt('d')] Action::Line(Edit::KillWordAfter), ActKillNextWord;
        [ctrl('k')] Action::Line(Edit::KillToEnd), ActKillEnd;
        [ctrl('u')] Action::Line(Edit::KillToStart), ActKillStart;
        [ctrl('y')] Action::Line(Edit::Yank), ActYank;
    }
};

/// The bindings of a scope that work now, in the table's order.
pub fn of_scope(app: &App, scope: Scope) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| b.scope == scope && (b.when)(app))
}

/// What a key does now.
pub fn find(app: &App, key: Key) -> Option<Action> {
    let matches = |b: &&Binding| b.keys.contains(&key) || b.keys.contains(&key.latin());
    for scope in app.scopes() {
        if let Some(binding) = of_scope(app, scope).find(matches) {
            return Some(binding.action.clone());
        }
    }
    let binding = LINE.iter().find(|b| b.keys.contains(&key)).filter(|_| app.types_a_line());
    binding.map(|b| b.action.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_binds_no_key_twice_unless_it_depends() {
        for (i, a) in BINDINGS.iter().enumerate() {
            for b in &BINDINGS[i + 1..] {
                let shared = a.scope == b.scope && a.keys.iter().any(|k| b.keys.contains(k));
                let depends = !std::ptr::fn_addr_eq(a.when, always as fn(&App) -> bool);
                assert!(!shared || depends, "{:?} and {:?} share a key in {:?}", a.action, b.action, a.scope);
            }
        }
    }

    #[test]
    fn nothing_hides_where_letters_are_typed() {
        for binding in
            BINDINGS.iter().filter(|b| matches!(b.scope, Scope::Prompt | Scope::Search | Scope::Palette))
        {
            for key in binding.keys.iter().filter(|k| k.typed().is_some()) {
                assert_eq!(*key, letter('?'), "{:?}", binding.action);
            }
        }
    }

    #[test]
    fn names_of_keys() {
        assert_eq!(ctrl('p').name(), "Ctrl-P");
        assert_eq!(ctrl('p').short_name(false), "^P");
        assert_eq!(UP.short_name(true), "Up");
        assert_eq!(letter('ㅂ').latin(), letter('q'));
    }
}
