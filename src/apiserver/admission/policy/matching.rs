//! Whether a policy, or a binding, is about a request: its resource rules and selectors.

use crate::apiserver::ApiServer;
use crate::object::selector::Selector;
use crate::object::{KindInfo, Object, meta::MetaExt};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

/// What is admitted.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a> {
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub operation: &'static str,
    /// The object as it will be; as it was, for a deletion.
    pub object: &'a Object,
    /// As it was before an update.
    pub old: Option<&'a Object>,
}

/// Whether `matchConstraints` or `matchResources` is about the request. Without rules it is about everything.
pub fn matches(api: &ApiServer, constraints: &Value, admitted: &Admitted) -> bool {
    let rules = |key: &str| constraints[key].as_array().map_or(&[][..], Vec::as_slice);
    let info = admitted.object.kind().info();
    let concerns = |rule: &Value| rule_matches(rule, info, admitted);
    let included = rules("resourceRules");
    if rules("excludeResourceRules").iter().any(concerns)
        || !(included.is_empty() || included.iter().any(concerns))
    {
        return false;
    }
    let objects = selector(&constraints["objectSelector"]);
    let matches_object = |o: &Object| objects.as_ref().is_none_or(|s| s.matches(o.labels_map()));
    if !matches_object(admitted.object) && !admitted.old.is_some_and(matches_object) {
        return false;
    }
    namespace_matches(api, &constraints["namespaceSelector"], admitted.object)
}

fn namespace_matches(api: &ApiServer, wanted: &Value, object: &Object) -> bool {
    let Some(selector) = selector(wanted) else { return true };
    let namespace = match object {
        Object::Namespace(own) => Some(own),
        _ if object.namespace_str().is_empty() => return true,
        _ => api.store.find::<Namespace>("", object.namespace_str()),
    };
    namespace.is_some_and(|n| selector.matches(n.labels_map()))
}

/// A selector that selects something in particular.
fn selector(value: &Value) -> Option<Selector> {
    let selector: LabelSelector = serde_json::from_value(value.clone()).ok()?;
    (selector != LabelSelector::default()).then(|| Selector::from_api(Some(&selector)))
}

fn rule_matches(rule: &Value, info: &KindInfo, admitted: &Admitted) -> bool {
    let has =
        |key: &str, value: &str| rule[key].as_array().into_iter().flatten().any(|v| v == "*" || v == value);
    let resources = rule["resources"].as_array();
    let resource = resources.into_iter().flatten().any(|r| r == "*" || r == "*/*" || r == info.plural);
    let named = rule["resourceNames"].as_array().filter(|n| !n.is_empty());
    let scope = match rule["scope"].as_str() {
        Some("Cluster") => !info.namespaced,
        Some("Namespaced") => info.namespaced,
        _ => true,
    };
    resource
        && scope
        && has("apiGroups", info.group)
        && has("apiVersions", info.version)
        && has("operations", admitted.operation)
        && named.is_none_or(|names| names.iter().any(|n| n == admitted.object.name_str()))
}
