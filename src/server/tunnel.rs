//! A WebSocket as a plain stream of bytes: SPDY goes through it where proxies take WebSocket alone.

use super::{limits, websocket};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that may be under way in either direction.
const ROOM: usize = 64 << 10;

/// The bytes that the messages of a WebSocket over `io` carry.
pub async fn over(io: impl AsyncRead + AsyncWrite + Unpin + 'static) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(ROOM);
    let (mut read, mut write) = tokio::io::split(ours);
    let (mut out, mut arriving) = websocket::over(io).await.split();
    tokio::task::spawn_local(async move {
        let inwards = async move {
            while let Some(Ok(message)) = arriving.next().await {
                let bytes = match message {
                    Message::Binary(bytes) => bytes,
                    Message::Close(_) => break,
                    _ => continue,
                };
                if write.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            write.shutdown().await.ok(); // whoever reads it may have gone
        };
        let outwards = async move {
            let mut piece = vec![0; ROOM / 2];
            while let Ok(length @ 1..) = read.read(&mut piece).await {
                if out.send(Message::Binary(piece[..length].to_vec().into())).await.is_err() {
                    return;
                }
            }
            out.close().await.ok(); // its client may have gone already
        };
        let inwards = tokio::task::spawn_local(inwards);
        outwards.await;
        // The client has seen the end when it closes; whoever does not is not waited for.
        tokio::time::timeout(limits::GREETING, inwards).await.ok();
    });
    theirs
}
