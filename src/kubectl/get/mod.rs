//! `kubectl get`.
//!
//! Always holds: tables come from the server (`Accept: Table`), and are only decorated here: with namespaces, the
//! resource before the name, and labels.

pub mod columns;
mod print;
mod sort;
mod watch;

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::mapper::Mapping;
use super::output::{self, Format};
use super::resource::{self, Bare, Selection, Target};
use crate::apiserver::{Accept, Body, Request};
use print::{Decoration, TablePrinter};
use serde_json::{Value, json};

/// `kubectl get`.
pub static COMMAND: Command = Command {
    name: "get",
    group: Group::Intermediate,
    summary: "Display one or many resources",
    details: "Prints a table of what matters most. Narrow it with -l and --field-selector, and choose another form with -o.",
    usage: "get [(-o|--output=)json|yaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|custom-columns-file|wide] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
    examples: &[
        ("The pods of the namespace", "kubectl get pods"),
        ("With nodes and addresses", "kubectl get pods -o wide"),
        ("One Deployment as YAML", "kubectl get deployment web -o yaml"),
        ("Several kinds at once", "kubectl get deploy,svc -l app=web"),
        ("Only a field", "kubectl get pod web -o jsonpath='{.status.podIP}'"),
        ("Columns of your own", "kubectl get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName"),
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
    let flags = &call.flags;
    if !flags.text("raw").is_empty() {
        return raw(&call).await;
    }
    let format = output::format(&call)?;
    let table = matches!(format, Format::Default | Format::Wide);
    if flags.bool("show-labels") && !table {
        let named = flags.text("output");
        return Err(Failure::new(format!("--show-labels option cannot be used with {named} printer")));
    }
    let watching = flags.bool("watch") || flags.bool("watch-only");
    if flags.bool("output-watch-events") && !watching {
        let why = "--output-watch-events option can only be used with --watch or --watch-only";
        return Err(call.usage(why));
    }
    if call.args().is_empty() && flags.list("filename").is_empty() && flags.text("kustomize").is_empty() {
        call.note("You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n");
        return Err(call.usage(
            "Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that \
             resource (e.g. kubectl explain pods).",
        ));
    }
    // Columns are read before the server is asked, so that a mistake in them is told first.
    let specification = if let Format::Columns(text) = &format { Some(columns::parse(text)?) } else { None };
    let selection = resource::select(&call, call.args(), Bare::All).await?;
    if watching {
        return watch::run(&call, &format, specification.as_ref(), &selection).await;
    }
    if table {
        tables(&call, &format, &selection).await
    } else {
        objects(&call, &format, specification, &selection).await
    }
}

/// `--raw PATH`.
async fn raw(call: &Call) -> Outcome<()> {
    if !call.args().is_empty() {
        return Err(Failure::new("arguments may not be passed when --raw is specified"));
    }
    let filters =
        ["watch", "watch-only", "selector", "field-selector", "all-namespaces", "sort-by", "label-columns"];
    if filters.iter().any(|flag| call.flags.changed(flag)) {
        let why =
            "--raw may not be specified with other flags that filter the server request or alter the output";
        return Err(Failure::new(why));
    }
    if call.flags.changed("output") {
        return Err(Failure::new("--raw and --output are mutually exclusive"));
    }
    let asked = call.flags.text("raw");
    let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
    let mut request = Request::get(path);
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        request = request.param(key, value.replace("%3D", "=").replace("%2C", ",").replace('+', " "));
    }
    let response = call.send(request).await;
    let success = response.is_success();
    match response.body {
        Body::Json(value) if success => call.line(super::jsonpath::compact(&value)),
        Body::Json(value) => return Err(Failure::Status(value)),
        Body::Text(text) if response.status == 0 => return Err(Failure::Text(text, 1)),
        Body::Text(text) => call.print(text),
        Body::Bytes { bytes, .. } => call.print(String::from_utf8_lossy(&bytes)),
        Body::Stream(_) | Body::Events(_) => {}
    }
    Ok(())
}

