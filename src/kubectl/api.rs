//! `kubectl api-resources` and `kubectl api-versions`: what the server serves.

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::mapper::Mapping;
use super::table::Columns;
use crate::apiserver::Request;

/// `kubectl api-resources`.
pub static RESOURCES: Command = Command {
    name: "api-resources",
    group: Group::Other,
    summary: "Print the supported API resources on the server",
    usage: "api-resources [flags]",
    examples: &[
        ("All of them", "kubectl api-resources"),
        ("With verbs and categories", "kubectl api-resources -o wide"),
        ("Those that live in namespaces", "kubectl api-resources --namespaced=true"),
        ("Those of a group", "kubectl api-resources --api-group=apps"),
    ],
    flags: &[&[
        Flag::text("api-group", "", "Only resources of this group"),
        Flag::bool("cached", "Use what was learned before"),
        Flag::list("categories", "Only resources of these categories"),
        Flag::on("namespaced", "Only resources that live in namespaces, or (false) only those that do not"),
        Flag::bool("no-headers", "Leave out the line with the names of the columns"),
        Flag::text("output", "", "Output format: wide or name").short('o'),
        Flag::text("sort-by", "", "Sort by name or kind"),
        Flag::list("verbs", "Only resources with these verbs"),
    ]],
    run: Some(|call| Box::pin(resources(call))),
    ..Command::NEW
};

/// `kubectl api-versions`.
pub static VERSIONS: Command = Command {
    name: "api-versions",
    group: Group::Other,
    summary: "Print the supported API versions on the server, in the form of \"group/version\"",
    usage: "api-versions",
    examples: &[("All of them", "kubectl api-versions")],
    run: Some(|call| Box::pin(versions(call))),
    ..Command::NEW
};

async fn resources(call: Call) -> Outcome<()> {
    let flags = &call.flags;
    if let Some(word) = call.args().first() {
        return Err(call.usage(format!("unexpected arguments: [{word}]")));
    }
    let format = flags.text("output");
    if !["", "wide", "name"].contains(&format) {
        return Err(Failure::new(format!("--output {format} is not available")));
    }
    let sort = flags.text("sort-by");
    if !["", "name", "kind"].contains(&sort) {
        return Err(Failure::new("--sort-by accepts only name or kind"));
    }
    let mapper = call.mapper().await?;
    let has_all = |have: &[String], want: &[String]| want.iter().all(|w| have.contains(w));
    let mut found: Vec<&Mapping> = mapper
        .preferred()
        .filter(|m| !m.verbs.is_empty())
        .filter(|m| !flags.changed("api-group") || m.group == flags.text("api-group"))
        .filter(|m| !flags.changed("namespaced") || m.namespaced == flags.bool("namespaced"))
        .filter(|m| has_all(&m.verbs, flags.list("verbs")))
        .filter(|m| has_all(&m.categories, flags.list("categories")))
        .collect();
    match sort {
        "name" => found.sort_by(|a, b| a.plural.cmp(&b.plural)),
        "kind" => found.sort_by(|a, b| a.kind.cmp(&b.kind)),
        _ => found.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural))),
    }
    if format == "name" {
        for mapping in found {
            call.line(mapping.resource());
        }
        return Ok(());
    }
    let wide = format == "wide";
    let mut rows = Vec::new();
    if !flags.bool("no-headers") {
        let mut head = vec!["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"];
        if wide {
            head.extend(["VERBS", "CATEGORIES"]);
        }
        rows.push(head.into_iter().map(str::to_owned).collect());
    }
    for m in found {
        let mut row = vec![
            m.plural.clone(),
            m.short.join(","),
            m.api_version(),
            m.namespaced.to_string(),
            m.kind.clone(),
        ];
        if wide {
            row.extend([m.verbs.join(","), m.categories.join(",")]);
        }
        rows.push(row);
    }
    call.print(Columns::default().rows(&rows));
    Ok(())
}

async fn versions(call: Call) -> Outcome<()> {
    if !call.args().is_empty() {
        return Err(call.usage(format!("unexpected arguments: [{}]", call.args().join(" "))));
    }
    let core = call.request(Request::get("/api")).await?;
    let groups = call.request(Request::get("/apis")).await?;
    let mut found: Vec<String> = core["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(
            groups["groups"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|g| g["versions"].as_array().into_iter().flatten().map(|v| &v["groupVersion"])),
        )
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect();
    found.sort();
    for version in found {
        call.line(version);
    }
    Ok(())
}
