//! The chapters of the learner's notes: the path along which the lessons stand. A pure table.

use super::text::Language;

/// A chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// What a lesson names: `probes`.
    pub id: &'static str,
    en: &'static str,
    ko: &'static str,
}

impl Chapter {
    /// Its title.
    pub fn title(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Ko => self.ko,
        }
    }
}

/// Every chapter, in the order to take them in.
pub const CHAPTERS: &[Chapter] = &[
    Chapter { id: "probes", en: "Probes", ko: "프로브" },
    Chapter { id: "controllers", en: "Controllers", ko: "컨트롤러" },
    Chapter { id: "updates", en: "Updates and roll-outs", ko: "업데이트와 롤아웃" },
    Chapter { id: "volumes", en: "Volumes", ko: "볼륨" },
    Chapter { id: "configuration", en: "Configuration", ko: "설정과 시크릿" },
    Chapter { id: "scheduling", en: "Scheduling", ko: "스케줄링" },
    Chapter { id: "services", en: "Services", ko: "서비스" },
    Chapter { id: "operations", en: "Access and scaling", ko: "권한과 오토스케일링" },
];

/// The place of a chapter among all; `None` when there is no such chapter.
pub fn place(id: &str) -> Option<usize> {
    CHAPTERS.iter().position(|c| c.id == id)
}
