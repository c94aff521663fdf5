//! `kubectl apply`: creates what is missing, and brings what is there to what the manifests say.
//!
//! Always holds: what was applied last is remembered in an annotation of the object.

mod last_applied;
pub mod merge;
mod prune;

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::create::selected;
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::manifest::Validation;
use super::output;
use super::resource::{self, Bare, Info, Target};
use super::write::flags::{DELETE, DRY_RUN, FIELD_MANAGER, FILES, OUTPUT, RECORD, SELECTOR, VALIDATE};
use super::write::{self, DryRun, LAST_APPLIED, Patch, go_json};
use crate::apiserver::schema::{self, Merge};
use crate::apiserver::{Method, Request};
use crate::object::Kind;
use crate::object::selector::Selector;
use merge::{Schema, Strategy};
use serde_json::{Value, json};

/// `kubectl apply`.
pub static COMMAND: Command = Command {
    name: "apply",
    group: Group::Advanced,
    summary: "Apply a configuration to a resource by file name or stdin",
    usage: "apply (-f FILENAME | -k DIRECTORY)",
    examples: &[
        ("Apply the configuration in pod.json", "kubectl apply -f ./pod.json"),
        ("Apply what is passed into stdin", "cat pod.json | kubectl apply -f -"),
    ],
    flags: &[
        FILES,
        RECORD,
        SELECTOR,
        DELETE,
        &[
            Flag::bool("all", "With --prune: all objects of the namespace"),
            Flag::bool("prune", "Delete objects that no manifest names any more"),
            Flag::array("prune-allowlist", "With --prune: the kinds to delete"),
            Flag::bool("server-side", "Let the server merge, with ownership of fields"),
            Flag::bool("force-conflicts", "With --server-side: take over the fields of others"),
            Flag::on("overwrite", "Let the manifest win over what is there"),
            Flag::on("openapi-patch", "Look up in the OpenAPI how fields are merged"),
            Flag::text("subresource", "", "With --server-side: the subresource to apply"),
            Flag::bool("wait", "Wait until deleted objects are gone"),
        ],
        DRY_RUN,
        OUTPUT,
        VALIDATE,
        FIELD_MANAGER,
    ],
    subcommands: &[&last_applied::EDIT, &last_applied::SET, &last_applied::VIEW],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

/// What kubectl says of fields that others manage.
const RESOLVE: &str = "Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";

async fn run(call: Call) -> Outcome<()> {
    let flags = &call.flags;
    if !call.args().is_empty() {
        return Err(call.usage(format!("Unexpected args: [{}]", call.args().join(" "))));
    }
    if flags.list("filename").is_empty() && flags.text("kustomize").is_empty() {
        return Err("must specify one of -f and -k".into());
    }
    if flags.bool("force-conflicts") && !flags.bool("server-side") {
        return Err("--force-conflicts only works with --server-side".into());
    }
    let dry_run = DryRun::of(&call)?;
    check(&call, dry_run)?;
    let validation = Validation::of(&call)?;
    let selection = resource::select_validated(&call, &[], Bare::Refuse, validation).await?;
    let wanted = Selector::parse(flags.text("selector")).map_err(Failure::new)?;
    let mut failures = selection.unknown;
    let mut applied: Vec<Info> = Vec::new();
    let mut shown = Vec::new();
    for target in selection.targets {
        let Target::Manifest(info) = target else { continue };
        if !selected(&wanted, &info.object) {
            continue;
        }
        let done = if flags.bool("server-side") {
            server_side(&call, &info, dry_run).await
        } else {
            apply(&call, &info, dry_run).await
        };
        applied.push(*info);
        match done {
            Ok(object) => shown.extend(object),
            Err(failure) => failures.push(failure),
        }
    }
    if applied.is_empty() && failures.is_empty() {
        return Err("no objects passed to apply".into());
    }
    show(&call, shown)?;
    Failure::all(failures)?;
    if flags.bool("prune") {
        prune::run(&call, &applied, dry_run).await?;
    }
    Ok(())
}

/// Prints what `-o` asks for: one object as it is, several as a List.
fn show(call: &Call, mut objects: Vec<Value>) -> Outcome<()> {
    let format = output::format(call)?;
    match objects.len() {
        0 => Ok(()),
        1 => output::print(call, &format, &objects.remove(0)),
        _ => {
            for object in &mut objects {
                output::strip(call, object);
            }
            let list = json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}});
            if format == output::Format::Json {
                return output::print_list(call, &list);
            }
            output::print(call, &format, &list)
        }
    }
}