/// The request of a target, with its subresource.
fn request_of(call: &Call, target: &Target) -> Request {
    let mut request = resource::list_request(target);
    let subresource = call.flags.text("subresource");
    if !subresource.is_empty() {
        request.path = format!("{}/{subresource}", request.path);
    }
    request
}

/// Forms other than tables: every object is fetched first, then printed as one, or as a List.
async fn objects(
    call: &Call,
    format: &Format,
    specification: Option<Vec<columns::Column>>,
    selection: &Selection,
) -> Outcome<()> {
    let (mut items, mut failures) = (Vec::new(), Vec::new());
    for target in &selection.targets {
        let answer = call.request(request_of(call, target)).await;
        match answer.map_err(|failure| resource::about_list(target, failure)) {
            Ok(found) if matches!(target, Target::List { .. }) => items.extend(members(&found)),
            Ok(found) => items.push(found),
            Err(failure) if failure.is_not_found() && call.flags.bool("ignore-not-found") => {}
            Err(failure) => failures.push(failure),
        }
    }
    if selection.single && (!failures.is_empty() || items.is_empty()) {
        return Failure::all(failures);
    }
    sort::objects(call.flags.text("sort-by"), &mut items)?;
    if let Some(columns) = specification {
        let with_headers = !call.flags.bool("no-headers");
        call.print(columns::print(&columns, &items, with_headers)?);
        return Failure::all(failures);
    }
    let value = if selection.single && items.len() == 1 {
        items.remove(0)
    } else {
        json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
    };
    output::print(call, format, &value)?;
    Failure::all(failures)
}

/// The items of a list, each with the `apiVersion` and `kind` that lists leave out.
fn members(list: &Value) -> Vec<Value> {
    let kind = list["kind"].as_str().unwrap_or("").trim_end_matches("List").to_owned();
    let whole = |item: &Value| {
        let mut item = item.clone();
        if item["kind"].is_null() {
            item["apiVersion"] = list["apiVersion"].clone();
            item["kind"] = kind.clone().into();
        }
        item
    };
    list["items"].as_array().into_iter().flatten().map(whole).collect()
}

/// Tables: one for each target, under one head as long as the resource is the same.
async fn tables(call: &Call, format: &Format, selection: &Selection) -> Outcome<()> {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for target in &selection.targets {
        match table_of(call, target).await.map_err(|failure| resource::about_list(target, failure)) {
            Ok(table) => found.push((mapping_of(target), table)),
            Err(failure) if failure.is_not_found() && call.flags.bool("ignore-not-found") => {}
            Err(failure) => failures.push(failure),
        }
    }
    // A table whose rows have nothing to sort by is not shown at all.
    for (_, table) in &mut found {
        if sort::table(call.flags.text("sort-by"), table)? == sort::Sorted::Nothing {
            table["rows"] = json!([]);
        }
    }
    let several =
        found.windows(2).any(|pair| pair[0].0.kind != pair[1].0.kind || pair[0].0.group != pair[1].0.group);
    let everywhere = call.flags.bool("all-namespaces");
    let mut printed = String::new();
    let mut printer = TablePrinter::default();
    let mut last = None;
    for (mapping, table) in &joined(found.clone()) {
        if last != Some(*mapping) {
            last = Some(*mapping);
            printer = TablePrinter::new(Decoration {
                namespace: everywhere && mapping.namespaced,
                kind: (several || call.flags.bool("show-kind")).then(|| mapping.singular_resource()),
                labels: call.flags.list("label-columns").to_vec(),
                show_labels: call.flags.bool("show-labels"),
                no_headers: call.flags.bool("no-headers"),
                wide: *format == Format::Wide,
                event: false,
            });
        }
        let begins = !printer.has_printed();
        let text = printer.print(table);
        if !text.is_empty() && begins && !printed.is_empty() && !call.flags.bool("no-headers") {
            printed.push('\n');
        }
        printed.push_str(&text);
    }
    call.print(&printed);
    if printed.is_empty() && failures.is_empty() && !call.flags.bool("ignore-not-found") {
        let namespaced = found.iter().all(|(mapping, _)| mapping.namespaced);
        if namespaced && !everywhere {
            call.note(format!("No resources found in {} namespace.", call.namespace()?));
        } else {
            call.note("No resources found");
        }
    }
    Failure::all(failures)
}

