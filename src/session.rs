//! A session: a cluster, a shell, a course and a recording: all that a face (terminal, script runner, server) needs.
//!
//! Always holds: the session owns its cluster, and undo, reset and "what if" are clones of it; time passes only
//! through [`Session::advance_to`] and what calls it. It reads no clock: a face tells it how much time went by.

use crate::client::Client;
use crate::cluster::{Cluster, Config};
use crate::course::progress::ACTS_LIMIT;
use crate::course::{Act, Recorded, RunResult, Runner};
use crate::object::SimTime;
use crate::posix::files::Tree;
use crate::shell::{Control, Job, Shell};
use std::cell::{Ref, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// How many commands can be undone.
pub const UNDO_LIMIT: usize = 50;
/// How many lines of output are kept.
pub const TRANSCRIPT_LIMIT: usize = 10_000;
/// A longer output goes on in another entry, at the end of a line. In bytes.
const ENTRY_LIMIT: usize = 8 * 1024;
/// What a command that could go on at once costs of a budget of steps: it has done much already.
const TURN_COST: usize = 32;
/// Virtual time that one `kubectl` takes in a script, in nanoseconds: about what the program needs to start and ask.
/// At a prompt the learner's own time passes instead.
pub const SCRIPT_PACE: u64 = 60 * crate::object::time::MILLISECOND;
/// Nothing has changed for this long: the cluster is called quiet. In nanoseconds.
pub const QUIET_AFTER: u64 = 5 * crate::object::SECOND;
/// How far "until quiet" goes at most, in nanoseconds of virtual time.
pub const QUIET_LIMIT: u64 = 15 * 60 * crate::object::SECOND;
/// How long a script's command may wait for news alone, in nanoseconds of virtual time: what has not come in a day
/// does not come any more.
pub const PATIENCE: u64 = 24 * 60 * 60 * crate::object::SECOND;

/// What a command prints to paint its screen anew, as terminals know it: what it had printed before is taken away.
pub const REPAINT: &str = "\x1b[H\x1b[2J";

/// How fast virtual time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// It stands still; commands are still answered.
    Paused,
    /// So many virtual seconds a second.
    Times(u32),
    /// As fast as it can until nothing changes any more, then at the usual speed again.
    UntilQuiet {
        /// When it began.
        since: SimTime,
    },
}

/// A piece of what the terminal shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A command that the learner entered, with the directory it was entered in.
    Command {
        /// The command line.
        line: String,
        /// The working directory, as the prompt shows it.
        cwd: String,
    },
    /// Something a command printed.
    Output {
        /// Whether to standard error.
        error: bool,
        /// The text, any number of lines.
        text: String,
    },
    /// What the program itself says, apart from any command's output.
    Note(String),
}

/// What the terminal shows, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    entries: VecDeque<Entry>,
    lines: usize,
    version: u64,
    first: u64,
    repainted: u64,
}

impl Transcript {
    /// The entries, oldest first.
    pub fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// How many entries have gone already: the number of the first that is kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Counts every change, so that a face knows when to look again.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Counts how often a command has painted its screen anew ([`REPAINT`]).
    pub fn repainted(&self) -> u64 {
        self.repainted
    }

    /// Takes back what the running command has printed so far: it paints its screen anew.
    fn repaint(&mut self) {
        self.repainted += 1;
        let kept = self.entries.iter().rposition(|e| matches!(e, Entry::Command { .. }));
        for entry in self.entries.drain(kept.map_or(0, |at| at + 1)..) {
            self.lines = self.lines.saturating_sub(lines(&entry));
        }
    }

    /// Adds an entry; what is beyond [`TRANSCRIPT_LIMIT`] lines goes.
    pub fn push(&mut self, mut entry: Entry) {
        self.version += 1;
        if let Entry::Output { text, .. } = &mut entry
            && let Some((_, last)) = text.rsplit_once(REPAINT)
        {
            *text = last.to_owned();
            self.repaint();
        }
        match entry {
            Entry::Output { error, text } => {
                for line in text.split_inclusive('\n') {
                    self.print(error, line);
                }
            }
            entry => {
                self.lines += lines(&entry);
                self.entries.push_back(entry);
            }
        }
        while self.lines > TRANSCRIPT_LIMIT && self.entries.len() > 1 {
            if let Some(old) = self.entries.pop_front() {
                self.lines = self.lines.saturating_sub(lines(&old));
                self.first += 1;
            }
        }
    }

