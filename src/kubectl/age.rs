//! Ages and durations as people read them (`k8s.io/apimachinery/pkg/util/duration`).

use crate::object::{SECOND, SimTime};
use serde_json::Value;

/// `5s`, `3m12s`, `2d3h`: the two largest units while they matter.
pub fn human(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit}{small}{small_unit}")
        }
    };
    match seconds {
        ..0 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two(s / MINUTE, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two(s / HOUR, "h", s % HOUR / MINUTE, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two(s / DAY, "d", s % DAY / HOUR, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two(s / YEAR, "y", s % YEAR / DAY, "d"),
        s => format!("{}y", s / YEAR),
    }
}

/// The moment that an API time names.
pub fn moment(time: &Value) -> Option<SimTime> {
    let parsed: jiff::Timestamp = time.as_str()?.parse().ok()?;
    u64::try_from(parsed.as_nanosecond()).ok().map(SimTime)
}

/// How long ago an API time is; `<unknown>` when it is not set.
pub fn since(time: &Value, now: SimTime) -> String {
    moment(time).map_or_else(|| "<unknown>".to_owned(), |then| human((now.since(then) / SECOND) as i64))
}

/// `Mon, 23 Nov 2026 09:37:28 +0000`.
pub fn rfc1123(time: &Value) -> String {
    let Some(parsed) = time.as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok()) else {
        return "<unset>".to_owned();
    };
    parsed.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_read() {
        let cases = [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (3600, "60m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_172_000, "2y1d"),
            (315_360_000, "10y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human(seconds), text);
        }
        assert_eq!(rfc1123(&Value::from("2026-11-23T09:37:28Z")), "Mon, 23 Nov 2026 09:37:28 +0000");
    }
}
