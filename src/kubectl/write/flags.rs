//! Flags that the writing commands share.

pub use crate::kubectl::output::FLAGS as OUTPUT;
pub use crate::kubectl::resource::{
    ALL_FLAGS as ALL, ALL_NAMESPACES_FLAGS as ALL_NAMESPACES, FIELD_SELECTOR_FLAGS as FIELD_SELECTOR,
    FILE_FLAGS as FILES, SELECTOR_FLAGS as SELECTOR,
};

use crate::kubectl::flags::Flag;

/// `--dry-run`.
pub const DRY_RUN: &[Flag] = &[Flag::text(
    "dry-run",
    "none",
    "\"client\" only prints what would be sent, \"server\" sends it and stores nothing, \"none\" does it",
)
.bare("unchanged")];

/// `--save-config`.
pub const SAVE_CONFIG: &[Flag] =
    &[Flag::bool("save-config", "Remember this configuration in the annotation that kubectl apply reads")];

/// `--validate`.
pub const VALIDATE: &[Flag] = &[Flag::text(
    "validate",
    "strict",
    "What to do about unknown and duplicate fields: strict (or true), warn, ignore (or false)",
)
.bare("strict")];

/// `--field-manager`.
pub const FIELD_MANAGER: &[Flag] =
    &[Flag::text("field-manager", "kubectl", "The name under which field ownership is kept")];

/// `--record`, which is on its way out: accepted with a remark, and obeyed.
pub const RECORD: &[Flag] =
    &[Flag::bool("record", "Write the command line into the object's annotation change-cause").hidden()];

/// `--local`.
pub const LOCAL: &[Flag] = &[Flag::bool("local", "Work on the objects of -f only, without the server")];

/// `--timeout`, `--wait`, `--grace-period`, `--force` and `--cascade`, of commands that delete.
pub const DELETE: &[Flag] = &[
    Flag::text("cascade", "background", "What becomes of the dependents: background, foreground, or orphan")
        .bare("background"),
    Flag::bool("force", "Delete at once and do not wait for the confirmation"),
    Flag::int("grace-period", "-1", "Seconds for a pod to end by itself; negative is its own"),
    Flag::duration("timeout", "0s", "When to give up waiting; 0 takes it from the size of the object"),
];
