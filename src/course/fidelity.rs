//! The ledger of truth: what is exact, simplified or not modelled, and where that is known from.
//!
//! Its entries are `assets/fidelity.yaml`; `kubedojo fidelity` and the help show them.

use super::text::{Language, Text};
use crate::{assets, yaml};
use serde::Deserialize;

const LEDGER: &str = "fidelity.yaml";

/// How far a behaviour can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As a real cluster does it, in what can be seen.
    Exact,
    /// The same idea with less detail, or with a model of time.
    Simplified,
    /// Not there at all.
    NotModelled,
}

impl Level {
    /// The level in words.
    pub fn name(self, language: Language) -> &'static str {
        match (self, language) {
            (Level::Exact, Language::En) => "exact",
            (Level::Exact, Language::Ko) => "똑같음",
            (Level::Simplified, Language::En) => "simplified",
            (Level::Simplified, Language::Ko) => "단순화함",
            (Level::NotModelled, Language::En) => "not modelled",
            (Level::NotModelled, Language::Ko) => "다루지 않음",
        }
    }

    /// The mark beside it: a word is always with it.
    pub fn glyph(self) -> char {
        match self {
            Level::Exact => '=',
            Level::Simplified => '~',
            Level::NotModelled => '-',
        }
    }
}

/// One behaviour.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The part of the cluster: `scheduler`, `kubectl`, …
    pub area: String,
    /// How far it can be trusted.
    pub level: Level,
    /// What it is about, and what differs.
    pub text: Text,
    /// Where that is known from.
    pub source: String,
}

/// Every entry, in the file's order.
///
/// # Errors
/// When the file that the program ships cannot be read, which a test would have seen.
pub fn ledger() -> Result<Vec<Entry>, String> {
    let documents = yaml::parse(assets::text(LEDGER))
        .map_err(|e| format!("assets/fidelity.yaml:{}: {}", e.line, e.message))?;
    let value = documents.into_iter().next().map(|d| d.value).unwrap_or_default();
    serde_json::from_value(value).map_err(|e| format!("assets/fidelity.yaml: {e}"))
}

/// The ledger as text, by area.
///
/// # Errors
/// As [`ledger`].
pub fn render(language: Language) -> Result<String, String> {
    let mut text = String::new();
    let mut area = String::new();
    for entry in ledger()? {
        if entry.area != area {
            area.clone_from(&entry.area);
            text.push_str(&format!("{}{area}\n", if text.is_empty() { "" } else { "\n" }));
        }
        let (glyph, level) = (entry.level.glyph(), entry.level.name(language));
        text.push_str(&format!("  {glyph} {level}: {}\n", entry.text.get(language).trim()));
        text.push_str(&format!("      {}\n", entry.source));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_whole() {
        let entries = ledger().unwrap();
        assert!(entries.len() > 20);
        for entry in entries {
            assert!(
                !entry.source.is_empty() && !entry.text.en.is_empty() && !entry.text.ko.is_empty(),
                "{entry:?}"
            );
        }
    }
}
