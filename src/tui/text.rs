//! Widths: the one module that knows how many columns a text takes, and how to cut, pad and wrap it.
//!
//! Always holds: nothing is ever cut inside a grapheme, and no result is wider than was asked for.

use super::theme::{Role, Theme};
use crate::course::{Block, Span as Words};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many columns a text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
}

/// The longest beginning that fits into `columns`, and the rest.
pub fn split_at(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        used += grapheme.width();
        if used > columns {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// The text in at most `columns`, ending in `mark` when something was cut away.
pub fn cut(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(mark));
    let kept = split_at(text, room).0;
    if columns < width(mark) { kept.to_owned() } else { format!("{kept}{mark}") }
}

/// A name in at most `columns`, cut in the middle: both ends of `web-7b46c4b544-4f6hm` tell something.
pub fn cut_middle(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns < 6 {
        return cut(text, columns, mark);
    }
    let room = columns - width(mark);
    let head = split_at(text, room / 2).0;
    let mut tail = String::new();
    for grapheme in text.graphemes(true).rev() {
        if width(head) + width(&tail) + grapheme.width() > room {
            break;
        }
        tail.insert_str(0, grapheme);
    }
    format!("{head}{mark}{tail}")
}

/// The text with blanks after it, `columns` wide; cut if it is wider.
pub fn pad(text: &str, columns: usize) -> String {
    let mut padded = cut(text, columns, "…");
    padded.extend(std::iter::repeat_n(' ', columns - width(&padded)));
    padded
}

/// The text with blanks before it.
pub fn pad_left(text: &str, columns: usize) -> String {
    let text = cut(text, columns, "…");
    format!("{}{text}", " ".repeat(columns - width(&text)))
}

/// Breaks a logical line into screen rows at exactly `columns`, as a terminal does.
pub fn wrap_hard(line: &[Span<'static>], columns: usize) -> Vec<Line<'static>> {
    let columns = columns.max(1);
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    for span in line {
        let mut rest: &str = &span.content;
        while !rest.is_empty() {
            let (head, tail) = split_at(rest, columns - used);
            if head.is_empty() && used == 0 {
                break; // a grapheme wider than the whole pane: nothing sensible can be shown
            }
            if !head.is_empty() {
                used += width(head);
                if let Some(row) = rows.last_mut() {
                    row.push(Span::styled(head.to_owned(), span.style));
                }
            }
            rest = tail;
            if !rest.is_empty() {
                rows.push(Vec::new());
                used = 0;
            }
        }
    }
    rows.into_iter().map(Line::from).collect()
}

/// Breaks words at blanks into rows of at most `columns`; a word is broken only when it is wider than a row. Korean is
/// broken between its words as well, never inside one. `indent` goes before every row but the first.
pub fn wrap(spans: &[Span<'static>], columns: usize, indent: usize) -> Vec<Line<'static>> {
    let columns = columns.max(1);
    let indent = indent.min(columns.saturating_sub(1));
    let mut rows: Vec<Vec<Span<'static>>> = vec![Vec::new()];
    let mut used = 0;
    let mut blank: Option<Style> = None;
    for word in words(spans) {
        let Some(word) = word else {
            blank = blank.or(Some(Style::default()));
            continue;
        };
        let wide: usize = word.iter().map(|s| width(&s.content)).sum();
        let first = rows.len() == 1 && used == 0;
        let begins = first || used <= indent && rows.len() > 1;
        let gap = usize::from(blank.take().is_some() && !begins);
        if used + gap + wide > columns && !begins {
            rows.push(indented(indent));
            used = indent;
        } else if gap == 1 {
            let style = joined(rows.last(), &word);
            push(&mut rows, Span::styled(" ", style));
            used += 1;
        }
        for span in word {
            let mut rest: &str = &span.content;
            while !rest.is_empty() {
                let (head, tail) = split_at(rest, columns - used);
                if head.is_empty() && used <= indent {
                    break;
                }
                used += width(head);
                push(&mut rows, Span::styled(head.to_owned(), span.style));
                rest = tail;
                if !rest.is_empty() {
                    rows.push(indented(indent));
                    used = indent;
                }
            }
        }
    }
    rows.into_iter().map(Line::from).collect()
}

fn indented(indent: usize) -> Vec<Span<'static>> {
    if indent == 0 { Vec::new() } else { vec![Span::raw(" ".repeat(indent))] }
}

/// The blank between two words of one look has that look too.
fn joined(row: Option<&Vec<Span<'static>>>, word: &[Span<'static>]) -> Style {
    match (row.and_then(|r| r.last()), word.first()) {
        (Some(a), Some(b)) if a.style == b.style => a.style,
        _ => Style::default(),
    }
}

fn push(rows: &mut [Vec<Span<'static>>], span: Span<'static>) {
    let Some(row) = rows.last_mut() else { return };
    match row.last_mut() {
        Some(last) if last.style == span.style => last.content.to_mut().push_str(&span.content),
        _ => row.push(span),
    }
}

/// Words as pieces of one or more looks; `None` is a blank between them.
fn words(spans: &[Span<'static>]) -> Vec<Option<Vec<Span<'static>>>> {
    let mut words: Vec<Option<Vec<Span<'static>>>> = Vec::new();
    for span in spans {
        for (i, piece) in span.content.split(' ').enumerate() {
            if i > 0 {
                words.push(None);
            }
            if piece.is_empty() {
                continue;
            }
            let piece = Span::styled(piece.to_owned(), span.style);
            match words.last_mut() {
                Some(Some(word)) => word.push(piece),
                _ => words.push(Some(vec![piece])),
            }
        }
    }
    words
}

/// A plain text, wrapped.
pub fn wrap_plain(text: &str, style: Style, columns: usize, indent: usize) -> Vec<Line<'static>> {
    text.lines().flat_map(|line| wrap(&[Span::styled(line.to_owned(), style)], columns, indent)).collect()
}

/// A lesson's words as rows of at most `columns`.
pub fn blocks(blocks: &[Block], theme: &Theme, columns: usize) -> Vec<Line<'static>> {
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut before: Option<&Block> = None;
    for block in blocks {
        let together = matches!((before, block), (Some(Block::Item(_)), Block::Item(_)) | (None, _));
        if !together {
            rows.push(Line::default());
        }
        match block {
            Block::Paragraph(words) => rows.extend(wrap(&spans(words, theme), columns, 0)),
            Block::Item(words) => {
                let mut line =
                    vec![Span::styled(format!("{} ", theme.glyphs.bullet), theme.style(Role::Dim))];
                line.extend(spans(words, theme));
                rows.extend(wrap(&line, columns, 2));
            }
            Block::Code(lines) => {
                let style = theme.style(Role::Code);
                for line in lines {
                    let rail = Span::styled(format!("{} ", theme.glyphs.rail), theme.style(Role::Rule));
                    for row in wrap_hard(&[Span::styled(line.clone(), style)], columns.saturating_sub(2)) {
                        let mut spans = vec![rail.clone()];
                        spans.extend(row.spans);
                        rows.push(Line::from(spans));
                    }
                }
            }
        }
        before = Some(block);
    }
    rows
}

fn spans(words: &[Words], theme: &Theme) -> Vec<Span<'static>> {
    let look = |word: &Words| match word {
        Words::Plain(_) => Role::Text,
        Words::Code(_) => Role::Code,
        Words::Emphasis(_) => Role::Emphasis,
        Words::Strong(_) => Role::Strong,
    };
    words.iter().map(|word| Span::styled(word.text().to_owned(), theme.style(look(word)))).collect()
}

/// A row of text with its right end set flush: left and right words, the left cut when both do not fit.
pub fn justify(left: Line<'static>, right: Line<'static>, columns: usize) -> Line<'static> {
    let (l, r) = (line_width(&left), line_width(&right));
    if l + 1 + r > columns {
        return fit(left, columns);
    }
    let mut spans = left.spans;
    spans.push(Span::raw(" ".repeat(columns - l - r)));
    spans.extend(right.spans);
    Line::from(spans)
}

/// How many columns a line takes.
pub fn line_width(line: &Line<'_>) -> usize {
    line.spans.iter().map(|s| width(&s.content)).sum()
}

/// The line in at most `columns`, with `…` when something was cut away.
pub fn fit(line: Line<'static>, columns: usize) -> Line<'static> {
    if line_width(&line) <= columns {
        return line;
    }
    let mut spans = Vec::new();
    let mut left = columns;
    for span in line.spans {
        let wide = width(&span.content);
        if wide < left {
            left -= wide;
            spans.push(span);
        } else {
            spans.push(Span::styled(cut(&format!("{}  ", span.content), left, "…"), span.style));
            break;
        }
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(rows: &[Line<'_>]) -> Vec<String> {
        rows.iter().map(|r| r.spans.iter().map(|s| s.content.as_ref()).collect()).collect()
    }

    #[test]
    fn widths_of_korean_and_combined_letters() {
        assert_eq!(width("파드 pod"), 8);
        assert_eq!(cut("파드를 봐요", 6, "…"), "파드…");
        assert_eq!(cut("파드", 4, "…"), "파드");
        assert_eq!(pad("파드", 6), "파드  ");
        assert_eq!(pad_left("7", 3), "  7");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2, "…"), "e\u{301}…");
        assert_eq!(cut_middle("web-7b46c4b544-4f6hm", 13, "…"), "web-7b…-4f6hm");
    }

    #[test]
    fn words_wrap_at_blanks() {
        let text = "A Service balances only over pods that say they are ready.";
        let rows = plain(&wrap_plain(text, Style::default(), 20, 0));
        assert_eq!(rows, ["A Service balances", "only over pods that", "say they are ready."]);
        let rows = plain(&wrap_plain("준비된 파드에만 요청을 보내요", Style::default(), 15, 0));
        assert_eq!(rows, ["준비된 파드에만", "요청을 보내요"]);
        let rows = plain(&wrap_plain("- kubernetes.io/hostname", Style::default(), 12, 2));
        assert_eq!(rows, ["-", "  kubernetes", "  .io/hostna", "  me"]);
    }

    #[test]
    fn terminal_wraps_at_the_edge() {
        let rows = plain(&wrap_hard(&[Span::raw("abcdefg")], 3));
        assert_eq!(rows, ["abc", "def", "g"]);
        assert_eq!(plain(&wrap_hard(&[Span::raw("가나다")], 3)), ["가", "나", "다"]);
        assert_eq!(plain(&wrap_hard(&[], 3)), [""]);
    }

    proptest! {
        #[test]
        fn nothing_is_ever_too_wide(text in "\\PC{0,60}", columns in 1usize..30, indent in 0usize..4) {
            for row in wrap_plain(&text, Style::default(), columns, indent) {
                prop_assert!(line_width(&row) <= columns.max(2));
            }
            for row in wrap_hard(&[Span::raw(text.clone())], columns) {
                prop_assert!(line_width(&row) <= columns);
            }
            prop_assert!(width(&cut(&text, columns, "…")) <= columns);
            prop_assert!(width(&cut_middle(&text, columns, "…")) <= columns);
            prop_assert_eq!(width(&pad(&text, columns)), columns);
        }
    }
}
