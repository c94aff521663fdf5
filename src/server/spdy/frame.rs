//! Frames of SPDY/3.1: what is read, and what is written.

use super::headers::{self, Headers};
use crate::server::limits;
use tokio::io::{AsyncRead, AsyncReadExt};

const VERSION: u16 = 3;
const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
/// The flag of a frame that is its sender's last on its stream.
const FIN: u8 = 1;

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// It opens a stream.
    Open {
        /// The stream's number.
        id: u32,
        /// What it is for.
        headers: Headers,
        /// Whether nothing will come on it.
        last: bool,
    },
    /// Data on a stream.
    Data {
        /// The stream's number.
        id: u32,
        /// The data.
        bytes: Vec<u8>,
        /// Whether nothing more will come on it.
        last: bool,
    },
    /// It gives a stream up.
    Reset(u32),
    /// It wants to know whether anybody is there.
    Ping(u32),
    /// It will open no more streams.
    GoAway,
}

/// Reads a client's frames.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    headers: headers::Reader,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads from the beginning of a connection.
    pub fn new(from: R) -> Self {
        Self { from, headers: headers::Reader::default() }
    }

    /// The next frame. `None` when the client has gone, or does not speak SPDY.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 8];
            self.from.read_exact(&mut head).await.ok()?;
            let [a, b, c, d, flags, length @ ..] = head;
            let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
            if length > limits::MESSAGE_BYTES {
                return None;
            }
            let mut body = vec![0; length];
            self.from.read_exact(&mut body).await.ok()?;
            let last = flags & FIN != 0;
            if a & 0x80 == 0 {
                return Some(Frame::Data { id: u32::from_be_bytes([a, b, c, d]), bytes: body, last });
            }
            if u16::from_be_bytes([a & 0x7f, b]) != VERSION {
                return None;
            }
            match u16::from_be_bytes([c, d]) {
                SYN_STREAM => {
                    let headers = self.headers.read(body.get(10..)?)?;
                    return Some(Frame::Open { id: number(&body)?, headers, last });
                }
                RST_STREAM => return Some(Frame::Reset(number(&body)?)),
                PING => return Some(Frame::Ping(number(&body)?)),
                GOAWAY => return Some(Frame::GoAway),
                _ => {} // settings, windows: nothing here goes by them
            }
        }
    }
}

fn number(body: &[u8]) -> Option<u32> {
    body.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes) & 0x7fff_ffff)
}

fn control(kind: u16, body: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (body.len() as u32).to_be_bytes();
    [&(0x8000 | VERSION).to_be_bytes()[..], &kind.to_be_bytes(), &[0], &length, body].concat()
}

/// Accepts a stream; `first` is for the first one of a connection.
pub fn accept(id: u32, first: bool) -> Vec<u8> {
    control(SYN_REPLY, &[&id.to_be_bytes()[..], &headers::none(first)].concat())
}

/// Answers a ping.
pub fn pong(id: u32) -> Vec<u8> {
    control(PING, &id.to_be_bytes())
}

/// Says that no more streams are taken.
pub fn go_away() -> Vec<u8> {
    control(GOAWAY, &[0; 8])
}

/// Data on a stream, the last of it or not.
pub fn data(id: u32, bytes: &[u8], last: bool) -> Vec<u8> {
    let [_, length @ ..] = (bytes.len() as u32).to_be_bytes();
    [&id.to_be_bytes()[..], &[if last { FIN } else { 0 }], &length, bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn frames_are_read_until_one_makes_no_sense() {
        let settings = control(4, &[0; 4]);
        let sent = [data(5, b"hello", true), settings, pong(7), go_away(), vec![0x80, 9, 0, 1, 0, 0, 0, 0]];
        let bytes = sent.concat();
        let mut reader = Reader::new(bytes.as_slice());
        let hello = Frame::Data { id: 5, bytes: b"hello".to_vec(), last: true };
        for expected in [Some(hello), Some(Frame::Ping(7)), Some(Frame::GoAway), None] {
            assert_eq!(reader.next().await, expected);
        }
        let huge = [0, 0, 0, 1, 0, 0xff, 0xff, 0xff];
        assert_eq!(Reader::new(huge.as_slice()).next().await, None);
    }
}
