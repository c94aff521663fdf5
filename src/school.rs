//! A learner at school: lessons and quizzes over sessions, with the progress kept.
//!
//! Always holds: leaving a lesson at any time and coming back gives the same state: what was done is done again in a new
//! session, at its times. What cannot be kept is told once, and nothing stops for it.

use crate::cluster::{Cluster, Config, NodeConfig};
use crate::course::heading::{Heading, Tag};
use crate::course::lesson::{LessonState, Onward};
use crate::course::model::{ClusterOptions, NodeOptions};
use crate::course::progress::{ACTS_LIMIT, SavedLesson};
use crate::course::view::{LessonCard, LessonState as Far, QuizView, StepView, TopicCard, Verdict};
use crate::course::{Keeper, Lab, Language, LessonRun, Library, QuizRun, Runner, Text, chapters, format};
use crate::object::quantity::Quantity;
use crate::session::Session;
use k8s_openapi::api::core::v1::Taint;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Opens sessions on clusters as lessons want them. A cluster is set up once for all that want the same.
#[derive(Debug, Default)]
pub struct SessionLab {
    ready: RefCell<BTreeMap<String, Cluster>>,
}

impl SessionLab {
    /// A session on a new cluster.
    pub fn session(&self, options: &ClusterOptions) -> Session {
        let config = config(options);
        let name = format!("{config:?}");
        if let Some(cluster) = self.ready.borrow().get(&name) {
            return Session::over(cluster.clone());
        }
        let session = Session::new(config);
        self.ready.borrow_mut().insert(name, session.cluster().clone());
        session
    }
}

impl Lab for SessionLab {
    fn open(&self, options: &ClusterOptions) -> Box<dyn Runner> {
        Box::new(self.session(options))
    }
}

/// The cluster that a lesson wants.
fn config(options: &ClusterOptions) -> Config {
    let base = Config::default();
    let nodes =
        if options.nodes.is_empty() { base.nodes.clone() } else { options.nodes.iter().map(node).collect() };
    Config { seed: options.seed.unwrap_or(base.seed), nodes, cloud: options.cloud, ..base }
}

fn node(options: &NodeOptions) -> NodeConfig {
    let name = options.name.as_str();
    let mut node =
        if options.control_plane { NodeConfig::control_plane(name) } else { NodeConfig::worker(name) };
    let amount = |text: &Option<String>| text.as_deref().and_then(Quantity::parse);
    if let Some(cpu) = amount(&options.cpu) {
        node.cpu_milli = cpu.milli();
    }
    if let Some(memory) = amount(&options.memory) {
        node.memory_bytes = memory.units();
    }
    node.labels.extend(options.labels.clone());
    node.extended.extend(options.resources.clone());
    for (key, value, effect) in options.taints.iter().filter_map(|t| format::taint(t)) {
        node.taints.push(Taint { key, value, effect, time_added: None });
    }
    node
}

/// How a lesson is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Where the learner left it.
    Resume,
    /// At its first step.
    Anew,
}

/// The lessons, the quiz, and how far the learner is.
#[derive(Default)]
pub struct School {
    library: Library,
    keeper: Keeper,
    lab: SessionLab,
    lesson: Option<LessonRun>,
    quiz: Option<QuizRun>,
    notices: Vec<Text>,
    told: usize,
    desk: Option<(String, Session)>,
    saved_acts: usize,
}

impl School {
    /// A school over these lessons, with the progress kept in a folder (or nowhere).
    pub fn new(library: Library, data: Option<&std::path::Path>) -> Self {
        let (keeper, notice) = Keeper::open(data);
        Self { library, keeper, notices: notice.into_iter().collect(), ..Self::default() }
    }

    /// What the learner should be told, once.
    pub fn take_notices(&mut self) -> Vec<Text> {
        let told = std::mem::replace(&mut self.told, self.notices.len());
        self.notices[told..].to_vec()
    }

    /// The lessons, as a list shows them.
    pub fn lessons(&self, language: Language) -> Vec<LessonCard> {
        self.library.lessons.iter().map(|heading| self.card(heading, language)).collect()
    }

    fn card(&self, lesson: &Heading, language: Language) -> LessonCard {
        let saved = self.keeper.progress.lessons.get(&lesson.id).map(|saved| &saved.state);
        let done = saved.map_or(0, |s| s.steps.iter().filter(|step| step.done).count());
        LessonCard {
            id: lesson.id.clone(),
            chapter: chapters::place(&lesson.chapter).map_or("", |at| chapters::CHAPTERS[at].title(language)),
            title: lesson.title.get(language).to_owned(),
            summary: lesson.summary.get(language).to_owned(),
            notes: lesson.notes.clone(),
            steps: lesson.steps,
            done: done.min(lesson.steps),
            state: match saved {
                None => Far::New,
                Some(state) if state.finished => Far::Finished,
                Some(_) => Far::Started,
            },
        }
    }

