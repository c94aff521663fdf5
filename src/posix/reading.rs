//! Builtins that read: `read`, and a shell that takes its commands from standard input.
//!
//! Always holds: what is read beyond the line is given back.

use super::builtins::Words;
use super::interp::{Context, Flow, Frame, Interp};
use super::kernel::{Handle, Taken, Wait};
use super::machine::CHUNK;
use super::parse;
use std::sync::Arc;

/// A `read` under way.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    names: Vec<String>,
    array: Option<String>,
    raw: bool,
    delimiter: u8,
    count: Option<usize>,
    until: Option<u64>,
    got: Vec<u8>,
}

impl Interp {
    pub(super) fn read_command(&mut self, args: Words, cx: &mut Context) -> Flow {
        let mut reading = Reading {
            names: Vec::new(),
            array: None,
            raw: false,
            delimiter: b'\n',
            count: None,
            until: None,
            got: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let Some(flags) = arg.strip_prefix('-').filter(|f| !f.is_empty()) else {
                reading.names.push(arg.clone());
                continue;
            };
            for (i, c) in flags.char_indices() {
                let rest = &flags[i + 1..];
                let mut value = || if rest.is_empty() { args.next().cloned() } else { Some(rest.to_owned()) };
                match c {
                    'r' => reading.raw = true,
                    's' | 'e' => {}
                    'p' => {
                        let prompt = value().unwrap_or_default();
                        if cx.fds.get(&0) == Some(&Handle::Stdin) && cx.kernel.terminal {
                            cx.write(2, prompt);
                        }
                        break;
                    }
                    'n' | 'N' => {
                        reading.count = value().and_then(|v| v.parse().ok());
                        break;
                    }
                    't' => {
                        let seconds = value().and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0);
                        reading.until = Some(cx.world.now() + (seconds.clamp(0.0, 1e9) * 1e9) as u64);
                        break;
                    }
                    'd' => {
                        reading.delimiter = value().and_then(|v| v.bytes().next()).unwrap_or(0);
                        break;
                    }
                    'a' => {
                        reading.array = value();
                        break;
                    }
                    c => {
                        self.fail(cx, &format!("read: -{c}: invalid option"), 2);
                        return Flow::On;
                    }
                }
            }
        }
        self.stack.push(Frame::Read(Box::new(reading)));
        Flow::On
    }

    pub(super) fn read_more(&mut self, mut reading: Reading, cx: &mut Context) -> Flow {
        let handle = cx.fds.get(&0).cloned().unwrap_or(Handle::Null);
        let end = match cx.kernel.take(&handle, CHUNK) {
            Taken::Bytes(bytes) => {
                let mut used = 0;
                let mut complete = false;
                while used < bytes.len() && !complete {
                    let byte = bytes[used];
                    used += 1;
                    let escaped = !reading.raw && reading.got.last() == Some(&b'\\');
                    if byte == reading.delimiter && escaped && byte == b'\n' {
                        reading.got.pop();
                    } else if byte == reading.delimiter {
                        complete = true;
                    } else {
                        reading.got.push(byte);
                        complete = reading.count.is_some_and(|n| reading.got.len() >= n);
                    }
                }
                cx.kernel.give_back(&handle, &bytes[used..]);
                if reading.got.len() > super::state::MAX_VALUE {
                    self.fail(cx, "read: line too long (4 MiB at most)", 1);
                    return Flow::On;
                }
                if !complete {
                    self.stack.push(Frame::Read(Box::new(reading)));
                    return Flow::On;
                }
                0
            }
            Taken::End => 1,
            Taken::Nothing => match reading.until {
                Some(until) if until <= cx.world.now() => 142,
                until => {
                    self.stack.push(Frame::Read(Box::new(reading)));
                    return Flow::Wait(until.map_or(Wait::Input, Wait::Until));
                }
            },
        };
        let text = String::from_utf8_lossy(&reading.got).replace('\0', "");
        self.assign_read(&reading, &text, cx);
        if self.shell.status == 0 {
            self.shell.status = end;
        }
        if end == 0 { Flow::On } else { self.after_failure(cx) }
    }

    pub(super) fn assign_read(&mut self, reading: &Reading, text: &str, cx: &mut Context) {
        self.shell.status = 0;
        let ifs = self.shell.get("IFS").unwrap_or_else(|| " \t\n".into());
        if reading.names.is_empty() && reading.array.is_none() {
            self.shell.status = self.assign("REPLY", text, cx);
            return;
        }
        let limit = if reading.array.is_some() { usize::MAX } else { reading.names.len() };
        let fields = split_read(text, &ifs, limit, reading.raw);
        if let Some(array) = &reading.array {
            self.shell.vars.remove(array.as_str());
            for (i, field) in fields.iter().enumerate() {
                let _ = self.shell.set_at(array, &i.to_string(), field);
            }
            return;
        }
        for (i, name) in reading.names.iter().enumerate() {
            let value = fields.get(i).map_or("", String::as_str);
            if self.assign(name, value, cx) != 0 {
                self.shell.status = 1;
            }
        }
    }

    /// Reads commands from standard input: `sh` without a script.
    pub(super) fn commands(
        &mut self,
        prompt: Option<Arc<str>>,
        mut text: String,
        shown: bool,
        cx: &mut Context,
    ) -> Flow {
        if let (Some(prompt), false) = (&prompt, shown) {
            let shown =
                if text.is_empty() { prompt.replace("\\w", &self.shell.cwd) } else { "> ".to_owned() };
            cx.write(2, shown);
        }
        let handle = cx.fds.get(&0).cloned().unwrap_or(Handle::Null);
        let ended = match cx.kernel.take(&handle, CHUNK) {
            Taken::Nothing => {
                self.stack.push(Frame::Commands { prompt, text, shown: true });
                return Flow::Wait(Wait::Input);
            }
            Taken::End => true,
            Taken::Bytes(bytes) => {
                let line = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
                cx.kernel.give_back(&handle, &bytes[line..]);
                text.push_str(&String::from_utf8_lossy(&bytes[..line]));
                if !text.ends_with('\n') {
                    self.stack.push(Frame::Commands { prompt, text, shown: true });
                    return Flow::On;
                }
                false
            }
        };
        match parse::parse(&text) {
            Ok(code) => {
                if !ended {
                    self.stack.push(Frame::Commands { prompt, text: String::new(), shown: false });
                }
                self.stack.push(Frame::List { code, at: 0 });
            }
            Err(error) if error.incomplete && !ended => {
                self.stack.push(Frame::Commands { prompt, text, shown: false });
            }
            Err(error) => {
                self.fail(cx, &error.message, 2);
                if !ended && prompt.is_some() {
                    self.stack.push(Frame::Commands { prompt, text: String::new(), shown: false });
                }
            }
        }
        Flow::On
    }
}

