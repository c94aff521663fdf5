//! What can lie over the screen: help, a text to read, the palette, a choice.
//!
//! Always holds: there is one at most, and Esc closes it.

use super::keys::Action;
use super::prompt::LineEditor;
use crate::object::ObjectKey;

/// Something over the screen.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// All keys.
    Help {
        /// The first row shown.
        scroll: usize,
    },
    /// The served cluster, and what its clients do.
    Attached {
        /// The first row shown.
        scroll: usize,
    },
    /// A text to read.
    Reader(Reader),
    /// Everything, by name.
    Palette(Palette),
    /// A choice to make.
    Dialog(Dialog),
}

/// A text to read.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Above it.
    pub title: String,
    /// The text.
    pub text: String,
    /// The object that it describes: the text follows it.
    pub subject: Option<ObjectKey>,
    /// The first row shown.
    pub scroll: usize,
}

/// Everything that can be done, and what of it is looked for.
#[derive(Clone, Debug)]
pub struct Palette {
    /// What is looked for.
    pub pattern: LineEditor,
    /// All entries.
    pub entries: Vec<Entry>,
    /// The entries found, best first: places in `entries`.
    pub found: Vec<usize>,
    /// Which of the found ones is selected.
    pub row: usize,
}

/// An entry of the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called.
    pub label: String,
    /// The key that does the same, if there is one.
    pub key: String,
    /// What it does.
    pub action: Action,
}

/// A choice to make. The first answer is Cancel where the other loses something.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// The question.
    pub title: String,
    /// What follows from it.
    pub text: String,
    /// The answers.
    pub answers: Vec<(String, Answer)>,
    /// Which one is selected.
    pub row: usize,
}

/// What an answer does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Answer {
    Cancel,
    Quit,
    Reset,
    Restart,
    RemoveNode(String),
    SaveEditor,
    DiscardEditor,
}

impl Palette {
    /// A palette of these entries.
    pub fn new(entries: Vec<Entry>) -> Self {
        let found = (0..entries.len()).collect();
        Self { pattern: LineEditor::default(), entries, found, row: 0 }
    }

    /// Looks for the pattern again.
    pub fn search(&mut self) {
        use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
        use nucleo_matcher::{Config, Matcher, Utf32Str};
        let pattern = Pattern::parse(self.pattern.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (i, entry) in self.entries.iter().enumerate() {
            if let Some(score) = pattern.score(Utf32Str::new(&entry.label, &mut buffer), &mut matcher) {
                scored.push((score, i));
            }
        }
        scored.sort_by_key(|(score, i)| (std::cmp::Reverse(*score), *i));
        self.found = scored.into_iter().map(|(_, i)| i).collect();
        self.row = 0;
    }

    /// The selected entry.
    pub fn chosen(&self) -> Option<&Entry> {
        self.found.get(self.row).and_then(|i| self.entries.get(*i))
    }
}

impl Dialog {
    /// A choice between Cancel, which is preselected, and something that loses something.
    pub fn dangerous(title: String, text: String, cancel: &str, yes: (&str, Answer)) -> Self {
        let answers = vec![(cancel.to_owned(), Answer::Cancel), (yes.0.to_owned(), yes.1)];
        Self { title, text, answers, row: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_an_entry() {
        let entry = |label: &str| Entry { label: label.to_owned(), key: String::new(), action: Action::Help };
        let mut palette = Palette::new(vec![entry("Speed: 10×"), entry("Theme: night"), entry("테마: 밤")]);
        palette.pattern.insert("thni");
        palette.search();
        assert_eq!(palette.chosen().map(|e| e.label.as_str()), Some("Theme: night"));
        palette.pattern.set("밤");
        palette.search();
        assert_eq!(palette.chosen().map(|e| e.label.as_str()), Some("테마: 밤"));
        palette.pattern.set("zzz");
        palette.search();
        assert_eq!(palette.chosen(), None);
    }
}
