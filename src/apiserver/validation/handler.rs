//! Validation of what a kubelet runs against a container: probes and lifecycle hooks.

use super::{Errors, Path, names};
use k8s_openapi::api::core::v1::{
    Container, ExecAction, GRPCAction, HTTPGetAction, Probe, SleepAction, TCPSocketAction,
};
use serde_json::json;

/// The hooks of a container. `grace` is its pod's grace period in seconds.
pub fn lifecycle(container: &Container, grace: Option<i64>, path: Path, errors: &mut Errors) {
    let Some(lifecycle) = &container.lifecycle else { return };
    let path = path.child("lifecycle");
    for (field, hook) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        let Some(hook) = hook else { continue };
        let handler = Handler {
            exec: hook.exec.as_ref(),
            http: hook.http_get.as_ref(),
            tcp: hook.tcp_socket.as_ref(),
            grpc: None,
            sleep: hook.sleep.as_ref(),
        };
        handler.check(grace, path.child(field), errors);
    }
}

/// The three probes of a container.
pub fn probes(container: &Container, path: Path, errors: &mut Errors) {
    for (field, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        let Some(probe) = probe else { continue };
        let path = path.child(field);
        self::probe(probe, path, errors);
        if field == "readinessProbe" {
            if let Some(seconds) = probe.termination_grace_period_seconds {
                let why = "must not be set for readinessProbes";
                errors.invalid(path.child("terminationGracePeriodSeconds"), seconds, why);
            }
        } else if probe.success_threshold.is_some_and(|n| n != 1) {
            errors.invalid(path.child("successThreshold"), json!(probe.success_threshold), "must be 1");
        }
    }
}

fn probe(probe: &Probe, path: Path, errors: &mut Errors) {
    let handler = Handler {
        exec: probe.exec.as_ref(),
        http: probe.http_get.as_ref(),
        tcp: probe.tcp_socket.as_ref(),
        grpc: probe.grpc.as_ref(),
        sleep: None,
    };
    handler.check(None, path, errors);
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        errors.not_negative(path.child(field), value.map(i64::from));
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|s| *s <= 0) {
        errors.invalid(path.child("terminationGracePeriodSeconds"), seconds, "must be greater than 0");
    }
}

/// What probes and hooks have in common: exactly one way to ask the container.
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http: Option<&'a HTTPGetAction>,
    tcp: Option<&'a TCPSocketAction>,
    grpc: Option<&'a GRPCAction>,
    sleep: Option<&'a SleepAction>,
}

impl Handler<'_> {
    fn check(&self, grace: Option<i64>, path: Path, errors: &mut Errors) {
        let there = [
            ("exec", self.exec.is_some()),
            ("httpGet", self.http.is_some()),
            ("tcpSocket", self.tcp.is_some()),
            ("grpc", self.grpc.is_some()),
            ("sleep", self.sleep.is_some()),
        ];
        let mut first = None;
        for (field, _) in there.iter().filter(|(_, there)| *there) {
            if first.is_some() {
                errors.forbidden(path.child(field), "may not specify more than 1 handler type");
                continue;
            }
            first = Some(field);
            self.one(field, grace, path.child(field), errors);
        }
        if first.is_none() {
            errors.required(path, "must specify a handler type");
        }
    }

    fn one(&self, field: &str, grace: Option<i64>, path: Path, errors: &mut Errors) {
        match field {
            "exec" => {
                if self.exec.is_some_and(|e| e.command.as_ref().is_none_or(Vec::is_empty)) {
                    errors.required(path.child("command"), "");
                }
            }
            "httpGet" => {
                if let Some(http) = self.http {
                    http_get(http, path, errors);
                }
            }
            "tcpSocket" => {
                for (port, why) in self
                    .tcp
                    .iter()
                    .flat_map(|t| names::port_or_name(&t.port).into_iter().map(|w| (&t.port, w)))
                {
                    errors.invalid(path.child("port"), json!(port), why);
                }
            }
            "grpc" => {
                let port = self.grpc.map_or(0, |g| g.port);
                for why in names::port(i64::from(port)) {
                    errors.invalid(path.child("port"), port, why);
                }
            }
            _ => {
                let seconds = self.sleep.map_or(0, |s| s.seconds);
                if let Some(grace) = grace.filter(|grace| !(0..=*grace).contains(&seconds)) {
                    let why =
                        format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                    errors.invalid(path, seconds, why);
                }
            }
        }
    }
}

fn http_get(http: &HTTPGetAction, path: Path, errors: &mut Errors) {
    errors.needed(path.child("path"), http.path.as_deref().unwrap_or(""));
    for why in names::port_or_name(&http.port) {
        errors.invalid(path.child("port"), json!(http.port), why);
    }
    errors.supported(path.child("scheme"), Some(http.scheme.as_deref().unwrap_or("")), &["HTTP", "HTTPS"]);
    for header in http.http_headers.iter().flatten() {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if header.name.is_empty() || !header.name.bytes().all(legal) {
            let why = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            errors.invalid(path.child("httpHeaders"), header.name.as_str(), why);
        }
    }
}
