//! The prompt: the line, earlier lines, completions and the search among earlier lines.

pub mod complete;
pub mod history;
pub mod line;

pub use history::History;
pub use line::LineEditor;

/// One way to complete the word before the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is put in.
    pub insert: String,
    /// What is shown.
    pub label: String,
    /// A word about it.
    pub note: String,
}

/// The list of completions above the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// Where the word that is completed begins, in bytes.
    pub start: usize,
    /// The ways.
    pub items: Vec<Candidate>,
    /// Which one stands in the line now, if any does.
    pub selected: Option<usize>,
}

/// The search through earlier commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What is searched.
    pub pattern: LineEditor,
    /// Which of the found ones is selected.
    pub row: usize,
}

/// What the learner types into.
#[derive(Debug, Default)]
pub struct Prompt {
    /// The line.
    pub line: LineEditor,
    /// Earlier lines.
    pub history: History,
    /// Completions, while they are shown.
    pub completions: Option<Completions>,
    /// The search, while it goes on.
    pub search: Option<Search>,
}

impl Prompt {
    /// A prompt with this history.
    pub fn new(history: History) -> Self {
        Self { history, ..Self::default() }
    }

    /// Offers completions: a single one is put in, a common beginning as well; otherwise the list opens.
    pub fn offer(&mut self, start: usize, items: Vec<Candidate>) {
        if !put_in(&mut self.line, start, &items).is_empty() {
            self.completions = Some(Completions { start, items, selected: None });
        }
    }

    /// Puts the next or previous completion into the line.
    pub fn cycle(&mut self, back: bool) {
        let Some(list) = &mut self.completions else { return };
        let last = list.items.len().saturating_sub(1);
        let next = match (list.selected, back) {
            (None, false) => 0,
            (None, true) => last,
            (Some(i), false) => {
                if i >= last {
                    0
                } else {
                    i + 1
                }
            }
            (Some(i), true) => i.checked_sub(1).unwrap_or(last),
        };
        list.selected = Some(next);
        if let Some(item) = list.items.get(next) {
            let (start, text) = (list.start, item.insert.clone());
            self.line.replace_before(start, &text);
        }
    }

    /// Closes the list; the completion that stands in the line stays, with a blank after it.
    pub fn accept(&mut self) {
        let Some(list) = self.completions.take() else { return };
        let item = list.items.get(list.selected.unwrap_or(0));
        if let Some(item) = item {
            let end = if item.insert.ends_with(['/', '=', ':', ',', ' ']) { "" } else { " " };
            self.line.replace_before(list.start, &format!("{}{end}", item.insert));
        }
    }

    /// The commands that the search finds.
    pub fn found(&self) -> Vec<&str> {
        self.search.as_ref().map(|s| self.history.search(s.pattern.text())).unwrap_or_default()
    }
}

/// Puts the only candidate, or what all of them begin with, into a line. Answers what is left to choose from.
pub fn put_in(line: &mut LineEditor, start: usize, items: &[Candidate]) -> Vec<String> {
    let typed = line.text().get(start..line.cursor()).unwrap_or("").to_owned();
    match items {
        [] => Vec::new(),
        [only] => {
            let end = if only.insert.ends_with(['/', '=', ':', ',', ' ']) { "" } else { " " };
            line.replace_before(start, &format!("{}{end}", only.insert));
            Vec::new()
        }
        _ => {
            let common = common_beginning(items);
            if common.len() > typed.len() && common.starts_with(&typed) {
                line.replace_before(start, &common);
            }
            items.iter().map(|i| i.label.clone()).collect()
        }
    }
}

fn common_beginning(items: &[Candidate]) -> String {
    let mut common = items.first().map(|i| i.insert.clone()).unwrap_or_default();
    for item in items {
        let same = common.char_indices().zip(item.insert.chars()).take_while(|((_, a), b)| a == b);
        let end = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
        common.truncate(end);
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(words: &[&str]) -> Vec<Candidate> {
        let item =
            |w: &&str| Candidate { insert: (*w).to_owned(), label: (*w).to_owned(), note: String::new() };
        words.iter().map(item).collect()
    }

    #[test]
    fn completing() {
        let mut prompt = Prompt::default();
        prompt.line.set("kubectl ge");
        prompt.offer(8, items(&["get"]));
        assert_eq!(prompt.line.text(), "kubectl get ");
        prompt.line.set("kubectl get p");
        prompt.offer(12, items(&["pods", "podtemplates"]));
        assert_eq!(prompt.line.text(), "kubectl get pod");
        prompt.cycle(false);
        prompt.cycle(false);
        assert_eq!(prompt.line.text(), "kubectl get podtemplates");
        prompt.cycle(false);
        prompt.accept();
        assert_eq!(prompt.line.text(), "kubectl get pods ");
        assert!(prompt.completions.is_none());
    }
}
