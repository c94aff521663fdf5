//! Lessons and quizzes: hints, answers, going on.

use crate::course::lesson::Onward;
use crate::course::view::HintKind;
use crate::school::Begin;
use crate::tui::app::{App, Screen};
use crate::tui::keys::Action;
use crate::tui::layout::layout;
use crate::tui::overlay::Answer;
use crate::tui::panes::Pane;
use crate::tui::play::PlayKind;
use crate::tui::prompt::{complete, put_in};
use crate::tui::view;
use crate::tui::words::Word;
use std::collections::BTreeSet;

impl App {
    pub(super) fn act_on_lesson(&mut self, action: &Action) {
        if !self.in_lesson() {
            return;
        }
        match action {
            Action::Hint => self.take_hint(),
            Action::NextStep => self.next_step(),
            Action::Solve => self.type_solution(),
            Action::RestartLesson => {
                self.ask(Word::RestartTitle, "", Word::RestartText, (Word::RestartYes, Answer::Restart));
            }
            _ => {}
        }
        self.stale = true;
    }

    fn take_hint(&mut self) {
        let Some(play) = &mut self.play else { return };
        let Some(step) = &play.step else { return };
        if step.next_hint.is_none() {
            self.type_solution();
            return;
        }
        self.school.hint();
        play.step = self.school.step(self.language);
        play.shown = Pane::Lesson;
        // The new hint is the lowest thing to read.
        play.lesson_scroll = usize::MAX;
        let last = view::lesson_last_scroll(self);
        if let Some(play) = &mut self.play {
            play.lesson_scroll = last;
        }
    }

    /// Puts the solution (or the command of the last hint) into the prompt; the learner presses Enter.
    fn type_solution(&mut self) {
        let Some(play) = &mut self.play else { return };
        while play.step.as_ref().is_some_and(|s| s.next_hint.is_some()) {
            self.school.hint();
            play.step = self.school.step(self.language);
        }
        let hints = play.step.as_ref().map(|s| s.hints.clone()).unwrap_or_default();
        let best = hints.iter().rev().find(|h| h.kind == HintKind::Solution || h.kind == HintKind::Command);
        let Some(script) = best.and_then(|h| h.script.clone()) else {
            self.say(self.word(Word::NoMoreHints));
            return;
        };
        play.focus = Pane::Prompt;
        play.output.scroll = 0;
        play.prompt.line.set(script.trim_end());
        self.say(self.word(Word::SolutionTyped));
    }

    fn next_step(&mut self) {
        let Some(play) = &mut self.play else { return };
        match self.school.next(&mut play.session) {
            Onward::Stays => self.say(self.word(Word::NotDoneYet)),
            Onward::Stepped => {
                play.lesson_scroll = 0;
                self.show_step();
            }
            Onward::Finished => {
                self.go_home();
                self.act(Action::Lessons);
            }
        }
    }

    /// Brings the step into sight: where only one pane is shown, it gets the keys; letters lead to the prompt.
    pub(super) fn show_step(&mut self) {
        let Some(play) = &mut self.play else { return };
        play.shown = Pane::Lesson;
        if layout(self.area, self).panes.len() == 1
            && let Some(play) = &mut self.play
        {
            play.focus = Pane::Lesson;
        }
    }

    pub(super) fn restart_now(&mut self) {
        let lesson = self.play.as_ref().and_then(|p| p.step.as_ref()).map(|s| s.lesson.clone());
        if let Some(id) = lesson {
            self.open_lesson(&id, Begin::Anew);
            self.say(self.word(Word::SaidRestarted));
        }
    }

    pub(super) fn move_option(&mut self, by: isize) {
        let Some(play) = &mut self.play else { return };
        let count = play.step.as_ref().and_then(|s| s.question.as_ref()).map_or(0, |q| q.options.len());
        play.option = play.option.saturating_add_signed(by).min(count.saturating_sub(1));
    }

    pub(super) fn toggle_option(&mut self) {
        let Some(play) = &mut self.play else { return };
        let several = play.step.as_ref().and_then(|s| s.question.as_ref()).is_some_and(|q| q.several);
        toggle(&mut play.chosen, play.option, several);
    }

    /// Answers with what is chosen, or with what is pointed at.
    pub(super) fn answer_options(&mut self) {
        let Some(play) = &mut self.play else { return };
        if play.chosen.is_empty() {
            play.chosen.insert(play.option);
        }
        let chosen: Vec<usize> = std::mem::take(&mut play.chosen).into_iter().collect();
        self.answer_lesson(&chosen);
    }

    pub(super) fn answer_lesson(&mut self, chosen: &[usize]) {
        let Some(play) = &mut self.play else { return };
        self.school.answer(&play.session, chosen);
        play.shown = Pane::Lesson;
        self.stale = true;
    }

