//! Keys while something lies over the screen, and the entries of the palette.

use crate::object::{Kind, Object};
use crate::tui::app::App;
use crate::tui::keys::{self, Action, BINDINGS, Edit};
use crate::tui::overlay::{Answer, Dialog, Entry, Overlay, Palette};
use crate::tui::panes::{KINDS, Namespaces, Pane};
use crate::tui::play::PlayKind;
use crate::tui::theme::ThemeName;
use crate::tui::view;
use crate::tui::words::Word;

/// The speeds to choose from.
pub const SPEEDS: [u32; 4] = [1, 10, 60, 600];

impl App {
    /// Hands an action to what lies over the screen. Answers whether it was for it.
    pub(super) fn act_on_overlay(&mut self, action: &Action) -> bool {
        match &self.overlay {
            Some(Overlay::Palette(_)) => self.act_on_palette(action),
            Some(Overlay::Dialog(_)) => self.act_on_dialog(action),
            Some(_) => self.act_on_reader(action),
            None => false,
        }
    }

    fn act_on_reader(&mut self, action: &Action) -> bool {
        if *action == Action::Back {
            self.overlay = None;
            return true;
        }
        let (page, last) = view::reader_extent(self);
        let Some(
            Overlay::Help { scroll }
            | Overlay::Attached { scroll }
            | Overlay::Reader(crate::tui::overlay::Reader { scroll, .. }),
        ) = &mut self.overlay
        else {
            return false;
        };
        let to = match action {
            Action::Up | Action::ScrollUp => scroll.saturating_sub(1),
            Action::Down | Action::ScrollDown => *scroll + 1,
            Action::PageUp => scroll.saturating_sub(page),
            Action::PageDown => *scroll + page,
            Action::First => 0,
            Action::Last => last,
            _ => return false,
        };
        *scroll = to.min(last);
        true
    }

    fn act_on_dialog(&mut self, action: &Action) -> bool {
        let Some(Overlay::Dialog(dialog)) = &mut self.overlay else { return false };
        let last = dialog.answers.len().saturating_sub(1);
        match action {
            Action::Up => dialog.row = dialog.row.checked_sub(1).unwrap_or(last),
            Action::Down => dialog.row = if dialog.row >= last { 0 } else { dialog.row + 1 },
            Action::Open => {
                let answer = dialog.answers.get(dialog.row).map_or(Answer::Cancel, |(_, a)| a.clone());
                self.overlay = None;
                self.take_answer(answer);
            }
            _ => self.overlay = None,
        }
        true
    }

    fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Cancel => {}
            Answer::Quit => self.exit = Some(0),
            Answer::Reset => self.reset_now(),
            Answer::Restart => self.restart_now(),
            Answer::RemoveNode(name) => self.remove_node_now(&name),
            Answer::SaveEditor => self.close_editor(true),
            Answer::DiscardEditor => self.close_editor(false),
        }
    }

    fn act_on_palette(&mut self, action: &Action) -> bool {
        let Some(Overlay::Palette(palette)) = &mut self.overlay else { return false };
        let last = palette.found.len().saturating_sub(1);
        match action {
            Action::Up => palette.row = palette.row.checked_sub(1).unwrap_or(last),
            Action::Down => palette.row = if palette.row >= last { 0 } else { palette.row + 1 },
            Action::PageUp => palette.row = palette.row.saturating_sub(10),
            Action::PageDown => palette.row = (palette.row + 10).min(last),
            Action::Line(edit) => {
                palette.pattern.edit(*edit);
                palette.search();
            }
            Action::Open => {
                let chosen = palette.chosen().map(|e| e.action.clone());
                if let Some(action) = chosen {
                    self.overlay = None;
                    self.act(action);
                }
            }
            _ => self.overlay = None,
        }
        true
    }

    pub(super) fn open_palette(&mut self) {
        self.overlay = Some(Overlay::Palette(Palette::new(self.palette_entries())));
    }

    /// Everything that can be done now, the nearest first.
    pub(super) fn palette_entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.playing() {
            self.lesson_entries(&mut entries);
            self.time_entries(&mut entries);
            self.cluster_entries(&mut entries);
        }
        let mut add = |label: String, action: Action| entries.push(self.entry(label, action));
        add(self.word(Word::Sandbox).to_owned(), Action::Sandbox);
        add(self.word(Word::Lessons).to_owned(), Action::Lessons);
        for lesson in &self.lessons {
            add(self.fill(Word::ActOpenLesson, &[&lesson.title]), Action::OpenLesson(lesson.id.clone()));
        }
        add(self.word(Word::Quiz).to_owned(), Action::Topics);
        for topic in &self.topics {
            add(self.fill(Word::ActOpenQuiz, &[&topic.title]), Action::OpenQuiz(topic.id.clone()));
        }
        for language in crate::course::Language::ALL {
            add(self.fill(Word::ActSelectLanguage, &[language.name()]), Action::SetLanguage(language));
        }
        for theme in ThemeName::ALL {
            add(self.fill(Word::ActSelectTheme, &[self.theme_word(theme)]), Action::SetTheme(theme));
        }
        add(self.word(Word::ActGlyphs).to_owned(), Action::ToggleGlyphs);
        add(self.word(Word::ActMouse).to_owned(), Action::ToggleMouse);
        add(self.word(Word::ActHelpLong).to_owned(), Action::Help);
        add(self.word(Word::ActHome).to_owned(), Action::Home);
        add(self.word(Word::Quit).to_owned(), Action::Leave);
        entries
    }

    fn entry(&self, label: String, action: Action) -> Entry {
        let now = self.scopes_without_overlay();
        let bound = |b: &&keys::Binding| b.action == action && now.contains(&b.scope);
        let key = BINDINGS.iter().find(bound).and_then(|b| b.keys.first()).map(|k| k.name());
        Entry { label, key: key.unwrap_or_default(), action }
    }

    fn lesson_entries(&self, entries: &mut Vec<Entry>) {
        if self.play.as_ref().is_none_or(|p| p.kind != PlayKind::Lesson) {
            return;
        }
        let words = [
            (Word::ActNextLong, Action::NextStep),
            (Word::ActHintLong, Action::Hint),
            (Word::ActSolve, Action::Solve),
            (Word::ActRestart, Action::RestartLesson),
        ];
        entries.extend(words.map(|(word, action)| self.entry(self.word(word).to_owned(), action)));
    }

    fn time_entries(&self, entries: &mut Vec<Entry>) {
        let words = [
            (Word::ActPauseLong, Action::Pause),
            (Word::ActStepLong, Action::Step),
            (Word::ActQuietLong, Action::UntilQuiet),
        ];
        entries.extend(words.map(|(word, action)| self.entry(self.word(word).to_owned(), action)));
        for speed in SPEEDS {
            let label = self.fill(Word::ActSelectSpeed, &[&speed.to_string()]);
            entries.push(self.entry(label, Action::SetSpeed(speed)));
        }
    }

    fn cluster_entries(&self, entries: &mut Vec<Entry>) {
        let Some(play) = &self.play else { return };
        let words = [
            (Word::ActUndo, Action::Undo),
            (Word::ActReset, Action::Reset),
            (Word::ActClear, Action::ClearOutput),
        ];
        entries.extend(words.map(|(word, action)| self.entry(self.word(word).to_owned(), action)));
        let mut add = |label: String, action: Action| entries.push(self.entry(label, action));
        add(self.word(Word::ActShowRollout).to_owned(), Action::ShowRollout);
        for kind in KINDS {
            add(self.fill(Word::ActShowKind, &[kind.info().plural]), Action::ShowKind(*kind));
        }
        let all = play.panes.namespaces == Namespaces::Current;
        let word = if all { Word::ActShowAllNamespaces } else { Word::ActShowOneNamespace };
        add(self.word(word).to_owned(), Action::ToggleNamespaces);
        if self.in_sandbox() {
            add(self.word(Word::ActAttachLong).to_owned(), Action::Attach);
        }
        if self.attached.is_some() {
            add(self.word(Word::ActDetachLong).to_owned(), Action::Detach);
        }
        add(self.word(Word::ActNodeAdd).to_owned(), Action::NodeAdd);
        let nodes: Vec<String> = {
            let cluster = play.session.cluster();
            cluster
                .api
                .store
                .list(Kind::Node)
                .take(200)
                .map(Object::name)
                .map(|n| n.name().to_string())
                .collect()
        };
        for node in nodes {
            add(self.fill(Word::ActNodeFail, &[&node]), Action::NodeFail(node.clone()));
            add(self.fill(Word::ActNodeRecover, &[&node]), Action::NodeRecover(node.clone()));
            add(self.fill(Word::ActNodeRemove, &[&node]), Action::NodeRemove(node));
        }
    }

    /// A theme's name in the language.
    pub fn theme_word(&self, theme: ThemeName) -> &'static str {
        self.word(match theme {
            ThemeName::Terminal => Word::ThemeTerminal,
            ThemeName::Night => Word::ThemeNight,
            ThemeName::Paper => Word::ThemePaper,
            ThemeName::Contrast => Word::ThemeContrast,
            ThemeName::Mono => Word::ThemeMono,
        })
    }

    pub(super) fn editor_menu(&mut self) {
        let Some(editor) = self.play.as_ref().and_then(|p| p.editor.as_ref()) else { return };
        if !editor.changed() {
            self.close_editor(false);
            return;
        }
        let answers = vec![
            (self.word(Word::ActKeepEditing).to_owned(), Answer::Cancel),
            (self.word(Word::ActSaveLong).to_owned(), Answer::SaveEditor),
            (self.word(Word::ActDiscardLong).to_owned(), Answer::DiscardEditor),
        ];
        let title = self.fill(Word::EditorTitle, &[&editor.path]);
        let text = self.word(Word::EditorText).to_owned();
        // Saving loses nothing, and is what Esc is mostly pressed for.
        self.overlay = Some(Overlay::Dialog(Dialog { title, text, answers, row: 1 }));
    }

    pub(super) fn close_editor(&mut self, save: bool) {
        let Some(play) = &mut self.play else { return };
        let Some(editor) = play.editor.take() else { return };
        play.session.edited(save.then(|| editor.content()));
        play.focus = Pane::Prompt;
        self.stale = true;
    }

    pub(super) fn edit_line(&mut self, edit: Edit) {
        let Some(play) = &mut self.play else { return };
        if let Some(search) = &mut play.prompt.search {
            search.pattern.edit(edit);
            search.row = 0;
            return;
        }
        play.prompt.completions = None;
        play.prompt.line.edit(edit);
    }
}
