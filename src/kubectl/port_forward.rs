//! `kubectl port-forward`: ports of the learner's machine that lead to a pod's.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::{Bare, Info};
use super::write::pods;
use super::write::{self, stream};
use crate::apiserver::{Method, Request};
use crate::client::{Forward, Forwarded};
use crate::object::ObjectName;
use serde_json::Value;
use std::net::IpAddr;

/// `kubectl port-forward`.
pub static COMMAND: Command = Command {
    name: "port-forward",
    group: Group::Troubleshooting,
    summary: "Forward one or more local ports to a pod",
    usage: "port-forward TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
    examples: &[
        (
            "Let port 8080 of this machine lead to port 80 of pod mypod",
            "kubectl port-forward pod/mypod 8080:80",
        ),
        (
            "Choose a pod of a service, and translate the service's port",
            "kubectl port-forward svc/web 8080:80",
        ),
        (
            "Listen on any port that is free, on every address",
            "kubectl port-forward --address 0.0.0.0 pod/mypod :80",
        ),
    ],
    flags: &[&[
        Flag::list("address", "The local addresses to listen on"),
        Flag::duration("pod-running-timeout", "1m0s", "How long to wait until a pod runs"),
    ]],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let [word, ports @ ..] = call.args() else { return Err(missing(&call)) };
    if ports.is_empty() {
        return Err(missing(&call));
    }
    let (word, ports) = (word.clone(), ports.to_vec());
    let args = if word.contains('/') { vec![word] } else { vec!["pods".to_owned(), word] };
    let found = write::existing(&call, &args, Bare::Refuse).await?;
    let Some(object) = found.into_iter().next() else { return Err("no pod found".into()) };
    let info = pods::of(&call, object.clone()).await?;
    let pod = call.request(Request::get(info.path())).await?;
    let ports = if object.mapping.kind == "Service" {
        ports.iter().map(|port| of_service(port, &object, &pod)).collect::<Outcome<Vec<_>>>()?
    } else {
        ports.iter().map(|port| of_pod(port, &pod)).collect::<Outcome<Vec<_>>>()?
    };
    let phase = pod["status"]["phase"].as_str().unwrap_or("");
    if phase != "Running" {
        let why = "unable to forward port because pod is not running. Current status=";
        return Err(format!("{why}{phase}").into());
    }
    let ports = ports.iter().map(|port| parsed(port)).collect::<Outcome<Vec<_>>>()?;
    let addresses = addresses(&call)?;
    let request = Request { method: Method::Post, ..Request::get(format!("{}/portforward", info.path())) };
    let id = stream::open(&call, request).await?;
    let open = stream::Open { call: &call, id };
    let listening = listen(&call, &info, &ports, &addresses).await?;
    // The port of the first address is told for each connection, whichever address it came to.
    let handled = |forwarded: &Forwarded, (local, remote): (u16, u16)| {
        for _ in 0..forwarded.connections() {
            call.line(format!("Handling connection for {local}"));
        }
        let failures = forwarded.failures();
        for failure in &failures {
            call.note(format!("an error occurred forwarding {local} -> {remote}: {failure}"));
        }
        failures.is_empty()
    };
    loop {
        let well =
            listening.iter().map(|(forwarded, port)| handled(forwarded, *port)).fold(true, |a, b| a & b);
        if !well || call.env.client.read_stream(open.id).exit.is_some() {
            return Err("lost connection to pod".into());
        }
        stream::turn(&call, None).await;
    }
}

fn missing(call: &Call) -> Failure {
    call.usage("TYPE/NAME and list of ports are required for port-forward")
}

/// Opens every port on every address, and says so.
async fn listen(
    call: &Call,
    info: &Info,
    ports: &[(u16, u16)],
    addresses: &[IpAddr],
) -> Outcome<Vec<(Forwarded, (u16, u16))>> {
    let mut listening = Vec::new();
    for (local, remote) in ports.iter().copied() {
        let (mut failures, mut chosen, before) = (Vec::new(), local, listening.len());
        for address in addresses.iter().copied() {
            let pod = ObjectName::new(info.namespace.as_str(), info.name.as_str());
            let shown = match address {
                IpAddr::V4(_) => format!("{address}"),
                IpAddr::V6(_) => format!("[{address}]"),
            };
            // Any port is the same one on each address.
            match call.env.client.forward(Forward { address, local: chosen, pod, remote }).await {
                Ok(forwarded) => {
                    chosen = forwarded.port;
                    call.line(format!("Forwarding from {shown}:{chosen} -> {remote}"));
                    listening.push((forwarded, (chosen, remote)));
                }
                Err(why) => {
                    let family = if address.is_ipv4() { "tcp4" } else { "tcp6" };
                    failures.push(format!(
                        "unable to create listener: Error listen {family} {shown}:{local}: {why}"
                    ));
                }
            }
        }
        if listening.len() == before {
            call.note(format!(
                "Unable to listen on port {local}: Listeners failed to create with the following errors: [{}]",
                failures.join(" ")
            ));
        }
    }
    if listening.is_empty() {
        let asked: Vec<String> =
            ports.iter().map(|(local, remote)| format!("{{{local} {remote}}}")).collect();
        return Err(format!("unable to listen on any of the requested ports: [{}]", asked.join(" ")).into());
    }
    Ok(listening)
}

