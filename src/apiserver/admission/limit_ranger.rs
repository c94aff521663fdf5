//! `LimitRanger`: default requests and limits, and their bounds.

use crate::apiserver::{ApiError, ApiServer};
use crate::object::{Kind, Object, Pod, meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::{Container, LimitRange, LimitRangeItem};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;
use std::sync::Arc;

type Amounts = BTreeMap<String, Quantity>;

/// Gives a pod's containers the namespace's default limits, then checks the bounds.
pub fn pod(api: &ApiServer, object: &mut Object) -> Result<(), ApiError> {
    let namespace = object.namespace_str().to_owned();
    let ranges: Vec<Arc<LimitRange>> = api.store.all_in::<LimitRange>(&namespace).cloned().collect();
    if ranges.is_empty() {
        return Ok(());
    }
    let Object::Pod(pod) = object else { return Ok(()) };
    let pod = Arc::make_mut(pod);
    for range in &ranges {
        apply_defaults(pod, range);
    }
    let mut errors = Vec::new();
    for item in ranges.iter().flat_map(|r| r.spec.iter().flat_map(|s| s.limits.iter())) {
        match item.type_.as_str() {
            "Container" => {
                let containers = pod.spec.containers.iter().chain(pod.spec.init_containers.iter().flatten());
                for container in containers {
                    let resources = container.resources.clone().unwrap_or_default();
                    let (requests, limits) =
                        (resources.requests.unwrap_or_default(), resources.limits.unwrap_or_default());
                    bounds(item, &requests, &limits, &mut errors);
                }
            }
            "Pod" => {
                let (requests, limits) = totals(pod);
                bounds(item, &requests, &limits, &mut errors);
            }
            _ => {}
        }
    }
    refuse(Kind::Pod, pod.name_str(), &errors)
}

/// Checks a claim's size.
pub fn claim(api: &ApiServer, object: &Object) -> Result<(), ApiError> {
    let Object::PersistentVolumeClaim(claim) = object else { return Ok(()) };
    let mut errors = Vec::new();
    let resources = claim.spec.as_ref().and_then(|s| s.resources.clone()).unwrap_or_default();
    let requests = resources.requests.unwrap_or_default();
    for range in api.store.all_in::<LimitRange>(claim.namespace_str()) {
        let items = range.spec.iter().flat_map(|s| s.limits.iter());
        for item in items.filter(|i| i.type_ == "PersistentVolumeClaim") {
            for (name, min) in item.min.iter().flatten() {
                if let Some(request) = requests.get(name).filter(|r| less(r, min)) {
                    errors.push(format!(
                        "minimum {name} usage per PersistentVolumeClaim is {}, but request is {}",
                        min.0, request.0
                    ));
                }
            }
            for (name, max) in item.max.iter().flatten() {
                if let Some(request) = requests.get(name).filter(|r| less(max, r)) {
                    errors.push(format!(
                        "maximum {name} usage per PersistentVolumeClaim is {}, but request is {}",
                        max.0, request.0
                    ));
                }
            }
        }
    }
    refuse(Kind::PersistentVolumeClaim, claim.name_str(), &errors)
}

fn refuse(kind: Kind, name: &str, errors: &[String]) -> Result<(), ApiError> {
    match errors {
        [] => Ok(()),
        [one] => Err(ApiError::forbidden(kind, name, one)),
        many => Err(ApiError::forbidden(kind, name, &format!("[{}]", many.join(", ")))),
    }
}

fn less(a: &Quantity, b: &Quantity) -> bool {
    quantity::of(a).nano < quantity::of(b).nano
}

fn apply_defaults(pod: &mut Pod, range: &LimitRange) {
    let (mut limits, mut requests) = (Amounts::new(), Amounts::new());
    for item in range.spec.iter().flat_map(|s| s.limits.iter()).filter(|i| i.type_ == "Container") {
        limits.extend(item.default.clone().unwrap_or_default());
        requests.extend(item.default_request.clone().unwrap_or_default());
    }
    if limits.is_empty() && requests.is_empty() {
        return;
    }
    let mut notes = Vec::new();
    let spec = pod.spec.make_mut();
    for container in &mut spec.containers {
        fill(container, "container", &limits, &requests, &mut notes);
    }
    for container in spec.init_containers.iter_mut().flatten() {
        fill(container, "init container", &limits, &requests, &mut notes);
    }
    if !notes.is_empty() {
        let annotations = pod.metadata.annotations.get_or_insert_default();
        let text = format!("LimitRanger plugin set: {}", notes.join("; "));
        annotations.insert("kubernetes.io/limit-ranger".to_owned(), text);
    }
    pod.status.qos_class = Some(crate::apiserver::defaults::qos_class(&pod.spec).to_owned());
}

fn fill(
    container: &mut Container,
    what: &str,
    limits: &Amounts,
    requests: &Amounts,
    notes: &mut Vec<String>,
) {
    let name = container.name.clone();
    let resources = container.resources.get_or_insert_default();
    let mut merge = |into: &mut Option<Amounts>, from: &Amounts, word: &str| {
        let there = into.get_or_insert_default();
        let new: Vec<&str> = from.keys().filter(|k| !there.contains_key(*k)).map(String::as_str).collect();
        if !new.is_empty() {
            notes.push(format!("{} {word} for {what} {name}", new.join(", ")));
        }
        for key in new {
            there.insert(key.to_owned(), from[key].clone());
        }
        if there.is_empty() {
            *into = None;
        }
    };
    merge(&mut resources.requests, requests, "request");
    merge(&mut resources.limits, limits, "limit");
}

fn totals(pod: &Pod) -> (Amounts, Amounts) {
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    for resources in pod.spec.containers.iter().filter_map(|c| c.resources.as_ref()) {
        for (into, from) in [(&mut requests, &resources.requests), (&mut limits, &resources.limits)] {
            for (name, value) in from.iter().flatten() {
                let mut sum = quantity::of(value);
                if let Some(before) = into.get(name) {
                    sum.nano += quantity::of(before).nano;
                }
                into.insert(name.clone(), Quantity(sum.to_string()));
            }
        }
    }
    (requests, limits)
}

fn bounds(item: &LimitRangeItem, requests: &Amounts, limits: &Amounts, errors: &mut Vec<String>) {
    let per = &item.type_;
    for (name, min) in item.min.iter().flatten() {
        match (requests.get(name), limits.get(name)) {
            (None, None) => {
                errors.push(format!("minimum {name} usage per {per} is {}.  No request is specified", min.0));
            }
            (Some(request), _) if less(request, min) => errors
                .push(format!("minimum {name} usage per {per} is {}, but request is {}", min.0, request.0)),
            (_, Some(limit)) if less(limit, min) => {
                errors.push(format!("minimum {name} usage per {per} is {}, but limit is {}", min.0, limit.0));
            }
            _ => {}
        }
    }
    for (name, max) in item.max.iter().flatten() {
        match limits.get(name) {
            None => {
                errors.push(format!("maximum {name} usage per {per} is {}.  No limit is specified", max.0));
            }
            Some(limit) if less(max, limit) => {
                errors.push(format!("maximum {name} usage per {per} is {}, but limit is {}", max.0, limit.0));
            }
            Some(_) => {}
        }
        if let Some(request) = requests.get(name).filter(|r| less(max, r)) {
            errors.push(format!("maximum {name} usage per {per} is {}, but request is {}", max.0, request.0));
        }
    }
}
