//! Open streams: `exec`, `attach` and `logs -f`.

use crate::apiserver::StreamId;
use crate::cluster::Cluster;
use crate::object::ObjectName;

/// The open streams of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {}

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

/// Reads what an open stream has.
pub fn read_stream(_cluster: &mut Cluster, _id: StreamId) -> StreamRead {
    StreamRead { exit: Some(1), ..StreamRead::default() }
}

/// Writes to an open stream's standard input; `None` closes it.
pub fn write_stream(_cluster: &mut Cluster, _id: StreamId, _bytes: Option<&[u8]>) {}

/// Ends a stream, as Ctrl-C of its client does.
pub fn close_stream(_cluster: &mut Cluster, _id: StreamId) {}

/// Moves the streams of a pod on.
pub(super) fn serve_pod(_cluster: &mut Cluster, _node: &str, _name: &ObjectName) {}

/// Ends the streams of a node that is gone.
pub(super) fn drop_of_node(_cluster: &mut Cluster, _node: &str) {}

/// Ends the streams of a pod that is gone.
pub(super) fn drop_of_pod(_cluster: &mut Cluster, _name: &ObjectName) {}
