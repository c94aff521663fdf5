//! date, over the virtual clock (always UTC).
//!
//! Always holds: no wall clock is read. `-d` understands `@SECONDS`, RFC 3339, `now`, `yesterday`, `tomorrow` and
//! `N UNIT [ago]`.

use super::{Io, Known};

/// Seconds since the epoch → year, month, day, hour, minute, second, weekday (0 Sunday), day of the year.
struct Parts {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    weekday: usize,
    yearday: i64,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn parts(seconds: i64) -> Parts {
    let days = seconds.div_euclid(86_400);
    let rest = seconds.rem_euclid(86_400);
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    Parts {
        year,
        month: month as usize,
        day: doy - (153 * mp + 2) / 5 + 1,
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
        weekday: (days + 4).rem_euclid(7) as usize,
        yearday: days - days_from_civil(year, 1, 1) + 1,
    }
}

/// A time in `date`'s format language.
pub(in crate::posix) fn format(nanos: u64, format: &str) -> String {
    let seconds = (nanos / 1_000_000_000) as i64;
    let p = parts(seconds);
    let mut made = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            made.push(c);
            continue;
        }
        let plain = chars.next_if_eq(&'-').is_some();
        let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
        let number = |n: i64, width: usize| if plain { n.to_string() } else { format!("{n:0width$}") };
        let twelve = if p.hour % 12 == 0 { 12 } else { p.hour % 12 };
        let text = match chars.next() {
            Some('Y') => p.year.to_string(),
            Some('y') => number(p.year % 100, 2),
            Some('m') => number(p.month as i64, 2),
            Some('d') => number(p.day, 2),
            Some('e') => format!("{:2}", p.day),
            Some('H') => number(p.hour, 2),
            Some('I') => number(twelve, 2),
            Some('M') => number(p.minute, 2),
            Some('S') => number(p.second, 2),
            Some('N') => {
                let all = format!("{:09}", nanos % 1_000_000_000);
                all[..digits.parse::<usize>().unwrap_or(9).clamp(1, 9)].to_owned()
            }
            Some('s') => seconds.to_string(),
            Some('j') => number(p.yearday, 3),
            Some('p') => if p.hour < 12 { "AM" } else { "PM" }.into(),
            Some('a') => DAYS[p.weekday][..3].into(),
            Some('A') => DAYS[p.weekday].into(),
            Some('b' | 'h') => MONTHS[p.month - 1][..3].into(),
            Some('B') => MONTHS[p.month - 1].into(),
            Some('u') => if p.weekday == 0 { 7 } else { p.weekday }.to_string(),
            Some('w') => p.weekday.to_string(),
            Some('F') => format!("{}-{:02}-{:02}", p.year, p.month, p.day),
            Some('T') => format!("{:02}:{:02}:{:02}", p.hour, p.minute, p.second),
            Some('R') => format!("{:02}:{:02}", p.hour, p.minute),
            Some('D') => format!("{:02}/{:02}/{:02}", p.month, p.day, p.year % 100),
            Some('c') => format!(
                "{} {} {:2} {:02}:{:02}:{:02} {}",
                &DAYS[p.weekday][..3],
                &MONTHS[p.month - 1][..3],
                p.day,
                p.hour,
                p.minute,
                p.second,
                p.year
            ),
            Some('Z') => "UTC".into(),
            Some('z') => "+0000".into(),
            Some(':') => {
                chars.next();
                "+00:00".into()
            }
            Some('n') => "\n".into(),
            Some('t') => "\t".into(),
            Some('%') => "%".into(),
            Some(other) => format!("%{other}"),
            None => "%".into(),
        };
        made.push_str(&text);
    }
    made
}

/// As `ls -l` shows a time.
pub(super) fn listing_time(modified: u64, now: u64) -> String {
    let half_year = 15_778_476 * 1_000_000_000;
    if now.saturating_sub(modified) > half_year {
        format(modified, "%b %e  %Y")
    } else {
        format(modified, "%b %e %H:%M")
    }
}

fn parse(text: &str, now: u64) -> Option<u64> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return Some((seconds.parse::<f64>().ok()? * 1e9) as u64);
    }
    let day = 86_400 * 1_000_000_000u64;
    match text {
        "" | "now" | "today" => return Some(now),
        "yesterday" => return now.checked_sub(day),
        "tomorrow" => return Some(now + day),
        _ => {}
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return u64::try_from(time.as_nanosecond()).ok();
    }
    if let Ok(time) = text.trim_end_matches(" UTC").parse::<jiff::civil::DateTime>() {
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        return u64::try_from(time.timestamp().as_nanosecond()).ok();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (words, ago) = match words.as_slice() {
        [rest @ .., "ago"] => (rest, true),
        all => (all, false),
    };
    let [number, unit] = words else { return None };
    let number: i64 = number.parse().ok()?;
    let unit = match unit.trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        "month" => 2_592_000,
        "year" => 31_536_000,
        _ => return None,
    };
    let by = number.checked_mul(unit)?.checked_mul(1_000_000_000)?;
    now.checked_add_signed(if ago { -by } else { by })
}

pub(super) fn date(args: &[String], io: &mut Io) -> i32 {
    let known = Known {
        name: "date",
        letters: "ud:I::R",
        long: &[("utc", 'u'), ("date", 'd'), ("rfc-email", 'R'), ("iso-8601", 'i'), ("rfc-3339", 'r')],
    };
    // `-I` takes its value only when it is attached.
    let args: Vec<String> =
        args.iter()
            .map(|a| match a.strip_prefix("-I") {
                Some("" | "date") => "+%Y-%m-%d".to_owned(),
                Some(_) => "+%Y-%m-%dT%H:%M:%S+00:00".to_owned(),
                None if a.starts_with("--iso-8601") || a.starts_with("--rfc-3339") => {
                    if a.contains("seconds") { "+%Y-%m-%dT%H:%M:%S+00:00".into() } else { "+%Y-%m-%d".into() }
                }
                None => a.clone(),
            })
            .collect();
    let Ok(options) = known.read(&args, io) else { return 1 };
    let mut when = io.world.now();
    if let Some(text) = options.value('d') {
        if let Some(time) = parse(text, when) {
            when = time;
        } else {
            io.err(&format!("date: invalid date ‘{text}’\n"));
            return 1;
        }
    }
    let default = if options.has('R') { "%a, %d %b %Y %T %z" } else { "%a %b %e %H:%M:%S %Z %Y" };
    let wanted = match options.rest.front() {
        None => default,
        Some(text) => {
            if let Some(wanted) = text.strip_prefix('+') {
                wanted
            } else {
                io.err(&format!("date: invalid date ‘{text}’\n"));
                return 1;
            }
        }
    };
    let text = format(when, wanted);
    io.out(text + "\n");
    0
}

#[cfg(test)]
mod tests {
    #[test]
    fn formats() {
        let time = 1_709_210_096 * 1_000_000_000;
        assert_eq!(super::format(time, "%F %T %a %j %s %3N"), "2024-02-29 12:34:56 Thu 060 1709210096 000");
        assert_eq!(super::parse("2024-02-29T12:34:56Z", 0), Some(time));
        assert_eq!(super::parse("1 hour ago", time), Some(time - 3_600_000_000_000));
    }
}
