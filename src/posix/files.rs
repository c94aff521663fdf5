//! A tree of files that is cheap to clone: the learner's home, and a container's root filesystem.
//!
//! Always holds: a clone shares everything until it is changed; size and number are limited. Deliberately not here:
//! links, owners and permissions beyond the mode bits.

use super::{FileError, FileInfo, resolve_path};
use imbl::OrdMap;
use std::sync::Arc;

/// A file larger than this cannot be written.
pub const MAX_FILE: usize = 16 << 20;
/// All files together.
pub const MAX_TOTAL: u64 = 64 << 20;
/// Files and directories.
const MAX_ENTRIES: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    File { content: Arc<[u8]>, modified: u64, mode: u32 },
    Directory { modified: u64, mode: u32 },
}

/// Files by their absolute path.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: OrdMap<Arc<str>, Node>,
    total: u64,
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

impl Tree {
    /// An empty tree: only the root directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether both hold the same files.
    pub fn same(&self, other: &Self) -> bool {
        self.nodes.ptr_eq(&other.nodes) || self.nodes == other.nodes
    }

    fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Whether there is a directory.
    pub fn is_dir(&self, path: &str) -> bool {
        path == "/" || matches!(self.node(path), Some(Node::Directory { .. }))
    }

    /// Whether there is anything.
    pub fn exists(&self, path: &str) -> bool {
        path == "/" || self.nodes.contains_key(path)
    }

    /// Why there is nothing at `path`: a part of it may be a file.
    fn missing(&self, path: &str) -> FileError {
        let mut at = parent(path);
        while at != "/" {
            if matches!(self.node(at), Some(Node::File { .. })) {
                return FileError::NotDirectory;
            }
            at = parent(at);
        }
        FileError::NotFound
    }

