//! `kubectl create`: from manifests (`-f`), or one of the generators, each in a file of its own.
//!
//! Always holds: a generator only computes; sending, dry runs and printing are done here, the same for all.

pub mod configmap;
pub mod cronjob;
pub mod deployment;
mod files;
mod hash;
pub mod ingress;
pub mod job;
pub mod namespace;
pub mod pdb;
pub mod priorityclass;
pub mod quota;
pub mod role;
pub mod rolebinding;
pub mod secret;
pub mod service;
pub mod serviceaccount;
pub mod sources;
mod table;
pub mod token;

pub use files::selected;
pub use table::COMMAND;

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::io::Host;
use super::mapper::Mapper;
use super::resource::Bare;
use super::write::{self, DryRun};
use serde_json::{Value, json};
use std::rc::Rc;

/// What a generator answers.
pub type Generated = Outcome<Value>;

/// What a generator reads.
pub struct Options {
    /// The name of the object.
    pub name: String,
    /// Files.
    pub host: Rc<dyn Host>,
    /// Set when `-n` was given: the manifest then names it.
    namespace: Option<String>,
    /// The resources of the server, for a generator that names some.
    mapper: Option<Rc<Mapper>>,
    command: Vec<String>,
    call: Call,
}

impl Options {
    /// Reads the command line. The name is the one argument before `--`.
    ///
    /// # Errors
    /// When there is not exactly one name.
    pub fn read(call: &Call) -> Outcome<Self> {
        let before = call.flags.dash.unwrap_or(call.args().len());
        // Words behind the name are the command only after `--`.
        let (names, command) = call.args().split_at(before.min(call.args().len()));
        let [name] = names else {
            return Err(call.usage(format!("exactly one NAME is required, got {}", names.len())));
        };
        let namespace = call.namespace_enforced().then(|| call.flags.text("namespace").to_owned());
        Ok(Self {
            name: name.clone(),
            host: call.env.host.clone(),
            namespace,
            mapper: None,
            command: command.to_vec(),
            call: call.clone(),
        })
    }

    /// A text flag.
    pub fn text(&self, name: &str) -> &str {
        self.call.flags.text(name)
    }

    /// A switch.
    pub fn flag(&self, name: &str) -> bool {
        self.call.flags.bool(name)
    }

    /// A number.
    pub fn int(&self, name: &str) -> i64 {
        self.call.flags.int(name)
    }

    /// The values of a list.
    pub fn list(&self, name: &str) -> &[String] {
        self.call.flags.list(name)
    }

    /// Prints a warning.
    pub fn warn(&self, text: &str) {
        self.call.warn(text);
    }

    /// What stood after `--`.
    pub fn command(&self) -> &[String] {
        &self.command
    }
}

/// The beginning of a namespaced object: apiVersion, kind, name, and the namespace when it was asked for.
fn named(api_version: &str, kind: &str, options: &Options) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": options.name}});
    if let Some(namespace) = &options.namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

/// Runs a generator and creates what it answers. A failure of the server is introduced with `noun`.
async fn generate(call: Call, noun: &str, generator: fn(&Options) -> Generated) -> Outcome<()> {
    let mut options = Options::read(&call)?;
    let dry_run = DryRun::of(&call)?;
    // Roles name resources. What is wrong with the command line is said before anybody is asked.
    if !options.list("verb").is_empty() && !options.list("resource").is_empty() {
        options.mapper = Some(call.mapper().await?);
    }
    let object = generator(&options)?;
    submit(&call, object, dry_run, noun).await
}

/// Creates an object (unless it is a dry run on this side) and prints it.
async fn submit(call: &Call, mut object: Value, dry_run: DryRun, noun: &str) -> Outcome<()> {
    if call.flags.bool("save-config") {
        write::remember_generated(&mut object);
    }
    let made = if dry_run == DryRun::Client {
        object
    } else {
        let sent = write::create(call, &object, dry_run).await;
        sent.map_err(|failure| if noun.is_empty() { failure } else { failed_to_create(noun, &failure) })?
    };
    write::print_object(call, &made, "created", dry_run)
}

/// `error: failed to create deployment: …`: the answer of the API becomes a plain sentence.
fn failed_to_create(noun: &str, failure: &Failure) -> Failure {
    // For secrets kubectl leaves the colon out; their noun ends in a space to say so.
    let colon = if noun.ends_with(' ') { "" } else { ": " };
    Failure::Message(format!("failed to create {noun}{colon}{}", failure.message()))
}

/// `kubectl create job`: from an image, or from what `--from` names.
async fn from_job(call: Call) -> Outcome<()> {
    let options = Options::read(&call)?;
    let (image, from) = (options.text("image").to_owned(), options.text("from").to_owned());
    if image.is_empty() == from.is_empty() {
        return Err("either --image or --from must be specified".into());
    }
    if !from.is_empty() && !options.command().is_empty() {
        return Err("cannot specify --from and command".into());
    }
    let dry_run = DryRun::of(&call)?;
    if from.is_empty() {
        return submit(&call, job::generate(&options)?, dry_run, "job").await;
    }
    let found = write::existing(&call, &[from], Bare::Refuse).await?;
    let [source] = found.as_slice() else {
        return Err("from must be an existing cronjob".into());
    };
    if source.object["kind"] != "CronJob" {
        let (version, kind) = (&source.mapping.version, &source.mapping.kind);
        return Err(format!("unknown object type *{version}.{kind}").into());
    }
    submit(&call, job::from_cron_job(&options, &source.object), dry_run, "job").await
}
