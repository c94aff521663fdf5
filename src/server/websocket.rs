//! The channels of `exec` and `attach` over WebSocket: `v5.channel.k8s.io` and `v4.channel.k8s.io`.
//!
//! Always holds: a message begins with the byte of its channel.

use super::limits;
use super::remote_command::{Message as Said, Wire};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

/// Its second byte names a channel that its sender closes (from v5 on).
const CLOSE: u8 = 255;

/// A connection that has gone over to WebSocket.
pub async fn over<S: AsyncRead + AsyncWrite + Unpin>(io: S) -> WebSocketStream<S> {
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(limits::MESSAGE_BYTES);
    config.max_frame_size = Some(limits::MESSAGE_BYTES);
    WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
}

/// Closes it in peace.
pub async fn close<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Option<()> {
    let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    socket.close(Some(normal)).await.ok()?;
    // The client answers the closing; whoever does not is not waited for.
    let answered = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(limits::GREETING, answered).await.ok()
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for WebSocketStream<S> {
    async fn open(&mut self, first: u8) -> Option<()> {
        Wire::send(self, first, &[]).await
    }

    async fn send(&mut self, channel: u8, bytes: &[u8]) -> Option<()> {
        let message = [&[channel], bytes].concat();
        SinkExt::send(self, Message::Binary(message.into())).await.ok()
    }

    async fn receive(&mut self) -> Option<Said> {
        Some(match self.next().await?.ok()? {
            Message::Binary(bytes) => match &bytes[..] {
                [CLOSE, channel] => Said::Closed(*channel),
                [channel, bytes @ ..] => Said::Bytes(*channel, bytes.to_vec()),
                [] => Said::Other,
            },
            Message::Close(_) => return None,
            _ => Said::Other,
        })
    }

    async fn close(&mut self) -> Option<()> {
        close(self).await
    }
}
