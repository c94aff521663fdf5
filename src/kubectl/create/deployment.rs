//! `kubectl create deployment`: the Deployment that its flags describe.

use super::{Generated, Options, named};
use crate::object::hash::Stream;
use serde_json::{Value, json};

/// The Deployment of `--image`, `--replicas`, `--port` and the command after `--`.
pub fn generate(options: &Options) -> Generated {
    let images = options.list("image");
    let command = options.command();
    if images.len() > 1 && !command.is_empty() {
        return Err("cannot specify multiple --image options and command".into());
    }
    let mut containers: Vec<Value> = images
        .iter()
        .map(|image| json!({"name": container_name(image), "image": image, "resources": {}}))
        .collect();
    if let Some(first) = containers.first_mut() {
        let port = options.int("port");
        if port >= 0 {
            first["ports"] = json!([{"containerPort": port}]);
        }
        if !command.is_empty() {
            first["command"] = json!(command);
        }
    }
    let labels = json!({"app": options.name});
    let mut deployment = named("apps/v1", "Deployment", options);
    deployment["metadata"]["labels"] = labels.clone();
    deployment["spec"] = json!({
        "replicas": options.int("replicas"),
        "selector": {"matchLabels": labels},
        "strategy": {},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    });
    deployment["status"] = json!({});
    Ok(deployment)
}

/// The container's name: the image's last part without tag and digest. What a name may not hold becomes `-`, and
/// five letters tell two such names apart.
fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let name = last.split([':', '@']).next().unwrap_or(last);
    if name.contains(['_', '.']) {
        let plain = name.replace(['_', '.'], "-");
        format!("{plain}-{}", Stream::new(0, "kubectl", image).letters(5))
    } else {
        name.to_owned()
    }
}
