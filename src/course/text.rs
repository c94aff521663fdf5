//! Words in each language, and the small markdown that lessons are written in.
//!
//! Paragraphs, code between backticks, *emphasis*, **strong**, lists of `- `, and blocks between lines of three
//! backticks. Nothing else is special.

use serde::{Deserialize, Serialize};

/// A language of the interface and of the lessons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// 한국어.
    Ko,
}

impl Language {
    /// Every language.
    pub const ALL: [Language; 2] = [Language::En, Language::Ko];

    /// Its name in itself.
    pub fn name(self) -> &'static str {
        match self {
            Language::En => "English",
            Language::Ko => "한국어",
        }
    }

    /// The language that a locale as `ko_KR.UTF-8` asks for.
    pub fn from_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("ko") { Language::Ko } else { Language::En }
    }
}

/// A text in every language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

impl Text {
    /// The words in `language`.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Ko => &self.ko,
        }
    }

    /// The words in `language`, read as small markdown.
    pub fn blocks(&self, language: Language) -> Vec<Block> {
        blocks(self.get(language))
    }
}

/// A piece of a text, one below the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Words that flow.
    Paragraph(Vec<Span>),
    /// A point of a list.
    Item(Vec<Span>),
    /// Lines kept as they are.
    Code(Vec<String>),
}

/// Words of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Span {
    Plain(String),
    Code(String),
    Emphasis(String),
    Strong(String),
}

impl Span {
    /// Its words.
    pub fn text(&self) -> &str {
        match self {
            Span::Plain(text) | Span::Code(text) | Span::Emphasis(text) | Span::Strong(text) => text,
        }
    }
}

/// Reads small markdown.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None; // (is a list item, words)
    let mut code: Option<Vec<String>> = None;
    let close = |open: &mut Option<(bool, String)>, blocks: &mut Vec<Block>| {
        if let Some((item, words)) = open.take() {
            let spans = spans(&words);
            blocks.push(if item { Block::Item(spans) } else { Block::Paragraph(spans) });
        }
    };
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            close(&mut open, &mut blocks);
            match code.take() {
                Some(lines) => blocks.push(Block::Code(lines)),
                None => code = Some(Vec::new()),
            }
        } else if let Some(lines) = &mut code {
            lines.push(line.to_owned());
        } else if line.trim().is_empty() {
            close(&mut open, &mut blocks);
        } else if let Some(point) = line.trim_start().strip_prefix("- ") {
            close(&mut open, &mut blocks);
            open = Some((true, point.trim().to_owned()));
        } else if let Some((_, words)) = &mut open {
            words.push(' ');
            words.push_str(line.trim());
        } else {
            open = Some((false, line.trim().to_owned()));
        }
    }
    close(&mut open, &mut blocks);
    blocks.extend(code.map(Block::Code));
    blocks
}

/// Reads the marks inside a line. A mark without its partner stands for itself.
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let found = ["`", "**", "*"].into_iter().find_map(|mark| {
            let inside = rest.strip_prefix(mark)?;
            let end = inside.find(mark).filter(|end| *end > 0)?;
            let blank_edge = mark == "*" && (inside.starts_with(' ') || inside[..end].ends_with(' '));
            (!blank_edge).then(|| (mark, &inside[..end], &inside[end + mark.len()..]))
        });
        if let Some((mark, words, after)) = found {
            if !plain.is_empty() {
                spans.push(Span::Plain(std::mem::take(&mut plain)));
            }
            let words = words.to_owned();
            spans.push(match mark {
                "`" => Span::Code(words),
                "**" => Span::Strong(words),
                _ => Span::Emphasis(words),
            });
            rest = after;
        } else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Plain(plain));
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn small_markdown() {
        let text = "A `pod` is *ready*\nor **not**.\n\n- one\n  more\n- 2 * 3 * 4\n```\nkubectl get po\n  x\n```\n끝 `열린";
        let shown: Vec<String> = blocks(text).iter().map(|b| format!("{b:?}")).collect();
        expect![[r#"
            Paragraph([Plain("A "), Code("pod"), Plain(" is "), Emphasis("ready"), Plain(" or "), Strong("not"), Plain(".")])
            Item([Plain("one more")])
            Item([Plain("2 * 3 * 4")])
            Code(["kubectl get po", "  x"])
            Paragraph([Plain("끝 `열린")])"#]]
        .assert_eq(&shown.join("\n"));
    }
}
