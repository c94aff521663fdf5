//! Validation of cron jobs: schedules, time zones and the template of jobs.

use super::{Errors, FieldError, Path, job};
use k8s_openapi::api::batch::v1::CronJob;
use serde_json::json;

const SPEC: Path = Path::new("spec");

pub fn cron_job(o: &CronJob, errors: &mut Errors) {
    let spec = &o.spec;
    let path = SPEC.child("schedule");
    if spec.schedule.is_empty() {
        errors.required(path, "");
    } else {
        let schedule = spec.schedule.as_str();
        if let Some(why) = schedule_error(zoneless(schedule)) {
            errors.invalid(path, schedule, why);
        }
        if schedule.contains("TZ") {
            let why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
            errors.invalid(path, schedule, why);
        }
    }
    errors.not_negative(SPEC.child("startingDeadlineSeconds"), spec.starting_deadline_seconds);
    if let Some(zone) = spec.time_zone.as_deref() {
        time_zone(zone, SPEC.child("timeZone"), errors);
    }
    errors.one_of(
        SPEC.child("concurrencyPolicy"),
        spec.concurrency_policy.as_deref(),
        &["Allow", "Forbid", "Replace"],
    );
    if let Some(spec) = &o.spec.job_template.spec {
        let path = SPEC.child("jobTemplate");
        let path = path.child("spec");
        job::spec(spec, path, errors);
        if let Some(selector) = &spec.selector {
            errors.invalid(path.child("selector"), json!(selector), "`selector` will be auto-generated");
        }
        if spec.manual_selector == Some(true) {
            let path = path.child("manualSelector");
            let message = "Unsupported value: true: supported values: \"nil\", \"false\"".to_owned();
            errors.0.push(FieldError { field: path.to_string(), reason: "FieldValueNotSupported", message });
        }
    }
    for (field, limit) in [
        ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
    ] {
        errors.not_negative(SPEC.child(field), limit.map(i64::from));
    }
}

/// A schedule without the time zone that it may begin with.
fn zoneless(schedule: &str) -> &str {
    if schedule.starts_with("TZ=") || schedule.starts_with("CRON_TZ=") {
        return schedule.split_once(' ').map_or("", |(_, rest)| rest.trim());
    }
    schedule
}

/// A name of the time zone database.
fn time_zone(zone: &str, path: Path, errors: &mut Errors) {
    if zone.is_empty() {
        errors.invalid(path, zone, "timeZone must be nil or non-empty string");
        return;
    }
    let part = |part: &str| {
        (1..=14).contains(&part.len())
            && !matches!(part, "." | "..")
            && !part.starts_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b))
    };
    if !zone.split('/').all(part) {
        errors.invalid(path, zone, format!("unknown time zone {zone}"));
    } else if zone.eq_ignore_ascii_case("Local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.invalid(path, zone, why);
    } else if jiff::tz::TimeZone::get(zone).is_err() {
        errors.invalid(path, zone, format!("unknown time zone {zone}"));
    }
}

/// What the schedule's parser (`robfig/cron`) says.
fn schedule_error(schedule: &str) -> Option<String> {
    if let Some(word) = schedule.strip_prefix('@') {
        let known = ["yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"];
        let every = word.strip_prefix("every ").is_some();
        return (!known.contains(&word) && !every).then(|| format!("unrecognized descriptor: {schedule}"));
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        return Some(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    fields
        .iter()
        .zip(bounds)
        .find_map(|(field, (low, high))| field.split(',').find_map(|part| range_error(part, low, high)))
}

fn range_error(part: &str, low: u32, high: u32) -> Option<String> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if let Some(step) = step {
        match step.parse::<u32>() {
            Ok(0) => return Some(format!("step of range should be a positive number: {part}")),
            Ok(_) => {}
            Err(_) => {
                return Some(format!(
                    "failed to parse int from {step}: strconv.Atoi: parsing \"{step}\": invalid syntax"
                ));
            }
        }
    }
    if matches!(range, "*" | "?") {
        return None;
    }
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let named = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
    if named(from) && named(to) && low + high <= 13 {
        return None;
    }
    for end in [from, to] {
        let Ok(number) = end.parse::<u32>() else {
            return Some(format!(
                "failed to parse int from {end}: strconv.Atoi: parsing \"{end}\": invalid syntax"
            ));
        };
        if number < low {
            return Some(format!("beginning of range ({number}) below minimum ({low}): {part}"));
        }
        if number > high {
            return Some(format!("end of range ({number}) above maximum ({high}): {part}"));
        }
    }
    None
}
