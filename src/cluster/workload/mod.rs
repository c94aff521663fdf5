//! What the images do: processes over files, ports, environment, signals and time.
//!
//! Always holds: a process is plain data; it moves only when its kubelet runs it.

pub mod files;
pub mod http;
pub mod images;
pub mod process;
pub mod rootfs;
pub mod server;