/// Tables of one resource that follow each other become one: they share their columns.
fn joined<'m>(found: Vec<(&'m Mapping, Value)>) -> Vec<(&'m Mapping, Value)> {
    let mut joined: Vec<(&'m Mapping, Value)> = Vec::new();
    for (mapping, table) in found {
        match joined.last_mut() {
            Some((last, before))
                if *last == mapping && before["columnDefinitions"] == table["columnDefinitions"] =>
            {
                if let (Some(rows), Some(more)) = (before["rows"].as_array_mut(), table["rows"].as_array()) {
                    rows.extend(more.iter().cloned());
                }
            }
            _ => joined.push((mapping, table)),
        }
    }
    joined
}

fn mapping_of(target: &Target) -> &Mapping {
    match target {
        Target::List { mapping, .. } | Target::Named { mapping, .. } => mapping,
        Target::Manifest(info) => &info.mapping,
    }
}

/// The server's table of a target; long lists come in parts.
async fn table_of(call: &Call, target: &Target) -> Outcome<Value> {
    let mut request = request_of(call, target);
    request.accept = if call.flags.bool("server-print") { Accept::Table } else { Accept::Json };
    if !call.flags.text("sort-by").is_empty() {
        request = request.param("includeObject", "Object");
    }
    let limit = call.flags.int("chunk-size");
    let lists = matches!(target, Target::List { .. });
    let mut whole = Value::Null;
    let mut following = String::new();
    loop {
        let mut part = request.clone();
        if lists && limit > 0 {
            part = part.param("limit", limit.to_string());
        }
        if !following.is_empty() {
            part = part.param("continue", &following);
        }
        let table = print::as_table(call.request(part).await?, call.env.client.now());
        following = table["metadata"]["continue"].as_str().unwrap_or("").to_owned();
        if whole.is_null() {
            whole = table;
        } else if let (Some(rows), Some(more)) = (whole["rows"].as_array_mut(), table["rows"].as_array()) {
            rows.extend(more.iter().cloned());
        }
        if following.is_empty() {
            return Ok(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::kubectl::testing::lab;

    #[test]
    fn errors_as_the_real_one() {
        let lab = lab();
        let cases = [
            ("get pods", "No resources found in default namespace.\n"),
            ("get pods -A -l nope=x", "No resources found\n"),
            ("get pod nothere", "Error from server (NotFound): pods \"nothere\" not found\n[exit 1]\n"),
            ("get pod nothere --ignore-not-found", ""),
            ("get wibble", "error: the server doesn't have a resource type \"wibble\"\n[exit 1]\n"),
            (
                "get pods --nope",
                "error: unknown flag: --nope\nSee 'kubectl get --help' for usage.\n[exit 1]\n",
            ),
            ("get pods -n nowhere", "No resources found in nowhere namespace.\n"),
            ("get svc kubernetes -o name", "service/kubernetes\n"),
            ("get svc -o jsonpath='{.items[*].spec.clusterIP}'", "10.96.0.1"),
            (
                "get svc kubernetes -o jsonpath='{.spec'",
                "error: error parsing jsonpath {.spec, unclosed action\n[exit 1]\n",
            ),
            (
                "get node -o custom-columns=N:.metadata.name,X:.nope",
                "N               X\ncontrol-plane   <none>\nworker-1        <none>\nworker-2        <none>\nworker-3        <none>\n",
            ),
            ("get node worker-1 worker-2 -o name", "node/worker-1\nnode/worker-2\n"),
            (
                "get node/worker-1 pods",
                "error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'\n[exit 1]\n",
            ),
            (
                "get pods web -l a=b",
                "error: name cannot be provided when a selector is specified\n[exit 1]\n",
            ),
            (
                "get pods web -A",
                "error: a resource cannot be retrieved by name across all namespaces\n[exit 1]\n",
            ),
            ("get -f nosuch.yaml", "error: the path \"nosuch.yaml\" does not exist\n[exit 1]\n"),
        ];
        for (line, printed) in cases {
            assert_eq!(lab.run(line), printed, "{line}");
        }
    }
}
