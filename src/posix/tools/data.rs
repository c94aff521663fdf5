//! base64 and checksums.
//!
//! Always holds: they read everything first; what is printed is what coreutils prints.

use super::{Inputs, Io, Known, Tool, Whole};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt::Write as _;

type Started = Result<Box<dyn Tool>, i32>;

pub(super) fn base64(args: &[String], io: &mut Io) -> Started {
    let known = Known {
        name: "base64",
        letters: "dDiw:",
        long: &[("decode", 'd'), ("wrap", 'w'), ("ignore-garbage", 'i')],
    };
    let options = known.read(args, io)?;
    options.number('w', "base64", io)?;
    let inputs = Inputs::new("base64", &options.rest.iter().take(1).cloned().collect());
    Ok(Whole::tool(inputs, options, |options, files, io| {
        let bytes: Vec<u8> = files.into_iter().flat_map(|(_, bytes)| bytes).collect();
        if options.has('d') || options.has('D') {
            return decode(&bytes, io);
        }
        let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let wrap = options.value('w').and_then(|w| w.parse::<usize>().ok()).unwrap_or(76);
        if wrap == 0 {
            io.out(text);
            return 0;
        }
        for line in text.as_bytes().chunks(wrap) {
            io.out(line);
            io.out("\n");
        }
        0
    }))
}

fn decode(bytes: &[u8], io: &mut Io) -> i32 {
    let text: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&STANDARD, config);
    if let Ok(plain) = engine.decode(&text) {
        io.out(plain);
        0
    } else {
        // What can be decoded comes before the complaint.
        let good = text
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || b"+/=".contains(b)))
            .unwrap_or(text.len());
        if let Ok(plain) = engine.decode(&text[..good / 4 * 4]) {
            io.out(plain);
        }
        io.err("base64: invalid input\n");
        1
    }
}

fn sums(name: &'static str, args: &[String], io: &mut Io, finish: super::input::Finish) -> Started {
    let options = Known { name, letters: "b", long: &[] }.read(args, io)?;
    Ok(Whole::tool(Inputs::new(name, &options.rest), options, finish))
}

pub(super) fn sha256sum(args: &[String], io: &mut Io) -> Started {
    sums("sha256sum", args, io, |_, files, io| {
        for (name, bytes) in files {
            io.out(format!("{}  {name}\n", sha256(&bytes)));
        }
        0
    })
}

pub(super) fn md5sum(args: &[String], io: &mut Io) -> Started {
    sums("md5sum", args, io, |_, files, io| {
        for (name, bytes) in files {
            io.out(format!("{}  {name}\n", md5(&bytes)));
        }
        0
    })
}

fn padded(bytes: &[u8], big: bool) -> Vec<u8> {
    let mut message = bytes.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    let bits = (bytes.len() as u64).wrapping_mul(8);
    message.extend(if big { bits.to_be_bytes() } else { bits.to_le_bytes() });
    message
}

/// The first primes' roots, as both algorithms define their constants.
fn primes(count: usize) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut next = 2;
    while found.len() < count {
        if found.iter().all(|p| next % p != 0) {
            found.push(next);
        }
        next += 1;
    }
    found
}

/// The first 32 bits of the fraction of a prime's square or cube root.
fn fraction(prime: u32, power: u32) -> u32 {
    // The integer root of prime × 2^(32·power), by bisection.
    let target = u128::from(prime) << (32 * power);
    let (mut low, mut high) = (0u128, 1u128 << 36);
    while high - low > 1 {
        let middle = u128::midpoint(low, high);
        if middle.checked_pow(power).is_some_and(|v| v <= target) { low = middle } else { high = middle }
    }
    low as u32
}

fn sha256(bytes: &[u8]) -> String {
    let constants: Vec<u32> = primes(64).into_iter().map(|p| fraction(p, 3)).collect();
    let mut state: Vec<u32> = primes(8).into_iter().map(|p| fraction(p, 2)).collect();
    for block in padded(bytes, true).chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]])).collect();
        for i in 16..64 {
            let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
            let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
            w.push(w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1));
        }
        let mut v = state.clone();
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let t1 = v[7].wrapping_add(s1).wrapping_add(choice).wrapping_add(constants[i]).wrapping_add(w[i]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(t1);
            v[0] = t1.wrapping_add(s0).wrapping_add(majority);
        }
        for (s, v) in state.iter_mut().zip(v) {
            *s = s.wrapping_add(v);
        }
    }
    state.iter().fold(String::new(), |mut text, word| {
        let _ = write!(text, "{word:08x}");
        text
    })
}

fn md5(bytes: &[u8]) -> String {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let constants: Vec<u32> =
        (1..=64).map(|i| (f64::from(i).sin().abs() * 4_294_967_296.0).floor() as u32).collect();
    let mut state = [0x6745_2301u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded(bytes, false).chunks(64) {
        let w: Vec<u32> = block.chunks(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (mix, at) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            let sum = a.wrapping_add(mix).wrapping_add(constants[i]).wrapping_add(w[at]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (s, v) in state.iter_mut().zip([a, b, c, d]) {
            *s = s.wrapping_add(v);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksums() {
        assert_eq!(super::md5(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(super::sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
