//! Programs that only use up CPU and memory: `stress` in its three makes, and commands that do nothing else.

use super::server::timestamp;
use crate::object::{SECOND, SimTime, quantity::Quantity, time::MILLISECOND};
use std::fmt::Write as _;

/// How fast a process can fill memory.
const FILL_BYTES_PER_SECOND: u64 = 1 << 30;

/// A program that keeps CPU busy and holds memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Cores kept busy.
    pub cores: u64,
    /// Bytes held in the end.
    pub bytes: u64,
    /// Bytes taken a second until then.
    pub bytes_per_second: u64,
    /// When it began.
    pub since: SimTime,
    /// When it ends by itself, well.
    pub until: Option<SimTime>,
    /// Whether it says how long it ran.
    pub says_end: bool,
    /// What it has still to say.
    pub said: String,
}

impl Load {
    fn new(since: SimTime) -> Self {
        let bytes_per_second = FILL_BYTES_PER_SECOND;
        Self {
            cores: 0,
            bytes: 0,
            bytes_per_second,
            since,
            until: None,
            says_end: false,
            said: String::new(),
        }
    }

    /// Bytes held at a moment.
    pub fn memory_at(&self, now: SimTime) -> u64 {
        let grown =
            u128::from(now.since(self.since)) * u128::from(self.bytes_per_second) / u128::from(SECOND);
        u64::try_from(grown).unwrap_or(u64::MAX).min(self.bytes).max(700 << 10)
    }

    /// When it holds more than `room` bytes; `None` when it never does.
    pub fn exceeds(&self, room: u64) -> Option<SimTime> {
        if self.bytes <= room {
            return None;
        }
        let nanos = u128::from(room) * u128::from(SECOND) / u128::from(self.bytes_per_second.max(1));
        Some(self.since + u64::try_from(nanos).unwrap_or(u64::MAX / 2) + MILLISECOND)
    }

    /// When it has all that it wants.
    pub fn full_at(&self) -> SimTime {
        let nanos = u128::from(self.bytes) * u128::from(SECOND) / u128::from(self.bytes_per_second.max(1));
        self.since + u64::try_from(nanos).unwrap_or(u64::MAX / 2)
    }

    /// Nanocores that it asks for.
    pub fn cpu_nano(&self) -> u64 {
        self.cores * 1_000_000_000
    }
}

/// The load that a command line is. `None` when it is another program.
pub fn of_command(argv: &[String], repository: &str, now: SimTime) -> Option<Load> {
    let name = argv.first()?.rsplit('/').next()?;
    let rest = &argv[1..];
    match name {
        "stress" if repository.ends_with("vish/stress") => Some(vish(rest, now)),
        "stress" | "stress-ng" => stress(name, rest, now),
        "tail" if rest.iter().any(|a| a == "/dev/zero") => {
            let bytes = 1 << 40;
            Some(Load { bytes, cores: 1, ..Load::new(now) })
        }
        "dd" if rest.iter().any(|a| a == "if=/dev/zero" || a == "if=/dev/urandom")
            && rest.iter().any(|a| a == "of=/dev/null")
            && !rest.iter().any(|a| a.starts_with("count=")) =>
        {
            Some(Load { cores: 1, ..Load::new(now) })
        }
        "cat" | "md5sum" | "sha256sum" | "gzip"
            if rest.iter().any(|a| matches!(a.as_str(), "/dev/zero" | "/dev/urandom")) =>
        {
            Some(Load { cores: 1, ..Load::new(now) })
        }
        _ => None,
    }
}

/// The value after an option, as `--vm 1`, `--vm=1` or `-m 1`.
fn value<'a>(args: &'a [String], names: &[&str]) -> Option<&'a str> {
    args.iter().enumerate().find_map(|(i, arg)| match arg.split_once('=') {
        Some((name, value)) if names.contains(&name) => Some(value),
        _ if names.contains(&arg.as_str()) => args.get(i + 1).map(String::as_str),
        _ => None,
    })
}

/// `250M`, `1g`, `4096`: a number and its unit of 1024.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_shl(shift)
}

/// `30`, `30s`, `5m`.
fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()? * factor)
}

