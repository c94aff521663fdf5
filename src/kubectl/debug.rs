//! `kubectl debug`: a container beside those of a pod, a changed copy of a pod, or a pod on a node.

use super::attach;
use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::Outcome;
use super::exec::SESSION;
use super::flags::Flag;
use super::resource::{self, Bare, Info};
use super::write::flags::FILES;
use super::write::{self, DryRun, Patch, pods};
use crate::object::hash::Stream;
use serde_json::{Value, json};

/// `kubectl debug`.
pub static COMMAND: Command = Command {
    name: "debug",
    group: Group::Troubleshooting,
    summary: "Create debugging sessions for troubleshooting workloads and nodes",
    usage: "debug (POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
    examples: &[
        ("A shell beside the containers of a pod", "kubectl debug mypod -it --image=busybox"),
        (
            "A copy of a pod with another image",
            "kubectl debug mypod --copy-to=my-debugger --set-image=*=busybox",
        ),
        ("A shell on a node, whose files are under /host", "kubectl debug node/mynode -it --image=busybox"),
    ],
    flags: &[FILES, SESSION, FLAGS],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

const FLAGS: &[Flag] = &[
    Flag::bool("arguments-only", "What stands behind -- are arguments, not the command"),
    Flag::bool("attach", "Wait for the container, then attach to it"),
    Flag::text("copy-to", "", "Make a copy of the pod with this name"),
    Flag::text("custom", "", "A file with more settings of the container"),
    Flag::array("env", "A variable of the container, as KEY=VALUE"),
    Flag::text("image", "", "The image of the container"),
    Flag::text("image-pull-policy", "", "Always, IfNotPresent or Never"),
    Flag::bool("keep-annotations", "The copy keeps the annotations"),
    Flag::on("keep-init-containers", "The copy keeps the containers that initialise"),
    Flag::bool("keep-labels", "The copy keeps the labels"),
    Flag::bool("keep-liveness", "The copy keeps the liveness probes"),
    Flag::bool("keep-readiness", "The copy keeps the readiness probes"),
    Flag::bool("keep-startup", "The copy keeps the startup probes"),
    Flag::text("profile", "legacy", "legacy, general, baseline, netadmin, restricted or sysadmin"),
    Flag::bool("replace", "With --copy-to: delete the pod that is copied"),
    Flag::bool("same-node", "With --copy-to: on the node of the pod"),
    Flag::list("set-image", "With --copy-to: images of containers, as NAME=IMAGE"),
    Flag::on("share-processes", "With --copy-to: containers see each other's processes"),
    Flag::text("target", "", "The container whose processes the new one sees"),
];

const PROFILES: &[&str] = &["legacy", "general", "baseline", "netadmin", "restricted", "sysadmin"];

fn check(call: &Call) -> Outcome<()> {
    let flags = &call.flags;
    let text = |name: &str| flags.text(name);
    let copying = !text("copy-to").is_empty();
    let words = call.flags.dash.is_some_and(|dash| dash < call.args().len());
    if copying {
        if text("image").is_empty() && flags.list("set-image").is_empty() && !words {
            return Err("you must specify --image, --set-image or command arguments.".into());
        }
        if words && text("container").is_empty() && text("image").is_empty() {
            return Err("you must specify an existing container or a new image when specifying args.".into());
        }
    } else {
        if text("image").is_empty() {
            return Err("you must specify --image when not using --copy-to.".into());
        }
        if !flags.list("set-image").is_empty() {
            return Err("--set-image may only be used with --copy-to.".into());
        }
    }
    let image = text("image");
    if let Some(why) = super::run::image_rule(image).filter(|_| !image.is_empty()) {
        return Err(format!("invalid image name {image:?}: {why}").into());
    }
    if names(call).is_empty() && flags.list("filename").is_empty() {
        return Err("NAME is required for debug".into());
    }
    let policy = text("image-pull-policy");
    if !["", "Always", "IfNotPresent", "Never"].contains(&policy) {
        return Err(format!("invalid image pull policy: {policy}").into());
    }
    if copying && !text("target").is_empty() {
        return Err("--target is incompatible with --copy-to. Use --share-processes instead.".into());
    }
    for (flag, given) in [("replace", flags.bool("replace")), ("same-node", flags.bool("same-node"))] {
        if given && !copying {
            return Err(format!("--{flag} may only be used with --copy-to.").into());
        }
    }
    if flags.bool("tty") && !flags.bool("stdin") {
        return Err("-i/--stdin is required for containers with -t/--tty=true".into());
    }
    if !PROFILES.contains(&text("profile")) {
        return Err(format!("unknown profile: {}", text("profile")).into());
    }
    Ok(())
}

/// The words before `--`.
fn names(call: &Call) -> &[String] {
    let end = call.flags.dash.unwrap_or(call.args().len()).min(call.args().len());
    &call.args()[..end]
}

async fn run(call: Call) -> Outcome<()> {
    check(&call)?;
    if call.flags.text("profile") == "legacy" {
        call.note(
            "--profile=legacy is deprecated and will be removed in the future. It is recommended to explicitly \
             specify a profile, for example \"--profile=general\".",
        );
    }
    let mut words: Vec<String> = names(&call).to_vec();
    if let [word] = words.as_slice()
        && !word.contains('/')
    {
        words = vec!["pods".to_owned(), word.clone()];
    }
    let selection = resource::select(&call, &words, Bare::Refuse).await?;
    for target in &selection.targets {
        let Some(info) = resource::fetch_one(&call, target).await?.into_iter().next() else { continue };
        match info.mapping.kind.as_str() {
            "Node" => node(&call, &info).await?,
            "Pod" if call.flags.text("copy-to").is_empty() => beside(&call, &info).await?,
            "Pod" => copy(&call, &info).await?,
            kind => return Err(format!("not supported by this command: {kind:?}").into()),
        }
    }
    Ok(())
}

/// A name that no container of the pod has.
fn container_name(call: &Call, pod: &Value) -> String {
    let asked = call.flags.text("container");
    if !asked.is_empty() {
        return asked.to_owned();
    }
    if !call.flags.text("copy-to").is_empty() {
        let containers = pod["spec"]["containers"].as_array();
        if let Some(only) = containers.filter(|_| call.flags.text("image").is_empty()).and_then(|c| c.first())
        {
            return only["name"].as_str().unwrap_or("").to_owned();
        }
    }
    let name = format!("debugger-{}", suffix(call, pod));
    call.note(format!("Defaulting debug container name to {name}."));
    name
}

fn suffix(call: &Call, object: &Value) -> String {
    let letters: Vec<char> = "bcdfghjklmnpqrstvwxz2456789".chars().collect();
    let mut stream =
        Stream::new(call.env.client.now().0, "kubectl-debug", &object["metadata"]["uid"].to_string());
    (0..5).map(|_| letters[stream.below(letters.len() as u64) as usize]).collect()
}

/// The container that is added.
fn container(call: &Call, name: &str) -> Outcome<Value> {
    let flags = &call.flags;
    let mut container = json!({
        "name": name, "image": flags.text("image"), "terminationMessagePolicy": "File", "resources": {},
    });
    if !flags.text("image-pull-policy").is_empty() {
        container["imagePullPolicy"] = json!(flags.text("image-pull-policy"));
    }
    let words = &call.args()[names(call).len()..];
    if !words.is_empty() {
        container[if flags.bool("arguments-only") { "args" } else { "command" }] = json!(words);
    }
    for (flag, field) in [("stdin", "stdin"), ("tty", "tty")] {
        if flags.bool(flag) {
            container[field] = json!(true);
        }
    }
    let mut env = Vec::new();
    for variable in flags.list("env") {
        let Some((key, value)) = variable.split_once('=') else {
            return Err(format!("invalid argument {variable:?} for \"--env\" flag").into());
        };
        env.push(json!({"name": key, "value": value}));
    }
    if !env.is_empty() {
        container["env"] = json!(env);
    }
    match flags.text("profile") {
        "general" | "sysadmin" | "netadmin" | "restricted" => {
            let context = match flags.text("profile") {
                "general" => json!({"capabilities": {"add": ["SYS_PTRACE"]}}),
                "netadmin" => json!({"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}),
                "restricted" => json!({
                    "allowPrivilegeEscalation": false, "runAsNonRoot": true,
                    "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
                }),
                _ => json!({"privileged": true}),
            };
            container["securityContext"] = context;
        }
        _ => {}
    }
    Ok(container)
}

/// An ephemeral container in the pod itself.
async fn beside(call: &Call, info: &Info) -> Outcome<()> {
    let name = container_name(call, &info.object);
    let mut container = container(call, &name)?;
    let target = call.flags.text("target");
    if !target.is_empty() {
        call.note(format!(
            "Targeting container {target:?}. If you don't see processes from this container it may be because the \
             container runtime doesn't support this feature."
        ));
        container["targetContainerName"] = json!(target);
    }
    let patch = json!({"spec": {"ephemeralContainers": [container]}});
    let path = format!("{}/ephemeralcontainers", info.path());
    let sent = write::patch_path(call, &path, Patch::Strategic, patch, DryRun::None).await;
    sent.map_err(|failure| match failure.reason() {
        "NotFound" if failure.message().contains("the server could not find") => {
            "ephemeral containers are disabled for this cluster (error from server: \"the server could not find the \
             requested resource\")."
                .into()
        }
        _ => failure,
    })?;
    join(call, info, &name).await
}

/// A copy of the pod, changed.
async fn copy(call: &Call, info: &Info) -> Outcome<()> {
    let flags = &call.flags;
    let old = &info.object;
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": flags.text("copy-to")}});
    pod["metadata"]["namespace"] = json!(info.namespace);
    for (flag, field) in [("keep-labels", "labels"), ("keep-annotations", "annotations")] {
        if flags.bool(flag) && old["metadata"][field].is_object() {
            pod["metadata"][field] = old["metadata"][field].clone();
        }
    }
    pod["spec"] = old["spec"].clone();
    let Some(spec) = pod["spec"].as_object_mut() else { return Err("the pod has no spec".into()) };
    spec.remove("ephemeralContainers");
    if !flags.bool("same-node") {
        spec.remove("nodeName");
    }
    if !flags.bool("keep-init-containers") {
        spec.remove("initContainers");
    }
    if flags.bool("share-processes") && flags.changed("share-processes") || !flags.text("image").is_empty() {
        spec.insert("shareProcessNamespace".to_owned(), json!(flags.bool("share-processes")));
    }
    let keeps_probes = flags.text("profile") == "legacy";
    for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
        for (flag, probe) in [
            ("keep-liveness", "livenessProbe"),
            ("keep-readiness", "readinessProbe"),
            ("keep-startup", "startupProbe"),
        ] {
            if let Some(map) = container.as_object_mut().filter(|_| !flags.bool(flag) && !keeps_probes) {
                map.remove(probe);
            }
        }
        for pair in flags.list("set-image") {
            let (name, image) = pair.split_once('=').unwrap_or((pair, ""));
            if name == "*" || container["name"] == name {
                container["image"] = json!(image);
            }
        }
    }
    let name = container_name(call, old);
    let containers = pod["spec"]["containers"].as_array_mut();
    let existing = containers.and_then(|list| list.iter_mut().find(|c| c["name"] == name.as_str()));
    let words = &call.args()[names(call).len()..];
    if let Some(container) = existing {
        if !flags.text("image").is_empty() {
            container["image"] = json!(flags.text("image"));
        }
        if !words.is_empty() {
            container[if flags.bool("arguments-only") { "args" } else { "command" }] = json!(words);
        }
        for field in ["stdin", "tty"] {
            if flags.bool(field) {
                container[field] = json!(true);
            }
        }
    } else {
        let added = container(call, &name)?;
        if let Some(list) = pod["spec"]["containers"].as_array_mut() {
            list.push(added);
        }
    }
    if flags.bool("replace") {
        super::delete::one(
            call,
            info,
            super::delete::Grace { seconds: None, propagation: "Background", dry_run: DryRun::None },
        )
        .await?;
    }
    let made = write::create(call, &pod, DryRun::None).await?;
    join(call, &resource::info(&info.mapping, made), &name).await
}

/// A pod on the node, in its namespaces, with its files under `/host`.
async fn node(call: &Call, info: &Info) -> Outcome<()> {
    let asked = call.flags.text("container");
    let name = if asked.is_empty() { "debugger" } else { asked };
    let pod_name = format!("node-debugger-{}-{}", info.name, suffix(call, &info.object));
    let mut container = container(call, name)?;
    container["volumeMounts"] = json!([{"name": "host-root", "mountPath": "/host"}]);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod_name, "labels": {"app.kubernetes.io/managed-by": "kubectl-debug"}},
        "spec": {
            "containers": [container], "hostIPC": true, "hostNetwork": true, "hostPID": true, "nodeName": info.name,
            "restartPolicy": "Never", "tolerations": [{"operator": "Exists"}],
            "volumes": [{"name": "host-root", "hostPath": {"path": "/"}}],
        },
    });
    if !call.flags.bool("quiet") {
        call.line(format!("Creating debugging pod {pod_name} with container {name} on node {}.", info.name));
    }
    let made = write::create(call, &pod, DryRun::None).await?;
    let pods = call.mapper().await?.find("pods")?.clone();
    join(call, &resource::info(&pods, made), name).await
}

/// Attaches to the new container, when that is wanted, once it runs.
async fn join(call: &Call, info: &Info, container: &str) -> Outcome<()> {
    let flags = &call.flags;
    let attach = if flags.changed("attach") { flags.bool("attach") } else { flags.bool("stdin") };
    if !attach {
        return Ok(());
    }
    let pod = pods::container_started(call, info, container).await?;
    attach::to_container(call, info, &pod, container).await
}
