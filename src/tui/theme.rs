//! Looks: what each part of the screen is (a role), and how a theme shows it.
//!
//! Always holds: no theme paints the background, so the learner's own terminal shows through; a state is always a
//! glyph and a word as well as a colour; without colours the screen says the same.

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Serialize};

/// What a piece of the screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Words to read.
    Text,
    /// Words beside the point: ages, units, explanations.
    Dim,
    /// Headings and names that matter.
    Strong,
    /// The program's own colour: the product's name, the prompt's sign, what can be pressed.
    Accent,
    /// *Emphasis* in a lesson.
    Emphasis,
    /// Commands and field names in a lesson.
    Code,
    /// As it should be.
    Good,
    /// On its way.
    Busy,
    /// Worth a look.
    Warn,
    /// Broken.
    Bad,
    /// Lines between panes.
    Rule,
    /// The line around the pane that has the keys.
    Focus,
    /// The selected row.
    Selected,
    /// A key in the footer.
    Key,
}

/// The themes to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeName {
    /// The terminal's own sixteen colours.
    #[default]
    Terminal,
    /// Softer colours, for a dark terminal of many colours.
    Night,
    /// Deeper colours, for a light terminal of many colours.
    Paper,
    /// Strong differences.
    Contrast,
    /// No colours.
    Mono,
}

impl ThemeName {
    /// Every theme.
    pub const ALL: [ThemeName; 5] =
        [ThemeName::Terminal, ThemeName::Night, ThemeName::Paper, ThemeName::Contrast, ThemeName::Mono];
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None are wanted (`NO_COLOR`, or a terminal without).
    None,
    /// The sixteen of the terminal's own palette.
    Sixteen,
    /// The cube of 256.
    Many,
    /// Any.
    True,
}

impl Depth {
    /// What the variables `NO_COLOR`, `COLORTERM` and `TERM` say.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).unwrap_or_default().to_ascii_lowercase();
        let (term, colorterm) = (set("TERM"), set("COLORTERM"));
        if !set("NO_COLOR").is_empty() || term == "dumb" || term.ends_with("-mono") || term == "vt100" {
            Depth::None
        } else if colorterm.contains("truecolor") || colorterm.contains("24bit") {
            Depth::True
        } else if term.contains("256color") || term.contains("kitty") || term.contains("direct") {
            Depth::Many
        } else {
            Depth::Sixteen
        }
    }
}

/// The letters that pictures are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Glyphs {
    pub ascii: bool,
    pub bullet: &'static str,
    pub rail: &'static str,
    pub met: &'static str,
    pub unmet: &'static str,
    pub holding: &'static str,
    pub running: &'static str,
    pub starting: &'static str,
    pub unready: &'static str,
    pub broken: &'static str,
    pub ended: &'static str,
    pub leaving: &'static str,
    pub system: &'static str,
    pub play: &'static str,
    pub pause: &'static str,
    pub fast: &'static str,
    pub crumb: &'static str,
    pub more: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    pub horizontal: &'static str,
    pub vertical: &'static str,
    pub tee_left: &'static str,
    pub tee_right: &'static str,
    pub cross: &'static str,
    pub tee_up: &'static str,
    pub tee_down: &'static str,
    pub corners: [&'static str; 4],
    pub bars: [&'static str; 8],
    pub chosen: &'static str,
    pub open: &'static str,
    pub pointer: &'static str,
}

/// Letters found in every font that a terminal has.
pub const UNICODE: Glyphs = Glyphs {
    ascii: false,
    bullet: "•",
    rail: "│",
    met: "✓",
    unmet: "•",
    holding: "◐",
    running: "●",
    starting: "◌",
    unready: "◐",
    broken: "✗",
    ended: "○",
    leaving: "◌",
    system: "■",
    play: "▶",
    pause: "‖",
    fast: "»",
    crumb: "›",
    more: "…",
    up: "↑",
    down: "↓",
    horizontal: "─",
    vertical: "│",
    tee_left: "├",
    tee_right: "┤",
    cross: "┼",
    tee_up: "┴",
    tee_down: "┬",
    corners: ["╭", "╮", "╰", "╯"],
    bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    chosen: "◉",
    open: "○",
    pointer: "›",
};

/// Letters of ASCII only.
pub const ASCII: Glyphs = Glyphs {
    ascii: true,
    bullet: "*",
    rail: "|",
    met: "+",
    unmet: "-",
    holding: "~",
    running: "o",
    starting: ".",
    unready: "~",
    broken: "x",
    ended: "_",
    leaving: "%",
    system: "#",
    play: ">",
    pause: "||",
    fast: ">>",
    crumb: ">",
    more: "~",
    up: "^",
    down: "v",
    horizontal: "-",
    vertical: "|",
    tee_left: "+",
    tee_right: "+",
    cross: "+",
    tee_up: "+",
    tee_down: "+",
    corners: ["+", "+", "+", "+"],
    bars: ["1", "2", "3", "4", "5", "6", "7", "8"],
    chosen: "(x)",
    open: "( )",
    pointer: ">",
};

/// A theme, ready to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The letters of pictures.
    pub glyphs: Glyphs,
    name: ThemeName,
}

