//! The resource builder: from `pods`, `po,svc web`, `deploy/web`, `all`, `-f FILE`, `-l …` to what to ask the server.
//!
//! Always holds: errors and their order are those of `k8s.io/cli-runtime/pkg/resource`.

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::flags::{Flag, quote};
use super::manifest::{self, Validation};
use super::mapper::{Mapper, Mapping};
use crate::apiserver::Request;
use crate::yaml::Document;
use serde_json::Value;
use std::rc::Rc;

/// `-f`, `-R`, `-k`.
pub const FILE_FLAGS: &[Flag] = &[
    Flag::list("filename", "Files, directories or - (standard input) that hold the objects").short('f'),
    Flag::text("kustomize", "", "A directory with a kustomization file; not together with -f or -R")
        .short('k'),
    Flag::bool("recursive", "Read the directories of -f with everything below them").short('R'),
];

/// `-l`.
pub const SELECTOR_FLAGS: &[Flag] = &[Flag::text(
    "selector",
    "",
    "Only objects with these labels: key=value, !=, in (a,b), notin (a,b), key, !key",
)
.short('l')];

/// `--field-selector`.
pub const FIELD_SELECTOR_FLAGS: &[Flag] =
    &[Flag::text("field-selector", "", "Only objects with these fields: =, ==, !=, separated by commas")];

/// `--all`.
pub const ALL_FLAGS: &[Flag] = &[Flag::bool("all", "All objects of the type in the namespace")];

/// `-A`.
pub const ALL_NAMESPACES_FLAGS: &[Flag] =
    &[Flag::bool("all-namespaces", "Objects of all namespaces, whatever -n says").short('A')];

/// One thing to ask the server for.
#[derive(Clone, Debug)]
pub enum Target {
    /// All objects of a resource that match.
    List {
        /// The resource.
        mapping: Mapping,
        /// `None` for all namespaces, and for what has none.
        namespace: Option<String>,
        /// The text of `-l`.
        selector: String,
        /// The text of `--field-selector`.
        fields: String,
    },
    /// One object by name.
    Named {
        /// The resource.
        mapping: Mapping,
        /// Empty for what has no namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// An object of a manifest.
    Manifest(Box<Info>),
}

/// An object, and where it lives.
#[derive(Clone, Debug)]
pub struct Info {
    /// Its resource.
    pub mapping: Mapping,
    /// Empty for what has no namespace.
    pub namespace: String,
    /// Its name; empty when only `generateName` is set.
    pub name: String,
    /// The object: from the server, or from the manifest.
    pub object: Value,
    /// Where a manifest's object was read; empty for the server's.
    pub source: String,
    /// The manifest's document; empty for the server's.
    pub document: Document,
}

impl Info {
    /// `/apis/apps/v1/namespaces/default/deployments/web`.
    pub fn path(&self) -> String {
        self.mapping.path(&self.namespace, &self.name)
    }

    /// `deployment.apps/web`.
    pub fn named(&self) -> String {
        self.mapping.named(&self.name)
    }
}

/// What no argument at all means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// A resource without names and selectors is an error.
    Refuse,
    /// It is all of its objects, as with `get pods`.
    All,
}

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// In the order asked.
    pub targets: Vec<Target>,
    /// Whether the command line named exactly one object (`IsSingleItemImplied`).
    pub single: bool,
    /// Objects of files that no kind of the cluster fits, for commands that go on with the others.
    pub unknown: Vec<Failure>,
}

/// Reads the command's arguments and its `-f`, `-l`, `--field-selector`, `--all`, `-A` flags as far as it has them.
///
/// # Errors
/// As the real builder.
pub async fn select(call: &Call, args: &[String], bare: Bare) -> Outcome<Selection> {
    select_validated(call, args, bare, Validation::Off).await
}

