//! The one loop: it waits for a key, a signal or the next thing due, and draws when something changed.
//!
//! Always holds: a key is served before more of a burst of work; with nothing due the process sleeps; wall time is
//! asked for here and nowhere else in the interface.

use super::app::{App, Start};
use super::settings::{self, data_dir};
use super::terminal::{self, Taken};
use super::theme::Depth;
use super::update::Wait;
use super::view::{self, view};
use super::words::Word;
use crate::cluster::Config;
use crate::course::{Language, Library};
use crate::school::{Begin, School};
use anyhow::{Context, Result, bail};
use crossterm::event::{Event as TermEvent, EventStream};
use crossterm::execute;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use futures_util::StreamExt;
use ratatui::layout::Rect;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the cluster may work before keys are looked at again.
const TURN: Duration = Duration::from_millis(6);
/// How long after a frame the next one is drawn, when no key asks for it.
const FRAME: Duration = Duration::from_millis(33);

/// What is opened first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Home.
    Home,
    /// A lesson, or the one to continue with.
    Lesson(Option<String>),
    /// A free cluster.
    Sandbox,
    /// A quiz, or the list of topics.
    Quiz(Option<String>),
}

/// What the loop waits for.
enum Event {
    /// A key, a paste, the mouse, another size.
    Term(TermEvent),
    /// The terminal has gone.
    Gone,
    /// The program is asked to end, with this exit status.
    Signal(u8),
    /// Something is due.
    Due,
}

/// Runs the interface until it is left.
///
/// # Errors
/// That there is no terminal, or what it refused.
pub fn run(
    library: Library,
    language: Option<Language>,
    config: Config,
    opening: &Opening,
) -> Result<ExitCode> {
    let variable = |name: &str| std::env::var(name).ok();
    let locale = settings::locale_language(variable);
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("{}", Word::NotATerminal.in_language(language.unwrap_or(locale)));
    }
    let dir = data_dir();
    let school = School::new(library, dir.as_deref());
    let start = Start { school, language, config, dir, depth: Depth::from_env(variable), locale };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut taken = terminal::take().context("cannot use the terminal")?;
    let size = taken.screen.size()?;
    let mut app = App::new(start, Rect::new(0, 0, size.width, size.height));
    if variable("KUBEDOJO_ASCII").is_some_and(|v| !v.is_empty() && v != "0") {
        app.use_ascii();
    }
    if let Some(what) = app.names(opening) {
        paint(&mut taken, |frame| view::opening(&app, &what, frame))?;
    }
    app.open_first(opening);
    let tasks = tokio::task::LocalSet::new();
    let status = tasks.block_on(&runtime, turn(&mut app, &mut taken))?;
    app.go_home();
    app.attached = None;
    Ok(ExitCode::from(status))
}

/// Goes round until the program is left.
async fn turn(app: &mut App, taken: &mut Taken) -> Result<u8> {
    let mut keys = EventStream::new();
    let mut signals = Signals::new()?;
    let mut clock = Clock::new();
    let mut changed = true;
    loop {
        taken.set_mouse(app.settings.mouse)?;
        let passed = app.pass(clock.lap(), clock.turn());
        if app.attend() {
            changed = true;
            clock.stir();
        }
        if app.is_stale() && clock.frame_is_due(changed) {
            changed |= app.refresh();
        }
        changed |= app.choose_ages(clock.idle());
        if passed.changed {
            clock.stir();
        }
        if changed {
            draw(app, taken)?;
            clock.drawn();
            changed = false;
        }
        let event = if passed.behind || app.is_stale() {
            // Keys first, then on with the work.
            let wait = if passed.behind { Duration::ZERO } else { clock.until_frame() };
            wait_for(&mut keys, &mut signals, app, Wait::For(wait)).await
        } else {
            let wait = app.wait(clock.idle());
            wait_for(&mut keys, &mut signals, app, wait).await
        };
        match event {
            Event::Due => {
                // A moment has come: ages, checks and the running command may read otherwise.
                if !passed.behind {
                    app.mark_stale();
                }
            }
            Event::Signal(status) => return Ok(status),
            Event::Gone => return Ok(129),
            Event::Term(event) => {
                clock.stir();
                app.pass(clock.lap(), || true);
                changed |= app.event(event);
                while let Some(event) = typed(&mut keys).await {
                    changed |= app.event(event);
                }
                changed |= app.refresh();
            }
        }
        if let Some(status) = app.exit {
            return Ok(status);
        }
    }
}

