//! A table of the kinds that are built in, for whoever makes something of each: `kinds.rs` their types, `build.rs` their
//! schemas.
//!
//! Who reads it brings a macro for the rows, and has in scope what they name.

macro_rules! table {
    ($with:ident) => {
        $with! {
            // variant: type, group, version, plural, singular, short names, namespaced, categories, subresources
            Namespace: core::Namespace, "", "v1", "namespaces", "namespace", &["ns"], false, &[], &["status", "finalize"];
            Node: core::Node, "", "v1", "nodes", "node", &["no"], false, &[], &["status"];
            Pod: Pod, "", "v1", "pods", "pod", &["po"], true, &["all"], &["status", "log", "exec", "attach", "portforward", "eviction", "binding", "ephemeralcontainers", "resize"];
            Service: core::Service, "", "v1", "services", "service", &["svc"], true, &["all"], &["status"];
            Endpoints: core::Endpoints, "", "v1", "endpoints", "endpoints", &["ep"], true, &[], &[];
            ConfigMap: core::ConfigMap, "", "v1", "configmaps", "configmap", &["cm"], true, &[], &[];
            Secret: core::Secret, "", "v1", "secrets", "secret", &[], true, &[], &[];
            PersistentVolume: core::PersistentVolume, "", "v1", "persistentvolumes", "persistentvolume", &["pv"], false, &[], &["status"];
            PersistentVolumeClaim: core::PersistentVolumeClaim, "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", &["pvc"], true, &[], &["status"];
            ServiceAccount: core::ServiceAccount, "", "v1", "serviceaccounts", "serviceaccount", &["sa"], true, &[], &["token"];
            Event: Event, "", "v1", "events", "event", &["ev"], true, &[], &[];
            LimitRange: core::LimitRange, "", "v1", "limitranges", "limitrange", &["limits"], true, &[], &[];
            ResourceQuota: core::ResourceQuota, "", "v1", "resourcequotas", "resourcequota", &["quota"], true, &[], &["status"];
            ReplicationController: core::ReplicationController, "", "v1", "replicationcontrollers", "replicationcontroller", &["rc"], true, &["all"], &["status", "scale"];
            PodTemplate: core::PodTemplate, "", "v1", "podtemplates", "podtemplate", &[], true, &[], &[];
            ReplicaSet: apps::ReplicaSet, "apps", "v1", "replicasets", "replicaset", &["rs"], true, &["all"], &["status", "scale"];
            Deployment: apps::Deployment, "apps", "v1", "deployments", "deployment", &["deploy"], true, &["all"], &["status", "scale"];
            DaemonSet: apps::DaemonSet, "apps", "v1", "daemonsets", "daemonset", &["ds"], true, &["all"], &["status"];
            StatefulSet: apps::StatefulSet, "apps", "v1", "statefulsets", "statefulset", &["sts"], true, &["all"], &["status", "scale"];
            ControllerRevision: apps::ControllerRevision, "apps", "v1", "controllerrevisions", "controllerrevision", &[], true, &[], &[];
            Job: batch::Job, "batch", "v1", "jobs", "job", &[], true, &["all"], &["status"];
            CronJob: batch::CronJob, "batch", "v1", "cronjobs", "cronjob", &["cj"], true, &["all"], &["status"];
            HorizontalPodAutoscaler: autoscaling::HorizontalPodAutoscaler, "autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler", &["hpa"], true, &["all"], &["status"];
            PodDisruptionBudget: policy::PodDisruptionBudget, "policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", &["pdb"], true, &[], &["status"];
            EndpointSlice: discovery::EndpointSlice, "discovery.k8s.io", "v1", "endpointslices", "endpointslice", &[], true, &[], &[];
            Ingress: networking::Ingress, "networking.k8s.io", "v1", "ingresses", "ingress", &["ing"], true, &[], &["status"];
            IngressClass: networking::IngressClass, "networking.k8s.io", "v1", "ingressclasses", "ingressclass", &[], false, &[], &[];
            NetworkPolicy: networking::NetworkPolicy, "networking.k8s.io", "v1", "networkpolicies", "networkpolicy", &["netpol"], true, &[], &[];
            StorageClass: storage::StorageClass, "storage.k8s.io", "v1", "storageclasses", "storageclass", &["sc"], false, &[], &[];
            CSIDriver: storage::CSIDriver, "storage.k8s.io", "v1", "csidrivers", "csidriver", &[], false, &[], &[];
            CSINode: storage::CSINode, "storage.k8s.io", "v1", "csinodes", "csinode", &[], false, &[], &[];
            VolumeAttachment: storage::VolumeAttachment, "storage.k8s.io", "v1", "volumeattachments", "volumeattachment", &[], false, &[], &["status"];
            Role: rbac::Role, "rbac.authorization.k8s.io", "v1", "roles", "role", &[], true, &[], &[];
            RoleBinding: rbac::RoleBinding, "rbac.authorization.k8s.io", "v1", "rolebindings", "rolebinding", &[], true, &[], &[];
            ClusterRole: rbac::ClusterRole, "rbac.authorization.k8s.io", "v1", "clusterroles", "clusterrole", &[], false, &[], &[];
            ClusterRoleBinding: rbac::ClusterRoleBinding, "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "clusterrolebinding", &[], false, &[], &[];
            PriorityClass: scheduling::PriorityClass, "scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", &["pc"], false, &[], &[];
            Lease: coordination::Lease, "coordination.k8s.io", "v1", "leases", "lease", &[], true, &[], &[];
            CustomResourceDefinition: apiextensions::CustomResourceDefinition, "apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition", &["crd", "crds"], false, &["api-extensions"], &["status"];

            @untyped
            ComponentStatus: core::ComponentStatus, "", "v1", "componentstatuses", "componentstatus", &["cs"], false, &[], &[];
            RuntimeClass: k8s_openapi::api::node::v1::RuntimeClass, "node.k8s.io", "v1", "runtimeclasses", "runtimeclass", &[], false, &[], &[];
            ValidatingAdmissionPolicy: k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy, "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "validatingadmissionpolicy", &[], false, &["api-extensions"], &["status"];
            ValidatingAdmissionPolicyBinding: k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding, "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "validatingadmissionpolicybinding", &[], false, &["api-extensions"], &[];
            MutatingAdmissionPolicy: k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicy, "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "mutatingadmissionpolicy", &[], false, &["api-extensions"], &[];
            MutatingAdmissionPolicyBinding: k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicyBinding, "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "mutatingadmissionpolicybinding", &[], false, &["api-extensions"], &[];
            ValidatingWebhookConfiguration: k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration, "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "validatingwebhookconfiguration", &[], false, &["api-extensions"], &[];
            MutatingWebhookConfiguration: k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration, "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "mutatingwebhookconfiguration", &[], false, &["api-extensions"], &[];
            CertificateSigningRequest: k8s_openapi::api::certificates::v1::CertificateSigningRequest, "certificates.k8s.io", "v1", "certificatesigningrequests", "certificatesigningrequest", &["csr"], false, &[], &["status", "approval"];
            FlowSchema: k8s_openapi::api::flowcontrol::v1::FlowSchema, "flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "flowschema", &[], false, &[], &["status"];
            PriorityLevelConfiguration: k8s_openapi::api::flowcontrol::v1::PriorityLevelConfiguration, "flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "prioritylevelconfiguration", &[], false, &[], &["status"];
            IPAddress: k8s_openapi::api::networking::v1::IPAddress, "networking.k8s.io", "v1", "ipaddresses", "ipaddress", &["ip"], false, &[], &[];
            ServiceCIDR: k8s_openapi::api::networking::v1::ServiceCIDR, "networking.k8s.io", "v1", "servicecidrs", "servicecidr", &[], false, &[], &["status"];
            DeviceClass: k8s_openapi::api::resource::v1::DeviceClass, "resource.k8s.io", "v1", "deviceclasses", "deviceclass", &[], false, &[], &[];
            ResourceClaim: k8s_openapi::api::resource::v1::ResourceClaim, "resource.k8s.io", "v1", "resourceclaims", "resourceclaim", &[], true, &[], &["status"];
            ResourceClaimTemplate: k8s_openapi::api::resource::v1::ResourceClaimTemplate, "resource.k8s.io", "v1", "resourceclaimtemplates", "resourceclaimtemplate", &[], true, &[], &[];
            ResourceSlice: k8s_openapi::api::resource::v1::ResourceSlice, "resource.k8s.io", "v1", "resourceslices", "resourceslice", &[], false, &[], &[];
            CSIStorageCapacity: k8s_openapi::api::storage::v1::CSIStorageCapacity, "storage.k8s.io", "v1", "csistoragecapacities", "csistoragecapacity", &[], true, &[], &[];
            VolumeAttributesClass: k8s_openapi::api::storage::v1::VolumeAttributesClass, "storage.k8s.io", "v1", "volumeattributesclasses", "volumeattributesclass", &["vac"], false, &[], &[];
            APIService: k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService, "apiregistration.k8s.io", "v1", "apiservices", "apiservice", &[], false, &["api-extensions"], &["status"];

            @served
            // kind => stored as: type, group, version
            HorizontalPodAutoscaler => HorizontalPodAutoscaler: k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler, "autoscaling", "v1";
            Event => Event: k8s_openapi::api::events::v1::Event, "events.k8s.io", "v1";
        }
    };
}

pub(crate) use table;
