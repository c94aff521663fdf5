//! Validation of security contexts, of a pod and of a container.

use super::{Errors, Path, diff};
use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext, Sysctl,
};
use serde_json::json;
use std::collections::BTreeSet;

const PROFILES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];
const SYSCTL: &str = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// A user's or group's number.
fn id(path: Path, id: Option<i64>, errors: &mut Errors) {
    if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
        errors.invalid(path, id, format!("must be between 0 and {}, inclusive", i32::MAX));
    }
}

/// The security context of a pod or template.
pub fn pod(context: &PodSecurityContext, spec: &PodSpec, path: Path, errors: &mut Errors) {
    id(path.child("fsGroup"), context.fs_group, errors);
    id(path.child("runAsUser"), context.run_as_user, errors);
    id(path.child("runAsGroup"), context.run_as_group, errors);
    for (index, group) in context.supplemental_groups.iter().flatten().enumerate() {
        let list = path.child("supplementalGroups");
        id(list.index(index), Some(*group), errors);
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(path.child("shareProcessNamespace"), true, why);
    }
    sysctls(context.sysctls.as_deref().unwrap_or_default(), path.child("sysctls"), errors);
    let change = context.fs_group_change_policy.as_deref();
    errors.supported(path.child("fsGroupChangePolicy"), change, &["Always", "OnRootMismatch"]);
    seccomp(context.seccomp_profile.as_ref(), path.child("seccompProfile"), errors);
    app_armor(context.app_armor_profile.as_ref(), path.child("appArmorProfile"), errors);
    let groups = context.supplemental_groups_policy.as_deref();
    errors.supported(path.child("supplementalGroupsPolicy"), groups, &["Merge", "Strict"]);
    let labels = context.se_linux_change_policy.as_deref();
    errors.supported(path.child("seLinuxChangePolicy"), labels, &["MountOption", "Recursive"]);
}

fn sysctls(sysctls: &[Sysctl], path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    let part = |text: &str| {
        let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        ends(bytes.first())
            && ends(bytes.last())
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(b))
    };
    for (index, sysctl) in sysctls.iter().enumerate() {
        let path = path.index(index);
        let name = sysctl.name.as_str();
        if name.is_empty() {
            errors.required(path.child("name"), "");
        } else if name.len() > 253 || !name.split(['.', '/']).all(part) {
            errors.invalid(path.child("name"), name, SYSCTL);
        } else if !seen.insert(name) {
            errors.duplicate(path.child("name"), name);
        }
    }
}

/// The security context of a container. `host_users`: whether the pod shares the users of its node.
pub fn container(context: &SecurityContext, host_users: bool, path: Path, errors: &mut Errors) {
    id(path.child("runAsUser"), context.run_as_user, errors);
    id(path.child("runAsGroup"), context.run_as_group, errors);
    let mount = context.proc_mount.as_deref();
    errors.supported(path.child("procMount"), mount, &["Default", "Unmasked"]);
    if mount == Some("Unmasked") && host_users {
        let why = "`hostUsers` must be false to use `Unmasked`";
        errors.invalid(path.child("procMount"), "Unmasked", why);
    }
    seccomp(context.seccomp_profile.as_ref(), path.child("seccompProfile"), errors);
    if context.allow_privilege_escalation == Some(false) {
        let mut refuse = |what: &str| {
            let why = format!("cannot set `allowPrivilegeEscalation` to false and {what}");
            errors.raw(path, &diff::security_context(context), &why);
        };
        if context.privileged == Some(true) {
            refuse("`privileged` to true");
        }
        let added = context.capabilities.iter().flat_map(|c| c.add.iter().flatten());
        for _ in added.filter(|c| *c == "CAP_SYS_ADMIN") {
            refuse("`capabilities.Add` CAP_SYS_ADMIN");
        }
    }
    app_armor(context.app_armor_profile.as_ref(), path.child("appArmorProfile"), errors);
}

fn seccomp(profile: Option<&SeccompProfile>, path: Path, errors: &mut Errors) {
    let Some(profile) = profile else { return };
    match profile.type_.as_str() {
        "" => errors.required(path.child("type"), "type is required when seccompProfile is set"),
        other => errors.supported(path.child("type"), Some(other), PROFILES),
    }
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", None) => {
            errors.required(path.child("localhostProfile"), "must be set when seccomp type is Localhost");
        }
        ("Localhost", Some(file)) => super::container::inside(file, path.child("localhostProfile"), errors),
        (_, Some(file)) => {
            let shown = json!({"Type": profile.type_, "LocalhostProfile": file});
            let why = "can only be set when seccomp type is Localhost";
            errors.invalid(path.child("localhostProfile"), shown, why);
        }
        _ => {}
    }
}

fn app_armor(profile: Option<&AppArmorProfile>, path: Path, errors: &mut Errors) {
    let Some(profile) = profile else { return };
    let file = profile.localhost_profile.as_deref();
    match profile.type_.as_str() {
        "Localhost" => match file {
            None | Some("") => {
                let why = "must be set when AppArmor type is Localhost";
                errors.required(path.child("localhostProfile"), why);
            }
            Some(file) if file.trim() != file => {
                errors.invalid(path.child("localhostProfile"), file, "must not be padded with whitespace");
            }
            Some(file) if file.len() > 4095 => errors.too_long(path.child("localhostProfile"), 4095),
            Some(_) => {}
        },
        "RuntimeDefault" | "Unconfined" => {
            if let Some(file) = file {
                let why = "can only be set when AppArmor type is Localhost";
                errors.invalid(path.child("localhostProfile"), file, why);
            }
        }
        "" => errors.required(path.child("type"), "type is required when appArmorProfile is set"),
        other => errors.supported(path.child("type"), Some(other), PROFILES),
    }
}