fn addresses(call: &Call) -> Outcome<Vec<IpAddr>> {
    let given = call.flags.list("address");
    let words = if given.is_empty() { vec!["localhost".to_owned()] } else { given.to_vec() };
    let mut addresses = Vec::new();
    for word in &words {
        if word == "localhost" {
            addresses.extend([IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])]);
        } else {
            let address = word.parse();
            addresses.push(address.map_err(|_| Failure::new(format!("{word} is not a valid IP")))?);
        }
    }
    Ok(addresses)
}

/// The local and the remote part. Of more than two the first counts for both, as in the real one.
fn split(port: &str) -> (&str, &str) {
    match port.split(':').collect::<Vec<_>>().as_slice() {
        [local, remote] => (*local, *remote),
        parts => (parts[0], parts[0]),
    }
}

fn joined(local: &str, remote: &str) -> String {
    if local == remote { remote.to_owned() } else { format!("{local}:{remote}") }
}

/// `LOCAL:NAME` with the number of the container port of that name.
fn of_pod(port: &str, pod: &Value) -> Outcome<String> {
    let (local, remote) = split(port);
    if remote.parse::<i64>().is_ok() {
        return Ok(joined(local, remote));
    }
    let number = named(pod, remote)?.to_string();
    Ok(joined(if local == remote { &number } else { local }, &number))
}

fn named(pod: &Value, name: &str) -> Outcome<i64> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|c| c["ports"].as_array().into_iter().flatten());
    let found = ports.find(|p| p["name"] == name).and_then(|p| p["containerPort"].as_i64());
    let pod = pod["metadata"]["name"].as_str().unwrap_or("");
    found.ok_or_else(|| Failure::new(format!("Pod '{pod}' does not have a named port '{name}'")))
}

/// `LOCAL:PORT` of a Service as the pod has it.
fn of_service(port: &str, service: &Info, pod: &Value) -> Outcome<String> {
    let (local, remote) = split(port);
    let all = service.object["spec"]["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let name = &service.name;
    let asked = match remote.parse::<i64>() {
        Ok(number) => number,
        Err(_) => {
            let found = all.iter().find(|p| p["name"] == remote).and_then(|p| p["port"].as_i64());
            found.ok_or_else(|| {
                Failure::new(format!("Service '{name}' does not have a named port '{remote}'"))
            })?
        }
    };
    let local = if local == remote { asked.to_string() } else { local.to_owned() };
    let found = all.iter().find(|p| p["port"].as_i64() == Some(asked));
    let found =
        found.ok_or_else(|| Failure::new(format!("Service {name} does not have a service port {asked}")))?;
    let number = match &found["targetPort"] {
        _ if service.object["spec"]["clusterIP"] == "None" => asked,
        Value::String(name) => named(pod, name)?,
        target => target.as_i64().filter(|n| *n != 0).unwrap_or(asked),
    };
    Ok(joined(&local, &number.to_string()))
}

/// The local and the remote port.
fn parsed(text: &str) -> Outcome<(u16, u16)> {
    let (local, remote) = split(text);
    let local = if local.is_empty() { "0" } else { local };
    let number = |text: &str, which: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits).ok_or_else(|| {
            let why = if digits { "value out of range" } else { "invalid syntax" };
            Failure::new(format!(
                "error parsing {which} port '{text}': strconv.ParseUint: parsing \"{text}\": {why}"
            ))
        })
    };
    let (local, remote) = (number(local, "local")?, number(remote, "remote")?);
    if remote == 0 {
        return Err("remote port must be > 0".into());
    }
    Ok((local, remote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_parsed() {
        let shown = |text| match parsed(text) {
            Ok(ports) => format!("{ports:?}"),
            Err(Failure::Text(text, _) | Failure::Message(text)) => text,
            Err(other) => format!("{other:?}"),
        };
        for (text, expected) in [
            ("80", "(80, 80)"),
            ("8080:80", "(8080, 80)"),
            (":80", "(0, 80)"),
            ("1:2:3", "(1, 1)"),
            ("a:1", "error parsing local port 'a': strconv.ParseUint: parsing \"a\": invalid syntax"),
            (
                "1:70000",
                "error parsing remote port '70000': strconv.ParseUint: parsing \"70000\": value out of range",
            ),
            ("1:0", "remote port must be > 0"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
