//! Keys at the prompt: running, completing, going back to earlier lines.

use crate::session::Entry;
use crate::tui::app::App;
use crate::tui::keys::{Action, Edit};
use crate::tui::panes::Pane;
use crate::tui::prompt::{Search, complete};
use crate::tui::view;

/// Words that the interface itself answers, when they stand alone on the line.
pub const WORDS: &[(&str, Action)] = &[
    ("hint", Action::Hint),
    ("next", Action::NextStep),
    ("solution", Action::Solve),
    ("undo", Action::Undo),
    ("reset", Action::Reset),
    ("clear", Action::ClearOutput),
    ("exit", Action::Leave),
    ("quit", Action::Leave),
];

impl App {
    pub(super) fn act_at_prompt(&mut self, action: &Action) {
        let page = isize::try_from(view::output_size(self).1).unwrap_or(2).max(2) - 1;
        let Some(play) = &mut self.play else { return };
        if play.prompt.search.is_some() && self.act_on_search(action) {
            return;
        }
        let Some(play) = &mut self.play else { return };
        let prompt = &mut play.prompt;
        match action {
            Action::Run => self.run_line(),
            Action::Complete if prompt.completions.is_some() => prompt.cycle(false),
            Action::Complete => self.complete(),
            Action::CompletePrevious => prompt.cycle(true),
            Action::Accept => prompt.accept(),
            Action::Back => prompt.completions = None,
            Action::HistoryBack => {
                if !prompt.line.move_line(false)
                    && let Some(line) = prompt.history.back(prompt.line.text())
                {
                    prompt.line.set(line);
                }
            }
            Action::HistoryForward => {
                if !prompt.line.move_line(true)
                    && let Some(line) = prompt.history.forward()
                {
                    prompt.line.set(line);
                }
            }
            Action::SearchHistory => prompt.search = Some(Search::default()),
            Action::Interrupt => self.interrupt(),
            Action::EndOfInput => play.session.feed(None),
            Action::DeleteOrLeave if prompt.line.is_empty() => self.leave(),
            Action::DeleteOrLeave => prompt.line.edit(Edit::Delete),
            Action::ScrollUp | Action::PageUp => self.scroll_output(page),
            Action::ScrollDown | Action::PageDown => self.scroll_output(-page),
            Action::ClearOutput => {
                play.session.transcript_mut().clear();
                play.output.scroll = 0;
            }
            Action::Line(edit) => self.edit_line(*edit),
            _ => {}
        }
        self.stale = true;
    }

    fn run_line(&mut self) {
        let Some(play) = &mut self.play else { return };
        play.output.scroll = 0;
        play.prompt.completions = None;
        if play.session.busy() {
            let line = play.prompt.line.take() + "\n";
            play.session.transcript_mut().push(Entry::Output { error: false, text: line.clone() });
            play.session.feed(Some(line.as_bytes()));
            return;
        }
        let line = play.prompt.line.text().to_owned();
        if crate::posix::unfinished(&line) {
            play.prompt.line.edit(Edit::End);
            play.prompt.line.insert("\n");
            return;
        }
        play.prompt.line.take();
        play.prompt.history.push(&line);
        if line.trim().is_empty() || self.numbers_answered(&line).is_some() {
            return;
        }
        if let Some((_, action)) = WORDS.iter().find(|(word, _)| *word == line.trim()) {
            self.act(action.clone());
            return;
        }
        if let Some(play) = &mut self.play {
            play.session.submit(&line);
        }
    }

    /// Stops what runs; otherwise the line is left as it stands, and a new one begins, as in a shell.
    fn interrupt(&mut self) {
        let Some(play) = &mut self.play else { return };
        play.prompt.completions = None;
        if play.session.busy() {
            play.session.transcript_mut().push(Entry::Output { error: false, text: "^C\n".to_owned() });
            play.session.interrupt();
            play.prompt.line.take();
            return;
        }
        play.prompt.history.leave();
        let line = play.prompt.line.take();
        if !line.is_empty() {
            let cwd = play.session.shell().cwd();
            play.session.transcript_mut().push(Entry::Command { line: line + "^C", cwd });
        }
    }

    fn complete(&mut self) {
        let Some(play) = &mut self.play else { return };
        let (line, cursor) = (play.prompt.line.text().to_owned(), play.prompt.line.cursor());
        let (start, items) = complete::candidates(&mut play.session, &line, cursor);
        play.prompt.offer(start, items);
    }

    /// Keys of the search among earlier lines. Answers whether the key was for it.
    fn act_on_search(&mut self, action: &Action) -> bool {
        let Some(play) = &mut self.play else { return false };
        let found: Vec<String> = play.prompt.found().iter().map(|l| (*l).to_owned()).collect();
        let Some(search) = &mut play.prompt.search else { return false };
        match action {
            Action::Up | Action::SearchHistory => {
                search.row = (search.row + 1).min(found.len().saturating_sub(1));
            }
            Action::Down => search.row = search.row.saturating_sub(1),
            Action::Accept => {
                if let Some(line) = found.get(search.row) {
                    play.prompt.line.set(line.clone());
                }
                play.prompt.search = None;
            }
            Action::Back => play.prompt.search = None,
            Action::Line(edit) => {
                search.pattern.edit(*edit);
                search.row = 0;
            }
            _ => return false,
        }
        play.focus = Pane::Prompt;
        true
    }
}