/// Flags that do not go together.
fn check(call: &Call, dry_run: DryRun) -> Outcome<()> {
    let flags = &call.flags;
    if dry_run == DryRun::Client && flags.bool("server-side") {
        return Err(
            "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)"
                .into(),
        );
    }
    if flags.bool("force") && flags.bool("server-side") {
        return Err("--force cannot be used with --server-side".into());
    }
    if flags.bool("force") && dry_run == DryRun::Server {
        return Err("--dry-run=server cannot be used with --force".into());
    }
    if !flags.list("filename").is_empty() && !flags.text("kustomize").is_empty() {
        return Err("only one of -f or -k can be specified".into());
    }
    if flags.bool("all") && !flags.text("selector").is_empty() {
        return Err("cannot set --all and --selector at the same time".into());
    }
    if flags.bool("prune") && !flags.bool("all") && flags.text("selector").is_empty() {
        return Err("all resources selected for prune without explicitly passing --all. To prune all resources, pass \
             the --all flag. If you did not mean to prune all resources, specify a label selector"
            .into());
    }
    Ok(())
}

/// Applies one manifest. The answer is what remains to be printed.
async fn apply(call: &Call, info: &Info, dry_run: DryRun) -> Outcome<Option<Value>> {
    let mut modified = info.object.clone();
    if info.name.is_empty() {
        let from = modified["metadata"]["generateName"].as_str().unwrap_or("");
        return Err(if from.is_empty() {
            format!("error when retrieving current configuration of:\n{}\nfrom server for: {:?}: resource name may not be empty", described(info), info.source).into()
        } else {
            format!("from {from}: cannot use generate name with apply").into()
        });
    }
    write::remember_applied(&mut modified);
    let current = match call.request(Request::get(info.path())).await {
        Ok(current) => current,
        Err(failure) if failure.is_not_found() => return create(call, info, modified, dry_run).await,
        Err(failure) => {
            let doing =
                format!("retrieving current configuration of:\n{}\nfrom server for:", described(info));
            return Err(failure.when(&doing, &info.source));
        }
    };
    let remembered = current["metadata"]["annotations"][LAST_APPLIED].as_str();
    if dry_run == DryRun::Client {
        return print(call, &modified, "configured", dry_run);
    }
    if remembered.is_none() {
        let resource = format!("{}/{}", info.mapping.plural, info.name);
        call.warn(&format!(
            "resource {resource} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. \
             kubectl apply should only be used on resources created declaratively by either kubectl create \
             --save-config or kubectl apply. The missing annotation will be patched automatically."
        ));
    }
    let original = remembered.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json!({}));
    let patch = three_way(info, &original, &modified, &current);
    if patch.as_object().is_none_or(serde_json::Map::is_empty) {
        return print(call, &current, "unchanged", dry_run);
    }
    let kind = if known(info).is_some() { Patch::Strategic } else { Patch::Merge };
    match write::patch(call, info, kind, patch.clone(), dry_run).await {
        Ok(patched) => print(call, &patched, "configured", dry_run),
        Err(failure) if call.flags.bool("force") && matches!(failure.reason(), "Invalid" | "Conflict") => {
            replace(call, info, &modified).await
        }
        Err(failure) => {
            let doing = format!("applying patch:\n{}\nto:\n{}\nfor:", go_json(&patch), described(info));
            Err(failure.when("patching", &info.source).when(&doing, &info.source))
        }
    }
}

