//! Earlier commands: kept between runs in a file, gone through with the arrows, searched with Ctrl-R.

use std::path::PathBuf;

/// How many commands are kept.
pub const HISTORY_LIMIT: usize = 2000;

/// Earlier commands, oldest first, and where the arrows are in them.
#[derive(Clone, Debug, Default)]
pub struct History {
    lines: Vec<String>,
    at: Option<usize>,
    draft: String,
    file: Option<PathBuf>,
}

impl History {
    /// The history of a file, which need not exist. One command a line; a line break inside is written `\n`.
    pub fn open(file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|f| std::fs::read(f).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut lines: Vec<String> = text.lines().filter(|l| !l.is_empty()).map(unescape).collect();
        lines.drain(..lines.len().saturating_sub(HISTORY_LIMIT));
        Self { lines, file, ..Self::default() }
    }

    /// The commands, oldest first.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Remembers a command (not one that begins with a blank, nor the same twice in a row), and writes the file. A file
    /// that cannot be written costs the memory, nothing else.
    pub fn push(&mut self, line: &str) {
        self.at = None;
        if line.trim().is_empty() || line.starts_with(' ') || self.lines.last().is_some_and(|l| l == line) {
            return;
        }
        self.lines.push(line.to_owned());
        if self.lines.len() > HISTORY_LIMIT {
            self.lines.remove(0);
        }
        if let Some(file) = &self.file {
            let text: String = self.lines.iter().map(|l| escape(l) + "\n").collect();
            crate::tui::settings::write_file(file, &text).ok();
        }
    }

    /// The command before, while `now` stands at the prompt.
    pub fn back(&mut self, now: &str) -> Option<String> {
        let at = match self.at {
            None => {
                now.clone_into(&mut self.draft);
                self.lines.len()
            }
            Some(at) => at,
        };
        let at = at.checked_sub(1)?;
        self.at = Some(at);
        self.lines.get(at).cloned()
    }

    /// The command after; at the end what was being typed.
    pub fn forward(&mut self) -> Option<String> {
        let at = self.at? + 1;
        if at < self.lines.len() {
            self.at = Some(at);
            return self.lines.get(at).cloned();
        }
        self.at = None;
        Some(std::mem::take(&mut self.draft))
    }

    /// Forgets where the arrows were: the line was changed.
    pub fn leave(&mut self) {
        self.at = None;
    }

    /// The commands that contain every word of `pattern`, newest first, each once.
    pub fn search(&self, pattern: &str) -> Vec<&str> {
        let words: Vec<&str> = pattern.split_whitespace().collect();
        let mut found: Vec<&str> = Vec::new();
        for line in self.lines.iter().rev() {
            if words.iter().all(|w| line.contains(w)) && !found.contains(&line.as_str()) {
                found.push(line);
            }
        }
        found
    }
}

fn escape(line: &str) -> String {
    line.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescape(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some(other)) => text.push(other),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_and_search() {
        let mut history = History::default();
        for line in ["kubectl get pods", "kubectl get nodes", "kubectl get nodes", " secret", "ls\nls"] {
            history.push(line);
        }
        assert_eq!(history.lines().len(), 3);
        assert_eq!(history.back("half"), Some("ls\nls".to_owned()));
        assert_eq!(history.back(""), Some("kubectl get nodes".to_owned()));
        assert_eq!(history.forward(), Some("ls\nls".to_owned()));
        assert_eq!(history.forward(), Some("half".to_owned()));
        assert_eq!(history.forward(), None);
        assert_eq!(history.search("get po"), ["kubectl get pods"]);
        assert_eq!(history.search(""), ["ls\nls", "kubectl get nodes", "kubectl get pods"]);
    }

    #[test]
    fn lines_come_back_as_they_were() {
        for line in ["a\nb", r"printf '\n' \\ x", "파드"] {
            assert_eq!(unescape(&escape(line)), line);
        }
    }
}
