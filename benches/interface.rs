//! The interface: how soon it shows something, answers a key, and how little it does when nothing happens.
//!
//! Prints figures against their aims; a figure, not a test. It runs the real program (or `KUBEDOJO_BIN`, a build of it
//! made elsewhere) in a pseudo-terminal.

use portable_pty::{CommandBuilder, MasterPty, NativePtySystem, PtySize, PtySystem};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const SIZE: PtySize = PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 };
/// How often each figure is measured; the middle one is printed.
const TIMES: usize = 9;
/// Longer than the interface takes to come to rest.
const REST: Duration = Duration::from_secs(33);
const QUIET: Duration = Duration::from_secs(8);

#[allow(clippy::disallowed_methods)] // a benchmark measures wall time
fn now() -> Instant {
    Instant::now()
}

/// The program in a terminal.
struct Program {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    began: Instant,
    _master: Box<dyn MasterPty + Send>,
    data: std::path::PathBuf,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let pair = NativePtySystem::default().openpty(SIZE).expect("a pseudo-terminal");
        let data = std::env::temp_dir().join(format!("kubedojo-bench-{}", std::process::id()));
        let program = std::env::var("KUBEDOJO_BIN").unwrap_or(env!("CARGO_BIN_EXE_kubedojo").to_owned());
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8")] {
            command.env(name, value);
        }
        command.env("KUBEDOJO_DATA", &data);
        let began = now();
        let child = pair.slave.spawn_command(command).expect("the program");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let keys = pair.master.take_writer().expect("its input");
        let (send, output) = channel();
        reading(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if send.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys, output, began, _master: pair.master, data }
    }

    /// Waits until nothing more comes. Answers when there was something to read on the screen, and when it was whole.
    fn first_frame(&mut self) -> (Duration, Duration) {
        let mut terminal = vt100::Parser::new(
            SIZE.rows.try_into().expect("rows"),
            SIZE.cols.try_into().expect("columns"),
            0,
        );
        let (mut first, mut whole) = (None, Duration::ZERO);
        loop {
            match self.output.recv_timeout(Duration::from_millis(500)) {
                Ok(bytes) => {
                    let before = terminal.screen().contents();
                    terminal.process(&bytes);
                    let after = terminal.screen().contents();
                    if !after.trim().is_empty() {
                        first = first.or(Some(self.began.elapsed()));
                    }
                    // What ticks afterwards changes a few letters: it is no frame.
                    if after.len().abs_diff(before.len()) > 100 {
                        whole = self.began.elapsed();
                    }
                }
                Err(RecvTimeoutError::Timeout) if first.is_none() => {}
                Err(_) => return (first.unwrap_or_default(), whole),
            }
        }
    }

    /// The time from a key to the first output after it.
    fn key(&mut self, key: &str) -> Duration {
        while self.output.recv_timeout(Duration::from_millis(50)).is_ok() {}
        let began = now();
        self.keys.write_all(key.as_bytes()).expect("its input");
        self.keys.flush().expect("its input");
        self.output.recv_timeout(Duration::from_secs(5)).expect("an answer");
        began.elapsed()
    }

    fn ps(&self, field: &str) -> String {
        let pid = self.child.process_id().unwrap_or_default().to_string();
        let output = Command::new("ps").args(["-o", &format!("{field}="), "-p", &pid]).output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
    }

    /// Processor time so far, in clock ticks of a hundredth of a second, where the system tells it.
    fn ticks(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.process_id()?)).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

#[allow(clippy::disallowed_methods)] // a pseudo-terminal is read by waiting for it
fn reading(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work);
}

fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn frames(name: &str, arguments: &[&str]) {
    let (first, whole) = (0..TIMES).map(|_| Program::start(arguments).first_frame()).unzip();
    println!(
        "first frame, {name:<9} {:7.1} ms  (aim: under 50), whole after {:.1} ms",
        middle(first),
        middle(whole)
    );
}

fn keys(name: &str, program: &mut Program, key: &str) {
    let times = (0..TIMES * 3).map(|_| program.key(key)).collect();
    println!("a key, {name:<15} {:7.1} ms  (aim: under 16)", middle(times));
}

fn main() {
    frames("home", &[]);
    frames("a lesson", &["learn", "services"]);
    frames("sandbox", &["sandbox"]);
    let mut lesson = Program::start(&["learn", "services"]);
    lesson.first_frame();
    keys("a letter", &mut lesson, "x");
    keys("another pane", &mut lesson, "\x1b[Z");
    let memory: f64 = lesson.ps("rss").parse().unwrap_or(0.0);
    println!("resident in a lesson   {:7.1} MiB (aim: under 80)", memory / 1024.0);
    idle(&mut lesson);
}

/// A quiet cluster, when the interface has come to rest.
fn idle(program: &mut Program) {
    let until = now() + REST;
    while let Some(left) = until.checked_duration_since(now()) {
        let _ = program.output.recv_timeout(left);
    }
    let (began, before) = (now(), program.ticks());
    let (mut redraws, until) = (0, began + QUIET);
    while let Some(left) = until.checked_duration_since(now()) {
        redraws += usize::from(program.output.recv_timeout(left).is_ok());
    }
    println!("redraws, idle for {} s  {redraws:6}     (aim: none)", QUIET.as_secs());
    if let (Some(before), Some(after)) = (before, program.ticks()) {
        #[allow(clippy::cast_precision_loss)] // a handful of ticks
        let share = (after - before) as f64 / QUIET.as_secs_f64();
        println!("processor, idle        {share:7.2} %   (aim: under 1)");
    }
}
