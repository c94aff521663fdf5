//! Wall time, as the served API needs it: asked for here and nowhere else in this room.

use crate::object::{SECOND, SimTime};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The moment of the wall clock, in whole seconds.
#[allow(clippy::disallowed_methods)] // clients compute ages from their own clock: a served cluster begins now
pub fn wall() -> SimTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SimTime(since.as_secs() * SECOND)
}

/// The moment a year from now, as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn in_a_year() -> String {
    const YEAR: u64 = 365 * 24 * 3600;
    let moment = jiff::Timestamp::from_second((wall().seconds() as u64 + YEAR) as i64).unwrap_or_default();
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Measures what goes by between two looks.
#[derive(Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the last look.
    pub fn lap(&mut self) -> u64 {
        let now = Instant::now();
        let passed = now.duration_since(std::mem::replace(&mut self.0, now));
        u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// How long to sleep at a speed until so many virtual nanoseconds have passed.
pub fn at_speed(nanos: u64, speed: u32) -> Duration {
    Duration::from_nanos(nanos.div_ceil(u64::from(speed.max(1))))
}
