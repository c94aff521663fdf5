//! `kubectl certificate`: approves or denies certificate signing requests.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::Outcome;
use super::flags::Flag;
use super::resource::Bare;
use super::write::flags::{FILES, OUTPUT};
use super::write::{self, DryRun};
use crate::apiserver::{Method, Request};
use serde_json::{Value, json};

/// `kubectl certificate`.
pub static COMMAND: Command = Command {
    name: "certificate",
    group: Group::Management,
    summary: "Modify certificate resources",
    usage: "certificate SUBCOMMAND",
    subcommands: &[&APPROVE, &DENY],
    ..Command::NEW
};

static APPROVE: Command = Command {
    name: "approve",
    group: Group::Sub,
    summary: "Approve a certificate signing request",
    usage: "approve (-f FILENAME | NAME)",
    examples: &[("Approve a request", "kubectl certificate approve csr-sqgzp")],
    flags: &[FILES, OUTPUT, FORCE],
    run: Some(|call| -> Running { Box::pin(decide(call, "Approved", "KubectlApprove")) }),
    ..Command::NEW
};

static DENY: Command = Command {
    name: "deny",
    group: Group::Sub,
    summary: "Deny a certificate signing request",
    usage: "deny (-f FILENAME | NAME)",
    examples: &[("Deny a request", "kubectl certificate deny csr-sqgzp")],
    flags: &[FILES, OUTPUT, FORCE],
    run: Some(|call| -> Running { Box::pin(decide(call, "Denied", "KubectlDeny")) }),
    ..Command::NEW
};

const FORCE: &[Flag] = &[Flag::bool("force", "Also a request that has been decided already")];

async fn decide(call: Call, decision: &'static str, reason: &'static str) -> Outcome<()> {
    let from_files = !call.flags.list("filename").is_empty() || !call.flags.text("kustomize").is_empty();
    if call.args().is_empty() && !from_files {
        return Err("one or more CSRs must be specified as <name> or -f <filename>".into());
    }
    let mut words = Vec::new();
    if !from_files {
        words.push("certificatesigningrequests".to_owned());
        words.extend(call.args().iter().cloned());
    }
    let word = if decision == "Approved" { "approve" } else { "deny" };
    for info in write::existing(&call, &words, Bare::Refuse).await? {
        let current = call.request(Request::get(info.path())).await?;
        let object = match decided(&current, decision) {
            Some(true) if !call.flags.bool("force") => current,
            Some(false) => {
                let other = if decision == "Approved" { "Denied" } else { "Approved" };
                return Err(format!("certificate signing request {:?} is already {other}", info.name).into());
            }
            _ => {
                let mut object = current;
                let condition = json!({
                    "type": decision, "status": "True", "reason": reason,
                    "message": format!("This CSR was {} by kubectl certificate {word}.", decision.to_lowercase()),
                    "lastUpdateTime": call.env.client.now().to_api(),
                });
                match object["status"]["conditions"].as_array_mut() {
                    Some(conditions) => conditions.push(condition),
                    None => object["status"]["conditions"] = json!([condition]),
                }
                let path = format!("{}/approval", info.path());
                call.request(Request::with_body(Method::Put, path, object)).await?
            }
        };
        write::print_object(&call, &object, &decision.to_lowercase(), DryRun::None)?;
    }
    Ok(())
}

/// Whether a request has been decided: this way (`true`), or the other.
fn decided(object: &Value, decision: &str) -> Option<bool> {
    let conditions = object["status"]["conditions"].as_array()?;
    let kinds = conditions.iter().filter_map(|c| c["type"].as_str());
    kinds.filter(|kind| ["Approved", "Denied"].contains(kind)).map(|kind| kind == decision).next()
}
