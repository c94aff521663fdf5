//! A tree of files as a value: cheap to clone, shared until changed.
//!
//! Always holds: paths are absolute, without `.`, `..`, doubled or trailing slashes; the parent of an entry is a
//! directory. The root is always there.

use crate::posix::{FileError, FileInfo};
use imbl::OrdMap;
use std::ops::Bound;
use std::sync::Arc;

/// The largest file that can be written.
pub const FILE_LIMIT: usize = 1 << 20;
/// How many entries a tree may have.
pub const ENTRY_LIMIT: usize = 20_000;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// `0o644`.
    pub mode: u32,
    /// Nanoseconds since the epoch.
    pub modified: u64,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file and its content.
    File(Arc<[u8]>),
    /// A block device of so many bytes.
    Device(u64),
}

/// A tree of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: OrdMap<Arc<str>, Entry>,
    /// When the root was last changed.
    modified: u64,
}

/// When images were built: 10 March 2026.
pub const IMAGE_BUILT: u64 = 1_773_100_800 * crate::object::SECOND;

/// Brings a path to the form that trees use: absolute from `/`, without `.`, `..` and empty parts.
pub fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The directory that an absolute path is in.
pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => &path[..at],
    }
}

/// Joins an absolute directory and a path inside it that begins with `/` or is empty.
pub fn join(directory: &str, rest: &str) -> String {
    let joined = format!("{}{rest}", directory.trim_end_matches('/'));
    if joined.is_empty() { "/".to_owned() } else { joined }
}

impl Tree {
    /// What a node's own disk has.
    pub fn host(node: &str) -> Self {
        let mut tree = Self::default();
        for directory in [
            "/data",
            "/dev",
            "/etc/kubernetes/manifests",
            "/mnt",
            "/opt",
            "/tmp",
            "/var/lib/kubelet",
            "/var/log/pods",
        ] {
            tree.make_dirs(directory, 0);
        }
        let hostname = format!("{node}\n");
        tree.put("/etc/hostname", hostname.as_bytes(), 0o644, 0);
        tree.put("/etc/os-release", b"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n", 0o644, 0);
        tree
    }

    /// The entry at a path; the root is a directory that is not stored.
    pub fn get(&self, path: &str) -> Option<Entry> {
        if path == "/" {
            return Some(Entry { kind: EntryKind::Directory, mode: 0o755, modified: self.modified });
        }
        self.entries.get(path).cloned()
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries below a directory, with their paths.
    pub fn below<'a>(&'a self, path: &str) -> impl Iterator<Item = (&'a Arc<str>, &'a Entry)> {
        let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let from: Arc<str> = Arc::from(prefix.as_str());
        self.entries
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(move |(p, _)| p.starts_with(&prefix))
    }

    /// Puts a file in, its directories included, whatever was there.
    pub fn put(&mut self, path: &str, content: &[u8], mode: u32, now: u64) {
        self.make_dirs(parent(path), now);
        self.touch_parent(path, now);
        let entry = Entry { kind: EntryKind::File(Arc::from(content)), mode, modified: now };
        self.entries.insert(Arc::from(path), entry);
    }

    /// Puts a block device in.
    pub fn put_device(&mut self, path: &str, bytes: u64, now: u64) {
        self.make_dirs(parent(path), now);
        self.entries
            .insert(Arc::from(path), Entry { kind: EntryKind::Device(bytes), mode: 0o660, modified: now });
    }

    /// Makes a directory and those above it.
    pub fn make_dirs(&mut self, path: &str, now: u64) {
        if path == "/" || self.entries.contains_key(path) {
            return;
        }
        self.make_dirs(parent(path), now);
        self.touch_parent(path, now);
        self.entries
            .insert(Arc::from(path), Entry { kind: EntryKind::Directory, mode: 0o755, modified: now });
    }

    /// An empty tree made at `now`.
    pub fn new(now: u64) -> Self {
        Self { modified: now, ..Self::default() }
    }

    /// A new entry changes its directory.
    fn touch_parent(&mut self, path: &str, now: u64) {
        match parent(path) {
            "/" => self.modified = now,
            above => {
                if let Some(entry) = self.entries.get_mut(above) {
                    entry.modified = now;
                }
            }
        }
    }

