//! What is known of a lesson or a question before it is opened: enough for the lists. It is skimmed from the head of a
//! file, because to read every lesson whole would be most of the time that the program takes to start.

use super::chapters;
use super::model::{Lesson, Question};
use super::text::Text;
use crate::yaml;
use serde::Deserialize;
use std::path::Path;

/// A lesson in a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Heading {
    /// Names it: `probes`.
    pub id: String,
    /// The chapter it stands in.
    #[serde(default)]
    pub chapter: String,
    /// Its place in the chapter.
    #[serde(default)]
    pub order: u32,
    /// Its title.
    pub title: Text,
    /// What it is about.
    pub summary: Text,
    /// The rows of the notes that it covers.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How many steps it has.
    #[serde(skip)]
    pub steps: usize,
}

impl Heading {
    /// The heading of a lesson that was read.
    pub fn of(lesson: &Lesson) -> Self {
        Self {
            id: lesson.id.clone(),
            chapter: lesson.chapter.clone(),
            order: lesson.order,
            title: lesson.title.clone(),
            summary: lesson.summary.clone(),
            notes: lesson.notes.clone(),
            steps: lesson.steps.len(),
        }
    }

    /// The heading of a file: what stands before `cluster:` and `steps:`, and the items of `steps:` counted. `None` when
    /// it is not written so.
    pub fn skim(text: &str) -> Option<Self> {
        let mut lines = text.split_inclusive('\n');
        let is_body = |line: &str| line.starts_with("cluster:") || line.starts_with("steps:");
        let head: String = lines.by_ref().take_while(|line| !is_body(line)).collect();
        let value = yaml::parse(&head).ok()?.into_iter().next()?.value;
        let steps = text.lines().skip_while(|line| !line.starts_with("steps:")).skip(1);
        let steps = steps.filter(|line| line.starts_with("- id:")).count();
        serde_json::from_value(value).ok().map(|heading| Self { steps, ..heading })
    }

    /// Where it stands on the learner's path.
    pub fn place(&self) -> (usize, u32, &str) {
        (chapters::place(&self.chapter).unwrap_or(chapters::CHAPTERS.len()), self.order, &self.id)
    }
}

/// A question in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Names it.
    pub id: String,
    /// Its topic: a lesson's id.
    pub topic: String,
}

impl Tag {
    /// The tag of a question that was read.
    pub fn of(question: &Question) -> Self {
        Self { id: question.id.clone(), topic: question.topic.clone() }
    }

    /// The tags of a file of questions: each item's `id` and `topic`, which stand on lines of their own.
    pub fn skim(text: &str) -> Vec<Self> {
        let mut tags: Vec<Self> = Vec::new();
        for line in text.lines() {
            if let Some(id) = line.strip_prefix("- id:") {
                tags.push(Self { id: id.trim().to_owned(), topic: String::new() });
            } else if let (Some(topic), Some(tag)) = (line.strip_prefix("  topic:"), tags.last_mut()) {
                topic.trim().clone_into(&mut tag.topic);
            }
        }
        tags
    }
}

/// Whether a file, `lessons/quiz/probes.yaml`, has questions rather than a lesson.
pub fn is_quiz(file: &str) -> bool {
    Path::new(file).parent().is_some_and(|folder| folder.ends_with("quiz"))
}