    /// Adds to the last entry, as long as that is of the same kind and not too long to be looked at again and again.
    fn print(&mut self, error: bool, line: &str) {
        self.lines += usize::from(line.ends_with('\n'));
        match self.entries.back_mut() {
            Some(Entry::Output { error: last, text })
                if *last == error && (text.len() < ENTRY_LIMIT || !text.ends_with('\n')) =>
            {
                text.push_str(line);
            }
            _ => self.entries.push_back(Entry::Output { error, text: line.to_owned() }),
        }
    }

    /// Empties it, as `clear` does.
    pub fn clear(&mut self) {
        self.version += 1;
        self.first += self.entries.len() as u64;
        self.entries.clear();
        self.lines = 0;
    }
}

fn lines(entry: &Entry) -> usize {
    match entry {
        Entry::Command { line, .. } => line.lines().count().max(1),
        Entry::Output { text, .. } => text.matches('\n').count(),
        Entry::Note(text) => text.matches('\n').count().max(1),
    }
}

/// What undo goes back to.
struct Snapshot {
    cluster: Cluster,
    files: Tree,
    line: String,
}

/// A cluster and everything around it that a learner uses.
pub struct Session {
    cluster: Rc<RefCell<Cluster>>,
    client: Client,
    shell: Shell,
    transcript: Transcript,
    job: Job,
    /// Since when the running command has waited for news alone, while a script runs.
    waits_since: Option<SimTime>,
    speed: Speed,
    command: u64,
    beginning: Cluster,
    undo: Vec<Snapshot>,
    status: i32,
    began: SimTime,
    acts: Vec<Recorded>,
    wishes: Vec<Control>,
}

impl Session {
    /// A session with a new cluster, settled: its system pods run.
    pub fn new(config: Config) -> Self {
        let mut cluster = Cluster::new(config);
        settle(&mut cluster, QUIET_LIMIT);
        Self::over(cluster)
    }

    /// A session over a cluster as it is.
    pub fn over(cluster: Cluster) -> Self {
        let (beginning, began) = (cluster.clone(), cluster.now());
        let cluster = Rc::new(RefCell::new(cluster));
        let client = Client::new(cluster.clone());
        Self {
            shell: Shell::new(client.clone()),
            cluster,
            client,
            transcript: Transcript::default(),
            job: Job::Idle,
            waits_since: None,
            speed: Speed::Times(1),
            command: 0,
            beginning,
            undo: Vec::new(),
            status: 0,
            began,
            acts: Vec::new(),
            wishes: Vec::new(),
        }
    }

