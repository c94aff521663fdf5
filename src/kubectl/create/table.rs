//! The table of `kubectl create`: every generator with its flags.

use super::{
    configmap, cronjob, deployment, files, from_job, generate, ingress, namespace, pdb, priorityclass, quota,
    role, rolebinding, secret, service, serviceaccount, token,
};
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::flags::{Flag, FlagKind};
use crate::kubectl::write::flags::{
    DRY_RUN, FIELD_MANAGER, FILES, OUTPUT, RECORD, SAVE_CONFIG, SELECTOR, VALIDATE,
};

/// A generator: name, aliases, usage, summary, own flags, the words about a failure, the function.
macro_rules! generator {
    ($name:ident, $word:literal, $aliases:expr, $usage:literal, $summary:literal, $flags:expr, $noun:literal, $run:expr) => {
        static $name: Command = Command {
            name: $word,
            aliases: $aliases,
            group: Group::Sub,
            summary: $summary,
            usage: $usage,
            flags: &[$flags, DRY_RUN, OUTPUT, SAVE_CONFIG, VALIDATE, FIELD_MANAGER],
            run: Some(|call| -> Running { Box::pin(generate(call, $noun, $run)) }),
            ..Command::NEW
        };
    };
}

const IMAGE: Flag = Flag::text("image", "", "The image to run");
const USERS: Flag = Flag::array("user", "A user to bind to");
const GROUPS: Flag = Flag::array("group", "A group to bind to");
const ACCOUNTS: Flag = Flag::array("serviceaccount", "A service account to bind to, as NAMESPACE:NAME");
const HASH: Flag = Flag::bool("append-hash", "Put a hash of the content behind the name");
const LITERAL: Flag = Flag::array("from-literal", "A key and its value, as KEY=VALUE");
const FROM_FILE: Flag = Flag::list("from-file", "A file, a directory, or KEY=FILE");
const FROM_ENV_FILE: Flag = Flag::list("from-env-file", "A file of lines KEY=VALUE");
const TCP: Flag = Flag::list("tcp", "A port, as PORT or PORT:TARGETPORT");
const VERB: Flag = Flag::list("verb", "What the rule allows");
const RESOURCE: Flag = Flag::list("resource", "The resources that the rule is about");
const RESOURCE_NAME: Flag = Flag::array("resource-name", "The objects that the rule is about");

