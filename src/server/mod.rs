//! The served API: HTTPS on the loopback interface, for `kubectl`, `k9s`, client-go, kube-rs and every other client.
//!
//! Always holds: the cluster has one owner, the loop that also lets its time pass. Connections hand it their requests
//! through a [`Door`], and wait; all run on one thread. A client that stalls, floods or sends garbage meets a limit
//! (`limits.rs`) and the API's own error, and harms nobody else.

mod accept;
mod answer;
mod body;
mod clock;
mod connection;
mod door;
mod gzip;
mod identity;
mod keep;
mod kubeconfig;
mod limits;
mod load;
mod port_forward;
mod protobuf;
mod remote_command;
mod request;
mod run;
mod signals;
mod spdy;
mod stream;
mod terminal;
mod tls;
mod tunnel;
mod upgrade;
mod watch;
mod websocket;

pub use door::{Desk, Door, Seen};
pub use load::{add, load};
pub use request::decode;
pub use run::{Attached, Settings, attach_beside, run};
