//! `kubectl get`.

pub mod columns;

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::output::{self, Format};
use super::resource::{self, Bare, Target};
use super::table::Columns;
use crate::apiserver::Accept;
use serde_json::{Value, json};

/// `kubectl get`.
pub static COMMAND: Command = Command {
    name: "get",
    group: Group::Intermediate,
    summary: "Display one or many resources",
    usage: "get [(-o|--output=)FORMAT] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
    examples: &[
        ("The pods of the namespace", "kubectl get pods"),
        ("With nodes and addresses", "kubectl get pods -o wide"),
        ("One Deployment as YAML", "kubectl get deployment web -o yaml"),
        ("Several kinds at once", "kubectl get deploy,svc -l app=web"),
    ],
    flags: &[
        FLAGS,
        resource::FILE_FLAGS,
        resource::SELECTOR_FLAGS,
        resource::FIELD_SELECTOR_FLAGS,
        resource::ALL_NAMESPACES_FLAGS,
        output::FLAGS,
    ],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

const FLAGS: &[Flag] = &[
    Flag::int("chunk-size", "500", "Ask for long lists in parts of this many objects; 0 for all at once"),
    Flag::bool("ignore-not-found", "Succeed when the object does not exist"),
    Flag::list("label-columns", "Labels to show as columns").short('L'),
    Flag::bool("no-headers", "Leave out the line with the names of the columns"),
    Flag::bool("output-watch-events", "Show the kind of event with a watch"),
    Flag::text("raw", "", "A path to ask the server for, as it stands"),
    Flag::on("server-print", "Let the server make the table"),
    Flag::bool("show-kind", "Show the resource before each name"),
    Flag::bool("show-labels", "Show all labels in the last column"),
    Flag::text("sort-by", "", "A JSONPath expression to sort lists by, as .metadata.name"),
    Flag::text("subresource", "", "A subresource to get: status, scale or resize"),
    Flag::bool("watch", "After listing, show changes as they happen").short('w'),
    Flag::bool("watch-only", "Show changes as they happen, without listing first"),
];

async fn run(call: Call) -> Outcome<()> {
    let format = output::format(&call)?;
    let selection = resource::select(&call, call.args(), Bare::All).await?;
    let mut items = Vec::new();
    for target in &selection.targets {
        items.extend(resource::fetch_one(&call, target).await?.into_iter().map(|i| i.object));
    }
    let _ = (
        Accept::Table,
        Columns::default(),
        Failure::Exit(0),
        Target::List {
            mapping: Default::default(),
            namespace: None,
            selector: String::new(),
            fields: String::new(),
        },
    );
    let value = if selection.single {
        items.pop().unwrap_or(Value::Null)
    } else {
        json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
    };
    output::print(&call, &format, &value)
}
