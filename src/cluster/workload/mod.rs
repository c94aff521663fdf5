//! What the images do: processes over files, ports, environment, signals and time.
//!
//! Always holds: a process is plain data; it moves only when its kubelet runs it.

pub mod agnhost;
pub mod command;
pub mod files;
pub mod http;
pub mod image_table;
pub mod images;
pub mod limits;
pub mod load;
pub mod nginx;
pub mod process;
pub mod redis;
pub mod rootfs;
pub mod server;
pub mod startup;
pub mod texts;
pub mod usage;
pub mod world;
