//! The lessons and questions that a learner can open: those built in, each read when it is opened, or those of a folder.

use super::collection::Collection;
use super::format::{self, Trust};
use super::heading::{self, Heading, Tag};
use super::model::{Lesson, Question};
use crate::assets;
use std::sync::Arc;

/// Lessons and questions to choose from.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// The lessons, in the order to take them in.
    pub lessons: Vec<Heading>,
    /// The questions, in the order of their files.
    pub questions: Vec<Tag>,
    /// Those of a folder, which were read whole; `None` for what is built in.
    folder: Option<Collection>,
}

impl Library {
    /// What is built in. It was proved when the program was built, so its files are skimmed now and read when opened.
    pub fn built_in() -> Self {
        let mut library = Self::default();
        for (file, text) in assets::lessons() {
            if heading::is_quiz(file) {
                library.questions.extend(Tag::skim(text));
            } else {
                library.lessons.extend(Heading::skim(text));
            }
        }
        library.lessons.sort_by(|a, b| a.place().cmp(&b.place()));
        library
    }

    /// The lesson of this id.
    pub fn lesson(&self, id: &str) -> Option<Arc<Lesson>> {
        if let Some(folder) = &self.folder {
            return folder.lessons.iter().map(|l| &l.item).find(|l| l.id == id).cloned();
        }
        let mut files = assets::lessons().filter(|(file, _)| !heading::is_quiz(file));
        let (file, text) = files.find(|(_, text)| Heading::skim(text).is_some_and(|h| h.id == id))?;
        Some(format::lesson(file, text, Trust::Proved, &mut Vec::new())?.item)
    }

    /// The tags of a topic's questions; those of all for an empty one.
    pub fn tags<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Tag> {
        self.questions.iter().filter(move |q| topic.is_empty() || q.topic == topic)
    }

    /// The questions of a topic; all of them for an empty one.
    pub fn topic(&self, topic: &str) -> Vec<Arc<Question>> {
        let wanted = |q: &Arc<Question>| topic.is_empty() || q.topic == topic;
        if let Some(folder) = &self.folder {
            return folder.questions.iter().map(|q| q.item.clone()).filter(wanted).collect();
        }
        let files = assets::lessons().filter(|(file, text)| {
            heading::is_quiz(file) && (topic.is_empty() || Tag::skim(text).iter().any(|t| t.topic == topic))
        });
        let read = |(file, text): (&str, &str)| format::questions(file, text, Trust::Proved, &mut Vec::new());
        files.flat_map(read).map(|q| q.item).filter(wanted).collect()
    }
}

impl From<Collection> for Library {
    fn from(folder: Collection) -> Self {
        let lessons = folder.lessons.iter().map(|l| Heading::of(&l.item)).collect();
        let questions = folder.questions.iter().map(|q| Tag::of(&q.item)).collect();
        Self { lessons, questions, folder: Some(folder) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_whole_and_skimmed_as_it_is() {
        let (collection, problems) = Collection::built_in();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{}", shown.join("\n"));
        let (skimmed, whole) = (Library::built_in(), Library::from(collection));
        assert_eq!(skimmed.lessons, whole.lessons);
        assert_eq!(skimmed.questions, whole.questions);
        for heading in &skimmed.lessons {
            assert!(!heading.chapter.is_empty(), "{} stands in no chapter", heading.id);
            assert_eq!(skimmed.lesson(&heading.id), whole.lesson(&heading.id));
            assert!(!skimmed.topic(&heading.id).is_empty(), "{} has no questions", heading.id);
            assert_eq!(skimmed.topic(&heading.id), whole.topic(&heading.id));
        }
        assert_eq!(skimmed.topic(""), whole.topic(""));
    }
}
