//! How two texts differ, line by line, as `diff` shows it. The `similar` crate finds it, by Myers' algorithm alone: its
//! interface for texts would bring all of its algorithms into the program.

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::{DiffOp, group_diff_ops};
use std::fmt::Write;

/// What makes the second text of the first, by numbers of lines.
pub fn operations(old: &str, new: &str) -> Vec<DiffOp> {
    let (old, new) = (lines(old), lines(new));
    let mut hook = Compact::new(Replace::new(Capture::new()), old.as_slice(), new.as_slice());
    let Ok(()) = myers::diff(&mut hook, old.as_slice(), 0..old.len(), new.as_slice(), 0..new.len());
    hook.into_inner().into_inner().into_ops()
}

/// The hunks of a unified diff, with so many lines around each.
pub fn unified(old: &str, new: &str, context: usize) -> String {
    let (mut text, before, after) = (String::new(), lines(old), lines(new));
    let range = |start: usize, len: usize| match len {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        _ => format!("{},{len}", start + 1),
    };
    for group in group_diff_ops(operations(old, new), context) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (a, b) = (first.old_range().start, first.new_range().start);
        let (a_len, b_len) = (last.old_range().end - a, last.new_range().end - b);
        let _ = writeln!(text, "@@ -{} +{} @@", range(a, a_len), range(b, b_len));
        for op in group {
            if let DiffOp::Equal { .. } = op {
                put(&mut text, ' ', &before[op.old_range()]);
                continue;
            }
            put(&mut text, '-', &before[op.old_range()]);
            put(&mut text, '+', &after[op.new_range()]);
        }
    }
    text
}

/// The lines of a text, each with its end.
pub fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn put(text: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        text.push(mark);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unified;
    use expect_test::expect;

    #[test]
    fn hunks_are_those_of_diff() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n";
        expect![[r"
            @@ -1,3 +1,4 @@
             a
            +x
             b
             c
            @@ -10,3 +11,2 @@
             j
             k
            -l
            \ No newline at end of file
        "]]
        .assert_eq(&unified(&old[..old.len() - 1], "a\nx\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n", 2));
        assert_eq!(unified("", "a\n", 3), "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(unified("a\n", "", 3), "@@ -1 +0,0 @@\n-a\n");
        assert_eq!(unified(old, old, 3), "");
    }
}
