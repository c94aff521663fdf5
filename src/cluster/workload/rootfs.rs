//! A container's own layer over its image.

use super::files::Tree;

/// The container's files, as it sees them without its mounts.
#[derive(Clone, Debug, Default)]
pub struct Rootfs {
    /// The tree.
    pub tree: Tree,
}