/// As [`select`], with the manner of refusing incomplete manifests.
///
/// # Errors
/// As the real builder.
pub async fn select_validated(
    call: &Call,
    args: &[String],
    bare: Bare,
    validation: Validation,
) -> Outcome<Selection> {
    let flags = &call.flags;
    // For `expose` the selector is that of the new Service.
    let given = |name: &str| flags.has(name) && !flags.text(name).is_empty() && call.command.name != "expose";
    let selecting = given("selector") || given("field-selector");
    let all = flags.has("all") && flags.bool("all");
    if all && selecting {
        return Err(Failure::new("setting 'all' parameter but found a non empty selector. "));
    }
    let from_files = !flags.list("filename").is_empty() || !flags.text("kustomize").is_empty();
    let words = Words::read(args)?;
    if from_files {
        return by_path(call, &words, validation).await;
    }
    let implied = bare == Bare::All && words.names.is_empty() && words.types.len() == 1;
    if flags.has("local") && flags.bool("local") {
        return Err(Failure::new(if ["label", "annotate"].contains(&call.command.name) {
            "can only use local files by -f pod.yaml or --filename=pod.json when --local=true is set"
        } else {
            "you must specify resources by --filename when --local is set.\nExample resource specifications include:\n   \
             '-f rsrc.yaml'\n   '--filename=rsrc.json'"
        }));
    }
    if selecting || all || (implied && words.tuples.is_empty()) {
        return by_selector(call, &words).await;
    }
    if !words.tuples.is_empty() {
        return by_tuple(call, &words).await;
    }
    if !words.names.is_empty() {
        return by_name(call, &words).await;
    }
    if words.types.is_empty() {
        return Err(Failure::new(MISSING));
    }
    resolve(call, &words.types).await?;
    Err(Failure::new("resource(s) were provided, but no name was specified"))
}

const MISSING: &str = "You must provide one or more resources by argument or filename.\n\
    Example resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'";

/// The arguments, taken apart.
#[derive(Default)]
struct Words {
    /// `po,svc`: one argument that may name several resources.
    types: Vec<String>,
    names: Vec<String>,
    tuples: Vec<(String, String)>,
}

impl Words {
    fn read(args: &[String]) -> Outcome<Self> {
        let mut words = Self::default();
        let slashes = args.iter().filter(|a| a.contains('/')).count();
        if slashes > 0 && slashes != args.len() {
            return Err(Failure::new(
                "there is no need to specify a resource type as a separate argument when passing arguments in \
                 resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource \
                 resource/<resource_name>'",
            ));
        }
        if slashes > 0 {
            for arg in args {
                let parts: Vec<&str> = arg.split('/').collect();
                let [kind, name] = parts.as_slice() else {
                    let why = "arguments in resource/name form may not have more than one slash";
                    return Err(Failure::new(why));
                };
                if kind.is_empty() || name.is_empty() || kind.contains(',') {
                    let why = "arguments in resource/name form must have a single resource and name";
                    return Err(Failure::new(why));
                }
                words.tuples.push(((*kind).to_owned(), (*name).to_owned()));
            }
            return Ok(words);
        }
        if let Some((types, names)) = args.split_first() {
            words.types.push(types.clone());
            words.names = names.to_vec();
        }
        Ok(words)
    }
}

/// The resources that a comma separated argument names, categories replaced by their members.
async fn resolve(call: &Call, types: &[String]) -> Outcome<Vec<Mapping>> {
    let mapper = call.mapper().await?;
    let mut found: Vec<Mapping> = Vec::new();
    for word in types.iter().flat_map(|t| t.split(',')).filter(|w| !w.is_empty()) {
        let members = mapper.category(word);
        let members = if members.is_empty() { vec![mapper.find(word)?] } else { members };
        for mapping in members {
            if !found.contains(mapping) {
                found.push(mapping.clone());
            }
        }
    }
    Ok(found)
}

async fn by_selector(call: &Call, words: &Words) -> Outcome<Selection> {
    if !words.names.is_empty() {
        return Err(Failure::new("name cannot be provided when a selector is specified"));
    }
    if !words.tuples.is_empty() {
        let why = "selectors and the all flag cannot be used when passing resource/name arguments";
        return Err(Failure::new(why));
    }
    if words.types.is_empty() {
        return Err(Failure::new("at least one resource must be specified to use a selector"));
    }
    let (flags, everywhere) = (&call.flags, all_namespaces(call));
    let mut targets = Vec::new();
    for mapping in resolve(call, &words.types).await? {
        let namespace = if everywhere || !mapping.namespaced { None } else { Some(call.namespace()?) };
        let (selector, fields) = (flags.text("selector").to_owned(), flags.text("field-selector").to_owned());
        targets.push(Target::List { mapping, namespace, selector, fields });
    }
    Ok(Selection { targets, single: false, unknown: Vec::new() })
}

