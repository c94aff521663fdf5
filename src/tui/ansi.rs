//! What a command printed, as styled lines: colours are read, every other control sequence is dropped.
//!
//! Always holds: no control character gets through, so no output can move the cursor or change the terminal.

use super::theme::Theme;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

/// Columns to the next tab stop.
const TAB: usize = 8;
/// How long one line may be, in bytes; what is beyond is cut.
const LINE_LIMIT: usize = 16 * 1024;

/// The lines of a text. `style` is what uncoloured text looks like.
pub fn lines(text: &str, style: Style, theme: &Theme) -> Vec<Vec<Span<'static>>> {
    let mut look = style;
    let mut lines: Vec<Vec<Span<'static>>> = text
        .split('\n')
        .map(|line| one_line(line.strip_suffix('\r').unwrap_or(line), style, &mut look, theme))
        .collect();
    if text.ends_with('\n') {
        lines.pop();
    }
    lines
}

fn one_line(line: &str, base: Style, look: &mut Style, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut piece = String::new();
    let (mut columns, mut bytes) = (0, 0);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => {
                if let Some(codes) = escape(&mut chars) {
                    if !piece.is_empty() {
                        spans.push(Span::styled(std::mem::take(&mut piece), *look));
                    }
                    *look = if theme.colours() { graphics(&codes, base, *look) } else { base };
                }
            }
            '\t' => {
                let blanks = TAB - columns % TAB;
                piece.extend(std::iter::repeat_n(' ', blanks));
                columns += blanks;
            }
            // A carriage return begins the line anew, as a progress bar does.
            '\r' => {
                spans.clear();
                piece.clear();
                columns = 0;
            }
            '\x08' => {
                piece.pop();
            }
            c if c.is_control() || is_format(c) => {}
            c => {
                piece.push(c);
                columns += super::text::width(c.encode_utf8(&mut [0; 4]));
            }
        }
        bytes += c.len_utf8();
        if bytes > LINE_LIMIT {
            piece.push('…');
            break;
        }
    }
    if !piece.is_empty() {
        spans.push(Span::styled(piece, *look));
    }
    spans
}

/// Letters that turn the direction of writing round: they could make a line read as another.
fn is_format(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// Reads an escape sequence to its end; answers the parameters of a colour's.
fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    match chars.peek() {
        Some('[') => {
            chars.next();
            let mut codes = String::new();
            for c in chars.by_ref() {
                if ('\x40'..='\x7e').contains(&c) {
                    return (c == 'm').then_some(codes);
                }
                codes.push(c);
            }
            None
        }
        Some(']' | 'P' | '_' | '^') => {
            while let Some(c) = chars.next() {
                if c == '\x07' || c == '\x1b' && chars.next_if_eq(&'\\').is_some() {
                    break;
                }
            }
            None
        }
        _ => {
            chars.next();
            None
        }
    }
}

fn graphics(codes: &str, base: Style, mut style: Style) -> Style {
    let mut numbers =
        codes.split([';', ':']).map(|n| if n.is_empty() { Some(0) } else { n.parse::<u8>().ok() });
    while let Some(number) = numbers.next() {
        let Some(number) = number else { continue };
        style = match number {
            0 => base,
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            23 => style.remove_modifier(Modifier::ITALIC),
            24 => style.remove_modifier(Modifier::UNDERLINED),
            27 => style.remove_modifier(Modifier::REVERSED),
            30..=37 => style.fg(Color::Indexed(number - 30)),
            90..=97 => style.fg(Color::Indexed(number - 90 + 8)),
            39 => Style { fg: base.fg, ..style },
            38 => extended(&mut numbers).map_or(style, |c| style.fg(c)),
            // Backgrounds would paint over the learner's terminal; they are read and left out.
            48 => {
                extended(&mut numbers);
                style
            }
            _ => style,
        };
    }
    style
}

fn extended(numbers: &mut impl Iterator<Item = Option<u8>>) -> Option<Color> {
    match numbers.next()?? {
        5 => Some(Color::Indexed(numbers.next()??)),
        2 => Some(Color::Rgb(numbers.next()??, numbers.next()??, numbers.next()??)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, GlyphSet, ThemeName};
    use proptest::prelude::*;

    fn theme() -> Theme {
        Theme::new(ThemeName::Terminal, Depth::True, GlyphSet::Unicode)
    }

    fn plain(text: &str) -> Vec<String> {
        let lines = lines(text, Style::default(), &theme());
        lines.iter().map(|l| l.iter().map(|s| s.content.as_ref()).collect()).collect()
    }

    #[test]
    fn colours_are_read_and_the_rest_is_dropped() {
        let styled = lines("\x1b[31mred\x1b[0m plain \x1b[1;38;5;208mbold", Style::default(), &theme());
        assert_eq!(styled[0][0].style.fg, Some(Color::Indexed(1)));
        assert_eq!(styled[0][1].style, Style::default());
        assert_eq!(styled[0][2].style.fg, Some(Color::Indexed(208)));
        assert_eq!(plain("a\x1b[2Jb\x1b]0;title\x07c\x1b(Bd\n\x1b[?25lx\x00\x07"), ["abcBd", "x"]);
        assert_eq!(plain("a\tb\n\n10%\r20%\r\nab\x08c"), ["a       b", "", "20%", "ac"]);
        assert_eq!(plain("no end \x1b[31"), ["no end "]);
    }

    proptest! {
        #[test]
        fn no_control_character_gets_through(text in any::<String>()) {
            for line in plain(&text) {
                prop_assert!(!line.chars().any(char::is_control));
            }
        }
    }
}