    /// The quiz's topics; the first stands for all together.
    pub fn topics(&self, language: Language) -> Vec<TopicCard> {
        let all = Text { en: "All topics".to_owned(), ko: "모든 주제".to_owned() };
        let mut cards = vec![self.topic("", all.get(language))];
        for lesson in &self.library.lessons {
            let card = self.topic(&lesson.id, lesson.title.get(language));
            if card.questions > 0 {
                cards.push(card);
            }
        }
        cards
    }

    fn topic(&self, id: &str, title: &str) -> TopicCard {
        let result = |q: &Tag| self.keeper.progress.quiz.get(&q.id);
        TopicCard {
            id: id.to_owned(),
            title: title.to_owned(),
            questions: self.library.tags(id).count(),
            right: self.library.tags(id).filter_map(result).filter(|r| r.right).count(),
            answered: self.library.tags(id).filter_map(result).count(),
        }
    }

    /// The lesson to continue with: the one that was last open, if it is not finished.
    pub fn resumable(&self) -> Option<String> {
        let id = self.keeper.progress.last_lesson.as_ref()?;
        let saved = self.keeper.progress.lessons.get(id)?;
        (!saved.state.finished && self.library.lessons.iter().any(|l| l.id == *id)).then(|| id.clone())
    }

    /// Opens a lesson, with a session on its cluster.
    ///
    /// # Errors
    /// Why it cannot be opened, in a sentence.
    pub fn open(&mut self, id: &str, begin: Begin) -> Result<Session, String> {
        let Some(lesson) = self.library.lesson(id) else {
            let known: Vec<&str> = self.library.lessons.iter().map(|l| l.id.as_str()).collect();
            return Err(format!("there is no lesson {id}; there are: {}", known.join(", ")));
        };
        let mut session = self.lab.session(&lesson.cluster);
        let saved = self.keeper.progress.lessons.get(id).filter(|s| !s.state.finished && !s.acts.is_empty());
        let run = match saved {
            Some(saved) if begin == Begin::Resume && saved.acts.len() <= ACTS_LIMIT => {
                session.replay(&saved.acts, saved.elapsed);
                LessonRun::resume(lesson, saved.state.clone())
            }
            _ => LessonRun::begin(lesson, &mut session),
        };
        self.lesson = Some(run);
        self.keeper.progress.last_lesson = Some(id.to_owned());
        self.keep(&session);
        Ok(session)
    }

    /// The current step.
    pub fn step(&self, language: Language) -> Option<StepView> {
        self.lesson.as_ref()?.view(language)
    }

    /// What the last hint offers to type.
    pub fn script(&self) -> Option<&str> {
        self.lesson.as_ref()?.script()
    }

    /// Looks whether the cluster is as the step asks. Answers whether anything is to be shown anew.
    pub fn look(&mut self, session: &Session) -> bool {
        let Some(run) = &mut self.lesson else { return false };
        let before = run.state().clone();
        let changed = run.look(session.client());
        let stepped = before != *run.state();
        if stepped || (session.acts().len() != self.saved_acts && !session.busy()) {
            self.keep(session);
        }
        changed
    }

    /// When to look even if nothing changes.
    pub fn due(&self) -> Option<crate::object::SimTime> {
        self.lesson.as_ref()?.due()
    }

    /// Goes on when the step is done.
    pub fn next(&mut self, session: &mut Session) -> Onward {
        let Some(run) = &mut self.lesson else { return Onward::Stays };
        let onward = run.next(session);
        if onward == Onward::Stepped {
            run.look(session.client());
        }
        self.keep(session);
        onward
    }

    /// Gives the next hint.
    pub fn hint(&mut self) {
        if let Some(run) = &mut self.lesson {
            run.hint();
        }
    }

    /// Takes the learner's answer: places among the options, from 0.
    pub fn answer(&mut self, session: &Session, chosen: &[usize]) -> Option<Verdict> {
        let verdict = self.lesson.as_mut()?.answer(chosen, session);
        self.keep(session);
        verdict
    }

    /// Leaves the lesson, so that it can be resumed.
    pub fn leave(&mut self, session: &Session) {
        self.keep(session);
        self.lesson = None;
    }

    fn keep(&mut self, session: &Session) {
        let Some(run) = &self.lesson else { return };
        let id = run.lesson().id.clone();
        let earlier = self.keeper.progress.lessons.get(&id).is_some_and(|saved| saved.state.finished);
        let state = LessonState {
            finished: run.state().finished || (earlier && run.state().step == 0),
            ..run.state().clone()
        };
        let saved = SavedLesson { state, acts: session.acts().to_vec(), elapsed: session.elapsed() };
        self.saved_acts = session.acts().len();
        self.keeper.progress.lessons.insert(id, saved);
        self.save();
    }

