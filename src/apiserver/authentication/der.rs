//! Just enough of DER (ASN.1's distinguished encoding) to read certificates and signing requests.
//!
//! Always holds: reading never goes beyond the bytes that were given.

/// `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;
/// `OBJECT IDENTIFIER`.
pub const OID: u8 = 0x06;

/// Reads one element after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

/// One element.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// Its tag.
    pub tag: u8,
    /// What it holds.
    pub content: &'a [u8],
}

impl<'a> Element<'a> {
    /// What it holds, as elements.
    pub fn inside(&self) -> Reader<'a> {
        Reader(self.content)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 || rest.len() < count {
                return None;
            }
            let (bytes, rest) = rest.split_at(count);
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        };
        if rest.len() < length {
            return None;
        }
        let (content, after) = rest.split_at(length);
        self.0 = after;
        Some(Element { tag, content })
    }
}

impl<'a> Reader<'a> {
    /// The next element, if it has this tag.
    pub fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }
}