/// Says what was done, or keeps the object for the end when `-o` asks for it.
fn print(call: &Call, object: &Value, operation: &str, dry_run: DryRun) -> Outcome<Option<Value>> {
    if !matches!(call.flags.text("output"), "" | "name") {
        return Ok(Some(object.clone()));
    }
    write::print_object(call, object, operation, dry_run).map(|()| None)
}

async fn create(call: &Call, info: &Info, object: Value, dry_run: DryRun) -> Outcome<Option<Value>> {
    let made = if dry_run == DryRun::Client {
        object
    } else {
        let sent = write::create_in(call, &info.mapping, &info.namespace, &object, dry_run).await;
        sent.map_err(|failure| failure.when("creating", &info.source))?
    };
    print(call, &made, "created", dry_run)
}

/// `--force`: what cannot be changed is deleted and made anew.
async fn replace(call: &Call, info: &Info, modified: &Value) -> Outcome<Option<Value>> {
    let deleted = super::delete::one(call, info, super::delete::Grace::of_replace(call)).await?;
    super::delete::wait_gone(call, info, &deleted, None).await?;
    let made = write::create_in(call, &info.mapping, &info.namespace, modified, DryRun::None).await?;
    print(call, &made, "configured", DryRun::None)
}

/// Sends the manifest for the server to merge.
async fn server_side(call: &Call, info: &Info, dry_run: DryRun) -> Outcome<Option<Value>> {
    let manager = match call.flags.text("field-manager") {
        "" | "kubectl-client-side-apply" => "kubectl",
        named => named,
    };
    let mut request = Request::with_body(Method::Patch, info.path(), info.object.clone())
        .param("fieldManager", manager)
        .param("fieldValidation", "Strict")
        .param("force", if call.flags.bool("force-conflicts") { "true" } else { "false" });
    "application/apply-patch+yaml".clone_into(&mut request.content_type);
    let answer = call.request(dry_run.mark(request)).await.map_err(advised)?;
    print(call, &answer, "serverside-applied", dry_run)
}

/// A conflict of fields with kubectl's advice on how to resolve it.
fn advised(failure: Failure) -> Failure {
    match failure {
        Failure::Status(status) if status["reason"] == "Conflict" => {
            Failure::Message(format!("{}\n{RESOLVE}", status["message"].as_str().unwrap_or("")))
        }
        other => other,
    }
}

/// `Resource: "apps/v1, Resource=deployments", …`, as messages describe what a patch was for.
fn described(info: &Info) -> String {
    let (mapping, version) = (&info.mapping, info.mapping.version.as_str());
    let group = if mapping.group.is_empty() { format!("/{version}") } else { mapping.api_version() };
    format!(
        "Resource: \"{group}, Resource={}\", GroupVersionKind: \"{group}, Kind={}\"\nName: {:?}, Namespace: {:?}",
        mapping.plural, mapping.kind, info.name, info.namespace,
    )
}

fn known(info: &Info) -> Option<Kind> {
    Kind::find(&info.mapping.api_version(), &info.mapping.kind)
}

/// The patch that brings `current` to `modified` and deletes what only `original` had.
pub fn three_way(info: &Info, original: &Value, modified: &Value, current: &Value) -> Value {
    let root = known(info).map(schema::for_kind);
    let field = |path: &[&str]| {
        let (field, parents) = path.split_last()?;
        let mut of = root?;
        for parent in parents {
            of = of.fields.get(*parent)?.of()?;
        }
        of.fields.get(*field)
    };
    let strategy = |path: &[&str]| match field(path).map(|field| &field.merge) {
        None | Some(Merge::Default) => Strategy::Default,
        Some(Merge::Replace) => Strategy::Replace,
        Some(Merge::ByKey(key)) => Strategy::MergeBy(key),
        Some(Merge::Set) => Strategy::MergeValues,
    };
    let retain_keys = |path: &[&str]| field(path).is_some_and(|field| field.retains_keys);
    merge::three_way(original, modified, current, &Schema { strategy: &strategy, retain_keys: &retain_keys })
}

/// The strategic merge patch from one form of an object to another.
pub fn difference(info: &Info, old: &Value, new: &Value) -> Value {
    three_way(info, old, new, old)
}
