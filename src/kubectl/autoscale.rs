//! `kubectl autoscale`: a `HorizontalPodAutoscaler` for a workload.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::Outcome;
use super::flags::{Flag, FlagKind};
use super::resource::{Bare, Info};
use super::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, OUTPUT, RECORD, SAVE_CONFIG};
use super::write::{self, DryRun};
use crate::object::quantity::Quantity;
use serde_json::{Value, json};

/// `kubectl autoscale`.
pub static COMMAND: Command = Command {
    name: "autoscale",
    group: Group::Deploy,
    summary: "Auto-scale a deployment, replica set, stateful set, or replication controller",
    usage: "autoscale (-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu=CPU] [--memory=MEMORY]",
    examples: &[
        ("Between 2 and 10 pods", "kubectl autoscale deployment foo --min=2 --max=10"),
        (
            "Between 1 and 5 pods, aiming at 80 % of the requested CPU",
            "kubectl autoscale rc foo --max=5 --cpu=80%",
        ),
    ],
    flags: &[
        FILES,
        RECORD,
        &[
            Flag::text("cpu", "", "The CPU to aim at: a percentage of the requests, or an amount"),
            Flag::text("memory", "", "The memory to aim at: a percentage of the requests, or an amount"),
            Flag::new("cpu-percent", FlagKind::Int(32), "-1", "The percentage of CPU to aim at").hidden(),
            Flag::new("max", FlagKind::Int(32), "-1", "The most pods").required(),
            Flag::new("min", FlagKind::Int(32), "-1", "The fewest pods"),
            Flag::text("name", "", "The name of the autoscaler"),
        ],
        DRY_RUN,
        OUTPUT,
        SAVE_CONFIG,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let flags = &call.flags;
    if flags.changed("cpu-percent") {
        call.note(
            "Flag --cpu-percent has been deprecated, Use --cpu with percentage or resource quantity format (e.g., \
             '70%' for utilization or '500m' for milliCPU).",
        );
        if flags.changed("cpu") {
            return Err("--cpu-percent and --cpu are mutually exclusive".into());
        }
    }
    let (min, max) = (flags.int("min"), flags.int("max"));
    if max < 1 {
        return Err(format!("--max=MAXPODS is required and must be at least 1, max: {max}").into());
    }
    if max < min {
        let rule = "--max=MAXPODS must be larger or equal to --min=MINPODS";
        return Err(format!("{rule}, max: {max}, min: {min}").into());
    }
    let metrics = metrics(&call)?;
    let dry_run = DryRun::of(&call)?;
    let found = write::existing(&call, call.args(), Bare::Refuse).await?;
    for info in &found {
        let mut autoscaler = autoscaler(&call, info, &metrics)?;
        if flags.bool("save-config") {
            write::remember_applied(&mut autoscaler);
        }
        let made = if dry_run == DryRun::Client {
            autoscaler
        } else {
            write::create(&call, &autoscaler, dry_run).await?
        };
        write::print_object(&call, &made, "autoscaled", dry_run)?;
    }
    Ok(())
}

fn metrics(call: &Call) -> Outcome<Vec<Value>> {
    let mut metrics = Vec::new();
    let percent = call.flags.int("cpu-percent");
    let cpu = if percent >= 0 { format!("{percent}%") } else { call.flags.text("cpu").to_owned() };
    for (name, text) in [("cpu", cpu.as_str()), ("memory", call.flags.text("memory"))] {
        if text.is_empty() {
            continue;
        }
        let target = if let Some(number) = text.strip_suffix('%') {
            let Ok(number) = number.parse::<i32>() else {
                return Err(format!("invalid {name} utilization value: {text}").into());
            };
            json!({"type": "Utilization", "averageUtilization": number})
        } else {
            let Some(amount) = Quantity::parse(text) else {
                return Err(format!("invalid {name} resource quantity: {text}").into());
            };
            json!({"type": "AverageValue", "averageValue": amount.to_string()})
        };
        metrics.push(json!({"type": "Resource", "resource": {"name": name, "target": target}}));
    }
    Ok(metrics)
}

fn autoscaler(call: &Call, info: &Info, metrics: &[Value]) -> Outcome<Value> {
    let kinds = ["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"];
    if !kinds.contains(&info.mapping.kind.as_str()) {
        return Err(format!("cannot autoscale a {}", info.mapping.kind).into());
    }
    let name = call.flags.text("name");
    let name = if name.is_empty() { info.name.as_str() } else { name };
    let target =
        json!({"apiVersion": info.mapping.api_version(), "kind": info.mapping.kind, "name": info.name});
    let mut spec = json!({"maxReplicas": call.flags.int("max"), "scaleTargetRef": target});
    if call.flags.int("min") > 0 {
        spec["minReplicas"] = json!(call.flags.int("min"));
    }
    if !metrics.is_empty() {
        spec["metrics"] = json!(metrics);
    }
    let mut metadata = json!({"name": name});
    if call.namespace_enforced() {
        metadata["namespace"] = json!(info.namespace);
    }
    Ok(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec,
        "status": {"currentMetrics": null, "desiredReplicas": 0},
    }))
}
