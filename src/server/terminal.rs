//! The terminal of `exec -it` and `attach -it`: what a container's pseudo-terminal does between keys and a process.
//!
//! Always holds: a client's own terminal is raw, so lines are made, shown and corrected here, as the kernel does.
//! Does not: know screens: a program sees lines, and `Ctrl-C` ends a command that is no shell.

/// What became of some keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// What the screen shows of them.
    pub echo: Vec<u8>,
    /// What the process reads.
    pub input: Vec<u8>,
    /// Whether input ends (`Ctrl-D`).
    pub closed: bool,
    /// Whether the command is interrupted (`Ctrl-C`).
    pub interrupted: bool,
}

/// A terminal.
#[derive(Debug)]
pub struct Terminal {
    line: Vec<u8>,
    shell: bool,
}

impl Terminal {
    /// The terminal of a command.
    pub fn new(command: &str) -> Self {
        let name = command.rsplit('/').next().unwrap_or(command);
        Self { line: Vec::new(), shell: matches!(name, "" | "sh" | "bash" | "ash" | "dash") }
    }

    /// Takes keys.
    pub fn typed(&mut self, keys: &[u8]) -> Typed {
        let mut typed = Typed::default();
        for key in keys {
            match key {
                b'\r' | b'\n' => {
                    typed.echo.extend(b"\r\n");
                    typed.input.append(&mut self.line);
                    typed.input.push(b'\n');
                }
                0x7f | 0x08 => self.erase(&mut typed.echo),
                0x03 => {
                    self.line.clear();
                    typed.echo.extend(b"^C\r\n");
                    if self.shell {
                        typed.input.push(b'\n'); // it shows its prompt again
                    } else {
                        typed.interrupted = true;
                    }
                }
                0x04 if self.line.is_empty() => typed.closed = true,
                0x04 => typed.input.append(&mut self.line),
                0x15 => {
                    while !self.line.is_empty() {
                        self.erase(&mut typed.echo);
                    }
                }
                0x00..0x20 if *key != b'\t' => {}
                key => {
                    self.line.push(*key);
                    typed.echo.push(*key);
                }
            }
        }
        typed
    }

    /// Takes the last character back.
    fn erase(&mut self, echo: &mut Vec<u8>) {
        let mut erased = false;
        while let Some(byte) = self.line.pop() {
            erased = true;
            if byte & 0xc0 != 0x80 {
                break;
            }
        }
        if erased {
            echo.extend(b"\x08 \x08");
        }
    }

    /// What a raw screen is sent for a process's output.
    pub fn shown(output: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(output.len() + 8);
        for byte in output {
            if *byte == b'\n' {
                shown.push(b'\r');
            }
            shown.push(*byte);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_made() {
        let mut terminal = Terminal::new("/bin/sh");
        let typed = terminal.typed(b"lx\x7fs\r");
        assert_eq!(typed.input, b"ls\n");
        assert_eq!(typed.echo, b"lx\x08 \x08s\r\n");
        assert!(terminal.typed(b"\x04").closed);
        assert_eq!(terminal.typed(b"abc\x03").input, b"\n");
        assert!(Terminal::new("sleep").typed(b"\x03").interrupted);
        assert_eq!(terminal.typed("가\u{7f}x\r".as_bytes()).input, b"x\n");
    }
}
