//! `kubectl events`: what happened, oldest first.

use super::age;
use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::output::{self, Format};
use super::resource;
use super::table::Columns;
use crate::apiserver::Request;
use serde_json::{Value, json};

/// `kubectl events`.
pub static COMMAND: Command = Command {
    name: "events",
    group: Group::Troubleshooting,
    summary: "List events",
    usage: "events [(-o|--output=)json|yaml|name|...] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
    examples: &[
        ("The events of the namespace", "kubectl events"),
        ("Those about a pod, and what comes", "kubectl events --for pod/web --watch"),
        ("Only warnings", "kubectl events --types=Warning"),
    ],
    flags: &[FLAGS, resource::ALL_NAMESPACES_FLAGS, output::FLAGS],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

const FLAGS: &[Flag] = &[
    Flag::int("chunk-size", "500", "Ask for long lists in parts of this many objects; 0 for all at once"),
    Flag::text("for", "", "Only events about this object: TYPE/NAME"),
    Flag::bool("no-headers", "Leave out the line with the names of the columns"),
    Flag::list("types", "Only events of these types: Normal, Warning"),
    Flag::bool("watch", "Then show events as they happen").short('w'),
];

async fn run(call: Call) -> Outcome<()> {
    for kind in call.flags.list("types") {
        if !["normal", "warning"].contains(&kind.to_lowercase().as_str()) {
            return Err(Failure::new("valid --types are Normal or Warning"));
        }
    }
    let format = output::format(&call)?;
    let request = request(&call).await?;
    let list = call.request(request.clone()).await?;
    let mut events: Vec<Value> = list["items"].as_array().cloned().unwrap_or_default();
    events.retain(|event| wanted(&call, event));
    events.sort_by_key(|e| age::moment(&e["lastTimestamp"]).unwrap_or_default());
    let watching = call.flags.bool("watch");
    if events.is_empty() && !watching {
        if call.flags.bool("all-namespaces") {
            call.note("No events found.");
        } else {
            call.note(format!("No events found in {} namespace.", call.namespace()?));
        }
        return Ok(());
    }
    if format != Format::Default {
        return output::print(
            &call,
            &format,
            &json!({"apiVersion": "v1", "items": events, "kind": "EventList", "metadata": {}}),
        );
    }
    let mut columns = Columns::default();
    let mut rows = Vec::new();
    if !call.flags.bool("no-headers") {
        rows.push(headers(&call));
    }
    rows.extend(events.iter().map(|event| row(&call, event)));
    call.print(columns.rows(&rows));
    let mut version = list["metadata"]["resourceVersion"].as_str().unwrap_or("").to_owned();
    if !watching {
        return Ok(());
    }
    loop {
        call.env.client.news(None).await;
        let batch = request.clone().param("watch", "true").param("resourceVersion", &version);
        let batch = call.request(batch).await?;
        batch["resourceVersion"].as_str().unwrap_or("").clone_into(&mut version);
        for change in batch["events"].as_array().into_iter().flatten().filter(|c| c["type"] != "DELETED") {
            if wanted(&call, &change["object"]) {
                call.print(columns.rows(&[row(&call, &change["object"])]));
            }
        }
    }
}

async fn request(call: &Call) -> Outcome<Request> {
    let namespace = (!call.flags.bool("all-namespaces")).then(|| call.namespace()).transpose()?;
    let path = match namespace {
        Some(namespace) => format!("/api/v1/namespaces/{namespace}/events"),
        None => "/api/v1/events".to_owned(),
    };
    let request = Request::get(path);
    let asked = call.flags.text("for");
    if asked.is_empty() {
        return Ok(request);
    }
    let Some((kind, name)) = asked.split_once('/') else {
        return Err(Failure::new("--for must be in resource/name form"));
    };
    let mapper = call.mapper().await?;
    let mapping = mapper.find(kind)?;
    let fields = format!(
        "involvedObject.kind={},involvedObject.apiVersion={},involvedObject.name={name}",
        mapping.kind,
        mapping.api_version()
    );
    Ok(request.param("fieldSelector", fields))
}

fn wanted(call: &Call, event: &Value) -> bool {
    let types = call.flags.list("types");
    let kind = event["type"].as_str().unwrap_or("");
    types.is_empty() || types.iter().any(|t| t.eq_ignore_ascii_case(kind))
}

fn headers(call: &Call) -> Vec<String> {
    let mut headers = vec!["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];
    if call.flags.bool("all-namespaces") {
        headers.insert(0, "NAMESPACE");
    }
    headers.into_iter().map(str::to_owned).collect()
}

fn row(call: &Call, event: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let about = &event["involvedObject"];
    let mut row = vec![
        super::describe::event_interval(event, call.env.client.now()),
        text(&event["type"]),
        text(&event["reason"]),
        format!("{}/{}", text(&about["kind"]), text(&about["name"])),
        text(&event["message"]).trim().to_owned(),
    ];
    if call.flags.bool("all-namespaces") {
        row.insert(0, text(&event["metadata"]["namespace"]));
    }
    row
}
