//! Protobuf's wire format: tags, variable-length numbers, and lengths.

use super::Broken;

/// What a field holds on the wire.
#[derive(Clone, Copy, Debug)]
pub enum Wire<'b> {
    /// A variable-length number.
    Number(u64),
    /// Eight bytes.
    Eight(u64),
    /// Four bytes, which no field of the API is.
    Four,
    /// Bytes with their length before them.
    Bytes(&'b [u8]),
}

/// Reads fields one after the other.
#[derive(Debug)]
pub struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    /// The next field's number and content; `None` at the end.
    ///
    /// # Errors
    /// When the bytes end early, or a type of wire is unknown.
    pub fn next(&mut self) -> Result<Option<(u32, Wire<'b>)>, Broken> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let field = u32::try_from(tag >> 3).map_err(|_| Broken::new("proto: integer overflow"))?;
        if field == 0 {
            return Err(Broken::new("proto: illegal tag 0"));
        }
        let wire = match tag & 7 {
            0 => Wire::Number(self.number()?),
            1 => Wire::Eight(u64::from_le_bytes(self.array()?)),
            2 => {
                let length =
                    usize::try_from(self.number()?).map_err(|_| Broken::new("proto: integer overflow"))?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Four)?,
            other => return Err(Broken(format!("proto: illegal wireType {other}"))),
        };
        Ok(Some((field, wire)))
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Broken> {
        let Some((taken, rest)) = self.0.split_at_checked(length) else {
            return Err(Broken::new("unexpected EOF"));
        };
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        self.take(N)?.try_into().map_err(|_| Broken::new("unexpected EOF"))
    }

    fn number(&mut self) -> Result<u64, Broken> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Broken::new("proto: integer overflow"))
    }
}

/// Writes a variable-length number.
pub fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a field that is a number.
pub fn put_field(out: &mut Vec<u8>, field: u32, value: u64) {
    put_number(out, u64::from(field) << 3);
    put_number(out, value);
}

/// Writes a field that is bytes.
pub fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_number(out, u64::from(field) << 3 | 2);
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
