//! The checks of the Pod Security Standards: what each level forbids, and how it says so.
//!
//! Always holds: checks stand in the order of their names, those of `baseline` before those of `restricted`.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EphemeralContainer, HTTPGetAction, LifecycleHandler, PodSecurityContext,
    PodSpec, Probe, SELinuxOptions, SecurityContext, TCPSocketAction, Volume,
};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What a check found: the reason, and the detail.
pub type Violation = (&'static str, String);

/// What is checked: a pod, or the pod of a template.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The pod's annotations.
    pub annotations: Option<&'a BTreeMap<String, String>>,
    /// Its spec.
    pub spec: &'a PodSpec,
}

type Check = fn(Subject) -> Option<Violation>;

/// What `baseline` forbids, and whether `restricted` has a check of its own for it.
pub const BASELINE: &[(Check, bool)] = &[
    (app_armor, false),
    (default_capabilities, true),
    (host_namespaces, false),
    (host_path, true),
    (host_ports, false),
    (probe_hosts, false),
    (privileged, false),
    (proc_mount, false),
    (se_linux, false),
    (seccomp, true),
    (sysctls, false),
    (host_process, false),
];

/// What `restricted` forbids beyond.
pub const RESTRICTED: &[Check] = &[
    privilege_escalation,
    restricted_capabilities,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    restricted_seccomp,
];

/// A container of any sort, as far as it matters here.
struct Part<'a> {
    name: &'a str,
    security: Option<&'a SecurityContext>,
    ports: Vec<i32>,
    probes: [Option<&'a Probe>; 3],
    handlers: [Option<&'a LifecycleHandler>; 2],
}

fn part(c: &Container) -> Part<'_> {
    let lifecycle = c.lifecycle.as_ref();
    Part {
        name: &c.name,
        security: c.security_context.as_ref(),
        ports: c.ports.iter().flatten().filter_map(|p| p.host_port.filter(|p| *p != 0)).collect(),
        probes: [c.liveness_probe.as_ref(), c.readiness_probe.as_ref(), c.startup_probe.as_ref()],
        handlers: [
            lifecycle.and_then(|l| l.post_start.as_ref()),
            lifecycle.and_then(|l| l.pre_stop.as_ref()),
        ],
    }
}

fn ephemeral(c: &EphemeralContainer) -> Part<'_> {
    Part {
        name: &c.name,
        security: c.security_context.as_ref(),
        ports: Vec::new(),
        probes: [None; 3],
        handlers: [None; 2],
    }
}

/// Init containers first, then containers, then ephemeral ones.
fn parts<'a>(subject: &Subject<'a>) -> impl Iterator<Item = Part<'a>> {
    let spec = subject.spec;
    let first = spec.init_containers.iter().flatten().map(part);
    first
        .chain(spec.containers.iter().map(part))
        .chain(spec.ephemeral_containers.iter().flatten().map(ephemeral))
}

fn names<'a>(subject: &Subject<'a>, bad: impl Fn(&Part<'a>) -> bool) -> Vec<&'a str> {
    parts(subject).filter(|p| bad(p)).map(|p| p.name).collect()
}

fn plural<'a>(one: &'a str, many: &'a str, count: usize) -> &'a str {
    if count == 1 { one } else { many }
}

fn quote<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> String {
    list.into_iter().map(|item| format!("\"{}\"", item.as_ref())).collect::<Vec<_>>().join(", ")
}

/// `container "a"`, or `containers "a", "b"`.
fn containers(names: &[&str]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quote(names))
}

/// `pod and container "a"`: whoever sets something.
fn setters(pod: bool, names: &[&str]) -> Option<String> {
    let own = (!names.is_empty()).then(|| containers(names));
    let all: Vec<String> = pod.then(|| "pod".to_owned()).into_iter().chain(own).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

fn of_pod<'a>(subject: &Subject<'a>) -> Option<&'a PodSecurityContext> {
    subject.spec.security_context.as_ref()
}

