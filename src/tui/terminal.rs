//! Taking the terminal and giving it back: raw mode, the other screen, pasting, the mouse.
//!
//! Always holds: whatever ends the program, the terminal is as it was before.

use super::settings::Mouse;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{self, BufWriter, Stdout, Write};

/// The screen that is drawn on.
pub type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// The terminal while the program has it; dropping this gives it back.
pub struct Taken {
    /// What is drawn on.
    pub screen: Screen,
    mouse: Mouse,
}

/// Takes the terminal.
///
/// # Errors
/// What the terminal refused.
pub fn take() -> io::Result<Taken> {
    // Without this, crossterm drops even the reversal of a selected row when NO_COLOR is set. The theme has no colours
    // then.
    crossterm::style::force_color_output(true);
    terminal::enable_raw_mode()?;
    give_back_on_panic();
    let taken = || {
        // Not every terminal has another screen: what was there must not shine through. (The screen's own `clear`
        // asks where the cursor is, and not every terminal answers.)
        execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste)?;
        let out = BufWriter::with_capacity(64 * 1024, io::stdout());
        Terminal::new(CrosstermBackend::new(out))
    };
    let taken: io::Result<Screen> = taken();
    match taken {
        Ok(screen) => Ok(Taken { screen, mouse: Mouse::Terminal }),
        Err(error) => {
            give_back();
            Err(error)
        }
    }
}

impl Taken {
    /// Takes or leaves the mouse, as it is set.
    ///
    /// # Errors
    /// What the terminal refused.
    pub fn set_mouse(&mut self, mouse: Mouse) -> io::Result<()> {
        if self.mouse == mouse {
            return Ok(());
        }
        self.mouse = mouse;
        match mouse {
            Mouse::Program => execute!(io::stdout(), EnableMouseCapture),
            Mouse::Terminal => execute!(io::stdout(), DisableMouseCapture),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back. What it refuses cannot be helped: it may be gone.
fn give_back() {
    let mut out = io::stdout();
    execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show).ok();
    terminal::disable_raw_mode().ok();
    out.flush().ok();
}

/// Before a panic is told, the terminal is given back, so that the words can be read.
fn give_back_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        give_back();
        tell(info);
    }));
}
