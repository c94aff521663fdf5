//! Validation of limit ranges: bounds and defaults that fit each other.

use super::{Errors, Path, names, resources};
use crate::object::quantity;
use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::{BTreeMap, BTreeSet};

type Amounts = Option<BTreeMap<String, Quantity>>;

pub fn limit_range(o: &LimitRange, errors: &mut Errors) {
    let path = Path::new("spec");
    let list = path.child("limits");
    let mut seen = BTreeSet::new();
    for (index, item) in o.spec.iter().flat_map(|s| s.limits.iter()).enumerate() {
        let path = list.index(index);
        let kind = item.type_.as_str();
        let wrong = names::qualified(kind);
        if wrong.is_empty()
            && !matches!(kind, "Container" | "Pod" | "PersistentVolumeClaim")
            && !kind.contains('/')
        {
            errors.invalid(path.child("type"), kind, "must be a standard limit type or fully qualified");
        }
        errors.all(path.child("type"), kind, wrong);
        if !seen.insert(kind) {
            errors.duplicate(path.child("type"), kind);
        }
        self::item(item, path, errors);
    }
}

fn item(item: &LimitRangeItem, path: Path, errors: &mut Errors) {
    let pods = item.type_ == "Pod";
    let which = if matches!(item.type_.as_str(), "Pod" | "Container") {
        resources::Names::Container
    } else {
        resources::Names::Any
    };
    let mut all = BTreeSet::new();
    for (field, amounts) in [
        ("max", &item.max),
        ("min", &item.min),
        ("default", &item.default),
        ("defaultRequest", &item.default_request),
        ("maxLimitRequestRatio", &item.max_limit_request_ratio),
    ] {
        if pods && field.starts_with("default") {
            if amounts.as_ref().is_some_and(|a| !a.is_empty()) {
                errors.forbidden(path.child(field), "may not be specified when `type` is 'Pod'");
            }
            continue;
        }
        for name in amounts.iter().flat_map(|a| a.keys()) {
            resources::name(name, which, path.child(field).key(name), errors);
            all.insert(name);
        }
    }
    let storage = |amounts: &Amounts| amounts.as_ref().is_some_and(|a| a.contains_key("storage"));
    if item.type_ == "PersistentVolumeClaim" && !storage(&item.min) && !storage(&item.max) {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        errors.required(path.child("limits"), why);
    }
    for name in all {
        fits(item, name, pods, path, errors);
    }
}

/// One resource: each bound and default beside the others.
fn fits(item: &LimitRangeItem, name: &str, pods: bool, path: Path, errors: &mut Errors) {
    let get = |amounts: &'_ Amounts| amounts.as_ref().and_then(|a| a.get(name)).cloned();
    let (min, max) = (get(&item.min), get(&item.max));
    let (default, request) =
        if pods { (None, None) } else { (get(&item.default), get(&item.default_request)) };
    let ratio = get(&item.max_limit_request_ratio);
    // What is greater than what may not be, where that is said, and of which of the two.
    let rules = [
        (&min, &max, "min", &min, "min value", "max value"),
        (&min, &request, "defaultRequest", &request, "min value", "default request value"),
        (&request, &max, "defaultRequest", &request, "default request value", "max value"),
        (&request, &default, "defaultRequest", &request, "default request value", "default limit value"),
        (&min, &default, "default", &min, "min value", "default value"),
        (&default, &max, "default", &max, "default value", "max value"),
    ];
    for (low, high, field, shown, what, than) in rules {
        let (Some(low), Some(high), Some(shown)) = (low, high, shown) else { continue };
        if quantity::of(low).nano > quantity::of(high).nano {
            let why = format!("{what} {} is greater than {than} {}", low.0, high.0);
            errors.invalid(path.child(field).key(name), shown.0.as_str(), why);
        }
    }
    if let Some(ratio) = &ratio {
        let path = path.child("maxLimitRequestRatio");
        let value = quantity::of(ratio).nano;
        if value < 1_000_000_000 {
            errors.invalid(path.key(name), ratio.0.as_str(), format!("ratio {} is less than 1", ratio.0));
        }
        if let (Some(min), Some(max)) = (&min, &max) {
            #[allow(clippy::cast_precision_loss)] // six places are shown
            let most = quantity::of(max).nano as f64 / quantity::of(min).nano as f64;
            #[allow(clippy::cast_precision_loss)]
            if value as f64 / 1e9 > most {
                let why = format!("ratio {} is greater than max/min = {most:.6}", ratio.0);
                errors.invalid(path.key(name), ratio.0.as_str(), why);
            }
        }
    }
    if let (Some(default), Some(request), false) = (&default, &request, resources::overcommits(name))
        && quantity::of(default).nano != quantity::of(request).nano
    {
        let why =
            format!("default value {} must equal to defaultRequest value {} in {name}", default.0, request.0);
        errors.invalid(path.child("defaultRequest").key(name), request.0.as_str(), why);
    }
}
