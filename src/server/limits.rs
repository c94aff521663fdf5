//! Every limit that a client can reach, in one place.

use std::time::Duration;

/// How large a request's body may be, as in a real server.
pub const BODY_BYTES: usize = 3 << 20;
/// How many connections may be open at once.
pub const CONNECTIONS: usize = 2000;
/// How many requests may wait for the loop at once; a real server has 400 and 200 in flight.
pub const IN_FLIGHT: usize = 600;
/// How long a client may take to greet (TLS) and to send a request's head.
pub const GREETING: Duration = Duration::from_secs(10);
/// How long a connection of HTTP/1.1 may be silent between two requests.
pub const IDLE: Duration = Duration::from_secs(180);
/// How long a client may take to send a body.
pub const BODY_TIME: Duration = Duration::from_secs(60);
/// How long what a client sends is still read after its request was refused.
pub const DISCARD_TIME: Duration = Duration::from_secs(2);
/// How many streams one HTTP/2 connection may have open, as in a real server.
pub const STREAMS: u32 = 250;
/// How many pieces of a stream wait for a client that does not read.
pub const PIECES: usize = 16;
/// How many revisions' events are kept as they went over the wire, for others who watch the same.
pub const WRITTEN_EVENTS: usize = 512;
/// How long a watch lasts when its client says nothing of it.
pub const WATCH_TIME: Duration = Duration::from_secs(2400);
/// How large one message of a WebSocket may be.
pub const MESSAGE_BYTES: usize = 1 << 20;
/// Answers from this size on are compressed for clients that can read it, as in a real server.
pub const GZIP_BYTES: usize = 128 << 10;