    /// Takes a line of numbers as the answer to the step's question. `None` when it is no such line.
    pub(super) fn numbers_answered(&mut self, line: &str) -> Option<()> {
        let play = self.play.as_ref().filter(|p| p.kind == PlayKind::Lesson && p.question_open())?;
        let count = play.step.as_ref()?.question.as_ref()?.options.len();
        let words: Vec<&str> = line.split([' ', ',']).filter(|w| !w.is_empty()).collect();
        let numbers: Option<BTreeSet<usize>> = words.iter().map(|w| w.parse::<usize>().ok()).collect();
        let numbers = numbers.filter(|n| !n.is_empty())?;
        if let Some(wrong) = numbers.iter().find(|n| **n == 0 || **n > count) {
            self.say(self.fill(Word::AnswerNoSuch, &[&wrong.to_string()]));
            return Some(());
        }
        let chosen: Vec<usize> = numbers.into_iter().map(|n| n - 1).collect();
        self.answer_lesson(&chosen);
        Some(())
    }

    pub(super) fn act_on_quiz(&mut self, action: &Action) {
        let answered = self.quiz_answered();
        self.quiz.offered.clear();
        let last = view::quiz_last_scroll(self);
        let page = usize::from(self.area.height / 2).max(1);
        match action {
            Action::Back => self.act(Action::Topics),
            Action::NextStep if self.quiz.view.as_ref().is_none_or(|v| v.question.is_none()) => {
                self.go_home();
            }
            Action::NextStep => {
                self.school.next_question();
                self.quiz = crate::tui::app::QuizScreen::default();
            }
            Action::Open if self.has_options() => self.answer_quiz(),
            Action::Open => {
                let line = self.quiz.line.take();
                if !line.trim().is_empty() {
                    self.school.type_quiz(&line);
                }
            }
            Action::Up if self.has_options() && !answered => {
                self.quiz.option = self.quiz.option.saturating_sub(1);
            }
            Action::Down if self.has_options() && !answered => self.choose_quiz_row(self.quiz.option + 1),
            Action::Complete => self.complete_answer(),
            Action::Toggle => self.choose_quiz_option(self.quiz.option + 1),
            Action::PageUp => self.quiz.scroll = self.quiz.scroll.min(last).saturating_sub(page),
            Action::PageDown => self.quiz.scroll = (self.quiz.scroll + page).min(last),
            Action::ScrollUp | Action::Up => self.quiz.scroll = self.quiz.scroll.min(last).saturating_sub(1),
            Action::ScrollDown | Action::Down => self.quiz.scroll = (self.quiz.scroll + 1).min(last),
            Action::Interrupt if !self.quiz.line.is_empty() => {
                self.quiz.line.take();
            }
            Action::Interrupt | Action::DeleteOrLeave => self.act(Action::Topics),
            Action::Line(edit) => self.edit_answer(*edit),
            _ => {}
        }
        if self.screen == Screen::Quiz {
            self.quiz.view = self.school.quiz(self.language);
        }
    }

    /// Tab: what can only be one word is put in; otherwise the words are shown below.
    fn complete_answer(&mut self) {
        let (line, cursor) = (self.quiz.line.text().to_owned(), self.quiz.line.cursor());
        let Some(desk) = self.school.quiz_desk() else { return };
        let (start, items) = complete::candidates(desk, &line, cursor);
        self.quiz.offered = put_in(&mut self.quiz.line, start, &items);
    }

    fn choose_quiz_row(&mut self, row: usize) {
        let question = self.quiz.view.as_ref().and_then(|v| v.question.as_ref());
        let count = question.map_or(0, |q| q.options.len());
        self.quiz.option = row.min(count.saturating_sub(1));
    }

    /// A digit points at an answer; where several may be right it chooses it as well.
    pub(super) fn choose_quiz_option(&mut self, number: usize) {
        let Some(question) = self.quiz.view.as_ref().and_then(|v| v.question.as_ref()) else { return };
        let Some(option) = number.checked_sub(1).filter(|o| *o < question.options.len()) else { return };
        let several = question.several;
        self.quiz.option = option;
        toggle(&mut self.quiz.chosen, option, several);
    }

    fn answer_quiz(&mut self) {
        let mut chosen = std::mem::take(&mut self.quiz.chosen);
        let several = self.quiz.view.as_ref().and_then(|v| v.question.as_ref()).is_some_and(|q| q.several);
        if chosen.is_empty() || !several {
            chosen = BTreeSet::from([self.quiz.option]);
        }
        let chosen: Vec<usize> = chosen.into_iter().collect();
        self.school.answer_quiz(&chosen);
        self.quiz.scroll = 0;
    }
}

fn toggle(chosen: &mut BTreeSet<usize>, option: usize, several: bool) {
    if chosen.remove(&option) {
        return;
    }
    if !several {
        chosen.clear();
    }
    chosen.insert(option);
}
