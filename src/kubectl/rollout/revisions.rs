//! The revisions of a workload: the ReplicaSets of a Deployment, the `ControllerRevisions` of the others.

use crate::apiserver::Request;
use crate::kubectl::call::Call;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::resource::Info;
use serde_json::Value;

/// The annotation that says what a revision was made for.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// The annotation that numbers a Deployment's ReplicaSets.
pub const REVISION: &str = "deployment.kubernetes.io/revision";

/// One revision.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Its number.
    pub number: i64,
    /// The ReplicaSet or `ControllerRevision`.
    pub object: Value,
}

impl Revision {
    /// The pod template of the revision.
    pub fn template(&self) -> &Value {
        if self.object["kind"] == "ControllerRevision" {
            &self.object["data"]["spec"]["template"]
        } else {
            &self.object["spec"]["template"]
        }
    }

    /// What it was made for; empty when nobody said.
    pub fn change_cause(&self) -> &str {
        self.object["metadata"]["annotations"][CHANGE_CAUSE].as_str().unwrap_or("")
    }
}

/// The revisions of a workload, oldest first.
///
/// # Errors
/// When the kind has none.
pub async fn of(call: &Call, target: &Info) -> Outcome<Vec<Revision>> {
    let plural = match target.object["kind"].as_str().unwrap_or("") {
        "Deployment" => "replicasets",
        "DaemonSet" | "StatefulSet" => "controllerrevisions",
        kind => return Err(Failure::new(format!("no history viewer has been implemented for {kind:?}"))),
    };
    let path = format!("/apis/apps/v1/namespaces/{}/{plural}", target.namespace);
    let list = call.request(Request::get(path)).await?;
    let uid = &target.object["metadata"]["uid"];
    let owned = |object: &&Value| {
        let owners = object["metadata"]["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
        owners.iter().any(|o| o["uid"] == *uid && o["controller"] == true)
    };
    let mut revisions: Vec<Revision> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(owned)
        .filter_map(|object| {
            let mut object = object.clone();
            let (kind, number) = if plural == "replicasets" {
                let text = object["metadata"]["annotations"][REVISION].as_str()?;
                ("ReplicaSet", text.parse().ok()?)
            } else {
                ("ControllerRevision", object["revision"].as_i64()?)
            };
            object["kind"] = kind.into();
            Some(Revision { number, object })
        })
        .collect();
    revisions.sort_by_key(|r| r.number);
    Ok(revisions)
}
