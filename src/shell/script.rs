//! Scripts as lists of top-level commands.

use crate::posix::{Machine, unfinished};
use std::collections::BTreeMap;

/// Splits a script into its top-level commands, which blank lines separate. A blank line inside a here-document, a loop
/// or quotes does not end a command.
pub fn split(script: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut block = String::new();
    let lines: Vec<&str> = script.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        if line.trim().is_empty() && (block.is_empty() || !goes_on(&block)) {
            if !block.is_empty() {
                commands.push(std::mem::take(&mut block));
            }
            continue;
        }
        // What never becomes whole is cut at its first blank line.
        if line.trim().is_empty() && !can_be_whole(&block, &lines[i..]) {
            commands.push(std::mem::take(&mut block));
            continue;
        }
        if !block.is_empty() {
            block.push('\n');
        }
        block.push_str(line);
    }
    if !block.is_empty() {
        commands.push(block);
    }
    commands
}

/// Splits a script into the commands that a shell reads one after the other: at each line's end where nothing is open.
pub fn commands(script: &str) -> Vec<String> {
    let (mut commands, mut block) = (Vec::new(), String::new());
    for line in script.lines() {
        block.push_str(line);
        if unfinished(&block) {
            block.push('\n');
        } else if !block.trim().is_empty() {
            commands.push(std::mem::take(&mut block));
        } else {
            block.clear();
        }
    }
    if !block.trim().is_empty() {
        commands.push(block.trim_end().to_owned());
    }
    commands
}

fn goes_on(text: &str) -> bool {
    matches!(Machine::new(&format!("{text}\n"), &[], &BTreeMap::new(), "/"), Err(error) if error.incomplete)
}

fn can_be_whole(block: &str, rest: &[&str]) -> bool {
    let mut text = block.to_owned();
    for line in rest.iter().take(2000) {
        text.push('\n');
        text.push_str(line);
        if line.trim().is_empty() || text.len() > (1 << 16) {
            continue;
        }
        if !goes_on(&text) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #[test]
    fn blank_lines_separate() {
        let script =
            "a\n\ncat <<EOF\nx\n\ny\nEOF\n\nfor i in 1 2\ndo\n\n echo $i\ndone\nb\n\n\nc 'open\n\nd\n";
        assert_eq!(
            super::split(script),
            ["a", "cat <<EOF\nx\n\ny\nEOF", "for i in 1 2\ndo\n\n echo $i\ndone\nb", "c 'open", "d"]
        );
    }

    #[test]
    fn a_shell_reads_whole_commands() {
        let script =
            "first\na; b\nfor i in 1\ndo\n echo $i\ndone\n\nc 'x\ny' \\\n d\ncat <<E\n$(\nE\ne |\nf\ng (\nh";
        assert_eq!(
            super::commands(script),
            [
                "first",
                "a; b",
                "for i in 1\ndo\n echo $i\ndone",
                "c 'x\ny' \\\n d",
                "cat <<E\n$(\nE",
                "e |\nf",
                "g (\nh"
            ]
        );
    }
}