fn app_armor(subject: Subject) -> Option<Violation> {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    let allowed = |kind: &str| matches!(kind, "" | "RuntimeDefault" | "Localhost");
    let mut bad = BTreeSet::new();
    let mut check = |kind: Option<&str>| {
        let wrong = kind.is_some_and(|k| !allowed(k));
        if wrong {
            bad.insert(kind.unwrap_or("").to_owned());
        }
        wrong
    };
    let pod = check(of_pod(&subject).and_then(|s| s.app_armor_profile.as_ref()).map(|p| p.type_.as_str()));
    let mut own = Vec::new();
    for p in parts(&subject) {
        if check(p.security.and_then(|s| s.app_armor_profile.as_ref()).map(|p| p.type_.as_str())) {
            own.push(p.name);
        }
    }
    let mut found: Vec<String> = Vec::new();
    if let Some(who) = setters(pod, &own) {
        found.push(format!("{who} must not set AppArmor profile type to {}", quote(&bad)));
    }
    let annotations = subject.annotations.into_iter().flatten();
    let wrong = annotations.filter(|(key, value)| {
        key.starts_with(PREFIX)
            && !(value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/"))
    });
    let wrong: Vec<String> = wrong.map(|(key, value)| format!("{key}={value:?}")).collect();
    if !wrong.is_empty() {
        let word = plural("annotation", "annotations", wrong.len());
        found.push(format!("{word} {}", wrong.join(", ")));
    }
    let reason = plural("forbidden AppArmor profile", "forbidden AppArmor profiles", bad.len() + wrong.len());
    (!found.is_empty()).then(|| (reason, found.join(" ")))
}

/// The containers that add a capability outside the list, and which they are.
fn added<'a>(subject: &Subject<'a>, allowed: &[&str]) -> (Vec<&'a str>, BTreeSet<String>) {
    let mut bad = BTreeSet::new();
    let mut who = Vec::new();
    for p in parts(subject) {
        let add = capabilities(&p).and_then(|c| c.add.as_ref()).into_iter().flatten();
        let wrong: Vec<&String> = add.filter(|c| !allowed.contains(&c.as_str())).collect();
        if !wrong.is_empty() {
            who.push(p.name);
            bad.extend(wrong.into_iter().cloned());
        }
    }
    (who, bad)
}

fn capabilities<'a>(p: &Part<'a>) -> Option<&'a Capabilities> {
    p.security.and_then(|s| s.capabilities.as_ref())
}

fn default_capabilities(subject: Subject) -> Option<Violation> {
    const DEFAULT: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let (who, bad) = added(&subject, &DEFAULT);
    let text = || {
        format!("{} must not include {} in securityContext.capabilities.add", containers(&who), quote(&bad))
    };
    (!who.is_empty()).then(|| ("non-default capabilities", text()))
}