    /// The whole content.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match self.get(path).map(|e| e.kind) {
            Some(EntryKind::File(content)) => Ok(content.to_vec()),
            Some(EntryKind::Directory) => Err(FileError::IsDirectory),
            Some(EntryKind::Device(_)) => Ok(Vec::new()),
            None => Err(self.missing(path)),
        }
    }

    fn missing(&self, path: &str) -> FileError {
        let above = self.get(parent(path));
        match above.map(|e| e.kind) {
            Some(EntryKind::Directory) | None => FileError::NotFound,
            Some(_) => FileError::NotDirectory,
        }
    }

    /// Replaces the content, or appends to it; creates the file in a directory that is there.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write(&mut self, path: &str, content: &[u8], append: bool, now: u64) -> Result<(), FileError> {
        match self.get(parent(path)).map(|e| e.kind) {
            Some(EntryKind::Directory) => {}
            Some(_) => return Err(FileError::NotDirectory),
            None => return Err(FileError::NotFound),
        }
        let (mut bytes, mode) = match self.get(path) {
            Some(Entry { kind: EntryKind::File(old), mode, .. }) => {
                (if append { old.to_vec() } else { Vec::new() }, mode)
            }
            Some(Entry { kind: EntryKind::Directory, .. }) => return Err(FileError::IsDirectory),
            Some(Entry { kind: EntryKind::Device(_), .. }) => return Ok(()),
            None => {
                self.touch_parent(path, now);
                (Vec::new(), 0o644)
            }
        };
        if bytes.len() + content.len() > FILE_LIMIT || self.entries.len() >= ENTRY_LIMIT {
            return Err(FileError::NoSpace);
        }
        bytes.extend_from_slice(content);
        let entry = Entry { kind: EntryKind::File(Arc::from(bytes)), mode, modified: now };
        self.entries.insert(Arc::from(path), entry);
        Ok(())
    }

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// When it is none.
    pub fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        match self.get(path).map(|e| e.kind) {
            Some(EntryKind::Directory) => {}
            Some(_) => return Err(FileError::NotDirectory),
            None => return Err(FileError::NotFound),
        }
        let skip = if path == "/" { 1 } else { path.len() + 1 };
        let mut names: Vec<String> = Vec::new();
        for (entry, _) in self.below(path) {
            let rest = &entry[skip..];
            if !rest.contains('/') {
                names.push(rest.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// What there is at a path.
    ///
    /// # Errors
    /// When nothing is.
    pub fn stat(&self, path: &str) -> Result<FileInfo, FileError> {
        let entry = self.get(path).ok_or_else(|| self.missing(path))?;
        let (directory, size) = match &entry.kind {
            EntryKind::Directory => (true, 4096),
            EntryKind::File(content) => (false, content.len() as u64),
            EntryKind::Device(bytes) => (false, *bytes),
        };
        Ok(FileInfo { directory, size, modified: entry.modified, mode: entry.mode })
    }

    /// Makes one directory.
    ///
    /// # Errors
    /// Why not.
    pub fn make_dir(&mut self, path: &str, now: u64) -> Result<(), FileError> {
        if self.get(path).is_some() {
            return Err(FileError::Exists);
        }
        match self.get(parent(path)).map(|e| e.kind) {
            Some(EntryKind::Directory) if self.entries.len() >= ENTRY_LIMIT => Err(FileError::NoSpace),
            Some(EntryKind::Directory) => {
                self.make_dirs(path, now);
                Ok(())
            }
            Some(_) => Err(FileError::NotDirectory),
            None => Err(FileError::NotFound),
        }
    }

    /// Removes a file or an empty directory.
    ///
    /// # Errors
    /// Why not.
    pub fn remove(&mut self, path: &str) -> Result<(), FileError> {
        let entry = self.get(path).ok_or_else(|| self.missing(path))?;
        if path == "/" || (entry.kind == EntryKind::Directory && self.below(path).next().is_some()) {
            return Err(FileError::NotEmpty);
        }
        self.entries.remove(path);
        Ok(())
    }

    /// Moves a file or directory.
    ///
    /// # Errors
    /// Why not.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        let entry = self.get(from).ok_or_else(|| self.missing(from))?;
        if !matches!(self.get(parent(to)).map(|e| e.kind), Some(EntryKind::Directory)) {
            return Err(FileError::NotFound);
        }
        if from == to {
            return Ok(());
        }
        if let Some(there) = self.get(to) {
            if there.kind == EntryKind::Directory && entry.kind != EntryKind::Directory {
                return Err(FileError::IsDirectory);
            }
            self.remove(to)?;
        }
        let moved: Vec<(Arc<str>, Entry)> = self.below(from).map(|(p, e)| (p.clone(), e.clone())).collect();
        for (path, entry) in moved {
            self.entries.remove(&path);
            self.entries.insert(Arc::from(format!("{to}{}", &path[from.len()..])), entry);
        }
        self.entries.remove(from);
        self.entries.insert(Arc::from(to), entry);
        Ok(())
    }

    /// Changes the mode bits.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn chmod(&mut self, path: &str, mode: u32) -> Result<(), FileError> {
        match self.entries.get_mut(path) {
            Some(entry) => {
                entry.mode = mode;
                Ok(())
            }
            None => Err(self.missing(path)),
        }
    }

    /// Removes an entry and all below it.
    pub fn remove_all(&mut self, path: &str) {
        let gone: Vec<Arc<str>> = self.below(path).map(|(p, _)| p.clone()).collect();
        for path in gone {
            self.entries.remove(&path);
        }
        self.entries.remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees() {
        let mut tree = Tree::default();
        assert_eq!(tree.write("/a/b", b"x", false, 0), Err(FileError::NotFound));
        tree.make_dir("/a", 0).unwrap();
        tree.write("/a/b", b"x", false, 0).unwrap();
        tree.write("/a/b", b"y", true, 0).unwrap();
        tree.put("/a-c/d", b"", 0o644, 0);
        assert_eq!(tree.read("/a/b"), Ok(b"xy".to_vec()));
        assert_eq!(tree.list("/"), Ok(vec!["a".to_owned(), "a-c".to_owned()]));
        assert_eq!(tree.list("/a"), Ok(vec!["b".to_owned()]));
        assert_eq!(tree.remove("/a"), Err(FileError::NotEmpty));
        tree.rename("/a", "/z").unwrap();
        assert_eq!(tree.read("/z/b"), Ok(b"xy".to_vec()));
        assert_eq!(tree.read("/a/b"), Err(FileError::NotFound));
        assert_eq!(tree.read("/z/b/c"), Err(FileError::NotDirectory));
        assert_eq!(normalize("a/../b//./c/"), "/b/c");
    }
}
