//! The writing commands against a cluster.

use crate::kubectl::testing::lab;

#[test]
fn a_deployment_is_made_changed_and_deleted() {
    let lab = lab();
    for (line, wanted) in [
        ("create deployment web --image=nginx:1.25 --replicas=2", "deployment.apps/web created\n"),
        ("rollout status deploy/web", "deployment \"web\" successfully rolled out\n"),
        ("scale deploy web --replicas=3", "deployment.apps/web scaled\n"),
        (
            "scale deploy web --replicas=3 --current-replicas=9",
            "error: Expected replicas to be 9, was 3\n[exit 1]\n",
        ),
        ("label deploy web tier=front", "deployment.apps/web labeled\n"),
        (
            "label deploy web tier=back",
            "error: 'tier' already has a value (front), and --overwrite is false\n[exit 1]\n",
        ),
        ("label deploy web tier-", "deployment.apps/web unlabeled\n"),
        ("label deploy web tier-", "label \"tier\" not found.\ndeployment.apps/web not labeled\n"),
        ("annotate deploy/web note=x", "deployment.apps/web annotated\n"),
        (
            "set image deployment/web nope=nginx:1.27",
            "error: unable to find container named \"nope\"\n[exit 1]\n",
        ),
        ("set image deployment/web nginx=nginx:1.26", "deployment.apps/web image updated\n"),
        ("set env deployment/web MODE=dark", "deployment.apps/web env updated\n"),
        ("set env deployment/web --list", "# Deployment web, container nginx\nMODE=dark\n"),
        ("rollout pause deploy web", "deployment.apps/web paused\n"),
        ("rollout pause deploy web", "error: deployments.apps \"web\" is already paused\n[exit 1]\n"),
        ("rollout resume deploy web", "deployment.apps/web resumed\n"),
        ("expose deploy web --port=80", "service/web exposed\n"),
        ("patch svc web -p {\"spec\":{\"type\":\"NodePort\"}}", "service/web patched\n"),
        ("patch svc web -p {\"spec\":{\"type\":\"NodePort\"}}", "service/web patched (no change)\n"),
        ("delete svc web", "service \"web\" deleted from default namespace\n"),
        ("delete deploy web", "deployment.apps \"web\" deleted from default namespace\n"),
        ("delete deploy web", "Error from server (NotFound): deployments.apps \"web\" not found\n[exit 1]\n"),
        ("delete pods -l nothing=there", "No resources found\n"),
    ] {
        let printed = lab.run(line);
        let last: String = if line.starts_with("rollout status") {
            printed.lines().last().map(|l| format!("{l}\n")).unwrap_or_default()
        } else {
            printed
        };
        assert_eq!(last, wanted, "{line}");
    }
}

#[test]
fn apply_merges_what_the_manifest_says() {
    let lab = lab();
    let pod = |labels: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p, labels: {labels}}}, spec: {{containers: [{{name: c, image: nginx}}]}}}}"
        )
    };
    assert_eq!(lab.run_with("create -f -", &pod("{}")), "pod/p created\n");
    let warned = lab.run_with("apply -f -", &pod("{a: b, c: d}"));
    assert!(warned.starts_with("Warning: resource pods/p is missing the kubectl"), "{warned}");
    assert!(warned.ends_with("pod/p configured\n"), "{warned}");
    assert_eq!(lab.run_with("apply -f -", &pod("{a: b, c: d}")), "pod/p unchanged\n");
    assert_eq!(lab.run("label pod p mine=yes"), "pod/p labeled\n");
    assert_eq!(lab.run_with("apply -f -", &pod("{a: x}")), "pod/p configured\n");
    let labels = lab.run("get pod p -o jsonpath={.metadata.labels}");
    assert_eq!(labels, "{\"a\":\"x\",\"mine\":\"yes\"}", "one is changed, one deleted, one left");
    assert_eq!(
        lab.run_with("apply -f -", "{kind: Pod, metadata: {name: d}}"),
        "error: error validating \"STDIN\": error validating data: apiVersion not set; if you choose to ignore these errors, turn validation off with --validate=false\n[exit 1]\n"
    );
}

#[test]
fn nodes_are_cordoned_tainted_and_drained() {
    let lab = lab();
    for (line, wanted) in [
        ("cordon worker-1", "node/worker-1 cordoned\n"),
        ("cordon worker-1", "node/worker-1 already cordoned\n"),
        ("uncordon worker-1", "node/worker-1 uncordoned\n"),
        ("cordon nowhere", "Error from server (NotFound): nodes \"nowhere\" not found\n[exit 1]\n"),
        ("taint nodes worker-1 dedicated=gpu:NoSchedule", "node/worker-1 tainted\n"),
        (
            "taint nodes worker-1 dedicated=cpu:NoSchedule",
            "error: node worker-1 already has dedicated taint(s) with same effect(s) and --overwrite is false\n[exit 1]\n",
        ),
        ("taint nodes worker-1 dedicated=cpu:NoSchedule --overwrite", "node/worker-1 modified\n"),
        ("taint nodes worker-1 dedicated-", "node/worker-1 untainted\n"),
        ("taint nodes worker-1 dedicated-", "error: taint \"dedicated\" not found\n[exit 1]\n"),
        (
            "taint nodes worker-1 a=b:Sometimes",
            "error: invalid taint effect: Sometimes, unsupported taint effect\nSee 'kubectl taint -h' for help and examples\n[exit 1]\n",
        ),
        ("run bare --image=nginx --overrides={\"spec\":{\"nodeName\":\"worker-1\"}}", "pod/bare created\n"),
    ] {
        assert_eq!(lab.run(line), wanted, "{line}");
    }
    lab.pass(5);
    let refused = lab.run("drain worker-1 --ignore-daemonsets");
    assert!(refused.contains("cannot delete Pods that declare no controller (use --force to override): default/bare, continuing"), "{refused}");
    let drained = lab.run("drain worker-1 --ignore-daemonsets --force");
    assert!(
        drained.contains("evicting pod default/bare\npod/bare evicted\nnode/worker-1 drained\n"),
        "{drained}"
    );
}