/// Splits what `read` got: the last of `limit` fields takes the rest.
fn split_read(text: &str, ifs: &str, limit: usize, raw: bool) -> Vec<String> {
    let chars: Vec<(char, bool)> = {
        let mut made = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c == '\\' && !raw {
                made.extend(chars.next().map(|c| (c, true)));
            } else {
                made.push((c, false));
            }
        }
        made
    };
    let is_sep = |(c, escaped): (char, bool)| !escaped && ifs.contains(c);
    let is_space = |x: (char, bool)| is_sep(x) && x.0.is_whitespace();
    let mut fields = Vec::new();
    let mut i = 0;
    while i < chars.len() && is_space(chars[i]) {
        i += 1;
    }
    while i < chars.len() {
        if fields.len() + 1 >= limit {
            let mut end = chars.len();
            while end > i && is_space(chars[end - 1]) {
                end -= 1;
            }
            fields.push(chars[i..end].iter().map(|(c, _)| c).collect());
            break;
        }
        let start = i;
        while i < chars.len() && !is_sep(chars[i]) {
            i += 1;
        }
        fields.push(chars[start..i].iter().map(|(c, _)| c).collect());
        while i < chars.len() && is_space(chars[i]) {
            i += 1;
        }
        if i < chars.len() && is_sep(chars[i]) {
            i += 1;
            while i < chars.len() && is_space(chars[i]) {
                i += 1;
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    #[test]
    fn read_splits() {
        assert_eq!(super::split_read("  a b  c ", " ", 2, true), ["a", "b  c"]);
        assert_eq!(super::split_read("a:b::c", ":", 9, true), ["a", "b", "", "c"]);
    }
}