generator!(
    DEPLOYMENT,
    "deployment",
    &["deploy"],
    "deployment NAME --image=image -- [COMMAND] [args...]",
    "Create a deployment with the specified name",
    &[
        Flag::list("image", "The images to run, a container each").required(),
        Flag::new("port", FlagKind::Int(32), "-1", "The port that the first container listens on"),
        Flag::new("replicas", FlagKind::Int(32), "1", "How many pods to run").short('r'),
    ],
    "deployment",
    deployment::generate
);
generator!(
    NAMESPACE,
    "namespace",
    &["ns"],
    "namespace NAME [--dry-run=server|client|none]",
    "Create a namespace with the specified name",
    &[],
    "",
    namespace::generate
);
generator!(
    CONFIG_MAP,
    "configmap",
    &["cm"],
    "configmap NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
    "Create a config map from a local file, directory or literal value",
    &[LITERAL, FROM_FILE, FROM_ENV_FILE, HASH],
    "configmap",
    configmap::generate
);
generator!(
    SECRET_GENERIC,
    "generic",
    &[],
    "generic NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
    "Create a secret from a local file, directory, or literal value",
    &[LITERAL, FROM_FILE, FROM_ENV_FILE, HASH, Flag::text("type", "", "The type of the secret")],
    "secret ",
    secret::generate_generic
);
generator!(
    SECRET_TLS,
    "tls",
    &[],
    "tls NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]",
    "Create a TLS secret",
    &[HASH, Flag::text("cert", "", "File with the certificate"), Flag::text("key", "", "File with its key")],
    "secret ",
    secret::generate_tls
);
generator!(
    SECRET_DOCKER,
    "docker-registry",
    &[],
    "docker-registry NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] [--from-file=[key=]source] [--dry-run=server|client|none]",
    "Create a secret for use with a Docker registry",
    &[
        HASH,
        FROM_FILE,
        Flag::text("docker-email", "", "E-mail address at the registry"),
        Flag::text("docker-password", "", "Password at the registry"),
        Flag::text("docker-server", "https://index.docker.io/v1/", "Address of the registry"),
        Flag::text("docker-username", "", "User name at the registry"),
    ],
    "secret ",
    secret::generate_docker_registry
);
static SECRET: Command = Command {
    name: "secret",
    group: Group::Sub,
    summary: "Create a secret using a specified subcommand",
    usage: "secret (docker-registry | generic | tls)",
    subcommands: &[&SECRET_DOCKER, &SECRET_GENERIC, &SECRET_TLS],
    ..Command::NEW
};
generator!(
    CLUSTER_IP,
    "clusterip",
    &[],
    "clusterip NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]",
    "Create a ClusterIP service",
    &[TCP, Flag::text("clusterip", "", "The address to take, or None for a headless service")],
    "ClusterIP service",
    |options| service::generate(options, "ClusterIP")
);
generator!(
    NODE_PORT,
    "nodeport",
    &[],
    "nodeport NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    "Create a NodePort service",
    &[TCP, Flag::int("node-port", "0", "The port to open on every node")],
    "NodePort service",
    |options| service::generate(options, "NodePort")
);
generator!(
    LOAD_BALANCER,
    "loadbalancer",
    &[],
    "loadbalancer NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    "Create a LoadBalancer service",
    &[TCP],
    "LoadBalancer service",
    |options| service::generate(options, "LoadBalancer")
);
generator!(
    EXTERNAL_NAME,
    "externalname",
    &[],
    "externalname NAME --external-name external.name [--dry-run=server|client|none]",
    "Create an ExternalName service",
    &[TCP, Flag::text("external-name", "", "The name that the service stands for").required()],
    "ExternalName service",
    |options| service::generate(options, "ExternalName")
);
static SERVICE: Command = Command {
    name: "service",
    aliases: &["svc"],
    group: Group::Sub,
    summary: "Create a service using a specified subcommand",
    usage: "service",
    subcommands: &[&CLUSTER_IP, &EXTERNAL_NAME, &LOAD_BALANCER, &NODE_PORT],
    ..Command::NEW
};
static JOB: Command = Command {
    name: "job",
    group: Group::Sub,
    summary: "Create a job with the specified name",
    usage: "job NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
    flags: &[
        &[IMAGE, Flag::text("from", "", "The resource to make the job from, as cronjob/NAME")],
        DRY_RUN,
        OUTPUT,
        SAVE_CONFIG,
        VALIDATE,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(from_job(call)) }),
    ..Command::NEW
};
generator!(
    CRON_JOB,
    "cronjob",
    &["cj"],
    "cronjob NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
    "Create a cron job with the specified name",
    &[
        IMAGE.required(),
        Flag::text("schedule", "", "When to run, in cron's form").required(),
        Flag::text("restart", "", "The restart policy: OnFailure or Never"),
    ],
    "cronjob",
    cronjob::generate
);
generator!(
    SERVICE_ACCOUNT,
    "serviceaccount",
    &["sa"],
    "serviceaccount NAME [--dry-run=server|client|none]",
    "Create a service account with the specified name",
    &[],
    "serviceaccount",
    serviceaccount::generate
);
generator!(
    ROLE,
    "role",
    &[],
    "role NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] [--dry-run=server|client|none]",
    "Create a role with single rule",
    &[VERB, RESOURCE, RESOURCE_NAME],
    "",
    role::generate
);
generator!(
    CLUSTER_ROLE,
    "clusterrole",
    &[],
    "clusterrole NAME --verb=verb --resource=resource.group [--resource-name=resourcename] [--dry-run=server|client|none]",
    "Create a cluster role",
    &[
        VERB,
        RESOURCE,
        RESOURCE_NAME,
        Flag::list("non-resource-url", "A path of the server that is no resource"),
        Flag::list("aggregation-rule", "Labels of the cluster roles to gather"),
    ],
    "",
    role::generate_cluster
);
generator!(
    ROLE_BINDING,
    "rolebinding",
    &[],
    "rolebinding NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    "Create a role binding for a particular role or cluster role",
    &[
        Flag::text("role", "", "The role to bind"),
        Flag::text("clusterrole", "", "The cluster role to bind"),
        USERS,
        GROUPS,
        ACCOUNTS,
    ],
    "rolebinding",
    rolebinding::generate
);
generator!(
    CLUSTER_ROLE_BINDING,
    "clusterrolebinding",
    &[],
    "clusterrolebinding NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    "Create a cluster role binding for a particular cluster role",
    &[Flag::text("clusterrole", "", "The cluster role to bind").required(), USERS, GROUPS, ACCOUNTS],
    "clusterrolebinding",
    rolebinding::generate_cluster
);
generator!(
    QUOTA,
    "quota",
    &["resourcequota"],
    "quota NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]",
    "Create a quota with the specified name",
    &[
        Flag::text("hard", "", "The limits, as NAME=AMOUNT,…"),
        Flag::text("scopes", "", "What the quota counts")
    ],
    "quota",
    quota::generate
);
generator!(
    BUDGET,
    "poddisruptionbudget",
    &["pdb"],
    "poddisruptionbudget NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]",
    "Create a pod disruption budget with the specified name",
    &[
        Flag::text("min-available", "", "How many pods must stay, a number or a percentage"),
        Flag::text("max-unavailable", "", "How many pods may be gone, a number or a percentage"),
        Flag::text("selector", "", "The pods that the budget is about"),
    ],
    "poddisruptionbudgets",
    pdb::generate
);
generator!(
    PRIORITY_CLASS,
    "priorityclass",
    &["pc"],
    "priorityclass NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]",
    "Create a priority class with the specified name",
    &[
        Flag::new("value", FlagKind::Int(32), "0", "The priority"),
        Flag::bool("global-default", "Whether pods without a class get this one"),
        Flag::text("description", "", "When to use it"),
        Flag::text("preemption-policy", "PreemptLowerPriority", "Whether its pods may push others out"),
    ],
    "priorityclass",
    priorityclass::generate
);
generator!(
    INGRESS,
    "ingress",
    &["ing"],
    "ingress NAME --rule=host/path=service:port[,tls[=secret]] ",
    "Create an ingress with the specified name",
    &[
        Flag::text("class", "", "The ingress class"),
        Flag::array("rule", "A rule, as HOST/PATH=SERVICE:PORT[,tls[=SECRET]]"),
        Flag::text("default-backend", "", "Where the rest goes, as SERVICE:PORT"),
        Flag::array("annotation", "An annotation, as KEY=VALUE"),
    ],
    "ingress",
    ingress::generate
);
static TOKEN: Command = Command {
    name: "token",
    group: Group::Sub,
    summary: "Request a service account token",
    usage: "token SERVICE_ACCOUNT_NAME",
    flags: &[
        &[
            Flag::array("audience", "Who shall accept the token"),
            Flag::text("bound-object-kind", "", "The kind of the object that the token lives with"),
            Flag::text("bound-object-name", "", "The name of that object"),
            Flag::text("bound-object-uid", "", "The uid of that object"),
            Flag::duration("duration", "0s", "How long the token shall hold"),
        ],
        OUTPUT,
    ],
    run: Some(|call| -> Running { Box::pin(token::run(call)) }),
    ..Command::NEW
};

