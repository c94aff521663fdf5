//! The face without a screen: runs a script in a session, and prints what a terminal would.
//!
//! Always holds: waiting costs no time: the session jumps from one deadline to the next.

use crate::session::{Entry, Session};
use crate::shell::Control;
use std::io::{self, Write};

/// How a script's run is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What the commands print, standard error apart.
    Plain,
    /// Each command with its answer: `$ command`, `> next line`, the output, `[exit N]`.
    Transcript,
}

/// Runs a script and answers the exit status of its last command.
///
/// # Errors
/// When the output cannot be written, as to a closed pipe.
pub fn run(
    session: &mut Session,
    script: &str,
    form: Form,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    session.pace_as_script();
    match form {
        Form::Plain => {
            for command in crate::shell::script::commands(script) {
                session.submit(&command);
                drain(session, out, err)?;
                while session.busy() {
                    // One thing at a time, so that output appears in the order of events.
                    session.step(1);
                    drain(session, out, err)?;
                }
                if session.take_wishes().contains(&Control::Leave) {
                    break;
                }
            }
        }
        Form::Transcript => {
            for command in crate::shell::script::split(script) {
                answer(session, &command, out)?;
            }
        }
    }
    Ok(session.status())
}

fn answer(session: &mut Session, command: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = command.lines();
    writeln!(out, "$ {}", lines.next().unwrap_or(""))?;
    for line in lines {
        writeln!(out, "> {line}")?;
    }
    session.submit(command);
    let status = session.run_to_end();
    let mut text = String::new();
    for entry in session.transcript().entries() {
        if let Entry::Output { text: more, .. } = entry {
            text.push_str(more);
        }
    }
    session.transcript_mut().clear();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    out.write_all(text.as_bytes())?;
    if status != 0 {
        writeln!(out, "[exit {status}]")?;
    }
    out.flush()
}

fn drain(session: &mut Session, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    for entry in session.transcript().entries() {
        match entry {
            Entry::Output { error: false, text } => out.write_all(text.as_bytes())?,
            Entry::Output { error: true, text } => err.write_all(text.as_bytes())?,
            Entry::Command { .. } | Entry::Note(_) => {}
        }
    }
    session.transcript_mut().clear();
    out.flush()?;
    err.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::default_trait_access)] // this room does not know the configuration's type
    fn what_never_comes_is_not_waited_for() {
        let script = "kubectl apply -f - <<'EOF'\n\
                      apiVersion: v1\n\
                      kind: Pod\n\
                      metadata: {name: p}\n\
                      spec:\n\
                      \x20 containers:\n\
                      \x20 - {name: c, image: 'nginx:1.27', readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 600}}\n\
                      EOF\n\
                      kubectl get pod p --watch\n\
                      echo $?";
        for form in [Form::Plain, Form::Transcript] {
            let mut session = Session::new(Default::default());
            let (mut out, mut err) = (Vec::new(), Vec::new());
            run(&mut session, script, form, &mut out, &mut err).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(out.ends_with("\n130\n") || out.ends_with("\n[exit 130]\n"), "{out}");
        }
    }
}