fn all_namespaces(call: &Call) -> bool {
    call.flags.has("all-namespaces") && call.flags.bool("all-namespaces")
}

fn named(call: &Call, mapping: Mapping, name: &str) -> Outcome<Target> {
    if mapping.namespaced && all_namespaces(call) {
        return Err(Failure::new("a resource cannot be retrieved by name across all namespaces"));
    }
    let namespace = if mapping.namespaced { call.namespace()? } else { String::new() };
    Ok(Target::Named { mapping, namespace, name: name.to_owned() })
}

async fn by_tuple(call: &Call, words: &Words) -> Outcome<Selection> {
    let mapper = call.mapper().await?;
    let mut targets = Vec::new();
    for (kind, name) in &words.tuples {
        targets.push(named(call, mapper.find(kind)?.clone(), name)?);
    }
    Ok(Selection { single: targets.len() == 1, targets, unknown: Vec::new() })
}

async fn by_name(call: &Call, words: &Words) -> Outcome<Selection> {
    let mappings = resolve(call, &words.types).await?;
    let [mapping] = mappings.as_slice() else {
        return Err(Failure::new("you must specify only one resource"));
    };
    let mut targets = Vec::new();
    for name in &words.names {
        targets.push(named(call, mapping.clone(), name)?);
    }
    Ok(Selection { single: targets.len() == 1, targets, unknown: Vec::new() })
}

async fn by_path(call: &Call, words: &Words, validation: Validation) -> Outcome<Selection> {
    if !words.types.is_empty() || !words.tuples.is_empty() || !words.names.is_empty() {
        let why =
            "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well";
        return Err(Failure::new(why));
    }
    let manifests = manifest::read(call, validation).await?;
    let local = call.flags.has("local") && call.flags.bool("local");
    let mapper = if local { local_mapper(&manifests) } else { call.mapper().await? };
    let (mut targets, mut unknown) = (Vec::new(), Vec::new());
    let goes_on = ["apply", "create"].contains(&call.command.name);
    for manifest in manifests {
        let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
        let (version, kind) = (text(&manifest.object["apiVersion"]), text(&manifest.object["kind"]));
        let metadata = &manifest.object["metadata"];
        let (name, own) = (text(&metadata["name"]), text(&metadata["namespace"]));
        let Some(mapping) = mapper.of_kind(&version, &kind).cloned() else {
            let failure = Failure::new(format!(
                "resource mapping not found for name: {} namespace: {} from {}: no matches for kind {} in version \
                 {}\nensure CRDs are installed first",
                quote(&name),
                quote(&own),
                quote(&manifest.source),
                quote(&kind),
                quote(&version),
            ));
            if !goes_on {
                return Err(failure);
            }
            unknown.push(failure);
            continue;
        };
        let namespace = if local { own } else { namespace_of(call, &mapping, &own, &manifest.source)? };
        let mut object = manifest.object;
        if local && super::declared::is_typed(call) {
            super::declared::complete(&mut object);
        }
        if mapping.namespaced && !local {
            object["metadata"]["namespace"] = namespace.clone().into();
        }
        let (source, document) = (manifest.source, manifest.document);
        targets.push(Target::Manifest(Box::new(Info { mapping, namespace, name, object, source, document })));
    }
    if targets.is_empty()
        && unknown.is_empty()
        && ["apply", "create", "replace", "diff", "scale"].contains(&call.command.name)
    {
        return Err(Failure::new("no objects passed to ".to_owned() + call.command.name));
    }
    Ok(Selection { single: targets.len() == 1, targets, unknown })
}

/// For `--local`: no server says which resources there are, so each kind is taken as it is.
fn local_mapper(manifests: &[manifest::Manifest]) -> Rc<Mapper> {
    let mapping = |manifest: &manifest::Manifest| {
        let text = |key: &str| manifest.object[key].as_str().unwrap_or("").to_owned();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let (group, version) = super::mapper::split_api_version(&version);
        let singular = kind.to_lowercase();
        let (group, version) = (group.to_owned(), version.to_owned());
        Mapping {
            plural: format!("{singular}s"),
            singular,
            kind,
            group,
            version,
            namespaced: true,
            ..Mapping::default()
        }
    };
    Rc::new(Mapper { mappings: manifests.iter().map(mapping).collect() })
}