fn host_namespaces(subject: Subject) -> Option<Violation> {
    let spec = subject.spec;
    let set = [("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)];
    let bad: Vec<String> =
        set.iter().filter(|(_, on)| *on == Some(true)).map(|(name, _)| format!("{name}=true")).collect();
    (!bad.is_empty()).then(|| ("host namespaces", bad.join(", ")))
}

fn host_path(subject: Subject) -> Option<Violation> {
    let volumes = subject.spec.volumes.iter().flatten().filter(|v| v.host_path.is_some());
    let bad: Vec<&str> = volumes.map(|v| v.name.as_str()).collect();
    (!bad.is_empty())
        .then(|| ("hostPath volumes", format!("{} {}", plural("volume", "volumes", bad.len()), quote(&bad))))
}

fn host_ports(subject: Subject) -> Option<Violation> {
    let who = names(&subject, |p| !p.ports.is_empty());
    let ports: BTreeSet<String> = parts(&subject).flat_map(|p| p.ports).map(|p| p.to_string()).collect();
    (!who.is_empty()).then(|| {
        let (uses, word) = (plural("uses", "use", who.len()), plural("hostPort", "hostPorts", ports.len()));
        let list = ports.into_iter().collect::<Vec<_>>().join(", ");
        ("hostPort", format!("{} {uses} {word} {list}", containers(&who)))
    })
}

fn probe_hosts(subject: Subject) -> Option<Violation> {
    let mut hosts = BTreeSet::new();
    let mut who = BTreeSet::new();
    for p in parts(&subject) {
        let http = |h: Option<&HTTPGetAction>| h.and_then(|h| h.host.clone());
        let tcp = |t: Option<&TCPSocketAction>| t.and_then(|t| t.host.clone());
        let probes = p
            .probes
            .into_iter()
            .flatten()
            .flat_map(|x| [http(x.http_get.as_ref()), tcp(x.tcp_socket.as_ref())]);
        let handlers = p
            .handlers
            .into_iter()
            .flatten()
            .flat_map(|x| [http(x.http_get.as_ref()), tcp(x.tcp_socket.as_ref())]);
        let bad: Vec<String> = probes.chain(handlers).flatten().filter(|h| !h.is_empty()).collect();
        if !bad.is_empty() {
            who.insert(p.name);
            hosts.extend(bad);
        }
    }
    let who: Vec<&str> = who.into_iter().collect();
    (!who.is_empty()).then(|| {
        let word = plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.len());
        let text =
            format!("{} {} {word} {}", containers(&who), plural("uses", "use", who.len()), quote(&hosts));
        ("probe or lifecycle host", text)
    })
}

fn privileged(subject: Subject) -> Option<Violation> {
    let who = names(&subject, |p| p.security.is_some_and(|s| s.privileged == Some(true)));
    let text = || format!("{} must not set securityContext.privileged=true", containers(&who));
    (!who.is_empty()).then(|| ("privileged", text()))
}

fn proc_mount(subject: Subject) -> Option<Violation> {
    let kind = |p: &Part| p.security.and_then(|s| s.proc_mount.clone()).filter(|m| m != "Default");
    let who = names(&subject, |p| kind(p).is_some());
    let bad: BTreeSet<String> = parts(&subject).filter_map(|p| kind(&p)).collect();
    let text = || format!("{} must not set securityContext.procMount to {}", containers(&who), quote(&bad));
    (!who.is_empty()).then(|| ("procMount", text()))
}

fn se_linux(subject: Subject) -> Option<Violation> {
    let (mut types, mut user, mut role) = (BTreeSet::new(), false, false);
    let mut wrong = |options: Option<&SELinuxOptions>| {
        let Some(options) = options else { return false };
        let set = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
        let kind = options.type_.as_deref().unwrap_or("");
        let known = matches!(
            kind,
            "" | "container_t" | "container_init_t" | "container_kvm_t" | "container_engine_t"
        );
        if !known {
            types.insert(kind.to_owned());
        }
        user |= set(&options.user);
        role |= set(&options.role);
        !known || set(&options.user) || set(&options.role)
    };
    let pod = wrong(of_pod(&subject).and_then(|s| s.se_linux_options.as_ref()));
    let mut who = Vec::new();
    for p in parts(&subject) {
        if wrong(p.security.and_then(|s| s.se_linux_options.as_ref())) {
            who.push(p.name);
        }
    }
    let mut data = Vec::new();
    if !types.is_empty() {
        data.push(format!("{} {}", plural("type", "types", types.len()), quote(&types)));
    }
    data.extend(user.then(|| "user may not be set".to_owned()));
    data.extend(role.then(|| "role may not be set".to_owned()));
    let who = setters(pod, &who)?;
    Some((
        "seLinuxOptions",
        format!("{who} set forbidden securityContext.seLinuxOptions: {}", data.join("; ")),
    ))
}

fn seccomp(subject: Subject) -> Option<Violation> {
    let (pod, who, bad) = seccomp_setters(&subject);
    let who = setters(pod, &who)?;
    Some((
        "seccompProfile",
        format!("{who} must not set securityContext.seccompProfile.type to {}", quote(&bad)),
    ))
}

/// Who sets a forbidden seccomp profile, and which.
fn seccomp_setters<'a>(subject: &Subject<'a>) -> (bool, Vec<&'a str>, BTreeSet<String>) {
    let mut bad = BTreeSet::new();
    let mut wrong = |kind: Option<&str>| {
        let kind = kind.filter(|k| !matches!(*k, "RuntimeDefault" | "Localhost"));
        bad.extend(kind.map(str::to_owned));
        kind.is_some()
    };
    let pod = wrong(of_pod(subject).and_then(|s| s.seccomp_profile.as_ref()).map(|p| p.type_.as_str()));
    let mut who = Vec::new();
    for p in parts(subject) {
        if wrong(p.security.and_then(|s| s.seccomp_profile.as_ref()).map(|p| p.type_.as_str())) {
            who.push(p.name);
        }
    }
    (pod, who, bad)
}

fn sysctls(subject: Subject) -> Option<Violation> {
    const ALLOWED: [&str; 10] = [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    ];
    let set = of_pod(&subject).and_then(|s| s.sysctls.as_ref()).into_iter().flatten();
    let bad: Vec<&str> = set.map(|s| s.name.as_str()).filter(|n| !ALLOWED.contains(n)).collect();
    (!bad.is_empty()).then(|| ("forbidden sysctls", bad.join(", ")))
}

