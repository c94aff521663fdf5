//! find and tree: walks through directories.
//!
//! Always holds: depth and number of entries are limited.

use super::files::MAX_DEPTH;
use super::{Io, Known};
use crate::posix::pattern::Pattern;

const MAX_ENTRIES: usize = 50_000;

/// A test of `find`.
enum Test {
    Name(Pattern, bool),
    Path(Pattern),
    Kind(bool),
    Empty,
    Size(char, u64),
    Minutes(char, u64),
    Not,
    Or,
}

pub(super) fn find(args: &[String], io: &mut Io) -> i32 {
    let split = args.iter().position(|a| a.starts_with('-') || a == "!" || a == "(").unwrap_or(args.len());
    let (paths, tests) = args.split_at(split);
    let mut made = Vec::new();
    let (mut least, mut most, mut delete, mut null) = (0, MAX_DEPTH, false, false);
    let mut rest = tests.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().cloned();
        let test = match arg.as_str() {
            "-name" | "-iname" => value().map(|v| {
                let fold = arg == "-iname";
                Test::Name(Pattern::new(&if fold { v.to_lowercase() } else { v }), fold)
            }),
            "-path" | "-wholename" => value().map(|v| Test::Path(Pattern::new(&v))),
            "-type" => value().map(|v| Test::Kind(v == "d")),
            "-size" => value().and_then(|v| sized(&v)).map(|(sign, n)| Test::Size(sign, n)),
            "-mmin" => value().and_then(|v| signed(&v)).map(|(sign, n)| Test::Minutes(sign, n)),
            "-mtime" => value().and_then(|v| signed(&v)).map(|(sign, n)| Test::Minutes(sign, n * 1440)),
            "-maxdepth" | "-mindepth" => {
                let depth = value().and_then(|v| v.parse().ok()).unwrap_or(MAX_DEPTH);
                if arg == "-maxdepth" {
                    most = depth;
                } else {
                    least = depth;
                }
                continue;
            }
            "-empty" => Some(Test::Empty),
            "!" | "-not" => Some(Test::Not),
            "-o" | "-or" => Some(Test::Or),
            "-delete" => {
                delete = true;
                continue;
            }
            "-print0" => {
                null = true;
                continue;
            }
            "-print" | "-a" | "-and" => continue,
            other => {
                io.err(&format!("find: unknown predicate `{other}'\n"));
                return 1;
            }
        };
        let Some(test) = test else {
            io.err(&format!("find: missing argument to `{arg}'\n"));
            return 1;
        };
        made.push(test);
    }
    let here = [".".to_owned()];
    let mut status = 0;
    let mut found = Vec::new();
    for path in if paths.is_empty() { &here } else { paths } {
        if let Err(why) = io.stat(path) {
            io.err(&format!("find: ‘{path}’: {why}\n"));
            status = 1;
            continue;
        }
        let mut todo = vec![(path.clone(), 0usize)];
        while let Some((path, depth)) = todo.pop() {
            if depth >= least && passes(&made, &path, io) {
                found.push(path.clone());
            }
            if depth < most && found.len() < MAX_ENTRIES && io.is_dir(&path) {
                let full = io.path(&path);
                for name in io.world.list(&full).unwrap_or_default().into_iter().rev() {
                    todo.push((format!("{}/{name}", path.trim_end_matches('/')), depth + 1));
                }
            }
        }
    }
    if delete {
        for path in found.iter().rev() {
            let full = io.path(path);
            if let Err(why) = io.world.remove(&full) {
                io.err(&format!("find: cannot delete ‘{path}’: {why}\n"));
                status = 1;
            }
        }
        return status;
    }
    let end = if null { '\0' } else { '\n' };
    io.out(found.iter().map(|path| format!("{path}{end}")).collect::<String>());
    status
}