/// Which letters pictures are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GlyphSet {
    /// Box lines, dots and bars.
    #[default]
    Unicode,
    /// ASCII only.
    Ascii,
}

impl Theme {
    /// The theme that is wanted, as far as the terminal can show it.
    pub fn new(wanted: ThemeName, depth: Depth, glyphs: GlyphSet) -> Self {
        let name = match (wanted, depth) {
            (_, Depth::None) => ThemeName::Mono,
            (ThemeName::Night | ThemeName::Paper, Depth::Sixteen) => ThemeName::Terminal,
            (wanted, _) => wanted,
        };
        let glyphs = match glyphs {
            GlyphSet::Unicode => UNICODE,
            GlyphSet::Ascii => ASCII,
        };
        Self { glyphs, name }
    }

    /// Whether the theme shows colours at all; otherwise those of a command's output are not shown either.
    pub fn colours(&self) -> bool {
        self.name != ThemeName::Mono
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        let plain = Style::default();
        let (bold, dim) = (plain.add_modifier(Modifier::BOLD), plain.add_modifier(Modifier::DIM));
        match (role, self.name) {
            (Role::Text, _) => plain,
            (Role::Selected, _) => plain.add_modifier(Modifier::REVERSED),
            (Role::Emphasis, _) => plain.add_modifier(Modifier::ITALIC),
            (Role::Strong, _) => bold,
            (Role::Dim, ThemeName::Contrast) => plain,
            (Role::Dim, ThemeName::Night) => plain.fg(Color::Indexed(245)),
            (Role::Dim, ThemeName::Paper) => plain.fg(Color::Indexed(242)),
            (Role::Rule, ThemeName::Night) => plain.fg(Color::Indexed(239)),
            (Role::Rule, ThemeName::Paper) => plain.fg(Color::Indexed(250)),
            (Role::Rule, ThemeName::Contrast) => plain,
            (Role::Dim | Role::Rule, _) => dim,
            (Role::Accent | Role::Key | Role::Focus | Role::Bad | Role::Warn, ThemeName::Mono) => bold,
            (Role::Code, ThemeName::Mono) => plain.add_modifier(Modifier::UNDERLINED),
            (_, ThemeName::Mono) => plain,
            (role, name) => {
                let style = plain.fg(colour(role, name));
                let heavy = matches!(role, Role::Bad | Role::Key) || name == ThemeName::Contrast;
                if heavy { style.add_modifier(Modifier::BOLD) } else { style }
            }
        }
    }
}

fn colour(role: Role, name: ThemeName) -> Color {
    let [accent, code, good, busy, warn, bad] = match name {
        ThemeName::Night => [110, 152, 108, 110, 179, 174].map(Color::Indexed),
        ThemeName::Paper => [25, 24, 28, 25, 130, 124].map(Color::Indexed),
        ThemeName::Contrast => [
            Color::LightCyan,
            Color::LightCyan,
            Color::LightGreen,
            Color::LightBlue,
            Color::LightYellow,
            Color::LightRed,
        ],
        ThemeName::Terminal | ThemeName::Mono => {
            [Color::Cyan, Color::Cyan, Color::Green, Color::LightBlue, Color::Yellow, Color::Red]
        }
    };
    match role {
        Role::Code => code,
        Role::Good => good,
        Role::Busy => busy,
        Role::Warn => warn,
        Role::Bad => bad,
        _ => accent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(pairs: &[(&str, &str)]) -> Depth {
        Depth::from_env(|n| pairs.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_tells_the_colours() {
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Depth::None);
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), Depth::Many);
        assert_eq!(depth(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth(&[("TERM", "linux")]), Depth::Sixteen);
        assert_eq!(depth(&[("TERM", "dumb")]), Depth::None);
    }

    #[test]
    fn no_theme_paints_the_background_and_mono_has_no_colour() {
        let roles = [Role::Text, Role::Dim, Role::Accent, Role::Selected, Role::Bad, Role::Code, Role::Rule];
        for name in ThemeName::ALL {
            let theme = Theme::new(name, Depth::True, GlyphSet::Unicode);
            assert!(roles.iter().all(|r| theme.style(*r).bg.is_none()), "{name:?}");
        }
        let theme = Theme::new(ThemeName::Night, Depth::None, GlyphSet::Unicode);
        assert!(roles.iter().all(|r| theme.style(*r).fg.is_none()));
        assert!(theme.style(Role::Selected).add_modifier.contains(Modifier::REVERSED));
    }
}
