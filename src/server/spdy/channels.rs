//! The channels of `exec` and `attach` as streams of SPDY, each opened by the client: `v4.channel.k8s.io`.

use super::{Connection, Frame, header};
use crate::server::limits;
use crate::server::remote_command::{ERROR, Message, RESIZE, STDERR, STDIN, STDOUT, Wanted, Wire};

/// The client's connection, and which stream stands for which channel.
pub struct Channels {
    connection: Option<Connection>,
    streams: Vec<(u32, u8)>,
    /// A channel of which the last bytes were handed out.
    closing: Option<u8>,
}

/// Waits until the client has opened every stream that it asked for. `None` when it does not.
pub async fn over(connection: Connection, wanted: &Wanted) -> Option<Channels> {
    let needs = [
        (ERROR, true),
        (STDIN, wanted.stdin),
        (STDOUT, wanted.stdout),
        (STDERR, wanted.stderr && !wanted.has_terminal()),
    ];
    let mut channels = Channels { connection: Some(connection), streams: Vec::new(), closing: None };
    let opening = async {
        while !needs.iter().all(|(channel, needed)| !needed || channels.stream(*channel).is_some()) {
            channels.receive().await?;
        }
        Some(())
    };
    tokio::time::timeout(limits::GREETING, opening).await.ok()??;
    Some(channels)
}

impl Channels {
    fn stream(&self, channel: u8) -> Option<u32> {
        self.streams.iter().find(|(_, of)| *of == channel).map(|(id, _)| *id)
    }

    fn channel(&self, id: u32) -> Option<u8> {
        self.streams.iter().find(|(stream, _)| *stream == id).map(|(_, channel)| *channel)
    }
}

impl Wire for Channels {
    async fn open(&mut self, _: u8) -> Option<()> {
        Some(())
    }

    async fn send(&mut self, channel: u8, bytes: &[u8]) -> Option<()> {
        let Some(id) = self.stream(channel) else { return Some(()) };
        self.connection.as_ref()?.data(id, bytes, false).await
    }

    async fn receive(&mut self) -> Option<Message> {
        if let Some(channel) = self.closing.take() {
            return Some(Message::Closed(channel));
        }
        let connection = self.connection.as_mut()?;
        Some(match connection.next().await? {
            Frame::Open { id, headers, .. } => {
                let channel = match header(&headers, "streamtype") {
                    "stdin" => STDIN,
                    "stdout" => STDOUT,
                    "stderr" => STDERR,
                    "error" => ERROR,
                    "resize" => RESIZE,
                    _ => return None,
                };
                connection.accept(id)?;
                self.streams.push((id, channel));
                Message::Other
            }
            Frame::Data { id, bytes, last } => match self.channel(id) {
                Some(channel) if last && bytes.is_empty() => Message::Closed(channel),
                Some(channel) => {
                    self.closing = last.then_some(channel);
                    Message::Bytes(channel, bytes)
                }
                None => Message::Other,
            },
            Frame::Reset(id) => self.channel(id).map_or(Message::Other, Message::Closed),
            Frame::Ping(_) | Frame::GoAway => Message::Other,
        })
    }

    async fn close(&mut self) -> Option<()> {
        let connection = self.connection.take()?;
        for (id, channel) in &self.streams {
            if matches!(*channel, STDOUT | STDERR | ERROR) {
                connection.data(*id, &[], true).await?;
            }
        }
        connection.close().await;
        Some(())
    }
}