fn signed(text: &str) -> Option<(char, u64)> {
    let sign = text.chars().next().filter(|c| *c == '+' || *c == '-');
    Some((sign.unwrap_or('='), text.trim_start_matches(['+', '-']).parse().ok()?))
}

fn sized(text: &str) -> Option<(char, u64)> {
    let (digits, unit) = match text.chars().last()? {
        'c' => (&text[..text.len() - 1], 1),
        'k' => (&text[..text.len() - 1], 1024),
        'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 512),
    };
    signed(digits).map(|(sign, n)| (sign, n.saturating_mul(unit)))
}

fn passes(tests: &[Test], path: &str, io: &mut Io) -> bool {
    let Ok(info) = io.stat(path) else { return false };
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).to_owned();
    let minutes = io.world.now().saturating_sub(info.modified) / 60_000_000_000;
    let compare = |sign: char, value: u64, wanted: u64| match sign {
        '+' => value > wanted,
        '-' => value < wanted,
        _ => value == wanted,
    };
    let (mut all, mut negate) = (true, false);
    for test in tests {
        let truth = match test {
            Test::Not => {
                negate = !negate;
                continue;
            }
            Test::Or => {
                if all {
                    return true;
                }
                all = true;
                continue;
            }
            Test::Name(pattern, fold) => {
                pattern.matches(&if *fold { name.to_lowercase() } else { name.clone() })
            }
            Test::Path(pattern) => pattern.matches(path),
            Test::Kind(directory) => info.directory == *directory,
            Test::Size(sign, size) => compare(*sign, info.size, *size),
            Test::Minutes(sign, wanted) => compare(*sign, minutes, *wanted),
            Test::Empty if info.directory => {
                let full = io.path(path);
                io.world.list(&full).is_ok_and(|names| names.is_empty())
            }
            Test::Empty => info.size == 0,
        };
        all &= truth != std::mem::take(&mut negate);
    }
    all
}

pub(super) fn tree(args: &[String], io: &mut Io) -> i32 {
    let known = Known { name: "tree", letters: "adL:", long: &[] };
    let Ok(options) = known.read(args, io) else { return 1 };
    let most = options.value('L').and_then(|v| v.parse().ok()).unwrap_or(MAX_DEPTH);
    let root = options.rest.front().cloned().unwrap_or_else(|| ".".into());
    if !io.is_dir(&root) {
        io.out(format!("{root}  [error opening dir]\n\n0 directories, 0 files\n"));
        return 2;
    }
    io.out(format!("{root}\n"));
    let (mut folders, mut files) = (1usize, 0usize);
    // Each entry: its path, name, the lines to its left, and whether it is the last.
    let mut todo: Vec<(String, String, String, bool)> = Vec::new();
    let children = |path: &str, left: &str, io: &mut Io| {
        let full = io.path(path);
        let mut names = io.world.list(&full).unwrap_or_default();
        names.retain(|name| options.has('a') || !name.starts_with('.'));
        if options.has('d') {
            names.retain(|name| io.is_dir(&format!("{path}/{name}")));
        }
        let last = names.len();
        names
            .into_iter()
            .enumerate()
            .map(|(i, name)| {
                (format!("{}/{name}", path.trim_end_matches('/')), name, left.to_owned(), i + 1 == last)
            })
            .rev()
            .collect::<Vec<_>>()
    };
    todo.extend(children(&root, "", io));
    while let Some((path, name, left, last)) = todo.pop() {
        io.out(format!("{left}{}{name}\n", if last { "└── " } else { "├── " }));
        if !io.is_dir(&path) {
            files += 1;
            continue;
        }
        folders += 1;
        let left = left + if last { "    " } else { "│   " };
        if left.chars().count() / 4 < most && folders + files < MAX_ENTRIES {
            todo.extend(children(&path, &left, io));
        }
    }
    let plural = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    io.out(format!(
        "\n{}, {}\n",
        plural(folders, "directory", "directories"),
        plural(files, "file", "files")
    ));
    0
}
