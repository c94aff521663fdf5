//! Resource quantities (`100m`, `1Gi`, `2e3`), exact to a nano-unit.
//!
//! From `k8s.io/apimachinery/pkg/api/resource`: a quantity is a decimal number with a decimal SI, binary SI or
//! exponent suffix; it is written back in the same family, with the largest suffix that keeps it whole.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use std::fmt;

const NANO: i128 = 1_000_000_000;

/// The family of suffix that a quantity is written with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `m`, `k`, `M`, `G`, …
    DecimalSi,
    /// `Ki`, `Mi`, `Gi`, …
    BinarySi,
    /// `e3`, `e6`, …
    DecimalExponent,
}

/// A parsed quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantity {
    /// The value in nano-units.
    pub nano: i128,
    /// How to write it.
    pub format: Format,
}

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

impl Quantity {
    /// Parses text. `None` when it is no quantity.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 18 {
            return None;
        }
        let mut nano = whole.parse::<i128>().ok().or(whole.is_empty().then_some(0))?.checked_mul(NANO)?;
        let mut unit = NANO;
        let mut rounds_up = false;
        for digit in fraction.bytes() {
            unit /= 10;
            nano += i128::from(digit - b'0') * unit;
            rounds_up |= unit == 0 && digit != b'0';
        }
        let (nano, format) = scale(nano, suffix)?;
        let nano = if rounds_up { nano + 1 } else { nano };
        Some(Self { nano: if negative { -nano } else { nano }, format })
    }

    /// `value` whole units, written in `format`.
    pub fn from_units(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * NANO, format }
    }

    /// `milli` thousandths of a unit, as CPU is counted.
    pub fn from_milli(milli: i64) -> Self {
        Self { nano: i128::from(milli) * (NANO / 1000), format: Format::DecimalSi }
    }

    /// Whole units, rounded up.
    pub fn units(self) -> i64 {
        ceil_div(self.nano, NANO)
    }

    /// Thousandths of a unit, rounded up.
    pub fn milli(self) -> i64 {
        ceil_div(self.nano, NANO / 1000)
    }
}

fn ceil_div(value: i128, by: i128) -> i64 {
    let up = value.div_euclid(by) + i128::from(value.rem_euclid(by) != 0);
    i64::try_from(up).unwrap_or(if up > 0 { i64::MAX } else { i64::MIN })
}

fn scale(nano: i128, suffix: &str) -> Option<(i128, Format)> {
    if let Some((_, shift)) = BINARY.iter().find(|(s, _)| *s == suffix) {
        return Some((nano.checked_mul(1i128 << shift)?, Format::BinarySi));
    }
    if let Some((_, power)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Some((shift_ten(nano, *power)?, Format::DecimalSi));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
    Some((shift_ten(nano, exponent)?, Format::DecimalExponent))
}

fn shift_ten(nano: i128, power: i32) -> Option<i128> {
    let factor = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        nano.checked_mul(factor)
    } else {
        Some(nano.div_euclid(factor) + i128::from(nano.rem_euclid(factor) != 0))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && self.nano % NANO == 0 && self.nano.abs() >= 1024 * NANO {
            let units = self.nano / NANO;
            for (suffix, shift) in BINARY.iter().rev() {
                if units % (1i128 << shift) == 0 {
                    return write!(f, "{}{suffix}", units >> shift);
                }
            }
            return write!(f, "{units}");
        }
        for (suffix, power) in DECIMAL.iter().rev() {
            let unit = if *power >= 0 {
                NANO * 10i128.pow(power.unsigned_abs())
            } else {
                NANO / 10i128.pow(power.unsigned_abs())
            };
            if self.nano % unit == 0 {
                let number = self.nano / unit;
                return match (self.format, *power) {
                    (Format::DecimalExponent, 0) => write!(f, "{number}"),
                    (Format::DecimalExponent, p) => write!(f, "{number}e{p}"),
                    _ => write!(f, "{number}{suffix}"),
                };
            }
        }
        write!(f, "{}n", self.nano)
    }
}

/// The API quantity parsed; zero when it is no quantity (validation has refused such objects before).
pub fn of(quantity: &ApiQuantity) -> Quantity {
    Quantity::parse(&quantity.0).unwrap_or(Quantity { nano: 0, format: Format::DecimalSi })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        for (from, to) in [
            ("1000m", "1"),
            ("100m", "100m"),
            ("0.5", "500m"),
            ("1Gi", "1Gi"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("2000", "2k"),
            ("1e3", "1e3"),
            ("0", "0"),
            ("512Ki", "512Ki"),
            ("1000Ki", "1000Ki"),
            ("-5", "-5"),
        ] {
            assert_eq!(Quantity::parse(from).map(|q| q.to_string()).as_deref(), Some(to), "{from}");
        }
        for bad in ["", "x", "1x", "1.2.3", "Gi", "1 Gi"] {
            assert_eq!(Quantity::parse(bad), None, "{bad}");
        }
    }
}
