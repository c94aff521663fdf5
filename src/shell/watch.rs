//! `watch`: runs a command line again and again, each time on an empty screen.

use super::world::{Outside, Running, run_line};
use crate::kubectl::Streams;
use crate::object::SECOND;
use crate::posix::Call;

/// Empties the screen, as terminals know it.
const REPAINT: &str = "\x1b[H\x1b[2J";
/// The shortest interval that the real one takes, in milliseconds.
const SHORTEST_MS: u64 = 100;

/// What was asked for.
struct Wish {
    line: String,
    milliseconds: u64,
    title: bool,
}

/// Runs `watch [-n SECONDS] [-t] COMMAND...`.
pub(super) fn run(world: Outside, call: &Call, streams: &Streams) -> Running {
    let (call, streams) = (call.clone(), streams.clone());
    Box::pin(async move {
        let wish = match read(&call.argv[1..]) {
            Ok(wish) => wish,
            Err(why) => {
                streams.error(&format!("watch: {why}\nUsage:\n watch [options] command\n"));
                return 1;
            }
        };
        let client = world.client.clone();
        loop {
            // A script has no screen to paint on, and would never come to its next line.
            if !call.terminal || client.pace() > 0 {
                return run_line(world.beside(), &wish.line, &call, streams.clone()).await;
            }
            streams.print(REPAINT);
            if wish.title {
                let (seconds, tenths) = (wish.milliseconds / 1000, wish.milliseconds % 1000 / 100);
                streams.print(&format!("Every {seconds}.{tenths}s: {}\n\n", wish.line));
            }
            run_line(world.beside(), &wish.line, &call, streams.clone()).await;
            client.sleep_until(client.now() + wish.milliseconds * (SECOND / 1000)).await;
        }
    })
}

fn read(args: &[String]) -> Result<Wish, String> {
    let mut wish = Wish { line: String::new(), milliseconds: 2000, title: true };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = arg.strip_prefix("--interval=").or_else(|| arg.strip_prefix("-n"));
        match (arg.as_str(), value) {
            ("-n" | "--interval", _) => {
                let next = args.next().ok_or("option requires an argument -- 'n'")?;
                wish.milliseconds = interval(next)?;
            }
            (_, Some(value)) => wish.milliseconds = interval(value)?,
            ("-t" | "--no-title", _) => wish.title = false,
            ("-d" | "--differences" | "-c" | "--color" | "-x" | "--exec" | "-w" | "--no-wrap", _) => {}
            (flag, _) if flag.starts_with('-') => return Err(format!("unrecognized option '{flag}'")),
            (word, _) => {
                let rest: Vec<&str> =
                    std::iter::once(word).chain(args.by_ref().map(String::as_str)).collect();
                wish.line = rest.join(" ");
            }
        }
    }
    if wish.line.is_empty() { Err("no command given".to_owned()) } else { Ok(wish) }
}

fn interval(text: &str) -> Result<u64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("failed to parse argument: '{text}'"))?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(format!("failed to parse argument: '{text}'"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // its range was looked at
    Ok(((seconds * 1000.0) as u64).max(SHORTEST_MS))
}
