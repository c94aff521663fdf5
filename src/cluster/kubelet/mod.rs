//! kubelet: the life of pods on a node, from pulling images to the last signal.

use super::{Cluster, NodeConfig};
use crate::apiserver::{Change, Request, Response, StreamId, User};

/// One node's kubelet, with its pods and images.
#[derive(Clone, Debug)]
pub struct Kubelet {}

impl Kubelet {
    /// Since when the machine is off; `None` while it runs.
    pub(crate) fn down_since(&self) -> Option<crate::object::SimTime> {
        None
    }
}

/// What a kubelet wakes up for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {}

/// What an open stream (`exec`, `attach`, `logs -f`) has for its client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamRead {
    /// Standard output since the last read.
    pub stdout: Vec<u8>,
    /// Standard error since the last read.
    pub stderr: Vec<u8>,
    /// The exit status, when the stream has ended and everything was read.
    pub exit: Option<i32>,
}

/// A node joins: its Node object, its lease, its kubelet.
pub fn add_node(_cluster: &mut Cluster, _node: &NodeConfig) {}

/// A node leaves: its machine goes, and so does its Node object.
pub fn remove_node(_cluster: &mut Cluster, _node: &str) {}

/// Switches a machine off or on. Without power nothing runs on it, and its lease is no longer renewed.
pub fn power(_cluster: &mut Cluster, _node: &str, _on: bool) {}

/// Takes in a change: a pod bound here, changed or deleted.
pub fn observe(_cluster: &mut Cluster, _change: &Change) {}

/// Does what is due.
pub fn run(_cluster: &mut Cluster, _node: &str, _wake: Wake) {}

/// Serves the pod subresources that need the node: `log`, `exec`, `attach`. `None` for any other request.
pub fn serve(_cluster: &mut Cluster, _request: &Request, _user: &User) -> Option<Response> {
    None
}

/// Reads what an open stream has.
pub fn read_stream(_cluster: &mut Cluster, _id: StreamId) -> StreamRead {
    StreamRead { exit: Some(1), ..StreamRead::default() }
}

/// Writes to an open stream's standard input; `None` closes it.
pub fn write_stream(_cluster: &mut Cluster, _id: StreamId, _bytes: Option<&[u8]>) {}

/// Ends a stream, as Ctrl-C of its client does.
pub fn close_stream(_cluster: &mut Cluster, _id: StreamId) {}