    /// The cluster, to look at.
    pub fn cluster(&self) -> Ref<'_, Cluster> {
        self.cluster.borrow()
    }

    /// The door to the cluster.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The learner's shell.
    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// The learner's shell, to complete or to feed.
    pub fn shell_mut(&mut self) -> &mut Shell {
        &mut self.shell
    }

    /// What the terminal shows.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// What the terminal shows, to add to or to clear.
    pub fn transcript_mut(&mut self) -> &mut Transcript {
        &mut self.transcript
    }

    /// Where the running command stands.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Whether a command runs.
    pub fn busy(&self) -> bool {
        matches!(self.job, Job::Waiting(_) | Job::Editing(_))
    }

    /// The last command's exit status.
    pub fn status(&self) -> i32 {
        self.status
    }

    /// The virtual time.
    pub fn now(&self) -> SimTime {
        self.cluster.borrow().now()
    }

    /// When the cluster last changed.
    pub fn last_change(&self) -> SimTime {
        last_change(&self.cluster.borrow())
    }

    /// How fast time runs.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Lets time run at another speed.
    pub fn set_speed(&mut self, speed: Speed) {
        self.speed = speed;
    }

    /// Lets every `kubectl` take [`SCRIPT_PACE`], as a script's runner wants it.
    pub fn pace_as_script(&mut self) {
        self.client.set_pace(SCRIPT_PACE);
    }

    /// Starts a command line. Nothing happens while another one runs.
    pub fn submit(&mut self, line: &str) {
        if self.busy() {
            return;
        }
        self.record(Act::Line(line.to_owned()));
        self.command += 1;
        self.client.set_command(self.command);
        self.transcript.push(Entry::Command { line: line.to_owned(), cwd: self.shell.cwd() });
        if self.undo.len() >= UNDO_LIMIT {
            self.undo.remove(0);
        }
        self.undo.push(self.snapshot(line));
        self.shell.remember(line);
        self.shell.start(line);
        self.poll();
    }

    /// Lets the running command go on as far as it can now, and takes its output. Answers whether anything came.
    pub fn poll(&mut self) -> bool {
        if matches!(self.job, Job::Idle) && self.command == 0 {
            return false;
        }
        self.client.take_waiting();
        let job = self.shell.poll();
        let mut changed = job != self.job;
        for chunk in self.shell.take_output() {
            changed = true;
            self.transcript.push(Entry::Output { error: chunk.error, text: chunk.text });
        }
        self.job = match job {
            Job::Done(status) => {
                self.status = status;
                self.forget_useless_snapshot();
                Job::Idle
            }
            Job::Waiting(deadline) => {
                let waits = self.client.take_waiting();
                Job::Waiting(deadline.into_iter().chain(waits).min())
            }
            other => other,
        };
        if !self.busy() {
            for control in self.shell.take_requests() {
                self.obey(control);
                changed = true;
            }
        }
        changed
    }

    /// Does what a command (`dojo undo`, `clear`) asks of the session; the rest is for whoever shows it.
    fn obey(&mut self, control: Control) {
        // What it does belongs to the command line, which is recorded already.
        let recorded = self.acts.len();
        match control {
            Control::Clear => self.transcript.clear(),
            Control::Undo => match self.undo() {
                Some(line) => self.say(false, &format!("undone: {}\n", line.lines().next().unwrap_or(""))),
                None => self.say(true, "dojo: there is nothing to undo\n"),
            },
            Control::Reset => {
                self.reset();
                self.say(false, "the cluster is as it was at the start\n");
            }
            Control::Pause => self.speed = Speed::Paused,
            Control::Speed(factor) => self.speed = Speed::Times(factor),
            Control::UntilQuiet => self.speed = Speed::UntilQuiet { since: self.now() },
            Control::Hint | Control::Check | Control::Rollout | Control::Leave => self.wishes.push(control),
        }
        self.acts.truncate(recorded);
    }

    fn say(&mut self, error: bool, text: &str) {
        self.transcript.push(Entry::Output { error, text: text.to_owned() });
    }

    /// Takes what commands ask of the face: a hint, a check, to leave.
    pub fn take_wishes(&mut self) -> Vec<Control> {
        std::mem::take(&mut self.wishes)
    }

    fn snapshot(&self, line: &str) -> Snapshot {
        let cluster = self.cluster.borrow().clone();
        Snapshot { cluster, files: self.shell.files(), line: line.to_owned() }
    }

    /// A command that changed nothing in the cluster and no file is not worth an undo.
    fn forget_useless_snapshot(&mut self) {
        let revision = self.cluster.borrow().api.store.revision();
        let files = self.shell.files();
        let same = |s: &Snapshot| s.cluster.api.store.revision() == revision && s.files.same(&files);
        if self.undo.last().is_some_and(same) {
            self.undo.pop();
        }
    }

    /// When something is due next: in the cluster, or for the running command.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let command = if let Job::Waiting(deadline) = self.job { deadline } else { None };
        self.cluster.borrow().next_deadline().into_iter().chain(command).min()
    }

    /// Lets virtual time pass to `until`, with at most `budget` steps. Answers whether it came so far.
    pub fn advance_to(&mut self, until: SimTime, budget: usize) -> bool {
        let mut left = budget;
        loop {
            let waits =
                if let Job::Waiting(Some(deadline)) = self.job { deadline.max(self.now()) } else { until };
            let target = waits.min(until);
            let before = self.cluster.borrow().api.store.revision();
            // A command that waits for news is asked after every step that may bring some.
            let chunk = if self.busy() { 1 } else { left };
            let next = self.cluster.borrow().next_deadline();
            let stop = if self.busy() { next.map_or(target, |n| n.min(target)) } else { target };
            let advanced = self.cluster.borrow_mut().advance(stop, chunk);
            left = left.saturating_sub(advanced.steps.max(1));
            let news =
                self.cluster.borrow().api.store.revision() != before || advanced.steps > 0 || stop == waits;
            if self.busy() && news {
                self.poll();
                if matches!(self.job, Job::Waiting(Some(moment)) if moment <= self.now()) {
                    left = left.saturating_sub(TURN_COST);
                }
            }
            if advanced.done && stop == until {
                return true;
            }
            if left == 0 {
                return false;
            }
        }
    }

    /// Lets `elapsed` nanoseconds of the learner's time pass at the chosen speed, with at most `budget` steps.
    /// Answers whether all of it has passed.
    pub fn pass(&mut self, elapsed: u64, budget: usize) -> bool {
        match self.speed {
            Speed::Paused => true,
            Speed::Times(factor) => {
                let until = self.now() + elapsed.saturating_mul(u64::from(factor));
                self.advance_to(until, budget)
            }
            Speed::UntilQuiet { since } => {
                let done = self.step_until_quiet(since, budget);
                if done {
                    self.speed = Speed::Times(1);
                }
                done
            }
        }
    }

    fn step_until_quiet(&mut self, since: SimTime, budget: usize) -> bool {
        let limit = since + QUIET_LIMIT;
        for _ in 0..budget {
            let (now, last) = (self.now(), last_change(&self.cluster.borrow()));
            let quiet_at = last.max(since) + QUIET_AFTER;
            if now >= quiet_at || now >= limit {
                return true;
            }
            let next = self.next_deadline().unwrap_or(quiet_at).min(quiet_at).max(now);
            self.advance_to(next, 1);
        }
        false
    }

    /// Runs until the running command has ended: time jumps from one deadline to the next. Answers its status; a
    /// command that waits for what can never come is interrupted (status 130).
    pub fn run_to_end(&mut self) -> i32 {
        while self.busy() {
            self.step(usize::MAX);
        }
        self.status
    }

    /// Lets the next thing happen that the running command may wait for, in `budget` steps of the cluster at most.
    pub fn step(&mut self, budget: usize) {
        if let Job::Editing(_) = self.job {
            self.edited(None);
            return;
        }
        let now = self.now();
        let since = *self.waits_since.get_or_insert(now);
        if !matches!(self.job, Job::Waiting(None)) {
            self.waits_since = None;
        }
        match self.next_deadline() {
            Some(next) if now.since(since) < PATIENCE => {
                self.advance_to(next.max(now), budget);
                self.poll();
            }
            _ => self.interrupt(),
        }
        if !self.busy() {
            self.waits_since = None;
        }
    }

    /// Ctrl-C: ends the running command.
    pub fn interrupt(&mut self) {
        self.record(Act::Interrupt);
        self.shell.interrupt();
        self.poll();
    }

    /// Hands typed input to the running command; `None` is Ctrl-D.
    pub fn feed(&mut self, input: Option<&[u8]>) {
        self.record(input.map_or(Act::End, |bytes| Act::Input(String::from_utf8_lossy(bytes).into_owned())));
        self.shell.feed(input);
        self.poll();
    }

    /// The editor was closed, with the content saved or (`None`) not.
    pub fn edited(&mut self, content: Option<String>) {
        self.record(Act::Saved(content.clone()));
        self.shell.edited(content);
        self.poll();
    }

    /// Goes back to before the last command that changed the cluster or a file. Answers that command's line.
    pub fn undo(&mut self) -> Option<String> {
        self.stop_command();
        self.record(Act::Undo);
        let Snapshot { cluster, files, line } = self.undo.pop()?;
        *self.cluster.borrow_mut() = cluster;
        self.shell.set_files(files);
        Some(line)
    }

    /// How many commands can be undone.
    pub fn undo_depth(&self) -> usize {
        self.undo.len()
    }

    /// Goes back to the beginning; this can be undone as well.
    pub fn reset(&mut self) {
        self.stop_command();
        self.record(Act::Reset);
        self.undo.push(self.snapshot("reset"));
        *self.cluster.borrow_mut() = self.beginning.clone();
    }

    /// What was done in this session, with its times. Done again in a new session, it leads to the same state. Beyond
    /// a limit nothing more is noted.
    pub fn acts(&self) -> &[Recorded] {
        &self.acts
    }

    /// How much virtual time has passed since the session began, in nanoseconds.
    pub fn elapsed(&self) -> u64 {
        self.now().since(self.began)
    }

    fn record(&mut self, act: Act) {
        if self.acts.len() <= ACTS_LIMIT {
            let at = self.elapsed();
            self.acts.push(Recorded { at, act });
        }
    }

    /// Does again what was recorded, each act at its time, and lets time pass to `elapsed`.
    pub fn replay(&mut self, acts: &[Recorded], elapsed: u64) {
        for Recorded { at, act } in acts {
            let until = (self.began + *at).max(self.now());
            self.advance_to(until, usize::MAX);
            match act {
                Act::Line(line) => self.submit(line),
                Act::Input(text) => self.feed(Some(text.as_bytes())),
                Act::End => self.feed(None),
                Act::Interrupt => self.interrupt(),
                Act::Saved(content) => self.edited(content.clone()),
                Act::Script(script) => {
                    self.run(script);
                }
                Act::Undo => {
                    self.undo();
                }
                Act::Reset => self.reset(),
                Act::Machine(action) => {
                    self.machine(action).ok(); // it was refused then as it is now
                }
            }
        }
        let until = (self.began + elapsed).max(self.now());
        self.advance_to(until, usize::MAX);
    }

    /// Adds, removes, stops or restarts a machine.
    ///
    /// # Errors
    /// Why it cannot be done, in a sentence.
    pub fn machine(&mut self, action: &crate::cluster::machines::Action) -> Result<(), String> {
        self.record(Act::Machine(action.clone()));
        let before = self.snapshot(&action.to_string());
        self.client.machine(action)?;
        self.undo.push(before);
        Ok(())
    }

    fn stop_command(&mut self) {
        if self.busy() {
            self.interrupt();
        }
    }
}

