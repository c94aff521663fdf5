//! Logs that are followed: text in pieces, until the container ends or the client goes.

use super::answer::{self, Answer};
use super::body::Payload;
use super::door::Door;
use crate::apiserver::StreamId;
use hyper::body::Bytes;

/// Sends what an open stream brings as plain text.
pub fn begin(door: Door, id: StreamId) -> Answer {
    let (sender, payload) = Payload::pieces();
    tokio::task::spawn_local(async move {
        let mut news = door.news();
        loop {
            news.borrow_and_update();
            let read = door.client.read_stream(id);
            for piece in [read.stdout, read.stderr] {
                if !piece.is_empty() && sender.send(Bytes::from(piece)).await.is_err() {
                    door.close(id).await;
                    return;
                }
            }
            if read.exit.is_some() {
                return;
            }
            tokio::select! {
                () = sender.closed() => {
                    door.close(id).await;
                    return;
                }
                heard = news.changed() => if heard.is_err() { return },
            }
        }
    });
    answer::head(200, "text/plain", payload)
}
