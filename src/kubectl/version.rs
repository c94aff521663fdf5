//! `kubectl version`.

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::output;
use crate::apiserver::Request;
use crate::yaml;
use serde_json::{Value, json};

/// `kubectl version`.
pub static COMMAND: Command = Command {
    name: "version",
    group: Group::Other,
    summary: "Print the client and server version information",
    usage: "version",
    examples: &[("Both", "kubectl version")],
    flags: &[&[
        Flag::bool("client", "Only the client's"),
        Flag::text("output", "", "Output format: yaml or json").short('o'),
    ]],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

/// The client that is played here.
const CLIENT: &str = "v1.36.2";
const KUSTOMIZE: &str = "v5.8.1";

async fn run(call: Call) -> Outcome<()> {
    if let Some(word) = call.args().first() {
        return Err(Failure::new(format!("extra arguments: [{word}]")));
    }
    let server =
        if call.flags.bool("client") { None } else { Some(call.request(Request::get("/version")).await?) };
    let mut all = json!({"clientVersion": client(server.as_ref()), "kustomizeVersion": KUSTOMIZE});
    if let Some(server) = &server {
        all["serverVersion"] = server.clone();
    }
    match call.flags.text("output") {
        "" => {
            call.line(format!("Client Version: {CLIENT}"));
            call.line(format!("Kustomize Version: {KUSTOMIZE}"));
            if let Some(server) = server {
                call.line(format!("Server Version: {}", server["gitVersion"].as_str().unwrap_or("")));
            }
        }
        // The JSON of this command is indented by two spaces.
        "json" => call.line(output::json_in(output::Order::Declared, &all).replace("    ", "  ")),
        "yaml" => call.line(yaml::to_string(&all)),
        _ => return Err(Failure::new("--output must be 'yaml' or 'json'")),
    }
    Ok(())
}

fn client(server: Option<&Value>) -> Value {
    let mut client = json!({"major": "1", "minor": "36", "gitVersion": CLIENT});
    for member in ["gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"] {
        client[member] = server.map_or(json!(""), |server| server[member].clone());
    }
    client
}
