//! Blocks of headers: names and values, compressed with what both sides know beforehand.
//!
//! Always holds: a client's blocks are one compressed stream, read in order; what is written is stored as it is, which
//! every reader of compressed data takes.

use flate2::{Decompress, FlushDecompress};

/// Names and values, names in lower case.
pub type Headers = Vec<(String, String)>;

/// How long a block may be once it is unpacked.
const BLOCK_BYTES: usize = 64 << 10;

/// The names that SPDY/3 knows beforehand, each with its length before it (draft 3, section 2.6.10.1).
const NAMES: &str = "options head post put delete trace accept accept-charset accept-encoding accept-language \
accept-ranges age allow authorization cache-control connection content-base content-encoding content-language \
content-length content-location content-md5 content-range content-type date etag expect expires from host if-match \
if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma \
proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent \
vary via warning www-authenticate method get status";
/// The text after [`NAMES`]; a bar is before a word with its length.
const TEXT: &str = "|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin";
const REST: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden\
404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept \
Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,\
application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch\
charset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

fn dictionary() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1423);
    for word in NAMES.split(' ').chain(TEXT.split('|').skip(1)) {
        bytes.extend((word.len() as u32).to_be_bytes());
        bytes.extend(word.as_bytes());
    }
    bytes.extend(REST.as_bytes());
    bytes
}

/// Reads the blocks of one connection.
#[derive(Debug)]
pub struct Reader {
    inflate: Decompress,
    begun: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self { inflate: Decompress::new(false), begun: false }
    }
}

impl Reader {
    /// Reads a block. `None` when it is not one.
    pub fn read(&mut self, block: &[u8]) -> Option<Headers> {
        let mut block = block;
        if !std::mem::replace(&mut self.begun, true) {
            let flags = *block.get(1)?;
            let head = if flags & 0x20 == 0 { 2 } else { 6 };
            block = block.get(head..)?;
            // Whatever has gone through is known from then on: so the dictionary goes first, stored as it is.
            self.unpack(&stored(&dictionary()))?;
        }
        let bytes = self.unpack(block)?;
        let mut rest = bytes.as_slice();
        let count = number(&mut rest)?;
        let mut headers = Vec::new();
        for _ in 0..count {
            headers.push((text(&mut rest)?, text(&mut rest)?));
        }
        Some(headers)
    }

    fn unpack(&mut self, mut block: &[u8]) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            self.inflate.decompress(block, &mut piece, FlushDecompress::Sync).ok()?;
            let read = (self.inflate.total_in() - read) as usize;
            let written = (self.inflate.total_out() - written) as usize;
            block = &block[read..];
            all.extend_from_slice(&piece[..written]);
            if all.len() > BLOCK_BYTES {
                return None;
            }
            if written < piece.len() && (block.is_empty() || read == 0) {
                return block.is_empty().then_some(all);
            }
        }
    }
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*first))
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = number(bytes)? as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// A block of compressed data that says just this.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u16;
    [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes].concat()
}

/// A block without headers, the first of a connection or a later one. It ends with an empty piece: Go's reader hands out
/// what came before only then.
pub fn none(first: bool) -> Vec<u8> {
    let head: &[u8] = if first { &[0x78, 0x01] } else { &[] };
    [head, &stored(&[0; 4]), &stored(&[])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tells the dictionary in the first block of every client.
    fn adler32(bytes: &[u8]) -> u32 {
        let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
            let a = (a + u32::from(*byte)) % 65521;
            (a, (b + a) % 65521)
        });
        b << 16 | a
    }

    #[test]
    fn the_dictionary_is_that_of_the_protocol() {
        let dictionary = dictionary();
        assert_eq!((dictionary.len(), adler32(&dictionary)), (1423, 0xe3c6_a7c2));
    }

    /// As a client's zlib writes them, with words that only the dictionary has.
    #[test]
    fn what_is_compressed_refers_to_the_dictionary_and_to_earlier_blocks() {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        let first = "78f9e3c6a7c202253a703a2b294a4dcc851625aca9a0808614cb45a024cc64610024398b209198094adc8c06\
                     00000000ffff";
        let mut reader = Reader::default();
        for (block, kind) in [(first, "error"), ("c2aa15540a2512d209000000ffff", "data")] {
            let headers = reader.read(&bytes(block)).unwrap();
            let expected = [("streamtype", kind), ("port", "80"), ("requestid", "0")];
            assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    }

    #[test]
    fn blocks_are_read_in_turn_and_nonsense_is_refused() {
        let mut plain = 1u32.to_be_bytes().to_vec();
        for word in ["streamtype", "data"] {
            plain.extend((word.len() as u32).to_be_bytes());
            plain.extend(word.as_bytes());
        }
        let mut reader = Reader::default();
        let first = [&[0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2][..], &stored(&plain)].concat();
        let expected = vec![("streamtype".to_owned(), "data".to_owned())];
        assert_eq!(reader.read(&first), Some(expected.clone()));
        assert_eq!(reader.read(&stored(&plain)), Some(expected));
        assert_eq!(reader.read(&none(false)), Some(Vec::new()));
        assert_eq!(reader.read(&[0xff; 40]), None);
        assert_eq!(Reader::default().read(&[0x78]), None);
        // More headers than there are bytes.
        assert_eq!(Reader::default().read(&[&[0x78, 0x01][..], &stored(&[0xff; 4])].concat()), None);
    }
}