    /// A file's content.
    ///
    /// # Errors
    /// There is none, or it is a directory.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.content(path).map(|content| content.to_vec())
    }

    /// A file's content, shared.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn content(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        let path = resolve_path("/", path);
        match self.node(&path) {
            Some(Node::File { content, .. }) => Ok(Arc::clone(content)),
            Some(Node::Directory { .. }) => Err(FileError::IsDirectory),
            None if path == "/" => Err(FileError::IsDirectory),
            None => Err(self.missing(&path)),
        }
    }

    /// Writes a file, or appends to it. Its directory must exist.
    ///
    /// # Errors
    /// A directory is in the way or missing, or a limit is reached.
    pub fn write(&mut self, path: &str, bytes: &[u8], append: bool, now: u64) -> Result<(), FileError> {
        let path = resolve_path("/", path);
        if self.is_dir(&path) {
            return Err(FileError::IsDirectory);
        }
        if !self.is_dir(parent(&path)) {
            return Err(self.missing(&path));
        }
        let (old, mode) = match self.node(&path) {
            Some(Node::File { content, mode, .. }) => (Some(Arc::clone(content)), *mode),
            _ => (None, 0o644),
        };
        let before = old.as_ref().map_or(0, |c| c.len());
        let content: Arc<[u8]> = match old {
            Some(old) if append && bytes.is_empty() => old,
            Some(old) if append => [&old[..], bytes].concat().into(),
            _ => bytes.into(),
        };
        let total = self.total - before as u64 + content.len() as u64;
        let many = before == 0 && self.nodes.len() >= MAX_ENTRIES;
        if content.len() > MAX_FILE || total > MAX_TOTAL || many {
            return Err(FileError::NoSpace);
        }
        self.total = total;
        self.nodes.insert(path.into(), Node::File { content, modified: now, mode });
        Ok(())
    }

    /// Makes one directory.
    ///
    /// # Errors
    /// It exists, or the one above does not.
    pub fn make_dir(&mut self, path: &str, now: u64) -> Result<(), FileError> {
        let path = resolve_path("/", path);
        if self.exists(&path) {
            return Err(FileError::Exists);
        }
        if !self.is_dir(parent(&path)) {
            return Err(self.missing(&path));
        }
        if self.nodes.len() >= MAX_ENTRIES {
            return Err(FileError::NoSpace);
        }
        self.nodes.insert(path.into(), Node::Directory { modified: now, mode: 0o755 });
        Ok(())
    }

    /// Makes a directory and those above it.
    pub fn make_dirs(&mut self, path: &str, now: u64) {
        let path = resolve_path("/", path);
        let ends = path.char_indices().skip(1).filter(|(_, c)| *c == '/').map(|(i, _)| i);
        for end in ends.chain([path.len()]) {
            let _ = self.make_dir(&path[..end], now);
        }
    }

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// It is none.
    pub fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let path = resolve_path("/", path);
        if !self.is_dir(&path) {
            return Err(if self.exists(&path) { FileError::NotDirectory } else { self.missing(&path) });
        }
        let prefix = if path == "/" { path } else { path + "/" };
        let below = self
            .nodes
            .range::<_, str>((std::ops::Bound::Excluded(prefix.as_str()), std::ops::Bound::Unbounded));
        let mut names = Vec::new();
        for (name, _) in below {
            let Some(rest) = name.strip_prefix(prefix.as_str()) else { break };
            if !rest.contains('/') {
                names.push(rest.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// What there is.
    ///
    /// # Errors
    /// Nothing is.
    pub fn stat(&self, path: &str) -> Result<FileInfo, FileError> {
        let path = resolve_path("/", path);
        match self.node(&path) {
            Some(Node::File { content, modified, mode }) => Ok(FileInfo {
                directory: false,
                size: content.len() as u64,
                modified: *modified,
                mode: *mode,
            }),
            Some(Node::Directory { modified, mode }) => {
                Ok(FileInfo { directory: true, size: 4096, modified: *modified, mode: *mode })
            }
            None if path == "/" => Ok(FileInfo { directory: true, size: 4096, modified: 0, mode: 0o755 }),
            None => Err(self.missing(&path)),
        }
    }

    /// Removes a file or an empty directory.
    ///
    /// # Errors
    /// There is none, or it is not empty.
    pub fn remove(&mut self, path: &str) -> Result<(), FileError> {
        let path = resolve_path("/", path);
        if path == "/" {
            return Err(FileError::Denied);
        }
        if self.is_dir(&path) && !self.list(&path)?.is_empty() {
            return Err(FileError::NotEmpty);
        }
        match self.nodes.remove(path.as_str()) {
            Some(Node::File { content, .. }) => {
                self.total -= content.len() as u64;
                Ok(())
            }
            Some(Node::Directory { .. }) => Ok(()),
            None => Err(self.missing(&path)),
        }
    }

    /// Moves a file or directory, onto a file or into nothing.
    ///
    /// # Errors
    /// There is nothing to move, or the place is taken.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        let (from, to) = (resolve_path("/", from), resolve_path("/", to));
        if from == to {
            return Ok(());
        }
        let inside = to.starts_with(&format!("{from}/"));
        if !self.exists(&from) || from == "/" {
            return Err(self.missing(&from));
        }
        if inside || !self.is_dir(parent(&to)) {
            return Err(if inside { FileError::Denied } else { self.missing(&to) });
        }
        if self.is_dir(&to) {
            if !self.is_dir(&from) {
                return Err(FileError::IsDirectory);
            }
            self.remove(&to)?;
        } else if self.exists(&to) {
            self.remove(&to)?;
        }
        let prefix = format!("{from}/");
        let moved: Vec<Arc<str>> = self
            .nodes
            .keys()
            .filter(|k| k.as_ref() == from.as_str() || k.starts_with(&prefix))
            .cloned()
            .collect();
        for path in moved {
            if let Some(node) = self.nodes.remove(&path) {
                self.nodes.insert(format!("{to}{}", &path[from.len()..]).into(), node);
            }
        }
        Ok(())
    }

    /// Changes the mode bits.
    ///
    /// # Errors
    /// There is nothing.
    pub fn chmod(&mut self, path: &str, bits: u32) -> Result<(), FileError> {
        let path = resolve_path("/", path);
        let mut node = self.node(&path).cloned().ok_or(FileError::NotFound)?;
        match &mut node {
            Node::File { mode, .. } | Node::Directory { mode, .. } => *mode = bits,
        }
        self.nodes.insert(path.into(), node);
        Ok(())
    }

    /// Bytes in all files.
    pub fn size(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_files() {
        let mut tree = Tree::new();
        assert_eq!(tree.write("/a/b", b"x", false, 0), Err(FileError::NotFound));
        tree.make_dirs("/a/c", 0);
        tree.write("/a/b", b"x", false, 1).unwrap();
        tree.write("/a/b", b"y", true, 2).unwrap();
        let before = tree.clone();
        assert_eq!(tree.read("/a/b").unwrap(), b"xy");
        assert_eq!(tree.list("/a").unwrap(), ["b", "c"]);
        assert_eq!(tree.list("/").unwrap(), ["a"]);
        assert_eq!(tree.read("/a/b/c"), Err(FileError::NotDirectory));
        assert_eq!(tree.remove("/a"), Err(FileError::NotEmpty));
        tree.rename("/a", "/z").unwrap();
        assert_eq!(tree.read("/z/b").unwrap(), b"xy");
        assert!(before.exists("/a/b") && !tree.exists("/a"));
        assert_eq!(tree.size(), 2);
        assert_eq!(tree.write("/big", &vec![0; MAX_FILE + 1], false, 0), Err(FileError::NoSpace));
    }
}
