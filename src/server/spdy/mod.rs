//! SPDY/3.1, which the remote commands and port forwarding of older and many other clients go over: several streams on
//! one connection, opened by the client.
//!
//! Always holds: frames are read and written by tasks of their own, so that nothing is lost of one when whoever waits for
//! it does something else. Does not: keep windows; Kubernetes' clients do not either.

pub mod channels;
pub mod frame;
mod headers;

use super::limits;
pub use frame::Frame;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    frames: mpsc::Receiver<Frame>,
    out: mpsc::Sender<Vec<u8>>,
    begun: bool,
}

impl Connection {
    /// Speaks SPDY over `io`, until either side has gone.
    pub fn over(io: impl AsyncRead + AsyncWrite + 'static) -> Self {
        let (read, mut write) = tokio::io::split(io);
        let (arrived, frames) = mpsc::channel(limits::PIECES);
        let (out, mut going) = mpsc::channel::<Vec<u8>>(limits::PIECES);
        tokio::task::spawn_local(async move {
            let mut reader = frame::Reader::new(read);
            loop {
                let frame = tokio::select! {
                    frame = reader.next() => frame,
                    () = arrived.closed() => break,
                };
                let Some(frame) = frame else { return };
                if arrived.send(frame).await.is_err() {
                    break;
                }
            }
            // What a client still sends is read until it has seen the end, or the end may not reach it.
            let rest = async { while reader.next().await.is_some() {} };
            tokio::time::timeout(limits::GREETING, rest).await.ok();
        });
        tokio::task::spawn_local(async move {
            while let Some(bytes) = going.recv().await {
                if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
                    return;
                }
            }
            write.shutdown().await.ok(); // its client may have gone already
        });
        Self { frames, out, begun: false }
    }

    /// The next frame that means something to whoever serves the streams; pings are answered here. `None` when the
    /// client has gone. Safe to drop and to ask again.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            match self.frames.recv().await? {
                // Whoever does not read its answers is not told that anybody is there.
                Frame::Ping(id) => drop(self.out.try_send(frame::pong(id))),
                Frame::GoAway => {}
                other => return Some(other),
            }
        }
    }

    /// Accepts a stream that the client has opened. `None` when it has gone, or does not read its answers.
    pub fn accept(&mut self, id: u32) -> Option<()> {
        let first = !std::mem::replace(&mut self.begun, true);
        self.out.try_send(frame::accept(id, first)).ok()
    }

    /// Sends data on a stream, the last of it or not. `None` when the client has gone.
    pub async fn data(&self, id: u32, bytes: &[u8], last: bool) -> Option<()> {
        self.write(frame::data(id, bytes, last)).await
    }

    /// Ends the connection; what was sent before still goes out.
    pub async fn close(self) {
        self.write(frame::go_away()).await;
    }

    async fn write(&self, bytes: Vec<u8>) -> Option<()> {
        self.out.send(bytes).await.ok()
    }
}

/// A header of a stream.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}