/// A key that has been typed meanwhile. It is asked for with the loop's own waker: crossterm wakes the first that asked,
/// and nobody would hear the next key if that were nobody's.
async fn typed(keys: &mut EventStream) -> Option<crossterm::event::Event> {
    std::future::poll_fn(|context| match keys.poll_next_unpin(context) {
        std::task::Poll::Ready(Some(Ok(event))) => std::task::Poll::Ready(Some(event)),
        std::task::Poll::Ready(_) | std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// An attached client asks something.
async fn asked(attached: Option<&mut super::attach::Attachment>) {
    match attached {
        Some(attached) => attached.arrived().await,
        None => std::future::pending().await,
    }
}

async fn wait_for(keys: &mut EventStream, signals: &mut Signals, app: &mut App, wait: Wait) -> Event {
    let due = async {
        match wait {
            Wait::No => tokio::task::yield_now().await,
            Wait::For(duration) => tokio::time::sleep(duration).await,
            Wait::Forever => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        status = signals.next() => Event::Signal(status),
        event = keys.next() => match event {
            Some(Ok(event)) => Event::Term(event),
            Some(Err(_)) | None => Event::Gone,
        },
        () = asked(app.attached.as_mut()) => Event::Due,
        () = due => Event::Due,
    }
}

fn draw(app: &App, taken: &mut Taken) -> Result<()> {
    paint(taken, |frame| view(app, frame))
}

fn paint(taken: &mut Taken, view: impl FnOnce(&mut ratatui::Frame<'_>)) -> Result<()> {
    execute!(taken.screen.backend_mut(), BeginSynchronizedUpdate)?;
    taken.screen.draw(view)?;
    execute!(taken.screen.backend_mut(), EndSynchronizedUpdate)?;
    Ok(())
}

/// Wall time, as the loop needs it.
struct Clock {
    last: Instant,
    stirred: Instant,
    drawn: Option<Instant>,
}

#[allow(clippy::disallowed_methods)] // the one place of the interface that asks for wall time
fn now() -> Instant {
    Instant::now()
}

impl Clock {
    fn new() -> Self {
        Self { last: now(), stirred: now(), drawn: None }
    }

    /// The time since it was last asked.
    fn lap(&mut self) -> Duration {
        let now = now();
        now.duration_since(std::mem::replace(&mut self.last, now))
    }

    /// Something was done or has changed.
    fn stir(&mut self) {
        self.stirred = now();
    }

    /// How long nothing was done and nothing has changed.
    fn idle(&self) -> Duration {
        self.stirred.elapsed()
    }

    /// Says when a turn of work has taken long enough.
    fn turn(&self) -> impl FnMut() -> bool + use<> {
        let start = self.last;
        move || start.elapsed() >= TURN
    }

    fn drawn(&mut self) {
        self.drawn = Some(now());
    }

    /// Whether it is time for another frame; `asked` for by a key it always is.
    fn frame_is_due(&self, asked: bool) -> bool {
        asked || self.until_frame().is_zero()
    }

    fn until_frame(&self) -> Duration {
        self.drawn.map_or(Duration::ZERO, |at| FRAME.saturating_sub(at.elapsed()))
    }
}

/// The signals that end the program.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, hang_up: signal(SignalKind::hangup())? })
    }

    /// The exit status of the next one: 128 and its number, as shells have it.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 143,
            _ = self.hang_up.recv() => 129,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        std::future::pending().await
    }
}

impl App {
    /// What is opened, where that takes a cluster.
    fn names(&self, opening: &Opening) -> Option<String> {
        let lesson = |id: &String| self.lessons.iter().find(|l| l.id == *id).map(|l| l.title.clone());
        match opening {
            Opening::Lesson(Some(id)) => lesson(id),
            Opening::Lesson(None) => self.resumable.as_ref().and_then(lesson),
            Opening::Sandbox => Some(self.word(Word::Sandbox).to_owned()),
            Opening::Home | Opening::Quiz(_) => None,
        }
    }

    /// Opens what the command line asks for.
    fn open_first(&mut self, opening: &Opening) {
        use super::keys::Action;
        match opening {
            Opening::Home => {}
            Opening::Sandbox => self.open_sandbox(),
            Opening::Lesson(Some(id)) => self.open_lesson(id, Begin::Resume),
            Opening::Lesson(None) if self.resumable.is_some() => self.act(Action::Continue),
            Opening::Lesson(None) => self.act(Action::Lessons),
            Opening::Quiz(Some(topic)) => self.open_quiz(topic),
            Opening::Quiz(None) => self.act(Action::Topics),
        }
    }
}