/// `kubectl create`.
pub static COMMAND: Command = Command {
    name: "create",
    group: Group::Beginner,
    summary: "Create a resource from a file or from stdin",
    usage: "create -f FILENAME",
    examples: &[
        ("Create a pod using the data in pod.json", "kubectl create -f ./pod.json"),
        (
            "Create a deployment that runs three pods",
            "kubectl create deployment web --image=nginx --replicas=3",
        ),
    ],
    flags: &[
        FILES,
        RECORD,
        SELECTOR,
        &[
            Flag::bool("edit", "Edit the objects before they are created"),
            Flag::text("raw", "", "Send to this path of the server"),
            Flag::bool("windows-line-endings", "Use the line endings of Windows in the editor"),
        ],
        DRY_RUN,
        OUTPUT,
        SAVE_CONFIG,
        VALIDATE,
        FIELD_MANAGER,
    ],
    subcommands: &[
        &CLUSTER_ROLE,
        &CLUSTER_ROLE_BINDING,
        &CONFIG_MAP,
        &CRON_JOB,
        &DEPLOYMENT,
        &INGRESS,
        &JOB,
        &NAMESPACE,
        &BUDGET,
        &PRIORITY_CLASS,
        &QUOTA,
        &ROLE,
        &ROLE_BINDING,
        &SECRET,
        &SERVICE,
        &SERVICE_ACCOUNT,
        &TOKEN,
    ],
    run: Some(|call| -> Running { Box::pin(files::run(call)) }),
    ..Command::NEW
};
