//! `kubectl run`: one pod from an image, and with `-i` a session in it.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::delete;
use super::errors::{Failure, Outcome};
use super::exec::SESSION;
use super::expose::pairs;
use super::flags::Flag;
use super::resource::{self, Info};
use super::write::flags::{DELETE, DRY_RUN, FIELD_MANAGER, FILES, OUTPUT, RECORD, SAVE_CONFIG};
use super::write::{self, DryRun, overrides, pods};
use super::{attach, write::stream};
use crate::apiserver::{Body, Request};
use regex::Regex;
use serde_json::{Map, Value, json};

/// `kubectl run`.
pub static COMMAND: Command = Command {
    name: "run",
    group: Group::Beginner,
    summary: "Run a particular image on the cluster",
    usage: "run NAME --image=image [--env=\"key=value\"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...]",
    examples: &[
        ("Start a nginx pod", "kubectl run nginx --image=nginx"),
        (
            "A pod with labels and an environment",
            "kubectl run hazelcast --image=hazelcast/hazelcast --labels=\"app=hazelcast,env=prod\" --env=\"POD_NAMESPACE=default\"",
        ),
        (
            "A shell in a pod of its own, which goes when the shell does",
            "kubectl run -i -t busybox --image=busybox --restart=Never --rm",
        ),
        (
            "Another command than the image's",
            "kubectl run nginx --image=nginx --command -- <cmd> <arg1> ... <argN>",
        ),
    ],
    flags: &[
        FILES,
        RECORD,
        &[
            Flag::list("annotations", "Annotations of the pod, as KEY=VALUE"),
            Flag::bool("attach", "Wait for the pod to run, and attach to it"),
            Flag::bool("command", "Take the words after -- for the command, not its arguments"),
            Flag::array("env", "A variable, as KEY=VALUE"),
            Flag::bool("expose", "Make a ClusterIP service for the pod"),
            Flag::text("image", "", "The image to run").required(),
            Flag::text("image-pull-policy", "", "Always, IfNotPresent or Never"),
            Flag::text("labels", "", "The labels of the pod, as KEY=VALUE,…").short('l'),
            Flag::bool("leave-stdin-open", "Keep standard input open after the session"),
            Flag::text("port", "", "The port that the container listens on"),
            Flag::bool("privileged", "Run the container in privileged mode"),
            Flag::text("restart", "Always", "The restart policy: Always, OnFailure or Never"),
            Flag::bool("rm", "Delete the pod after the session"),
            Flag::bool("wait", "Wait until deleted objects are gone"),
        ],
        RUN_SESSION,
        overrides::FLAGS,
        DELETE,
        DRY_RUN,
        OUTPUT,
        SAVE_CONFIG,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

/// As `exec` and `attach`; a pod of one container needs no `--container`.
const RUN_SESSION: &[Flag] = SESSION.split_at(1).1;

/// What the command line asks for, once it is known to make sense.
struct Asked {
    name: String,
    words: Vec<String>,
    attach: bool,
    dry_run: DryRun,
}

async fn run(call: Call) -> Outcome<()> {
    let asked = check(&call)?;
    let mut pod = overrides::apply(&call, pod(&call, &asked)?)?;
    if call.flags.bool("save-config") && asked.dry_run != DryRun::Client {
        write::remember_generated(&mut pod);
    }
    let made = make(&call, pod, asked.dry_run).await?;
    let mut service = None;
    if call.flags.bool("expose") {
        let wanted = service_of(&call, &asked)?;
        let made = make(&call, wanted, asked.dry_run).await?;
        write::print_object(&call, &made, "created", asked.dry_run)?;
        if call.flags.text("output") == "yaml" {
            // Two separators stand here: this one, and that of the next document.
            call.line("---");
        }
        service = Some(made);
    }
    if !asked.attach {
        return write::print_object(&call, &made, "created", asked.dry_run);
    }
    let pods = call.mapper().await?.find("pods")?.clone();
    let info = resource::info(&pods, made);
    let ended = session(&call, &info).await;
    if call.flags.bool("rm") {
        remove(&call, &info, service).await?;
    }
    ended
}

fn check(call: &Call) -> Outcome<Asked> {
    let (flags, args) = (&call.flags, call.args());
    let Some((name, words)) = args.split_first().filter(|_| flags.dash != Some(0)) else {
        return Err(call.usage("NAME is required for run"));
    };
    let image = flags.text("image");
    if image.is_empty() {
        return Err("--image is required".into());
    }
    if let Some(why) = image_rule(image) {
        return Err(format!("Invalid image name {image:?}: {why}").into());
    }
    let (stdin, tty) = (flags.bool("stdin"), flags.bool("tty"));
    if tty && !stdin {
        return Err(call.usage("-i/--stdin is required for containers with -t/--tty=true"));
    }
    if flags.bool("expose") && flags.text("port").is_empty() {
        return Err(call.usage("--port must be set when exposing a service"));
    }
    let attach = if flags.changed("attach") { flags.bool("attach") } else { stdin };
    let dry_run = DryRun::of(call)?;
    if dry_run != DryRun::None && (attach || stdin || tty) {
        return Err(call.usage(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
        ));
    }
    if flags.bool("rm") && !attach {
        return Err(call.usage("--rm should only be used for attached containers"));
    }
    let policy = flags.text("image-pull-policy");
    if !["", "Always", "IfNotPresent", "Never"].contains(&policy) {
        return Err(call.usage(format!("invalid image pull policy: {policy}")));
    }
    let restart = flags.text("restart");
    if !["", "Always", "OnFailure", "Never"].contains(&restart) {
        return Err(call.usage(format!("invalid restart policy: {restart}")));
    }
    Ok(Asked { name: name.clone(), words: words.to_vec(), attach, dry_run })
}

/// What is wrong with an image's name, by the grammar of image references.
pub fn image_rule(image: &str) -> Option<&'static str> {
    let part = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
    let domain = "(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?";
    let tail =
        "(?::[\\w][\\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?";
    let fits = |text: &str| {
        let pattern = format!("^(?:{domain}/)?{part}(?:/{part})*{tail}$");
        Regex::new(&pattern).is_ok_and(|regex| regex.is_match(text))
    };
    if fits(image) {
        None
    } else if fits(&image.to_lowercase()) {
        Some("repository name must be lowercase")
    } else {
        Some("invalid reference format")
    }
}

fn pod(call: &Call, asked: &Asked) -> Outcome<Value> {
    let flags = &call.flags;
    let labels = labels(call, asked)?;
    let mut metadata = json!({"name": asked.name, "labels": labels});
    let annotations = flags.list("annotations");
    if !annotations.is_empty() {
        metadata["annotations"] = Value::Object(pairs(&annotations.join(","))?);
    }
    if call.namespace_enforced() {
        metadata["namespace"] = json!(flags.text("namespace"));
    }
    let mut container = json!({"name": asked.name, "image": flags.text("image"), "resources": {}});
    let mut env = Vec::new();
    for variable in flags.list("env") {
        let Some((key, value)) = variable.split_once('=').filter(|(key, _)| is_env_name(key)) else {
            return Err(format!("invalid env: {variable}").into());
        };
        env.push(json!({"name": key, "value": value}));
    }
    if !env.is_empty() {
        container["env"] = Value::Array(env);
    }
    if !flags.text("port").is_empty() {
        let port = flags.text("port");
        let number: i64 =
            port.parse().map_err(|_| format!("strconv.Atoi: parsing {port:?}: invalid syntax"))?;
        container["ports"] = json!([{"containerPort": number}]);
    }
    if !asked.words.is_empty() {
        container[if flags.bool("command") { "command" } else { "args" }] = json!(asked.words);
    }
    if !flags.text("image-pull-policy").is_empty() {
        container["imagePullPolicy"] = json!(flags.text("image-pull-policy"));
    }
    if flags.bool("privileged") {
        container["securityContext"] = json!({"privileged": true});
    }
    if flags.bool("stdin") {
        container["stdin"] = json!(true);
        if !flags.bool("leave-stdin-open") {
            container["stdinOnce"] = json!(true);
        }
    }
    if flags.bool("tty") {
        container["tty"] = json!(true);
    }
    let restart = if flags.text("restart").is_empty() { "Always" } else { flags.text("restart") };
    Ok(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {},
        "spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": restart},
    }))
}

