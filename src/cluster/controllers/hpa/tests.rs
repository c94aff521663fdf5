//! An autoscaler by what it does: its bounds, and what it says without metrics.

use super::super::lab::lab;
use super::*;
use serde_json::json;

#[test]
fn bounds_hold_and_metrics_are_missing() {
    let mut lab = lab();
    lab.create_all([
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "nginx"}]}
                }
            }
        }),
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {
                "minReplicas": 2, "maxReplicas": 5,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}
                }}]
            }
        }),
    ]);
    lab.advance(35_000);
    assert_eq!(lab.get::<Deployment>("web").spec.as_ref().and_then(|s| s.replicas), Some(2));
    let events = lab.events("HorizontalPodAutoscaler");
    assert_eq!(
        events[0],
        "SuccessfulRescale: New size: 2; reason: Current number of replicas below Spec.MinReplicas"
    );
    assert_eq!(
        events[1],
        "FailedGetResourceMetric: failed to get cpu utilization: unable to get metrics for resource cpu: unable to \
         fetch metrics from resource metrics API: the server could not find the requested resource (get \
         pods.metrics.k8s.io)"
    );
}
