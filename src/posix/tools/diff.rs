//! diff: the differences of two files, plain or unified, as `difference.rs` finds them.
//!
//! Always holds: status 0 same, 1 different, 2 trouble.

use super::{Inputs, Io, Known, Tool, Whole, lossy};
use crate::difference;
use similar::DiffOp;

pub(super) fn start(args: &[String], io: &mut Io) -> Result<Box<dyn Tool>, i32> {
    let known = Known {
        name: "diff",
        letters: "uqrNwbBisyU:c",
        long: &[
            ("unified", 'u'),
            ("brief", 'q'),
            ("recursive", 'r'),
            ("new-file", 'N'),
            ("ignore-all-space", 'w'),
            ("side-by-side", 'y'),
            ("color", 's'),
        ],
    };
    let options = known.read(args, io)?;
    if options.rest.len() != 2 {
        match options.rest.back() {
            Some(last) if options.rest.len() < 2 => {
                io.err(&format!("diff: missing operand after '{last}'\n"));
            }
            Some(last) => io.err(&format!("diff: extra operand '{last}'\n")),
            None => io.err("diff: missing operand after 'diff'\n"),
        }
        io.err("diff: Try 'diff --help' for more information.\n");
        return Err(2);
    }
    let files = options.rest.clone();
    let mut inputs = files.clone();
    if io.is_dir(&files[0]) || io.is_dir(&files[1]) {
        return Err(folders(&files[0], &files[1], options.has('u'), io));
    }
    let mut absent = 0;
    for file in &files {
        if file != "-"
            && let Err(why) = io.read(file)
        {
            if options.has('N') {
                inputs =
                    inputs.into_iter().map(|f| if f == *file { "/dev/null".into() } else { f }).collect();
            } else {
                io.err(&format!("diff: {file}: {why}\n"));
                absent += 1;
            }
        }
    }
    if absent > 0 {
        return Err(2);
    }
    Ok(Whole::tool(Inputs::new("diff", &inputs).failing(2), options, |options, files, io| {
        let [(a, left), (b, right)] = files.as_slice() else { return 2 };
        if left == right {
            return 0;
        }
        if options.has('q') {
            io.out(format!("Files {a} and {b} differ\n"));
            return 1;
        }
        let context = options.value('U').and_then(|n| n.parse().ok()).unwrap_or(3);
        let text = if options.has('u') || options.has('U') {
            let when = |name: &str, io: &mut Io| {
                let modified = io.stat(name).map_or_else(|_| io.world.now(), |info| info.modified);
                super::date::format(modified, "%Y-%m-%d %H:%M:%S.%N +0000")
            };
            let (x, y) = (when(a, io), when(b, io));
            format!("--- {a}\t{x}\n+++ {b}\t{y}\n{}", unified(left, right, context))
        } else {
            plain(left, right)
        };
        io.out(text);
        1
    }))
}

fn unified(left: &[u8], right: &[u8], context: usize) -> String {
    let (left, right) = (lossy(left), lossy(right));
    difference::unified(&left, &right, context)
}

fn plain(left: &[u8], right: &[u8]) -> String {
    let (left, right) = (lossy(left), lossy(right));
    let (a, b) = (difference::lines(&left), difference::lines(&right));
    let range = |start: usize, len: usize| {
        if len <= 1 { (start + len.min(1)).to_string() } else { format!("{},{}", start + 1, start + len) }
    };
    let mut made = String::new();
    let put = |mark: &str, lines: &[&str], made: &mut String| {
        for line in lines {
            made.push_str(mark);
            made.push_str(line);
            if !line.ends_with('\n') {
                made.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    for op in difference::operations(&left, &right) {
        match op {
            DiffOp::Equal { .. } => {}
            DiffOp::Delete { old_index, old_len, new_index } => {
                made.push_str(&format!("{}d{new_index}\n", range(old_index, old_len)));
                put("< ", &a[old_index..old_index + old_len], &mut made);
            }
            DiffOp::Insert { old_index, new_index, new_len } => {
                made.push_str(&format!("{old_index}a{}\n", range(new_index, new_len)));
                put("> ", &b[new_index..new_index + new_len], &mut made);
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                made.push_str(&format!("{}c{}\n", range(old_index, old_len), range(new_index, new_len)));
                put("< ", &a[old_index..old_index + old_len], &mut made);
                made.push_str("---\n");
                put("> ", &b[new_index..new_index + new_len], &mut made);
            }
        }
    }
    made
}

/// Two directories, file by file.
fn folders(a: &str, b: &str, unified_form: bool, io: &mut Io) -> i32 {
    let names = |folder: &str, io: &mut Io| {
        let full = io.path(folder);
        io.world.list(&full).unwrap_or_default()
    };
    let (left, right) = (names(a, io), names(b, io));
    let all: std::collections::BTreeSet<&String> = left.iter().chain(&right).collect();
    let mut status = 0;
    for name in all {
        let (x, y) = (format!("{a}/{name}"), format!("{b}/{name}"));
        match (io.read(&x), io.read(&y)) {
            (Ok(one), Ok(two)) if one == two => continue,
            (Ok(one), Ok(two)) => {
                let flag = if unified_form { "-u " } else { "" };
                let body = if unified_form {
                    format!("--- {x}\n+++ {y}\n{}", unified(&one, &two, 3))
                } else {
                    plain(&one, &two)
                };
                io.out(format!("diff {flag}{x} {y}\n{body}"));
            }
            (Err(_), Ok(_)) => io.out(format!("Only in {b}: {name}\n")),
            (Ok(_), Err(_)) => io.out(format!("Only in {a}: {name}\n")),
            (Err(_), Err(_)) => continue,
        }
        status = 1;
    }
    status
}
