//! `kubectl get -w`: changes as they happen.

use super::columns::{self, Column};
use super::print::{Decoration, TablePrinter, as_table};
use super::{mapping_of, request_of};
use crate::apiserver::{Accept, Request};
use crate::kubectl::call::Call;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::output::{self, Format};
use crate::kubectl::resource::{Selection, Target};
use serde_json::{Value, json};

/// Lists (unless only changes are wanted), then shows changes until it is dropped.
pub(super) async fn run(
    call: &Call,
    format: &Format,
    columns: Option<&Vec<Column>>,
    selection: &Selection,
) -> Outcome<()> {
    let target = match selection.targets.as_slice() {
        [one] => one,
        [Target::Named { mapping, .. }, rest @ ..]
            if rest.iter().all(|t| matches!(t, Target::Named { mapping: other, .. } if other == mapping)) =>
        {
            for target in &selection.targets {
                call.request(request_of(call, target)).await?;
            }
            return Err(Failure::new(
                "watch is only supported on individual resources and resource collections - more than 1 resource was found",
            ));
        }
        _ => return Err(Failure::new("you may only specify a single resource type")),
    };
    let table = matches!(format, Format::Default | Format::Wide);
    let mapping = mapping_of(target);
    let mut view = View {
        call,
        format,
        columns,
        rows: 0,
        printer: TablePrinter::new(Decoration {
            namespace: call.flags.bool("all-namespaces") && mapping.namespaced,
            kind: call.flags.bool("show-kind").then(|| mapping.singular_resource()),
            labels: call.flags.list("label-columns").to_vec(),
            show_labels: call.flags.bool("show-labels"),
            no_headers: call.flags.bool("no-headers"),
            wide: *format == Format::Wide,
            event: call.flags.bool("output-watch-events"),
        }),
    };
    let mut request = request_of(call, target);
    request.accept = if table { Accept::Table } else { Accept::Json };
    let first = call.request(request.clone()).await?;
    let mut version = first["metadata"]["resourceVersion"].as_str().unwrap_or("").to_owned();
    if !call.flags.bool("watch-only") {
        view.first(first, target)?;
    }
    let request = watch_request(request, target);
    // A single object's own version may be older than the log: changes are watched from now on.
    if !matches!(target, Target::List { .. }) {
        let now = call.request(Request::get(mapping.list_path(None)).param("limit", "1")).await?;
        now["metadata"]["resourceVersion"].as_str().unwrap_or("").clone_into(&mut version);
    }
    let timeout = crate::kubectl::flags::parse_duration(call.flags.text("request-timeout")).unwrap_or(0);
    let deadline = (timeout > 0).then(|| call.env.client.now() + timeout as u64);
    loop {
        let batch =
            call.request(request.clone().param("watch", "true").param("resourceVersion", &version)).await?;
        for event in batch["events"].as_array().into_iter().flatten() {
            view.event(event)?;
        }
        batch["resourceVersion"].as_str().unwrap_or("").clone_into(&mut version);
        if deadline.is_some_and(|d| d <= call.env.client.now()) {
            return Ok(());
        }
        call.env.client.news(deadline).await;
    }
}

/// The watch of one object is that of the list with only this name.
fn watch_request(mut request: Request, target: &Target) -> Request {
    let (mapping, namespace, name) = match target {
        Target::List { .. } => return request,
        Target::Named { mapping, namespace, name } => (mapping, namespace, name),
        Target::Manifest(info) => (&info.mapping, &info.namespace, &info.name),
    };
    request.path = mapping.list_path(Some(namespace));
    request.param("fieldSelector", format!("metadata.name={name}"))
}

struct View<'c> {
    call: &'c Call,
    format: &'c Format,
    columns: Option<&'c Vec<Column>>,
    rows: usize,
    printer: TablePrinter,
}

impl View<'_> {
    /// What there is at the beginning.
    fn first(&mut self, answer: Value, target: &Target) -> Outcome<()> {
        if matches!(self.format, Format::Default | Format::Wide) {
            let table = as_table(answer, self.call.env.client.now());
            self.call.print(self.printer.print_event(&table, "ADDED"));
            return Ok(());
        }
        let items =
            if matches!(target, Target::List { .. }) { super::members(&answer) } else { vec![answer] };
        items.into_iter().try_for_each(|item| self.object("ADDED", item))
    }

    fn event(&mut self, event: &Value) -> Outcome<()> {
        let verb = event["type"].as_str().unwrap_or("");
        let object = event["object"].clone();
        if matches!(self.format, Format::Default | Format::Wide) {
            let table = as_table(object, self.call.env.client.now());
            self.call.print(self.printer.print_event(&table, verb));
            return Ok(());
        }
        self.object(verb, object)
    }

    fn object(&mut self, verb: &str, object: Value) -> Outcome<()> {
        self.rows += 1;
        if let Some(columns) = self.columns {
            let headers = self.rows == 1 && !self.call.flags.bool("no-headers");
            self.call.print(columns::print(columns, &[object], headers)?);
            return Ok(());
        }
        if *self.format == Format::Yaml && self.rows > 1 {
            self.call.print("---\n");
        }
        let shown = if self.call.flags.bool("output-watch-events") {
            json!({"type": verb, "object": object})
        } else {
            object
        };
        output::print(self.call, self.format, &shown)
    }
}
