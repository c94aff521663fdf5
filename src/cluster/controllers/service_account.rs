//! What every namespace gets: the `ServiceAccount` `default`, and the `ConfigMap` with the cluster's certificate.

use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::object::{Kind, Object, ObjectKey, ObjectMeta, Resource, meta::MetaExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use std::collections::BTreeMap;

/// `service-account-controller` in the table.
pub const CONTROLLER: Controller = Controller {
    name: "service-account-controller",
    watch: |change, _, keys| watch(change, Kind::ServiceAccount, "default", keys),
    reconcile: account,
};

/// `root-ca-cert-publisher` in the table.
pub const ROOT_CA: Controller = Controller {
    name: "root-ca-cert-publisher",
    watch: |change, _, keys| watch(change, Kind::ConfigMap, CA_NAME, keys),
    reconcile: certificate,
};

const CA_NAME: &str = "kube-root-ca.crt";
/// The certificate of the cluster's authority.
pub const CA: &str = include_str!("../../../assets/cluster-ca.pem");
const CA_ABOUT: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
distributions of Kubernetes clusters.";

fn watch(change: &Change, kind: Kind, name: &str, keys: &mut Keys) {
    if change.key.kind == Kind::Namespace {
        keys.push(change.key.clone());
    } else if change.key.kind == kind && change.key.name.name() == name && change.old.is_some() {
        keys.push(ObjectKey::new(Kind::Namespace, "", change.key.name.namespace()));
    }
}

fn active<'a>(view: &View, key: &'a ObjectKey) -> Option<&'a str> {
    let namespace = view.store.fetch::<Namespace>(&key.name)?;
    (!namespace.is_terminating()).then_some(key.name.name())
}

fn create(object: Object) -> Vec<Write> {
    vec![Write::Create { object, done: None, failed: None }]
}

fn account(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(namespace) = active(view, key) else { return Vec::new() };
    if view.store.find::<ServiceAccount>(namespace, "default").is_some() {
        return Vec::new();
    }
    let metadata = meta(namespace, "default");
    create(ServiceAccount { metadata, ..ServiceAccount::default() }.into_object())
}

fn certificate(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(namespace) = active(view, key) else { return Vec::new() };
    let data = BTreeMap::from([("ca.crt".to_owned(), CA.to_owned())]);
    match view.store.find::<ConfigMap>(namespace, CA_NAME) {
        Some(map) if map.data.as_ref() == Some(&data) => Vec::new(),
        Some(map) => {
            let mut map = ConfigMap::clone(map);
            map.data = Some(data);
            vec![Write::Update(map.into_object())]
        }
        None => {
            let mut metadata = meta(namespace, CA_NAME);
            let about = ("kubernetes.io/description".to_owned(), CA_ABOUT.to_owned());
            metadata.annotations = Some(BTreeMap::from([about]));
            create(ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }.into_object())
        }
    }
}

fn meta(namespace: &str, name: &str) -> ObjectMeta {
    let (name, namespace) = (Some(name.to_owned()), Some(namespace.to_owned()));
    ObjectMeta { name, namespace, ..ObjectMeta::default() }
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use crate::apiserver::DeleteOptions;

    #[test]
    fn every_namespace_has_both_and_gets_them_back() {
        let mut lab = lab();
        assert_eq!(
            lab.everywhere::<ServiceAccount>().iter().filter(|s| s.name_str() == "default").count(),
            4
        );
        assert_eq!(lab.everywhere::<ConfigMap>().iter().filter(|c| c.name_str() == CA_NAME).count(), 4);
        lab.delete(Kind::ServiceAccount, "default", &DeleteOptions::default()).advance(100);
        lab.edit::<ConfigMap>(CA_NAME, |c| c.data = None).advance(100);
        assert!(lab.try_get::<ServiceAccount>("default").is_some());
        assert!(lab.get::<ConfigMap>(CA_NAME).data.is_some());
    }
}