/// A name that an environment variable may have.
fn is_env_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.chars().all(fits) && name.chars().next().is_some_and(|c| !c.is_ascii_digit())
}

fn labels(call: &Call, asked: &Asked) -> Outcome<Map<String, Value>> {
    match call.flags.text("labels") {
        "" => Ok(Map::from_iter([("run".to_owned(), json!(asked.name))])),
        text => pairs(text),
    }
}

/// The Service of `--expose`.
fn service_of(call: &Call, asked: &Asked) -> Outcome<Value> {
    let port: i64 = call.flags.text("port").parse().unwrap_or(0);
    let mut metadata = json!({"name": asked.name});
    if !call.flags.text("labels").is_empty() {
        metadata["labels"] = Value::Object(labels(call, asked)?);
    }
    Ok(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {
            "ports": [{"port": port, "protocol": "TCP", "targetPort": port}],
            "selector": labels(call, asked)?,
        },
        "status": {"loadBalancer": {}},
    }))
}

async fn make(call: &Call, object: Value, dry_run: DryRun) -> Outcome<Value> {
    if dry_run == DryRun::Client { Ok(object) } else { write::create(call, &object, dry_run).await }
}

/// Attaches to the pod once it runs; when it will not run again, its status is that of the command.
async fn session(call: &Call, info: &Info) -> Outcome<()> {
    let pod = pods::running(call, info).await?;
    if pods::completed(&pod) {
        print_log(call, info).await;
    } else if let Err(failure) = attach::session(call, info, &pod).await {
        let (pod, why) = (info.named(), failure.message());
        call.note(format!("warning: couldn't attach to {pod}, falling back to streaming logs: {why}"));
        print_log(call, info).await;
    }
    if call.flags.bool("leave-stdin-open") || info.object["spec"]["restartPolicy"] == "Always" {
        return Ok(());
    }
    loop {
        let pod = call.request(Request::get(info.path())).await?;
        if pods::completed(&pod) {
            return ended(info, &pod);
        }
        stream::turn(call, None).await;
    }
}

