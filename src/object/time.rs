//! Virtual time: integer nanoseconds since the Unix epoch, and its passage to the API's own types.
//!
//! Always holds: nothing here reads a clock.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use std::ops::{Add, Sub};

/// One second, in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;
/// One millisecond, in nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;

/// A moment of virtual time, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SimTime(pub u64);

impl SimTime {
    /// Whole seconds since the epoch.
    pub fn seconds(self) -> i64 {
        (self.0 / SECOND) as i64
    }

    /// The API's `Time`, which has whole seconds only.
    pub fn to_api(self) -> Time {
        Time(jiff::Timestamp::from_second(self.seconds()).unwrap_or_default())
    }

    /// The API's `MicroTime`, as leases and new-style events have it.
    pub fn to_api_micro(self) -> MicroTime {
        MicroTime(jiff::Timestamp::from_microsecond((self.0 / 1000) as i64).unwrap_or_default())
    }

    /// The moment that an API `Time` names (times before 1970 become the epoch).
    pub fn from_api(time: &Time) -> Self {
        Self(u64::try_from(time.0.as_nanosecond()).unwrap_or(0))
    }

    /// Nanoseconds since `earlier`; 0 when `earlier` is later.
    pub fn since(self, earlier: SimTime) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment and `seconds` more.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }

    /// This moment and `millis` more.
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(MILLISECOND)))
    }
}

impl Add<u64> for SimTime {
    type Output = SimTime;
    fn add(self, nanos: u64) -> SimTime {
        SimTime(self.0.saturating_add(nanos))
    }
}

impl Sub<SimTime> for SimTime {
    type Output = u64;
    fn sub(self, earlier: SimTime) -> u64 {
        self.since(earlier)
    }
}