fn host_process(subject: Subject) -> Option<Violation> {
    let pod = of_pod(&subject)
        .and_then(|s| s.windows_options.as_ref())
        .is_some_and(|w| w.host_process == Some(true));
    let who = names(&subject, |p| {
        p.security.and_then(|s| s.windows_options.as_ref()).is_some_and(|w| w.host_process == Some(true))
    });
    let who = setters(pod, &who)?;
    Some(("hostProcess", format!("{who} must not set securityContext.windowsOptions.hostProcess=true")))
}

fn privilege_escalation(subject: Subject) -> Option<Violation> {
    let who = names(&subject, |p| p.security.and_then(|s| s.allow_privilege_escalation) != Some(false));
    let text = || format!("{} must set securityContext.allowPrivilegeEscalation=false", containers(&who));
    (!who.is_empty()).then(|| ("allowPrivilegeEscalation != false", text()))
}

fn restricted_capabilities(subject: Subject) -> Option<Violation> {
    let keeps = names(&subject, |p| {
        let drop = capabilities(p).and_then(|c| c.drop.as_ref());
        !drop.is_some_and(|d| d.iter().any(|c| c == "ALL"))
    });
    let (adds, bad) = added(&subject, &["NET_BIND_SERVICE"]);
    let mut found = Vec::new();
    if !keeps.is_empty() {
        found.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", containers(&keeps)));
    }
    if !adds.is_empty() {
        let who = containers(&adds);
        found.push(format!("{who} must not include {} in securityContext.capabilities.add", quote(&bad)));
    }
    (!found.is_empty()).then(|| ("unrestricted capabilities", found.join("; ")))
}

/// The sort of volume, if it is one that `restricted` does not allow.
fn restricted_kind(volume: &Volume) -> Option<String> {
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let value = serde_json::to_value(volume).ok()?;
    let kind = value.as_object()?.keys().find(|key| *key != "name")?.clone();
    (!ALLOWED.contains(&kind.as_str())).then_some(kind)
}

fn restricted_volumes(subject: Subject) -> Option<Violation> {
    let (mut who, mut kinds) = (Vec::new(), BTreeSet::new());
    for volume in subject.spec.volumes.iter().flatten() {
        if let Some(kind) = restricted_kind(volume) {
            who.push(volume.name.as_str());
            kinds.insert(kind);
        }
    }
    (!who.is_empty()).then(|| {
        let (noun, verb) = (plural("volume", "volumes", who.len()), plural("uses", "use", who.len()));
        let word = plural("restricted volume type", "restricted volume types", kinds.len());
        ("restricted volume types", format!("{noun} {} {verb} {word} {}", quote(&who), quote(&kinds)))
    })
}

/// A pod in a user namespace of its own may be root there.
fn own_users(subject: &Subject) -> bool {
    subject.spec.host_users == Some(false)
}

fn run_as_non_root(subject: Subject) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    if own_users(&subject) {
        return None;
    }
    let pod = of_pod(&subject).and_then(|s| s.run_as_non_root);
    let own = |p: &Part| p.security.and_then(|s| s.run_as_non_root);
    let says_no = names(&subject, |p| own(p) == Some(false));
    let silent = names(&subject, |p| own(p).is_none() && pod != Some(true));
    if let Some(who) = setters(pod == Some(false), &says_no) {
        return Some((REASON, format!("{who} must not set securityContext.runAsNonRoot=false")));
    }
    let text = || format!("pod or {} must set securityContext.runAsNonRoot=true", containers(&silent));
    (!silent.is_empty()).then(|| (REASON, text()))
}

fn run_as_user(subject: Subject) -> Option<Violation> {
    if own_users(&subject) {
        return None;
    }
    let pod = of_pod(&subject).and_then(|s| s.run_as_user) == Some(0);
    let who = setters(pod, &names(&subject, |p| p.security.and_then(|s| s.run_as_user) == Some(0)))?;
    Some(("runAsUser=0", format!("{who} must not set runAsUser=0")))
}

fn restricted_seccomp(subject: Subject) -> Option<Violation> {
    if let Some(found) = seccomp(subject) {
        return Some(found);
    }
    if of_pod(&subject).is_some_and(|s| s.seccomp_profile.is_some()) {
        return None;
    }
    let silent = names(&subject, |p| p.security.is_none_or(|s| s.seccomp_profile.is_none()));
    let text = || {
        format!(
            "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
            containers(&silent)
        )
    };
    (!silent.is_empty()).then(|| ("seccompProfile", text()))
}
