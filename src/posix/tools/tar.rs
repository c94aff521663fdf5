//! `tar`: packs files into an archive, lists them, and takes them out.
//!
//! Always holds: messages are those of the world's flavour. Deliberately not here: compression, links (a link is a
//! copy), owners.

use super::files::{MAX_DEPTH, mode_text};
use super::{Inputs, Io, Known, Options, Tool, Whole};
use crate::archive::{self, Entry};
use crate::posix::{FileError, FileInfo, Flavour, resolve_path};

const SECOND: u64 = 1_000_000_000;

pub(super) fn start(args: &[String], io: &mut Io) -> Result<Box<dyn Tool>, i32> {
    let known = Known {
        name: "tar",
        letters: "cxtvmpozNf:C:",
        long: &[
            ("create", 'c'),
            ("extract", 'x'),
            ("list", 't'),
            ("verbose", 'v'),
            ("file", 'f'),
            ("directory", 'C'),
            ("touch", 'm'),
            ("same-permissions", 'p'),
            ("no-same-permissions", 'N'),
            ("no-same-owner", 'o'),
        ],
    };
    let mut args = args.to_vec();
    // The first word is letters also without a dash.
    if let Some(first) = args.first_mut().filter(|first| !first.starts_with('-')) {
        first.insert(0, '-');
    }
    let options = known.read(&args, io).map_err(|_| 2)?;
    if options.has('z') {
        io.err("tar (child): gzip: Cannot exec: No such file or directory\n");
        return Err(2);
    }
    let archive = options.value('f').unwrap_or("-").to_owned();
    if options.has('c') {
        return Err(create(&options, &archive, io));
    }
    if !options.has('x') && !options.has('t') {
        io.err(
            "tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\n\
             Try 'tar --help' or 'tar --usage' for more information.\n",
        );
        return Err(2);
    }
    if archive != "-" && io.stat(&archive).is_err() {
        return Err(fatal(&archive, io));
    }
    let folder = options.value('C').map(str::to_owned);
    if let Some(folder) = folder.filter(|folder| !io.is_dir(folder)) {
        return Err(fatal(&folder, io));
    }
    let inputs = Inputs::new("tar", &[archive].into());
    Ok(Whole::tool(inputs, options, |options, read, io| {
        let bytes: Vec<u8> = read.into_iter().flat_map(|(_, bytes)| bytes).collect();
        take(options, &bytes, io)
    }))
}

fn busybox(io: &Io) -> bool {
    io.world.flavour() == Flavour::Busybox
}

/// Nothing can be done without this file or directory.
fn fatal(path: &str, io: &mut Io) -> i32 {
    if busybox(io) {
        let what = if io.stat(path).is_ok() { "Not a directory" } else { "No such file or directory" };
        io.err(&format!("tar: can't change directory to '{path}': {what}\n"));
        return 1;
    }
    let why = io.stat(path).map_or_else(FileError::text, |_| "Not a directory");
    io.err(&format!("tar: {path}: Cannot open: {why}\ntar: Error is not recoverable: exiting now\n"));
    2
}

/// What is said at the end when something went wrong before.
fn ended(failed: bool, io: &mut Io) -> i32 {
    match (failed, busybox(io)) {
        (false, _) => 0,
        (true, true) => {
            io.err("tar: error exit delayed from previous errors\n");
            1
        }
        (true, false) => {
            io.err("tar: Exiting with failure status due to previous errors\n");
            2
        }
    }
}

/// A name as archives have it, without what leads out of the directory; that is said once.
fn member<'n>(name: &'n str, told: &mut bool, io: &mut Io) -> &'n str {
    let mut short = name;
    while let Some(rest) = short.strip_prefix('/').or_else(|| short.strip_prefix("../")) {
        short = rest;
    }
    let lead = &name[..name.len() - short.len()];
    if !lead.is_empty() && !std::mem::replace(told, true) {
        if busybox(io) {
            io.err(&format!("tar: removing leading '{lead}' from member names\n"));
        } else {
            io.err(&format!("tar: Removing leading `{lead}' from member names\n"));
        }
    }
    if short.is_empty() { "./" } else { short }
}

fn create(options: &Options, archive: &str, io: &mut Io) -> i32 {
    if options.rest.is_empty() {
        io.err(if busybox(io) {
            "tar: empty archive\n"
        } else {
            "tar: Cowardly refusing to create an empty archive\nTry 'tar --help' or 'tar --usage' for more information.\n"
        });
        return if busybox(io) { 1 } else { 2 };
    }
    let folder = io.path(options.value('C').unwrap_or("."));
    if !io.is_dir(&folder) {
        return fatal(options.value('C').unwrap_or("."), io);
    }
    let (mut entries, mut told, mut failed) = (Vec::new(), false, false);
    for name in &options.rest {
        let plain = member(name, &mut told, io).trim_end_matches('/').to_owned();
        failed |= !add(&mut entries, &resolve_path(&folder, name), (&plain, name), 0, io);
    }
    let bytes = archive::pack(&entries);
    if options.has('v') {
        let names: String = entries.iter().map(|entry| format!("{}\n", entry.name)).collect();
        if archive == "-" { io.err(&names) } else { io.out(&names) }
    }
    if archive == "-" {
        io.out(bytes);
    } else {
        let path = io.path(archive);
        if let Err(error) = io.world.write(&path, &bytes, false) {
            io.err(&format!(
                "tar: {archive}: Cannot open: {error}\ntar: Error is not recoverable: exiting now\n"
            ));
            return 2;
        }
    }
    ended(failed, io)
}

