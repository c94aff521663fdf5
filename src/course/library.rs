//! All lessons and questions: those built in, or those of a folder.

use super::chapters;
use super::format::{self, Problem, Read, Trust};
use super::model::{Lesson, Question};
use include_dir::{Dir, include_dir};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

static BUILT_IN: Dir = include_dir!("$CARGO_MANIFEST_DIR/lessons");

/// Lessons and questions.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// The lessons, in the order to take them in.
    pub lessons: Vec<Read<Lesson>>,
    /// The questions, in the order of their files.
    pub questions: Vec<Read<Question>>,
}

impl Library {
    /// What is built in. Problems would be a mistake of this program's own; a test looks for them, without trust.
    pub fn built_in(trust: Trust) -> (Self, Vec<Problem>) {
        let mut files = Vec::new();
        collect(&BUILT_IN, &mut files);
        Self::read(files, trust)
    }

    /// What a folder has: lessons in `*.yaml`, questions in `quiz/*.yaml`.
    ///
    /// # Errors
    /// Why the folder cannot be read.
    pub fn of_folder(dir: &Path) -> std::io::Result<(Self, Vec<Problem>)> {
        let mut files = Vec::new();
        for (part, folder) in [("", dir.to_owned()), ("quiz/", dir.join("quiz"))] {
            if !part.is_empty() && !folder.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    files.push((format!("{part}{name}"), std::fs::read_to_string(&path)?));
                }
            }
        }
        let named = files.into_iter().map(|(name, text)| (format!("{}/{name}", dir.display()), text));
        Ok(Self::read(named.collect(), Trust::None))
    }

    /// Reads files, given by name and text.
    fn read(mut files: Vec<(String, String)>, trust: Trust) -> (Self, Vec<Problem>) {
        files.sort();
        let (mut library, mut problems) = (Self::default(), Vec::new());
        for (file, text) in &files {
            if Path::new(file).parent().is_some_and(|p| p.ends_with("quiz")) {
                library.questions.extend(format::questions(file, text, trust, &mut problems));
            } else {
                library.lessons.extend(format::lesson(file, text, trust, &mut problems));
            }
        }
        library.lessons.sort_by(|a, b| path(&a.item).cmp(&path(&b.item)));
        let mut ids = BTreeSet::new();
        for lesson in &library.lessons {
            if !ids.insert(lesson.item.id.clone()) {
                problems.push(lesson.place.problem(format!("another lesson has the id {}", lesson.item.id)));
            }
        }
        let topics = ids.clone();
        ids.clear();
        for question in &library.questions {
            let (id, topic) = (&question.item.id, &question.item.topic);
            if !ids.insert(id.clone()) {
                problems.push(question.place.problem(format!("another question has the id {id}")));
            }
            if !topics.contains(topic) {
                let known: Vec<&str> = topics.iter().map(String::as_str).collect();
                let message = format!("there is no lesson {topic}; the topics are {}", known.join(", "));
                problems.push(question.place.at("/topic").problem(message));
            }
        }
        (library, problems)
    }

    /// The lesson of this id.
    pub fn lesson(&self, id: &str) -> Option<&Arc<Lesson>> {
        self.lessons.iter().map(|l| &l.item).find(|l| l.id == id)
    }

    /// The questions of a topic; all of them for an empty one.
    pub fn topic<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Arc<Question>> {
        self.questions.iter().map(|q| &q.item).filter(move |q| topic.is_empty() || q.topic == topic)
    }
}

/// Where a lesson stands on the learner's path.
fn path(lesson: &Lesson) -> (usize, u32, &str) {
    (chapters::place(&lesson.chapter).unwrap_or(chapters::CHAPTERS.len()), lesson.order, &lesson.id)
}

fn collect(dir: &Dir, files: &mut Vec<(String, String)>) {
    for file in dir.files() {
        let path = file.path();
        if let (Some("yaml"), Some(text)) = (path.extension().and_then(|e| e.to_str()), file.contents_utf8())
        {
            files.push((format!("lessons/{}", path.display()), text.to_owned()));
        }
    }
    for dir in dir.dirs() {
        collect(dir, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_whole() {
        let (library, problems) = Library::built_in(Trust::None);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{}", shown.join("\n"));
        for lesson in &library.lessons {
            assert!(!lesson.item.chapter.is_empty(), "{} stands in no chapter", lesson.item.id);
            assert!(library.topic(&lesson.item.id).count() > 0, "{} has no questions", lesson.item.id);
        }
    }
}