fn namespace_of(call: &Call, mapping: &Mapping, own: &str, _source: &str) -> Outcome<String> {
    if !mapping.namespaced {
        return Ok(String::new());
    }
    if own.is_empty() {
        return call.namespace();
    }
    let wanted = if call.namespace_enforced() { call.namespace()? } else { own.to_owned() };
    if wanted != own {
        return Err(Failure::new(format!(
            "the namespace from the provided object {} does not match the namespace {}. You must pass '--namespace={own}' \
             to perform this operation.",
            quote(own),
            quote(&wanted),
        )));
    }
    Ok(own.to_owned())
}

/// The objects of a selection, asked from the server. A manifest's object is replaced by the server's.
///
/// # Errors
/// When nothing at all could be had; failures beside successes are in the second half of the answer.
pub async fn fetch(call: &Call, selection: &Selection) -> (Vec<Info>, Vec<Failure>) {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for target in &selection.targets {
        match fetch_one(call, target).await {
            Ok(infos) => found.extend(infos),
            Err(failure) => failures.push(failure),
        }
    }
    (found, failures)
}

/// The objects of one target, asked from the server.
///
/// # Errors
/// The server's answer.
pub async fn fetch_one(call: &Call, target: &Target) -> Outcome<Vec<Info>> {
    match target {
        Target::Named { mapping, namespace, name } => {
            let object = call.request(Request::get(mapping.path(namespace, name))).await?;
            Ok(vec![info(mapping, object)])
        }
        Target::Manifest(info) => {
            let object = call.request(Request::get(info.path())).await?;
            let mut info = Info::clone(info);
            info.object = object;
            Ok(vec![info])
        }
        Target::List { mapping, .. } => {
            let list = call.request(list_request(target)).await;
            let list = list.map_err(|failure| about_list(target, failure))?;
            let api_version = mapping.api_version();
            let items = list["items"].as_array().cloned().unwrap_or_default();
            let whole = |mut item: Value| {
                item["apiVersion"] = api_version.clone().into();
                item["kind"] = mapping.kind.clone().into();
                info(mapping, item)
            };
            Ok(items.into_iter().map(whole).collect())
        }
    }
}

/// Says which list it was that the server refused.
pub fn about_list(target: &Target, failure: Failure) -> Failure {
    let Target::List { mapping, selector, fields, .. } = target else { return failure };
    let Failure::Status(mut status) = failure else { return failure };
    if matches!(status["reason"].as_str(), Some("BadRequest" | "NotFound")) {
        let resource = format!("{}/{}, Resource={}", mapping.group, mapping.version, mapping.plural);
        let message = status["message"].as_str().unwrap_or("");
        let said = if selector.is_empty() && fields.is_empty() {
            format!("Unable to list {resource:?}: {message}")
        } else {
            format!(
                "Unable to find {resource:?} that match label selector {selector:?}, field selector {fields:?}: {message}"
            )
        };
        status["message"] = said.into();
    }
    Failure::Status(status)
}

/// The request that lists a target, or gets it.
pub fn list_request(target: &Target) -> Request {
    match target {
        Target::Named { mapping, namespace, name } => Request::get(mapping.path(namespace, name)),
        Target::Manifest(info) => Request::get(info.path()),
        Target::List { mapping, namespace, selector, fields } => {
            let mut request = Request::get(mapping.list_path(namespace.as_deref()));
            if !selector.is_empty() {
                request = request.param("labelSelector", selector);
            }
            if !fields.is_empty() {
                request = request.param("fieldSelector", fields);
            }
            request
        }
    }
}

/// An object of the server.
pub fn info(mapping: &Mapping, object: Value) -> Info {
    let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
    Info {
        namespace: text(&object["metadata"]["namespace"]),
        name: text(&object["metadata"]["name"]),
        mapping: mapping.clone(),
        object,
        source: String::new(),
        document: Document::default(),
    }
}

/// The objects that a command works on, one after the other: manifests as they were read, everything else from the
/// server.
///
/// # Errors
/// The first failure of the builder or the server.
pub async fn infos(call: &Call, selection: &Selection) -> Outcome<Vec<Info>> {
    let mut found = Vec::new();
    for target in &selection.targets {
        match target {
            Target::Manifest(info) => found.push(Info::clone(info)),
            _ => found.extend(fetch_one(call, target).await?),
        }
    }
    Ok(found)
}