/// Adds what is at a path and everything below it.
fn add(entries: &mut Vec<Entry>, path: &str, (name, asked): (&str, &str), depth: usize, io: &mut Io) -> bool {
    let read = match io.stat(path) {
        Ok(info) if info.directory => Ok((info, Vec::new())),
        Ok(info) => io.read(path).map(|content| (info, content)),
        Err(error) => Err(error),
    };
    let (info, content) = match read {
        Ok(read) => read,
        Err(error) => {
            let doing = if busybox(io) { "" } else { " Cannot stat:" };
            io.err(&format!("tar: {asked}:{doing} {error}\n"));
            return false;
        }
    };
    let FileInfo { directory, mode, modified, .. } = info;
    let slash = if directory && !name.ends_with('/') { "/" } else { "" };
    let entry = Entry {
        name: format!("{name}{slash}"),
        directory,
        mode,
        modified: modified / SECOND,
        content,
        link: None,
    };
    entries.push(entry);
    let mut well = true;
    if directory && depth < MAX_DEPTH {
        for inner in io.world.list(path).unwrap_or_default() {
            let (path, name) = (format!("{}/{inner}", path.trim_end_matches('/')), format!("{name}/{inner}"));
            well &= add(entries, &path, (&name, &name), depth + 1, io);
        }
    }
    well
}

/// Lists an archive, or takes its files out.
fn take(options: &Options, bytes: &[u8], io: &mut Io) -> i32 {
    let Some(entries) = archive::unpack(bytes) else {
        if busybox(io) {
            io.err(if bytes.len() < 512 { "tar: short read\n" } else { "tar: invalid tar magic\n" });
            return 1;
        }
        io.err("tar: This does not look like a tar archive\n");
        return ended(true, io);
    };
    let folder = io.path(options.value('C').unwrap_or("."));
    let asked: Vec<&str> = options.rest.iter().map(|name| name.trim_end_matches('/')).collect();
    let (mut found, mut told, mut failed) = (vec![false; asked.len()], false, false);
    for entry in &entries {
        let inside = |asked: &&str| {
            entry.name.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match asked.iter().position(inside) {
            Some(at) => found[at] = true,
            None if !asked.is_empty() => continue,
            None => {}
        }
        if options.has('t') {
            list(entry, options.has('v'), io);
            continue;
        }
        if options.has('v') {
            io.out(format!("{}\n", entry.name));
        }
        let path = resolve_path(&folder, member(&entry.name, &mut told, io));
        failed |= !place(entry, &path, io);
    }
    for (name, _) in asked.iter().zip(found).filter(|(_, found)| !found) {
        io.err(&format!(
            "tar: {name}: {}\n",
            if busybox(io) { "not found in archive" } else { "Not found in archive" }
        ));
        failed = true;
    }
    ended(failed, io)
}

fn list(entry: &Entry, verbose: bool, io: &mut Io) {
    let mut line = format!("{}\n", entry.name);
    if verbose {
        let (directory, mode, modified) = (entry.directory, entry.mode, entry.modified);
        let size = entry.content.len() as u64;
        let mode = mode_text(&FileInfo { directory, size, modified, mode });
        let when = super::format_time(modified.saturating_mul(SECOND), "%Y-%m-%d %H:%M");
        line = format!("{mode} root/root {size:>9} {when} {line}");
    }
    io.out(line);
}

/// Puts an entry at its path, and makes the directories above it.
fn place(entry: &Entry, path: &str, io: &mut Io) -> bool {
    let made = if entry.directory { path } else { path.rsplit_once('/').map_or("", |(folder, _)| folder) };
    for (end, _) in made.match_indices('/').skip(1).chain([(made.len(), "")]) {
        // One that is there is as good; what cannot be made shows when the file is written.
        let _ = io.world.make_dir(&made[..end]);
    }
    let done = if entry.directory {
        io.stat(path).map(|_| ())
    } else {
        let content = match &entry.link {
            Some(link) => io.read(&resolve_path(made, link)),
            None => Ok(entry.content.clone()),
        };
        content.and_then(|content| io.world.write(path, &content, false))
    };
    // A volume may be without modes.
    let _ = io.world.chmod(path, entry.mode);
    if let Err(error) = done {
        let doing = if busybox(io) { "can't open" } else { "Cannot open" };
        io.err(&format!("tar: {}: {doing}: {error}\n", entry.name));
        return false;
    }
    true
}
