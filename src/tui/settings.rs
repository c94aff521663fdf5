//! What a learner has set: language, theme, letters, mouse. Kept in the user's data directory.
//!
//! Always holds: a file that is missing or damaged gives the defaults, and a file that cannot be written is no failure.

use super::theme::{GlyphSet, ThemeName};
use crate::course::Language;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the program keeps what it remembers; `KUBEDOJO_DATA` overrides it.
pub fn data_dir() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("KUBEDOJO_DATA").filter(|d| !d.is_empty()) {
        return Some(PathBuf::from(dir));
    }
    etcetera::choose_base_strategy().ok().map(|base| base.data_dir().join("kubedojo"))
}

/// Writes a whole file or nothing: beside it first, then moved over it. Only the user can read it.
///
/// # Errors
/// Why it cannot be written.
pub fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let beside = path.with_extension(format!("new{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| file.write_all(text.as_bytes()));
    let moved = written.and_then(|()| std::fs::rename(&beside, path));
    if moved.is_err() {
        std::fs::remove_file(&beside).ok();
    }
    moved
}

/// What can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The language; from the locale until one was chosen.
    pub language: Option<Language>,
    /// The theme.
    pub theme: ThemeName,
    /// The letters of pictures.
    pub glyphs: GlyphSet,
    /// Whether the program takes the mouse.
    pub mouse: Mouse,
}

/// Whose the mouse is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mouse {
    /// The terminal's: text can be selected.
    #[default]
    Terminal,
    /// The program's: the wheel scrolls, a click selects.
    Program,
}

impl Settings {
    /// The settings of the file in `dir`.
    pub fn load(dir: Option<&Path>) -> Self {
        let text = dir.and_then(|dir| std::fs::read_to_string(dir.join("settings.json")).ok());
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Writes them.
    pub fn save(&self, dir: Option<&Path>) {
        if let (Some(dir), Ok(text)) = (dir, serde_json::to_string_pretty(self)) {
            write_file(&dir.join("settings.json"), &(text + "\n")).ok();
        }
    }
}

/// The language that the environment asks for.
pub fn locale_language(variable: impl Fn(&str) -> Option<String>) -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|n| variable(n).filter(|v| !v.is_empty()));
    Language::from_locale(&locale.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_and_damage_gives_the_defaults() {
        let dir = std::env::temp_dir().join(format!("kubedojo-settings-{}", std::process::id()));
        let settings =
            Settings { language: Some(Language::Ko), theme: ThemeName::Paper, ..Settings::default() };
        settings.save(Some(&dir));
        assert_eq!(Settings::load(Some(&dir)), settings);
        std::fs::write(dir.join("settings.json"), "{damaged").unwrap();
        assert_eq!(Settings::load(Some(&dir)), Settings::default());
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(Settings::load(None), Settings::default());
    }

    #[test]
    fn the_locale_tells_the_language() {
        assert_eq!(locale_language(|n| (n == "LANG").then(|| "ko_KR.UTF-8".to_owned())), Language::Ko);
        assert_eq!(locale_language(|_| None), Language::En);
    }
}