async fn print_log(call: &Call, info: &Info) {
    let response = call.send(Request::get(format!("{}/log", info.path()))).await;
    if let Body::Text(text) = response.body {
        call.print(text);
    }
}

fn ended(info: &Info, pod: &Value) -> Outcome<()> {
    let terminated = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let place = format!("{}/{}", info.namespace, info.name);
    let Some(code) = terminated["exitCode"].as_i64() else {
        return Err(format!("pod {place} failed with unknown exit code").into());
    };
    if code == 0 {
        return Ok(());
    }
    let text = |key: &str| terminated[key].as_str().unwrap_or("");
    let said = format!("pod {place} terminated ({})\n{}", text("reason"), text("message"));
    Err(Failure::Text(said, i32::try_from(code).unwrap_or(1)))
}

/// `--rm`: deletes what was made, as `kubectl delete` does.
async fn remove(call: &Call, pod: &Info, service: Option<Value>) -> Outcome<()> {
    let mut objects = vec![pod.clone()];
    if let Some(service) = service {
        let services = call.mapper().await?.find("services")?.clone();
        objects.push(resource::info(&services, service));
    }
    for info in objects {
        match delete::one(call, &info, delete::Grace::of_replace(call)).await {
            Ok(_) => call.line(delete::said(&info, "deleted", DryRun::None)),
            Err(failure) if failure.is_not_found() => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}
