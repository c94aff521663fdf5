//! Validation of events. What comes by `events.k8s.io` has more to keep to than what comes by core.

use super::{Errors, Path, names};
use crate::object::event::{Event, Source};
use crate::object::meta::MetaExt;

const NAME_LIMIT: usize = 128;
const NOTE_LIMIT: usize = 1024;

/// What every event must keep to.
pub fn event(o: &Event, errors: &mut Errors) {
    let (own, of) = (o.namespace_str(), o.involved_object.namespace.as_deref().unwrap_or(""));
    let agrees = match (o.event_time.is_some(), of) {
        (false, "") => own.is_empty() || own == "default",
        (false, _) => own == of,
        (true, "") => matches!(own, "default" | "kube-system"),
        (true, _) => true,
    };
    if !agrees {
        let path = Path::new("involvedObject");
        errors.invalid(path.child("namespace"), of, "does not match event.namespace");
    }
    if o.event_time.is_none() {
        return;
    }
    let controller = o.reporting_component.as_deref().unwrap_or("");
    let path = Path::new("reportingController");
    errors.needed(path, controller);
    errors.all(path, controller, names::qualified(controller));
    for (field, value) in [
        ("reportingInstance", o.reporting_instance.as_deref()),
        ("action", o.action.as_deref()),
        ("reason", o.reason.as_deref()),
    ] {
        let value = value.unwrap_or("");
        errors.needed(Path::new(field), value);
        at_most(field, value, NAME_LIMIT, errors);
    }
    at_most("message", o.message.as_deref().unwrap_or(""), NOTE_LIMIT, errors);
}

fn at_most(field: &'static str, value: &str, limit: usize, errors: &mut Errors) {
    if value.len() > limit {
        errors.invalid(Path::new(field), "", format!("can have at most {limit} characters"));
    }
}

/// What a new event by `events.k8s.io` must keep to beside.
pub fn create_strictly(o: &Event, errors: &mut Errors) {
    let name = o.name_str();
    errors.all(Path::new("metadata").child("name"), name, names::subdomain(name));
    series(o, errors);
    if o.event_time.is_none() {
        errors.required(Path::new("eventTime"), "");
    }
    let kind = o.type_.as_deref().unwrap_or("");
    if !matches!(kind, "Normal" | "Warning") {
        errors.invalid(Path::new("type"), "", format!("has invalid value: {kind}"));
    }
    let source = o.source.as_ref().is_some_and(|s| *s != Source::default());
    for (field, there) in [
        ("firstTimestamp", o.first_timestamp.is_some()),
        ("lastTimestamp", o.last_timestamp.is_some()),
        ("count", o.count.is_some_and(|n| n != 0)),
        ("source", source),
    ] {
        if there {
            errors.invalid(Path::new(field), "", "needs to be unset");
        }
    }
}

/// What may change of an event by `events.k8s.io`: its series, and nothing else.
pub fn update_strictly(new: &Event, old: &Event, errors: &mut Errors) {
    if new.series != old.series {
        series(new, errors);
    }
    errors.immutable(Path::new("involvedObject"), &*new.involved_object, &*old.involved_object);
    errors.immutable(Path::new("reason"), &new.reason, &old.reason);
    errors.immutable(Path::new("message"), &new.message, &old.message);
    errors.immutable(
        Path::new("source"),
        &new.source.clone().unwrap_or_default().to_api(),
        &old.source.clone().unwrap_or_default().to_api(),
    );
    errors.immutable(Path::new("firstTimestamp"), &new.first_timestamp, &old.first_timestamp);
    errors.immutable(Path::new("lastTimestamp"), &new.last_timestamp, &old.last_timestamp);
    errors.immutable(Path::new("count"), &new.count, &old.count);
    errors.immutable(Path::new("type"), &new.type_, &old.type_);
    errors.immutable(Path::new("eventTime"), &new.event_time, &old.event_time);
    errors.immutable(Path::new("action"), &new.action, &old.action);
    errors.immutable(Path::new("related"), &new.related, &old.related);
    let controller = Path::new("reportingController");
    errors.immutable(controller, &new.reporting_component, &old.reporting_component);
    errors.immutable(
        Path::new("reportingInstance"),
        &new.reporting_instance.as_deref(),
        &old.reporting_instance.as_deref(),
    );
}

fn series(o: &Event, errors: &mut Errors) {
    let Some(series) = &o.series else { return };
    let path = Path::new("series");
    if series.count.unwrap_or(0) < 2 {
        errors.invalid(path.child("count"), "", "should be at least 2");
    }
    if series.last_observed_time.is_none() {
        errors.required(path.child("lastObservedTime"), "");
    }
}
