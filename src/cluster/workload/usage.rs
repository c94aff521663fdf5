//! What processes take of CPU and memory: a function of what runs, its requests, and the time.
//!
//! Always holds: nothing here wakes anybody. A container at rest costs nothing; its use is worked out when it is read.

use super::images::Image;
use super::process::Program;
use crate::cluster::kubelet::run::Body;
use crate::object::{SECOND, SimTime, quantity};
use k8s_openapi::api::core::v1::Container;

/// The time that a rate is measured over: metrics-server's resolution.
pub const WINDOW: u64 = 15 * SECOND;
/// The CPU time that a shell spends on a turn: a command or two.
pub const SHELL_TURN_NANOS: u64 = 400_000;

/// CPU in billionths of a core, and bytes of the working set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nanocores.
    pub cpu_nano: u64,
    /// Bytes.
    pub memory: u64,
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu_nano: self.cpu_nano + other.cpu_nano, memory: self.memory + other.memory }
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(list: I) -> Self {
        list.fold(Self::default(), |a, b| a + b)
    }
}

/// CPU time spent on what comes and goes, counted in windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    window: u64,
    this: u64,
    before: u64,
}

impl Work {
    /// Adds CPU time that is spent at `now`.
    pub fn add(&mut self, now: SimTime, nanos: u64) {
        let window = now.0 / WINDOW;
        if window != self.window {
            self.before = if window == self.window + 1 { self.this } else { 0 };
            self.this = 0;
            self.window = window;
        }
        self.this += nanos;
    }

    /// Nanocores over the last whole window.
    pub fn rate(&self, now: SimTime) -> u64 {
        let spent = match now.0 / WINDOW {
            window if window == self.window => self.before,
            window if window == self.window + 1 => self.this,
            _ => 0,
        };
        spent / (WINDOW / SECOND)
    }
}

/// A limit or request of a container, in its smallest whole unit: bytes, or thousandths for CPU.
pub fn amount(spec: &Container, limits: bool, name: &str) -> Option<u64> {
    let resources = spec.resources.as_ref()?;
    let list = if limits { resources.limits.as_ref() } else { resources.requests.as_ref() };
    let value = quantity::of(list?.get(name)?);
    u64::try_from(if name == "cpu" { value.milli() } else { value.units() }).ok()
}

/// The bytes that a container's processes hold.
pub fn memory(body: &Body, image: &Image, now: SimTime) -> u64 {
    let of_process = |program: &Program, started: SimTime| match program {
        Program::Load(load) => load.memory_at(now),
        Program::Server(server) => {
            let whole = image.memory.max(1 << 20);
            // A server fills its memory while it starts.
            let start = server.listens_at.since(started).max(1);
            whole * now.since(started).min(start) / start
        }
        Program::Sleep | Program::Ends(_) => 200 << 10,
        Program::Shell(_) => 600 << 10,
    };
    body.processes.iter().filter(|p| p.exit.is_none()).map(|p| of_process(&p.program, p.started)).sum()
}

/// What a running container takes; its CPU limit holds.
pub fn of_body(body: &Body, spec: &Container, image: &Image, now: SimTime) -> Usage {
    let constant = |program: &Program| match program {
        Program::Load(load) => load.cpu_nano(),
        Program::Server(_) => image.cpu_milli * 1_000_000,
        _ => 0,
    };
    let alive = body.processes.iter().filter(|p| p.exit.is_none());
    let asked = body.work.rate(now) + alive.map(|p| constant(&p.program)).sum::<u64>();
    let limit = amount(spec, true, "cpu").map_or(u64::MAX, |milli| milli.saturating_mul(1_000_000));
    Usage { cpu_nano: asked.min(limit), memory: memory(body, image, now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_in_windows() {
        let mut work = Work::default();
        let at = |seconds: u64| SimTime(seconds * SECOND);
        for second in 0..15 {
            work.add(at(second), SECOND / 10);
        }
        assert_eq!(work.rate(at(14)), 0, "the first window is not over");
        assert_eq!(work.rate(at(15)), SECOND / 10);
        work.add(at(16), SECOND);
        assert_eq!(work.rate(at(29)), SECOND / 10);
        assert_eq!(work.rate(at(30)), SECOND / 15);
        assert_eq!(work.rate(at(45)), 0);
    }
}
