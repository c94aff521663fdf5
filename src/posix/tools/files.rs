//! Tools that change files: ls, mkdir, rm, cp, mv, touch, ln, chmod, stat, mktemp and their like.
//!
//! Always holds: messages are GNU's. Deliberately not here: links (a link is a copy), owners, permissions.

use super::{Io, Known, Options};
use crate::posix::{FileError, FileInfo};

/// Deeper trees are not walked.
pub(super) const MAX_DEPTH: usize = 64;

fn missing(name: &str, what: &str, io: &mut Io) -> i32 {
    io.err(&format!("{name}: missing {what}\nTry '{name} --help' for more information.\n"));
    1
}

/// `drwxr-xr-x`.
pub(super) fn mode_text(info: &FileInfo) -> String {
    let bit = |shift: u32, c: char| if info.mode >> shift & 1 == 1 { c } else { '-' };
    let mut text = String::from(if info.directory { 'd' } else { '-' });
    for (shift, c) in
        [(8, 'r'), (7, 'w'), (6, 'x'), (5, 'r'), (4, 'w'), (3, 'x'), (2, 'r'), (1, 'w'), (0, 'x')]
    {
        text.push(bit(shift, c));
    }
    text
}

/// `1.5K`.
pub(super) fn human(size: u64) -> String {
    let (mut value, mut unit) = (size as f64, "");
    for next in ["K", "M", "G"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit.is_empty() {
        size.to_string()
    } else if value < 10.0 {
        format!("{:.1}{unit}", (value * 10.0).ceil() / 10.0)
    } else {
        format!("{:.0}{unit}", value.ceil())
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.ends_with('/') { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}

struct Listing<'a> {
    options: &'a Options,
    status: i32,
    titles: bool,
    printed: bool,
}

pub(super) fn ls(args: &[String], io: &mut Io) -> i32 {
    let known = Known {
        name: "ls",
        letters: "laARr1FthSdGCinpgosq",
        long: &[
            ("all", 'a'),
            ("almost-all", 'A'),
            ("recursive", 'R'),
            ("human-readable", 'h'),
            ("reverse", 'r'),
            ("directory", 'd'),
            ("color", 'G'),
        ],
    };
    let mut options = match known.read(args, io) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let paths: Vec<String> =
        if options.rest.is_empty() { vec![".".into()] } else { options.rest.drain(..).collect() };
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let mut listing = Listing { options: &options, status: 0, titles: paths.len() > 1, printed: false };
    for path in paths {
        match io.stat(&path) {
            Err(why) => {
                io.err(&format!("ls: cannot access '{path}': {why}\n"));
                listing.status = 2;
            }
            Ok(info) if info.directory && !options.has('d') => folders.push(path),
            Ok(info) => files.push((path, info)),
        }
    }
    listing.print(files, io);
    for folder in folders {
        listing.folder(&folder, 0, io);
    }
    listing.status
}

impl Listing<'_> {
    fn folder(&mut self, path: &str, depth: usize, io: &mut Io) {
        let full = io.path(path);
        let names = match io.world.list(&full) {
            Ok(names) => names,
            Err(why) => {
                io.err(&format!("ls: cannot open directory '{path}': {why}\n"));
                self.status = 2;
                return;
            }
        };
        if self.titles || self.options.has('R') {
            io.out(format!("{}{path}:\n", if self.printed { "\n" } else { "" }));
        }
        self.printed = true;
        let all = self.options.has('a');
        let mut entries = Vec::new();
        let dots: &[&str] = if all { &[".", ".."] } else { &[] };
        for name in dots.iter().map(|s| (*s).to_owned()).chain(names) {
            if name.starts_with('.') && !all && !self.options.has('A') {
                continue;
            }
            if let Ok(info) = io.stat(&join(path, &name)) {
                entries.push((name, info));
            }
        }
        if self.options.has('l') || self.options.has('s') {
            io.out(format!(
                "total {}\n",
                entries.iter().map(|(_, i)| i.size.div_ceil(4096) * 4).sum::<u64>()
            ));
        }
        let below: Vec<String> = entries
            .iter()
            .filter(|(name, info)| info.directory && name != "." && name != "..")
            .map(|(name, _)| join(path, name))
            .collect();
        self.print(entries, io);
        if self.options.has('R') && depth < MAX_DEPTH {
            for folder in below {
                self.folder(&folder, depth + 1, io);
            }
        }
    }

    fn print(&mut self, mut entries: Vec<(String, FileInfo)>, io: &mut Io) {
        self.printed |= !entries.is_empty();
        if self.options.has('t') {
            entries.sort_by_key(|(_, info)| std::cmp::Reverse(info.modified));
        } else if self.options.has('S') {
            entries.sort_by_key(|(_, info)| std::cmp::Reverse(info.size));
        }
        if self.options.has('r') {
            entries.reverse();
        }
        let shown = |name: &str, info: &FileInfo| {
            let mark = match (self.options.has('F'), self.options.has('p')) {
                (true, _) | (_, true) if info.directory => "/",
                (true, _) if info.mode & 0o111 != 0 => "*",
                _ => "",
            };
            format!("{name}{mark}")
        };
        if self.options.has('l') || self.options.has('n') || self.options.has('g') || self.options.has('o') {
            let size = |info: &FileInfo| {
                if self.options.has('h') { human(info.size) } else { info.size.to_string() }
            };
            let width = entries.iter().map(|(_, info)| size(info).len()).max().unwrap_or(0);
            let user = io.world.user();
            for (name, info) in &entries {
                let links = if info.directory { 2 } else { 1 };
                let when = super::date::listing_time(info.modified, io.world.now());
                io.out(format!(
                    "{} {links} {user} {user} {:>width$} {when} {}\n",
                    mode_text(info),
                    size(info),
                    shown(name, info)
                ));
            }
            return;
        }
        let names: Vec<String> = entries.iter().map(|(name, info)| shown(name, info)).collect();
        if !io.terminal || self.options.has('1') || names.is_empty() {
            io.out(names.iter().map(|n| format!("{n}\n")).collect::<String>());
            return;
        }
        io.out(columns(&names, 80));
    }
}

/// Names in columns, as `ls` prints them in a terminal.
pub(in crate::posix) fn columns(names: &[String], width: usize) -> String {
    let len = |s: &String| s.chars().count();
    for rows in 1..=names.len() {
        let widths: Vec<usize> = names.chunks(rows).map(|c| c.iter().map(len).max().unwrap_or(0)).collect();
        let total: usize = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
        if total > width && rows < names.len() {
            continue;
        }
        let mut text = String::new();
        for row in 0..rows {
            let mut line = String::new();
            for (c, cell_width) in widths.iter().enumerate() {
                let Some(name) = names.get(c * rows + row) else { continue };
                let last = (c + 1) * rows + row >= names.len();
                line.push_str(&if last { name.clone() } else { format!("{name:0$}", cell_width + 2) });
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        return text;
    }
    String::new()
}

pub(super) fn mkdir(args: &[String], io: &mut Io) -> i32 {
    let known =
        Known { name: "mkdir", letters: "pvm:", long: &[("parents", 'p'), ("verbose", 'v'), ("mode", 'm')] };
    let Ok(options) = known.read(args, io) else { return 1 };
    if options.rest.is_empty() {
        return missing("mkdir", "operand", io);
    }
    let mut status = 0;
    for path in &options.rest {
        let full = io.path(path);
        let made = if options.has('p') {
            let ends: Vec<usize> = full
                .char_indices()
                .skip(1)
                .filter(|(_, c)| *c == '/')
                .map(|(i, _)| i)
                .chain([full.len()])
                .collect();
            let mut made = Ok(());
            for end in ends {
                match io.world.stat(&full[..end]) {
                    Ok(info) if info.directory => {}
                    Ok(_) => {
                        made =
                            Err(if end == full.len() { FileError::Exists } else { FileError::NotDirectory });
                    }
                    Err(_) => made = io.world.make_dir(&full[..end]),
                }
                if made.is_err() {
                    break;
                }
            }
            made
        } else {
            io.world.make_dir(&full)
        };
        if let Err(why) = made {
            io.err(&format!("mkdir: cannot create directory ‘{path}’: {why}\n"));
            status = 1;
        } else if options.has('v') {
            io.out(format!("mkdir: created directory '{path}'\n"));
        }
    }
    status
}

pub(super) fn rmdir(args: &[String], io: &mut Io) -> i32 {
    let mut status = 0;
    for path in args.iter().filter(|a| !a.starts_with('-')) {
        let full = io.path(path);
        let removed = match io.world.stat(&full) {
            Ok(info) if !info.directory => Err(FileError::NotDirectory),
            Ok(_) => io.world.remove(&full),
            Err(why) => Err(why),
        };
        if let Err(why) = removed {
            io.err(&format!("rmdir: failed to remove '{path}': {why}\n"));
            status = 1;
        }
    }
    status
}

/// Everything below a path, parents first, itself included.
fn walk(path: &str, io: &mut Io) -> Vec<String> {
    let mut found = vec![path.to_owned()];
    let mut next = 0;
    while next < found.len() && found.len() < 50_000 {
        let path = found[next].clone();
        next += 1;
        if io.world.stat(&path).is_ok_and(|info| info.directory) {
            let names = io.world.list(&path).unwrap_or_default();
            found.extend(names.iter().map(|name| join(&path, name)));
        }
    }
    found
}

pub(super) fn rm(args: &[String], io: &mut Io) -> i32 {
    let known = Known {
        name: "rm",
        letters: "rRfidv",
        long: &[("recursive", 'r'), ("force", 'f'), ("verbose", 'v'), ("dir", 'd')],
    };
    let Ok(options) = known.read(args, io) else { return 1 };
    if options.rest.is_empty() && !options.has('f') {
        return missing("rm", "operand", io);
    }
    let recursive = options.has('r') || options.has('R');
    let mut status = 0;
    for path in &options.rest {
        let full = io.path(path);
        let removed = match io.world.stat(&full) {
            Err(FileError::NotFound | FileError::NotDirectory) if options.has('f') => Ok(()),
            Err(why) => Err(why),
            Ok(_) if full == "/" => {
                io.err("rm: it is dangerous to operate recursively on '/'\nrm: use --no-preserve-root to override this failsafe\n");
                status = 1;
                continue;
            }
            Ok(info) if info.directory && !recursive && !options.has('d') => Err(FileError::IsDirectory),
            Ok(info) if info.directory && recursive => {
                walk(&full, io).into_iter().rev().try_for_each(|path| io.world.remove(&path))
            }
            Ok(_) => io.world.remove(&full),
        };
        if let Err(why) = removed {
            io.err(&format!("rm: cannot remove '{path}': {why}\n"));
            status = 1;
        } else if options.has('v') {
            io.out(format!("removed '{path}'\n"));
        }
    }
    status
}

/// Sources and the target of cp, mv and ln; says what is missing.
fn sources(name: &str, options: &mut Options, io: &mut Io) -> Result<(Vec<String>, String, bool), i32> {
    let Some(target) = options.rest.pop_back() else { return Err(missing(name, "file operand", io)) };
    if options.rest.is_empty() {
        io.err(&format!("{name}: missing destination file operand after '{target}'\nTry '{name} --help' for more information.\n"));
        return Err(1);
    }
    let folder = io.is_dir(&target);
    if options.rest.len() > 1 && !folder {
        let why = if io.stat(&target).is_ok() { "Not a directory" } else { "No such file or directory" };
        io.err(&format!("{name}: target '{target}': {why}\n"));
        return Err(1);
    }
    Ok((options.rest.drain(..).collect(), target, folder))
}

fn into_folder(target: &str, source: &str, folder: bool) -> String {
    let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
    if folder { join(target, name) } else { target.to_owned() }
}

pub(super) fn cp(args: &[String], io: &mut Io) -> i32 {
    let known = Known {
        name: "cp",
        letters: "rRafpvuLHPdn",
        long: &[("recursive", 'r'), ("archive", 'a'), ("force", 'f'), ("verbose", 'v')],
    };
    let Ok(mut options) = known.read(args, io) else { return 1 };
    let (sources, target, folder) = match sources("cp", &mut options, io) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let recursive = ['r', 'R', 'a'].into_iter().any(|c| options.has(c));
    let mut status = 0;
    for source in sources {
        let to = into_folder(&target, &source, folder);
        match io.stat(&source) {
            Err(why) => {
                io.err(&format!("cp: cannot stat '{source}': {why}\n"));
                status = 1;
            }
            Ok(info) if info.directory && !recursive => {
                io.err(&format!("cp: -r not specified; omitting directory '{source}'\n"));
                status = 1;
            }
            Ok(_) if io.path(&source) == io.path(&to) => {
                io.err(&format!("cp: '{source}' and '{to}' are the same file\n"));
                status = 1;
            }
            Ok(_) => {
                if let Err((path, why)) = copy(&io.path(&source), &io.path(&to), io) {
                    io.err(&format!("cp: cannot create regular file '{path}': {why}\n"));
                    status = 1;
                } else if options.has('v') {
                    io.out(format!("'{source}' -> '{to}'\n"));
                }
            }
        }
    }
    status
}

fn copy(from: &str, to: &str, io: &mut Io) -> Result<(), (String, FileError)> {
    for path in walk(from, io) {
        let there = format!("{to}{}", &path[from.len()..]);
        let Ok(info) = io.world.stat(&path) else { continue };
        let done = if info.directory {
            match io.world.make_dir(&there) {
                Err(FileError::Exists) => Ok(()),
                other => other,
            }
        } else {
            io.world
                .read(&path)
                .and_then(|bytes| io.world.write(&there, &bytes, false))
                .and_then(|()| io.world.chmod(&there, info.mode))
        };
        done.map_err(|why| (there, why))?;
    }
    Ok(())
}

pub(super) fn mv(args: &[String], io: &mut Io) -> i32 {
    let known = Known {
        name: "mv",
        letters: "fivnu",
        long: &[("force", 'f'), ("verbose", 'v'), ("no-clobber", 'n')],
    };
    let Ok(mut options) = known.read(args, io) else { return 1 };
    let (sources, target, folder) = match sources("mv", &mut options, io) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let mut status = 0;
    for source in sources {
        let to = into_folder(&target, &source, folder);
        if let Err(why) = io.stat(&source) {
            io.err(&format!("mv: cannot stat '{source}': {why}\n"));
            status = 1;
            continue;
        }
        if options.has('n') && io.stat(&to).is_ok() {
            continue;
        }
        let (from, into) = (io.path(&source), io.path(&to));
        if from == into {
            io.err(&format!("mv: '{source}' and '{to}' are the same file\n"));
            status = 1;
        } else if let Err(why) = io.world.rename(&from, &into) {
            io.err(&format!("mv: cannot move '{source}' to '{to}': {why}\n"));
            status = 1;
        }
    }
    status
}

pub(super) fn ln(args: &[String], io: &mut Io) -> i32 {
    let known = Known { name: "ln", letters: "sfnrv", long: &[("symbolic", 's'), ("force", 'f')] };
    let Ok(mut options) = known.read(args, io) else { return 1 };
    let (sources, target, folder) = match sources("ln", &mut options, io) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let mut status = 0;
    for source in sources {
        let to = into_folder(&target, &source, folder);
        let kind = if options.has('s') { "symbolic" } else { "hard" };
        let done = if io.stat(&to).is_ok() && !options.has('f') {
            Err(FileError::Exists)
        } else {
            copy(&io.path(&source), &io.path(&to), io).map_err(|(_, why)| why)
        };
        if let Err(why) = done {
            io.err(&format!("ln: failed to create {kind} link '{to}': {why}\n"));
            status = 1;
        }
    }
    status
}

pub(super) fn touch(args: &[String], io: &mut Io) -> i32 {
    let known = Known { name: "touch", letters: "camd:t:r:", long: &[("no-create", 'c'), ("date", 'd')] };
    let Ok(options) = known.read(args, io) else { return 1 };
    if options.rest.is_empty() {
        return missing("touch", "file operand", io);
    }
    let mut status = 0;
    for path in &options.rest {
        let full = io.path(path);
        let touched = match io.world.stat(&full) {
            Ok(info) if info.directory => Ok(()),
            Err(_) if options.has('c') => Ok(()),
            _ => io.world.write(&full, b"", true),
        };
        if let Err(why) = touched {
            io.err(&format!("touch: cannot touch '{path}': {why}\n"));
            status = 1;
        }
    }
    status
}

/// The mode after `u+x`, `755`, `a=r,g-w`.
fn change_mode(mode: u32, spec: &str) -> Option<u32> {
    if let Ok(octal) = u32::from_str_radix(spec, 8) {
        return (octal <= 0o7777).then_some(octal);
    }
    let mut mode = mode;
    for clause in spec.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let who = if at == 0 { "a" } else { &clause[..at] };
        let mut bits = 0;
        for c in clause[at + 1..].chars() {
            bits |= match c {
                'r' => 4,
                'w' => 2,
                'x' | 'X' => 1,
                's' | 't' => 0,
                _ => return None,
            };
        }
        for c in who.chars() {
            let shifts: &[u32] = match c {
                'u' => &[6],
                'g' => &[3],
                'o' => &[0],
                'a' => &[6, 3, 0],
                _ => return None,
            };
            for shift in shifts {
                match clause.as_bytes()[at] {
                    b'+' => mode |= bits << shift,
                    b'-' => mode &= !(bits << shift),
                    _ => mode = (mode & !(7 << shift)) | (bits << shift),
                }
            }
        }
    }
    Some(mode)
}

pub(super) fn chmod(args: &[String], io: &mut Io) -> i32 {
    let recursive = args.first().is_some_and(|a| a == "-R");
    let args = &args[usize::from(recursive)..];
    let Some((spec, paths)) = args.split_first() else { return missing("chmod", "operand", io) };
    if paths.is_empty() {
        io.err(&format!("chmod: missing operand after ‘{spec}’\nTry 'chmod --help' for more information.\n"));
        return 1;
    }
    let mut status = 0;
    for path in paths {
        let full = io.path(path);
        let all = if recursive { walk(&full, io) } else { vec![full] };
        for full in all {
            let Ok(info) = io.world.stat(&full) else {
                io.err(&format!("chmod: cannot access '{path}': No such file or directory\n"));
                status = 1;
                continue;
            };
            let Some(mode) = change_mode(info.mode, spec) else {
                io.err(&format!("chmod: invalid mode: ‘{spec}’\nTry 'chmod --help' for more information.\n"));
                return 1;
            };
            if let Err(why) = io.world.chmod(&full, mode) {
                io.err(&format!("chmod: changing permissions of '{path}': {why}\n"));
                status = 1;
            }
        }
    }
    status
}

pub(super) fn stat(args: &[String], io: &mut Io) -> i32 {
    let known = Known { name: "stat", letters: "c:f", long: &[("format", 'c'), ("printf", 'c')] };
    let Ok(options) = known.read(args, io) else { return 1 };
    let user = io.world.user();
    let mut status = 0;
    for path in &options.rest {
        let info = match io.stat(path) {
            Ok(info) => info,
            Err(why) => {
                io.err(&format!("stat: cannot statx '{path}': {why}\n"));
                status = 1;
                continue;
            }
        };
        let kind = match (info.directory, info.size) {
            (true, _) => "directory",
            (_, 0) => "regular empty file",
            _ => "regular file",
        };
        let when = super::date::format(info.modified, "%Y-%m-%d %H:%M:%S.%N +0000");
        let format = options.value('c').map_or_else(
            || {
                format!(
                    "  File: {path}\n  Size: %s\t{kind}\nAccess: (0%a/%A)  Uid: ( %u/ {user})\nModify: {when}"
                )
            },
            str::to_owned,
        );
        let text = format
            .replace("%s", &info.size.to_string())
            .replace("%n", path)
            .replace("%a", &format!("{:o}", info.mode & 0o7777))
            .replace("%A", &mode_text(&info))
            .replace("%F", kind)
            .replace("%U", &user)
            .replace("%u", if user == "root" { "0" } else { "1000" })
            .replace("%Y", &(info.modified / 1_000_000_000).to_string())
            .replace("%y", &when);
        io.out(text + "\n");
    }
    status
}

pub(super) fn mktemp(args: &[String], io: &mut Io) -> i32 {
    let template = args.iter().find(|a| !a.starts_with('-')).map_or("/tmp/tmp.XXXXXXXXXX", String::as_str);
    let stem = template.trim_end_matches('X');
    let count = template.len() - stem.len();
    if count < 3 {
        io.err(&format!("mktemp: too few X's in template ‘{template}’\n"));
        return 1;
    }
    let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut seed = io.world.now() ^ 0x9e37_79b9_7f4a_7c15;
    for _ in 0..1000 {
        let mut path = stem.to_owned();
        for _ in 0..count {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            path.push(letters[(seed >> 33) as usize % letters.len()] as char);
        }
        let full = io.path(&path);
        if io.world.stat(&full).is_ok() {
            continue;
        }
        let made = if args.iter().any(|a| a == "-d") {
            io.world.make_dir(&full)
        } else {
            io.world.write(&full, b"", false)
        };
        return match made {
            Ok(()) => {
                io.out(format!("{path}\n"));
                0
            }
            Err(why) => {
                io.err(&format!("mktemp: failed to create file via template ‘{template}’: {why}\n"));
                1
            }
        };
    }
    1
}

pub(super) fn du(args: &[String], io: &mut Io) -> i32 {
    let (flags, paths): (Vec<&String>, Vec<&String>) = args.iter().partition(|a| a.starts_with('-'));
    let flag = |c: char| flags.iter().any(|f| f.contains(c));
    let here = ".".to_owned();
    let paths = if paths.is_empty() { vec![&here] } else { paths };
    let mut status = 0;
    for path in paths {
        if let Err(why) = io.stat(path) {
            io.err(&format!("du: cannot access '{path}': {why}\n"));
            status = 1;
            continue;
        }
        let full = io.path(path);
        let all = walk(&full, io);
        let size_of = |base: &str, io: &mut Io| -> u64 {
            all.iter()
                .filter(|p| p.as_str() == base || p.starts_with(&format!("{}/", base.trim_end_matches('/'))))
                .filter_map(|p| io.world.stat(p).ok())
                .map(|info| info.size.div_ceil(4096) * 4)
                .sum()
        };
        for entry in all.iter().rev() {
            let folder = io.world.stat(entry).is_ok_and(|info| info.directory);
            if *entry != full && (flag('s') || !folder) {
                continue;
            }
            let size = size_of(entry, io);
            let shown = if flag('h') { human(size * 1024) } else { size.to_string() };
            io.out(format!("{shown}\t{path}{}\n", &entry[full.len()..]));
        }
    }
    status
}

pub(super) fn df(args: &[String], io: &mut Io) -> i32 {
    let h = args.iter().any(|a| a.starts_with('-') && a.contains('h'));
    if h {
        io.out("Filesystem      Size  Used Avail Use% Mounted on\noverlay          40G  8.0G   32G  20% /\n");
    } else {
        io.out("Filesystem     1K-blocks    Used Available Use% Mounted on\noverlay         41943040 8388608  33554432  20% /\n");
    }
    0
}
