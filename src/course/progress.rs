//! How far a learner is, kept in a file.
//!
//! Always holds: the file is whole or not there at all; one that cannot be understood is set aside, never overwritten;
//! what cannot be written is an error to be told, not the end of the program.

use super::lesson::LessonState;
use super::runner::Recorded;
use super::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The version of the file's form that this program writes.
const VERSION: u32 = 1;
const FILE: &str = "progress.json";
/// How many acts of a lesson are kept. A lesson with more begins anew.
pub const ACTS_LIMIT: usize = 5_000;

/// How far a learner is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    version: u32,
    /// Lessons begun, by id.
    #[serde(default)]
    pub lessons: BTreeMap<String, SavedLesson>,
    /// Questions answered, by id.
    #[serde(default)]
    pub quiz: BTreeMap<String, QuizResult>,
    /// The lesson that was last open.
    #[serde(default)]
    pub last_lesson: Option<String>,
}

/// A lesson as it was left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedLesson {
    /// The steps.
    pub state: LessonState,
    /// What was done in its session, to be done again.
    #[serde(default)]
    pub acts: Vec<Recorded>,
    /// How much virtual time had passed, in nanoseconds.
    #[serde(default)]
    pub elapsed: u64,
}

/// How a question was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuizResult {
    /// Whether the last answer was right.
    pub right: bool,
    /// How often it was answered.
    pub answered: u32,
}

/// The progress and its file.
#[derive(Debug, Default)]
pub struct Keeper {
    file: Option<PathBuf>,
    /// How far the learner is.
    pub progress: Progress,
}

impl Keeper {
    /// Reads the progress kept in a folder; without a folder nothing is kept. A file that cannot be used is set aside,
    /// and what happened is told.
    pub fn open(dir: Option<&Path>) -> (Self, Option<Text>) {
        let file = dir.map(|dir| dir.join(FILE));
        let mut keeper = Self { file, progress: Progress { version: VERSION, ..Progress::default() } };
        let Some(path) = keeper.file.clone() else { return (keeper, None) };
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (keeper, None),
            Err(error) => {
                keeper.file = None; // what cannot be read must not be overwritten
                return (keeper, Some(told("cannot be read", "읽을 수 없어요", &path, &error.to_string())));
            }
        };
        match serde_json::from_str::<Progress>(&text) {
            Ok(progress) if progress.version <= VERSION => {
                keeper.progress = Progress { version: VERSION, ..progress };
                (keeper, None)
            }
            damaged => {
                let newer = damaged.is_ok() || newer_version(&text);
                let notice = keeper.set_aside(&path, newer);
                (keeper, Some(notice))
            }
        }
    }

    fn set_aside(&mut self, path: &Path, newer: bool) -> Text {
        let aside = (1..1000)
            .map(|n| path.with_file_name(format!("{FILE}.damaged-{n}")))
            .find(|aside| !aside.exists());
        let moved = aside.map(|aside| fs::rename(path, &aside).map(|()| aside));
        let (en, ko) = if newer {
            ("was written by a newer version", "더 새로운 버전이 쓴 파일이에요")
        } else {
            ("is damaged", "손상됐어요")
        };
        if let Some(Ok(aside)) = moved {
            return Text {
                en: format!(
                    "{} {en}; it was set aside as {} and a new one begun.",
                    path.display(),
                    aside.display()
                ),
                ko: format!("{} 파일이 {ko}. {}로 옮겨 두고 새로 시작해요.", path.display(), aside.display()),
            };
        }
        self.file = None;
        told(&format!("{en} and cannot be set aside"), &format!("{ko}. 옮겨 둘 수도 없어요"), path, "")
    }

    /// Writes the progress: beside the file first, then in its place.
    ///
    /// # Errors
    /// What could not be written and why, to be told to the learner.
    pub fn save(&self) -> Result<(), Text> {
        let Some(path) = &self.file else { return Ok(()) };
        write(path, &self.progress)
            .map_err(|error| told("cannot be written", "쓸 수 없어요", path, &error.to_string()))
    }

    /// Remembers how a question was answered.
    pub fn note_answer(&mut self, question: &str, right: bool) {
        let result = self.progress.quiz.entry(question.to_owned()).or_default();
        *result = QuizResult { right, answered: result.answered.saturating_add(1) };
    }
}

fn told(en: &str, ko: &str, path: &Path, why: &str) -> Text {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    Text {
        en: format!(
            "Your progress file {} {en}{why}. Nothing is lost, but nothing is kept either.",
            path.display()
        ),
        ko: format!("진도 파일 {}: {ko}{why}. 잃은 것은 없지만 저장되지도 않아요.", path.display()),
    }
}

/// Whether a file that this version cannot read says that a newer one wrote it.
fn newer_version(text: &str) -> bool {
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    value.ok().and_then(|v| v.get("version").and_then(serde_json::Value::as_u64)) > Some(u64::from(VERSION))
}

fn write(path: &Path, progress: &Progress) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let beside = path.with_file_name(format!("{FILE}.new-{}", std::process::id()));
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(serde_json::to_string_pretty(progress)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        fs::remove_file(&beside).ok(); // it may not be there; the first error is the one to tell
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::runner::Act;

    #[test]
    fn progress_comes_back_and_damage_is_set_aside() {
        let dir = std::env::temp_dir().join(format!("kubedojo-progress-{}", std::process::id()));
        fs::remove_dir_all(&dir).ok();
        let (mut keeper, notice) = Keeper::open(Some(&dir));
        assert_eq!(notice, None);
        keeper.note_answer("q", true);
        let acts = vec![Recorded { at: 5, act: Act::Line("kubectl get pods".to_owned()) }];
        keeper.progress.lessons.insert("probes".to_owned(), SavedLesson { acts, ..SavedLesson::default() });
        keeper.save().unwrap();
        let (again, notice) = Keeper::open(Some(&dir));
        assert_eq!((again.progress, notice), (keeper.progress, None));

        for (damage, word) in
            [("{\"version\":", "damaged"), ("{\"version\": 7, \"lessons\": 3}", "newer"), ("[]", "damaged")]
        {
            fs::write(dir.join(FILE), damage).unwrap();
            let (fresh, notice) = Keeper::open(Some(&dir));
            assert!(notice.unwrap().en.contains(word));
            assert!(fresh.progress.lessons.is_empty());
        }
        assert_eq!(
            fs::read_to_string(dir.join("progress.json.damaged-2")).unwrap(),
            "{\"version\": 7, \"lessons\": 3}"
        );
        fs::remove_dir_all(&dir).unwrap();
        fs::write(&dir, "a file where the folder should be").unwrap();
        let (keeper, _) = Keeper::open(Some(&dir.join("deeper")));
        assert!(keeper.save().is_err() || keeper.file.is_none());
        fs::remove_file(&dir).unwrap();
    }
}
