//! Protobuf, as `application/vnd.kubernetes.protobuf` has it: an envelope that names the type, and the object in it.
//!
//! Always holds: a table of field numbers drives both directions (`assets/protobuf.txt`); depth is limited; what is
//! not in the table is skipped, as a server does with fields of a newer client.
//! Does not: know kinds that were defined by a `CustomResourceDefinition`; a real server does not either.

mod decode;
mod encode;
mod tables;
mod wire;

pub use decode::decode;
pub use encode::{encode, encode_event};

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// What every body begins with.
const PREFIX: &[u8] = b"k8s\0";

/// Why bytes are no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl Broken {
    fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::schema;
    use crate::object::Kind;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "labels": {"app": "web"}, "creationTimestamp": "2026-04-22T09:00:00Z"},
            "spec": {
                "containers": [{
                    "name": "c", "image": "nginx", "resources": {"limits": {"cpu": "100m"}},
                    "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
                    "readinessProbe": {"tcpSocket": {"port": 80}},
                    "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}],
                }],
                "volumes": [{"name": "v", "emptyDir": {}}],
                "terminationGracePeriodSeconds": 0,
            },
        });
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "AAH/"}});
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
            "spec": {"renewTime": "2026-04-22T09:00:00.000123Z", "leaseTransitions": 3},
        });
        for object in [pod, secret, lease] {
            let bytes = encode(&object).unwrap();
            assert_eq!(decode(&bytes).unwrap(), object);
        }
    }

    #[test]
    fn every_field_has_a_number() {
        // Newer than the table, and sent by no client that was released with it.
        let newer = [
            "schedulingGroup",
            "nodeAllocatableResourceClaimStatuses",
            "volumeStatus",
            "shardInfo",
            "preventPodSchedulingIfMissing",
            "message",
        ];
        // Kinds that no client writes with a type of its own: they go in JSON.
        let in_json = |info: &crate::object::KindInfo| {
            matches!(info.group, "apiregistration.k8s.io" | "resource.k8s.io")
                || info.kind.starts_with("MutatingAdmissionPolicy")
        };
        let (mut missing, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
        for kind in &Kind::all_served().collect::<Vec<_>>() {
            let info = kind.info();
            if in_json(info) {
                continue;
            }
            let Some(root) = tables::find(&info.api_version(), info.kind) else {
                missing.push(info.kind.to_owned());
                continue;
            };
            let mut wanted = vec![(schema::for_kind(*kind), root)];
            while let Some((of, at)) = wanted.pop() {
                if !seen.insert((of.package.clone(), of.name.clone())) {
                    continue;
                }
                for (name, field) in &of.fields {
                    let own =
                        ["apiVersion", "kind"].contains(&name.as_str()) && of.fields.contains_key("metadata");
                    match tables::field_by_name(at, name) {
                        Some(found) => {
                            if let (tables::Code::Message(inner), Some(element)) =
                                (found.code, field.shape.element())
                            {
                                wanted.extend(schema::find(element).map(|of| (of, inner)));
                            }
                        }
                        None if own || newer.contains(&name.as_str()) => {}
                        None => missing.push(format!("{}.{name}", of.name)),
                    }
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn garbage_is_refused() {
        assert!(decode(b"").is_err());
        assert!(decode(b"k8s\0").is_err());
        assert!(decode(b"{\"kind\":\"Pod\"}").is_err());
        let whole = encode(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}})).unwrap();
        for end in 0..whole.len() {
            decode(&whole[..end]).ok(); // it may make sense or not: it must not panic
        }
    }
}
