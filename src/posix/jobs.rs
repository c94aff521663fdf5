//! Builtins about processes: `trap`, `wait`, `jobs`, `fg`, `kill`.
//!
//! Always holds: a job is known by its process until somebody has been told how it ended.

use super::builtins::Words;
use super::expand::quote;
use super::interp::{Context, Flow, Frame, Interp};
use std::sync::Arc;

impl Interp {
    pub(super) fn trap_command(&mut self, args: Words, cx: &mut Context) -> i32 {
        let args: Vec<&String> = args.iter().filter(|a| !matches!(a.as_str(), "--" | "-p")).collect();
        let Some((action, names)) = args.split_first() else {
            for (name, action) in &self.shell.traps {
                let prefix = if name == "EXIT" { "" } else { "SIG" };
                cx.write(1, format!("trap -- {} {prefix}{name}\n", quote(action)));
            }
            return 0;
        };
        if names.is_empty() {
            return self.complain(cx, "trap: usage: trap [-lp] [[arg] signal_spec ...]", 2);
        }
        let mut status = 0;
        for name in names {
            let upper = name.to_uppercase();
            let plain = upper.strip_prefix("SIG").unwrap_or(&upper);
            let known = match plain.parse::<i32>() {
                Ok(0) => Some("EXIT"),
                Ok(n) if (1..=31).contains(&n) => Some(super::interp::signal_name(n)),
                Ok(_) => None,
                Err(_) => ["EXIT", "HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "PIPE", "ERR", "DEBUG"]
                    .into_iter()
                    .find(|k| *k == plain),
            };
            match known {
                None => {
                    status = self.complain(cx, &format!("trap: {name}: invalid signal specification"), 1);
                }
                Some(known) if action.as_str() == "-" => {
                    self.shell.traps.remove(known);
                }
                Some(known) => {
                    self.shell.traps.insert(known.to_owned(), Arc::from(action.as_str()));
                }
            }
        }
        status
    }

    pub(super) fn job(&self, spec: &str) -> Option<u32> {
        match spec.strip_prefix('%') {
            None => spec.parse().ok(),
            Some("" | "+" | "%") => self.jobs.last().map(|job| job.pid),
            Some(number) => {
                let found = match number.parse::<usize>() {
                    Ok(n) => self.jobs.iter().find(|job| job.number == n),
                    Err(_) => self.jobs.iter().find(|job| job.text.starts_with(number)),
                };
                found.map(|job| job.pid)
            }
        }
    }

    pub(super) fn wait_command(&mut self, args: Words, cx: &mut Context) -> Flow {
        let any = args.first().is_some_and(|a| a == "-n");
        self.shell.status = 0;
        let mut pids = Vec::new();
        for spec in args.iter().filter(|a| !a.starts_with('-')) {
            if let Some(pid) = self.job(spec) {
                pids.push(pid);
            } else {
                self.fail(cx, &format!("wait: {spec}: no such job"), 127);
                return Flow::On;
            }
        }
        if pids.is_empty() {
            pids = self.jobs.iter().map(|job| job.pid).collect();
        }
        self.stack.push(Frame::Jobs { pids, any });
        Flow::On
    }

    pub(super) fn foreground(&mut self, args: Words, cx: &mut Context) -> Flow {
        let spec = args.first().map_or("%+", String::as_str);
        match self.job(spec) {
            Some(pid) if self.jobs.iter().any(|job| job.pid == pid) => {
                let text = self.jobs.iter().find(|job| job.pid == pid).map(|job| job.text.clone());
                cx.write(1, format!("{}\n", text.unwrap_or_default()));
                self.jobs.retain(|job| job.pid != pid);
                if let Some(proc) = cx.kernel.procs.get_mut(&pid) {
                    proc.background = false;
                }
                self.stack.push(Frame::Child { pid });
            }
            _ => {
                let message = if self.jobs.is_empty() { "current" } else { spec };
                self.fail(cx, &format!("fg: {message}: no such job"), 1);
            }
        }
        Flow::On
    }

    pub(super) fn jobs_command(&mut self, cx: &mut Context) -> i32 {
        let last = self.jobs.last().map(|job| job.number);
        let mut lines = Vec::new();
        let kernel = &mut *cx.kernel;
        self.jobs.retain(|job| {
            let mark = if Some(job.number) == last { '+' } else { '-' };
            let ended = kernel.ended.remove(&job.pid);
            let state = match ended {
                None => "Running".to_owned(),
                Some(0) => "Done".to_owned(),
                Some(143) => "Terminated".to_owned(),
                Some(status) => format!("Exit {status}"),
            };
            let amp = if ended.is_none() { " &" } else { "" };
            lines.push(format!("[{}]{mark}  {state:<24}{}{amp}\n", job.number, job.text));
            ended.is_none()
        });
        cx.write(1, lines.concat());
        0
    }

    pub(super) fn kill_command(&mut self, args: Words, cx: &mut Context) -> i32 {
        let mut signal = 15;
        let mut targets = Vec::new();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let name = match arg.strip_prefix('-') {
                Some("l") => {
                    cx.write(1, "HUP INT QUIT KILL USR1 USR2 PIPE TERM\n");
                    return 0;
                }
                Some("s" | "n") => args.next().map(String::as_str),
                Some("-") => None,
                Some(name) if targets.is_empty() => Some(name),
                _ => {
                    targets.push(arg);
                    None
                }
            };
            if let Some(name) = name {
                let name = name.to_uppercase();
                let name = name.strip_prefix("SIG").unwrap_or(&name);
                let known = [
                    ("HUP", 1),
                    ("INT", 2),
                    ("QUIT", 3),
                    ("KILL", 9),
                    ("USR1", 10),
                    ("USR2", 12),
                    ("PIPE", 13),
                    ("TERM", 15),
                ];
                signal = match name.parse() {
                    Ok(number) => number,
                    Err(_) => match known.iter().find(|(n, _)| *n == name) {
                        Some((_, number)) => *number,
                        None => {
                            return self.complain(
                                cx,
                                &format!("kill: {name}: invalid signal specification"),
                                1,
                            );
                        }
                    },
                };
            }
        }
        if targets.is_empty() {
            return self.complain(
                cx,
                "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ...",
                2,
            );
        }
        let mut status = 0;
        for target in targets {
            let Some(pid) = self.job(target) else {
                let text = format!("kill: {target}: arguments must be process or job IDs");
                status = self.complain(cx, &text, 1);
                continue;
            };
            if pid == self.shell.pid && pid == cx.pid {
                if self.traps(signal) {
                    self.signal(signal);
                } else if signal != 0 {
                    let _ = self.exit(128 + signal, cx);
                }
            } else if cx.kernel.procs.contains_key(&pid) {
                let trapped = match cx.kernel.procs.get_mut(&pid).map(|p| &mut p.body) {
                    Some(super::kernel::Body::Shell(shell)) if shell.traps(signal) => {
                        shell.signal(signal);
                        true
                    }
                    _ => false,
                };
                if signal != 0 && !trapped {
                    cx.kernel.kill(cx.world, pid, signal);
                }
            } else if !cx.world.kill(pid, signal) {
                status = self.complain(cx, &format!("kill: ({target}) - No such process"), 1);
            }
        }
        status
    }
}