fn stress(name: &str, args: &[String], now: SimTime) -> Option<Load> {
    let number = |names: &[&str]| value(args, names).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    let (cpu, io) = (number(&["--cpu", "-c"]), number(&["--io", "-i"]));
    let (vm, hdd) = (number(&["--vm", "-m"]), number(&["--hdd", "-d"]));
    if cpu + io + vm + hdd == 0 {
        return None;
    }
    let each = value(args, &["--vm-bytes"]).and_then(bytes).unwrap_or(256 << 20);
    let resting = args.iter().any(|a| a.starts_with("--vm-hang") || a == "--vm-keep");
    let limit = value(args, &["--timeout", "-t"]).and_then(seconds);
    let mut load = Load {
        cores: cpu + if resting { 0 } else { vm },
        bytes: vm * each,
        until: limit.map(|s| now.plus_seconds(s)),
        says_end: true,
        ..Load::new(now)
    };
    load.said = if name == "stress" {
        format!("stress: info: [1] dispatching hogs: {cpu} cpu, {io} io, {vm} vm, {hdd} hdd\n")
    } else {
        let hogs = [(cpu, "cpu"), (io, "io"), (vm, "vm"), (hdd, "hdd")];
        let hogs: Vec<String> =
            hogs.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        format!("stress-ng: info:  [1] dispatching hogs: {}\n", hogs.join(", "))
    };
    Some(load)
}

/// What `stress` says when its time is over.
pub fn last_words(load: &Load, now: SimTime) -> String {
    if !load.says_end {
        return String::new();
    }
    format!("stress: info: [1] successful run completed in {}s\n", now.since(load.since) / SECOND)
}

/// vish/stress: `-cpus 1 -mem-total 150Mi -mem-alloc-size 10Mi -mem-alloc-sleep 1s`.
fn vish(args: &[String], now: SimTime) -> Load {
    let of = |name: &str| value(args, &[&format!("-{name}"), &format!("--{name}")]);
    let size = |name: &str, default: u64| {
        let parsed = of(name).and_then(Quantity::parse).map(Quantity::units);
        parsed.and_then(|v| u64::try_from(v).ok()).unwrap_or(default)
    };
    let (total, chunk) = (size("mem-total", 0), size("mem-alloc-size", 4096).max(1));
    let pause = of("mem-alloc-sleep").unwrap_or("1ms");
    let nanos = match pause.strip_suffix("ms") {
        Some(millis) => millis.parse::<u64>().map_or(MILLISECOND, |m| m * MILLISECOND),
        None => seconds(pause).map_or(MILLISECOND, |s| s * SECOND),
    };
    let rate = u128::from(chunk) * u128::from(SECOND) / u128::from(nanos.max(1));
    let cores = of("cpus").and_then(|v| v.parse().ok()).unwrap_or(0);
    let bytes_per_second = u64::try_from(rate).unwrap_or(u64::MAX).clamp(1, FILL_BYTES_PER_SECOND);
    let time = timestamp(now).strftime("%m%d %H:%M:%S.000000").to_string();
    let mut said = format!(
        "I{time}       1 main.go:26] Allocating \"{}\" memory, in \"{}\" chunks, with a {pause} sleep between allocations\n",
        of("mem-total").unwrap_or("0"),
        of("mem-alloc-size").unwrap_or("4Ki"),
    );
    for _ in 0..cores.min(64) {
        let _ = writeln!(said, "I{time}       1 main.go:39] Spawning a thread to consume CPU");
    }
    Load { cores, bytes: total, bytes_per_second, said, ..Load::new(now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let now = SimTime(0);
        for (line, repository, cores, megabytes) in [
            ("stress --vm 1 --vm-bytes 150M --vm-hang 1", "docker.io/polinux/stress", 0, 150),
            ("stress -c 2 -m 2 --vm-bytes=1g", "docker.io/polinux/stress", 4, 2048),
            ("/stress -cpus 2", "docker.io/vish/stress", 2, 0),
            ("/stress -mem-total 100Mi -mem-alloc-size 10Mi", "docker.io/vish/stress", 0, 100),
            ("stress-ng --cpu 1 --timeout 60s", "x", 1, 0),
            ("dd if=/dev/zero of=/dev/null", "x", 1, 0),
        ] {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let load = of_command(&argv, repository, now).unwrap();
            assert_eq!((load.cores, load.bytes >> 20), (cores, megabytes), "{line}");
        }
        for line in ["stress --help", "dd if=/dev/zero of=/dev/null count=1", "sleep 1"] {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(of_command(&argv, "x", now), None, "{line}");
        }
    }

    #[test]
    fn memory_grows_and_is_full() {
        let load = Load { bytes: 100 << 20, bytes_per_second: 10 << 20, ..Load::new(SimTime(SECOND)) };
        assert_eq!(load.memory_at(SimTime(6 * SECOND)), 50 << 20);
        assert_eq!(load.memory_at(SimTime(99 * SECOND)), 100 << 20);
        assert_eq!(load.exceeds(50 << 20), Some(SimTime(6 * SECOND) + MILLISECOND));
        assert_eq!(load.exceeds(100 << 20), None);
    }
}