#[test]
fn the_kubeconfig_is_read_and_changed() {
    let lab = lab();
    for (line, wanted) in [
        ("config current-context", "kubernetes-admin@kubernetes\n"),
        (
            "config set-context --current --namespace=kube-system",
            "Context \"kubernetes-admin@kubernetes\" modified.\n",
        ),
        ("config view --minify -o jsonpath={..namespace}", "kube-system"),
        (
            "config get-contexts",
            "CURRENT   NAME                          CLUSTER      AUTHINFO           NAMESPACE\n\
             *         kubernetes-admin@kubernetes   kubernetes   kubernetes-admin   kube-system\n",
        ),
        ("config use-context nope", "error: no context exists with the name: \"nope\"\n[exit 1]\n"),
        ("create cm x --dry-run=client -o name", "configmap/x\n"),
    ] {
        assert_eq!(lab.run(line), wanted, "{line}");
    }
}

#[test]
fn the_command_line_is_recorded_when_asked() {
    let lab = lab();
    let remark = "Flag --record has been deprecated, --record will be removed in the future\n";
    lab.run("create deployment web --image=nginx:1.25");
    lab.pass(1);
    let set = lab.run("set image deploy/web nginx=nginx:1.26 --record");
    assert_eq!(set, format!("{remark}deployment.apps/web image updated\n"));
    lab.pass(1);
    let history = lab.run("rollout history deploy web");
    assert!(history.contains("kubectl set image deploy/web nginx=nginx:1.26 --record=true"), "{history}");
    lab.run("scale deploy web --replicas=2 -n default --record");
    let cause = lab.run("get deploy web -o jsonpath={.metadata.annotations.kubernetes\\.io/change-cause}");
    assert_eq!(cause, "kubectl scale deploy web --namespace=default --record=true --replicas=2");
    assert!(lab.run("patch deploy web -p '{\"metadata\":3}' --record").contains("[exit 1]"));
    assert!(lab.run("rollout restart deploy web --record").contains("unknown flag: --record"));
}

#[test]
fn roles_name_what_is_served() {
    let lab = lab();
    lab.run_with(
        "apply -f -",
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: toys, singular: toy, kind: Toy, shortNames: [ty]}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
",
    );
    lab.pass(2);
    let rules = |resources: &str| {
        lab.run(&format!(
            "create role r --verb=get --resource={resources} --dry-run=client -o jsonpath={{.rules}}"
        ))
    };
    let said = rules("ty/status,pods/log,deploy.apps,toys.exam");
    for part in [r#"["example.com"],"resources":["toys/status","toys"]"#, r#"[""],"resources":["pods/log"]"#]
    {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(
        rules("toys.v1.example.com"),
        "the server doesn't have a resource type \"toys\" in group \"v1.example.com\"\n[exit 1]\n"
    );
    assert!(
        lab.run("create role r --verb=use --resource=pods")
            .starts_with("error: can not perform 'use' on 'pods' in group ''")
    );
}

#[test]
fn what_fits_of_several_objects_is_applied() {
    let lab = lab();
    let map = |name: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}");
    let bogus = "{apiVersion: v1, kind: Bogus, metadata: {name: b}}";
    let text = format!("{}\n---\n{bogus}\n---\n{}", map("m1"), map("m2"));
    let missing = "resource mapping not found for name: \"b\" namespace: \"\" from \"STDIN\": no matches for kind \"Bogus\" in version \"v1\"\nensure CRDs are installed first\n";
    let printed = lab.run_with("apply -f -", &text);
    assert_eq!(printed, format!("error: {missing}configmap/m1 created\nconfigmap/m2 created\n[exit 1]\n"));
    let printed = lab.run_with("create -f -", &format!("{}\n---\n{bogus}", map("m3")));
    assert_eq!(printed, format!("error: {missing}configmap/m3 created\n[exit 1]\n"));
}

#[test]
fn conflicts_come_with_advice_and_flags_are_read() {
    let lab = lab();
    let map = |value: &str| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{a: {value}}}}}")
    };
    assert_eq!(lab.run_with("apply --server-side -f -", &map("x")), "configmap/c serverside-applied\n");
    let printed = lab.run_with("apply --server-side --field-manager=other -f -", &map("z"));
    assert!(
        printed.starts_with("error: Apply failed with 1 conflict: conflict with \"kubectl\": .data.a\nPlease review the fields above--they currently have other managers. Here\n"),
        "{printed}"
    );
    assert!(printed.ends_with("server-side-apply/#conflicts\n[exit 1]\n"), "{printed}");
    assert_eq!(
        lab.run_with("create --validate=bad -f -", &map("x")),
        "error: invalid - validate option \"bad\"; must be one of: strict (or true), warn, ignore (or false)\n[exit 1]\n"
    );
    assert_eq!(
        lab.run("get pods --as-uid=x"),
        "error: requesting uid, groups or user-extra for kubernetes-admin without impersonating a user\n[exit 1]\n"
    );
}