    fn save(&mut self) {
        if let Err(notice) = self.keeper.save()
            && !self.notices.contains(&notice)
        {
            self.notices.push(notice);
        }
    }

    /// Begins a quiz on a topic; an empty one stands for all.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    pub fn begin_quiz(&mut self, topic: &str) -> Result<(), String> {
        self.quiz = QuizRun::begin(&self.library, topic);
        let topics: Vec<&str> = self.library.lessons.iter().map(|l| l.id.as_str()).collect();
        let none = || format!("there are no questions on {topic}; the topics are: {}", topics.join(", "));
        self.quiz.as_ref().map(|_| ()).ok_or_else(none)
    }

    /// The current question, or the end.
    pub fn quiz(&self, language: Language) -> Option<QuizView> {
        self.quiz.as_ref().map(|quiz| quiz.view(language))
    }

    /// Takes the answer to the question: places among the options, from 0.
    pub fn answer_quiz(&mut self, chosen: &[usize]) {
        let Some(quiz) = &mut self.quiz else { return };
        let verdict = quiz.answer(chosen, &self.lab);
        self.note_quiz(verdict);
    }

    /// Takes the command typed as the answer.
    pub fn type_quiz(&mut self, line: &str) {
        let Some(quiz) = &mut self.quiz else { return };
        let verdict = quiz.type_command(line, &self.lab);
        self.note_quiz(verdict);
    }

    fn note_quiz(&mut self, verdict: Option<Verdict>) {
        let question = self.quiz.as_ref().and_then(|quiz| quiz.question().map(|q| q.id.clone()));
        if let (Some(verdict), Some(question)) = (verdict, question) {
            self.keeper.note_answer(&question, verdict == Verdict::Right);
            self.save();
        }
    }

    /// A shell as the question's command will find it, for completing words; the answer itself gets a new one.
    pub fn quiz_desk(&mut self) -> Option<&mut Session> {
        let question = self.quiz.as_ref()?.question()?;
        if self.desk.as_ref().is_none_or(|(id, _)| *id != question.id) {
            let mut session = self.lab.session(&question.cluster);
            if !question.cluster.setup.is_empty() {
                Runner::run(&mut session, &question.cluster.setup);
            }
            self.desk = Some((question.id.clone(), session));
        }
        self.desk.as_mut().map(|(_, session)| session)
    }

    /// Goes to the next question.
    pub fn next_question(&mut self) {
        if let Some(quiz) = &mut self.quiz {
            quiz.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::SECOND;

    #[test]
    fn a_lesson_that_was_left_comes_back_as_it_was() {
        let dir = std::env::temp_dir().join(format!("kubedojo-school-{}", std::process::id()));
        std::fs::remove_dir_all(&dir).ok();
        let library = Library::built_in();
        let mut school = School::new(library.clone(), Some(&dir));
        let mut session = school.open("taints", Begin::Anew).unwrap();
        for line in [
            "kubectl create deployment web --image=nginx:1.27 --replicas=3",
            "echo hello > note.txt",
            "kubectl get pods -w",
        ] {
            session.submit(line);
            session.pass(SECOND * 3 / 2, usize::MAX);
            school.look(&session);
        }
        session.interrupt();
        session.pass(7 * SECOND, usize::MAX);
        school.leave(&session);

        let mut again = School::new(library, Some(&dir));
        assert_eq!(again.resumable().as_deref(), Some("taints"));
        let restored = again.open("taints", Begin::Resume).unwrap();
        assert_eq!(restored.now(), session.now());
        assert_eq!(restored.cluster().fingerprint(), session.cluster().fingerprint());
        assert_eq!(restored.acts(), session.acts());
        assert_eq!(again.lessons(Language::En).iter().filter(|c| c.state == Far::Started).count(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_quiz_is_answered_and_remembered() {
        let mut school = School::new(Library::built_in(), None);
        assert!(school.begin_quiz("nonsense").is_err());
        school.begin_quiz("taints").unwrap();
        let mut asked = 0;
        while let Some(question) = school.quiz(Language::Ko).and_then(|q| q.question) {
            if question.options.is_empty() {
                school.type_quiz("true");
            } else {
                school.answer_quiz(&[0]);
            }
            let view = school.quiz(Language::En).unwrap().question.unwrap();
            assert!(view.verdict.is_some());
            school.next_question();
            asked += 1;
        }
        let view = school.quiz(Language::En).unwrap();
        assert_eq!((view.count, view.right + view.wrong.len()), (asked, asked));
        let card = school.topics(Language::En).into_iter().find(|t| t.id == "taints").unwrap();
        assert_eq!((card.answered, card.right), (asked, view.right));
    }
}
