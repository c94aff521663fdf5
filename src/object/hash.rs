//! Hashes and random streams: the same from run to run, named by seed, component and key.

/// FNV-1a, 32 bits: what controllers hash templates with.
pub fn fnv32a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// FNV-1a, 64 bits.
pub fn fnv64a(bytes: &[u8]) -> u64 {
    Fnv::default().bytes(bytes).0
}

/// FNV-1a, 64 bits, of one part after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fnv(pub u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// With these bytes after what there is.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(self.0, step))
    }

    /// With this text as a part of its own: parts that are cut differently are different.
    #[must_use]
    pub fn part(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).bytes(&[0])
    }

    /// With a part that may be missing.
    #[must_use]
    pub fn optional(self, text: Option<&str>) -> Self {
        text.map_or_else(|| self.bytes(&[1]), |text| self.part(text))
    }
}

/// The letters of generated names: no vowels, so that no words arise (`k8s.io/apimachinery/pkg/util/rand`).
pub const NAME_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Encodes text with [`NAME_LETTERS`], as `SafeEncodeString` does.
pub fn safe_encode(text: &str) -> String {
    text.bytes().map(|b| NAME_LETTERS[b as usize % NAME_LETTERS.len()] as char).collect()
}

/// A stream of random numbers named by seed, component and key.
#[derive(Clone, Debug)]
pub struct Stream(fastrand::Rng);

impl Stream {
    /// The stream of `component` for `key` under `seed`.
    pub fn new(seed: u64, component: &str, key: &str) -> Self {
        let name = fnv64a(format!("{seed}/{component}/{key}").as_bytes());
        Self(fastrand::Rng::with_seed(seed ^ name))
    }

    /// A number below `end` (0 when `end` is 0).
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.u64(0..end) }
    }

    /// `length` letters for a generated name.
    pub fn letters(&mut self, length: usize) -> String {
        (0..length).map(|_| NAME_LETTERS[self.0.usize(0..NAME_LETTERS.len())] as char).collect()
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.0.u64(..), self.0.u64(..));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }
}