impl Runner for Session {
    fn run(&mut self, script: &str) -> RunResult {
        self.stop_command();
        self.record(Act::Script(script.to_owned()));
        self.command += 1;
        self.client.set_command(self.command);
        let shown = std::mem::take(&mut self.transcript);
        let pace = self.client.pace();
        self.client.set_pace(SCRIPT_PACE);
        self.shell.start(script);
        self.poll();
        // What a script's own interruption would record belongs to the script.
        let recorded = self.acts.len();
        let status = self.run_to_end();
        self.acts.truncate(recorded);
        self.client.set_pace(pace);
        let printed = std::mem::replace(&mut self.transcript, shown);
        let text = |entry: &Entry| match entry {
            Entry::Output { text, .. } => Some(text.clone()),
            Entry::Command { .. } | Entry::Note(_) => None,
        };
        RunResult { output: printed.entries.iter().filter_map(text).collect(), status }
    }

    fn pass(&mut self, nanos: u64) {
        let until = self.now() + nanos;
        self.advance_to(until, usize::MAX);
    }

    fn client(&self) -> Client {
        self.client.clone()
    }

    fn fork(&self) -> Box<dyn Runner> {
        let mut copy = Self::over(self.cluster.borrow().clone());
        copy.shell = self.shell.fork(copy.client.clone());
        Box::new(copy)
    }
}

/// When the store last changed.
fn last_change(cluster: &Cluster) -> SimTime {
    cluster.api.store.log().back().map(|change| change.at).unwrap_or_default()
}

/// Lets a cluster run until it is quiet, or for `limit` nanoseconds.
pub fn settle(cluster: &mut Cluster, limit: u64) {
    let start = cluster.now();
    loop {
        let quiet_at = last_change(cluster).max(start) + QUIET_AFTER;
        let next = cluster.next_deadline().unwrap_or(quiet_at).max(cluster.now());
        if next >= quiet_at || next.since(start) >= limit {
            return;
        }
        cluster.advance(next, usize::MAX);
    }
}
