//! All lessons and questions read whole, those built in or those of a folder: what is proved, and what a folder's
//! [`Library`](super::Library) is made of.

use super::format::{self, Problem, Read, Trust};
use super::heading::{self, Heading};
use super::model::{Lesson, Question};
use std::collections::BTreeSet;
use std::path::Path;

/// Lessons and questions, each with the place it was read from.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// The lessons, in the order to take them in.
    pub lessons: Vec<Read<Lesson>>,
    /// The questions, in the order of their files.
    pub questions: Vec<Read<Question>>,
}

impl Collection {
    /// What is built in. Problems would be a mistake of this program's own; a test looks for them.
    pub fn built_in() -> (Self, Vec<Problem>) {
        Self::read(crate::assets::lessons().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
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
        Ok(Self::read(named.collect()))
    }

    /// Reads files, given by name and text.
    fn read(mut files: Vec<(String, String)>) -> (Self, Vec<Problem>) {
        files.sort();
        let (mut all, mut problems) = (Self::default(), Vec::new());
        for (file, text) in &files {
            if heading::is_quiz(file) {
                all.questions.extend(format::questions(file, text, Trust::None, &mut problems));
            } else {
                all.lessons.extend(format::lesson(file, text, Trust::None, &mut problems));
            }
        }
        all.lessons.sort_by(|a, b| Heading::of(&a.item).place().cmp(&Heading::of(&b.item).place()));
        let mut ids = BTreeSet::new();
        for lesson in &all.lessons {
            if !ids.insert(lesson.item.id.clone()) {
                problems.push(lesson.place.problem(format!("another lesson has the id {}", lesson.item.id)));
            }
        }
        let topics = ids.clone();
        ids.clear();
        for question in &all.questions {
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
        (all, problems)
    }
}
