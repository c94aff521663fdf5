//! The arithmetic of a rolling update: how large each set may be.

use super::super::support::{Round, scaled};
use k8s_openapi::api::apps::v1::Deployment;

/// Surge and unavailability in pods. Both zero makes unavailability one, so that something can move.
pub fn fenceposts(deployment: &Deployment) -> (i32, i32) {
    let spec = deployment.spec.as_ref();
    let rolling = spec.and_then(|s| s.strategy.as_ref()).and_then(|s| s.rolling_update.as_ref());
    let replicas = spec.and_then(|s| s.replicas).unwrap_or(1);
    let surge = scaled(rolling.and_then(|r| r.max_surge.as_ref()), replicas, Round::Up);
    let unavailable = scaled(rolling.and_then(|r| r.max_unavailable.as_ref()), replicas, Round::Down);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// How many pods more than asked for there may be.
pub fn max_surge(deployment: &Deployment) -> i32 {
    if super::is_recreate(deployment) { 0 } else { fenceposts(deployment).0 }
}

/// How many pods fewer than asked for may be available.
pub fn max_unavailable(deployment: &Deployment) -> i32 {
    let replicas = deployment.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
    if super::is_recreate(deployment) || replicas == 0 {
        return 0;
    }
    fenceposts(deployment).1.min(replicas)
}

/// How large the new set becomes, when it has `new` of all sets' `all` pods.
pub fn new_set_size(deployment: &Deployment, all: i32, new: i32) -> i32 {
    let replicas = deployment.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
    if super::is_recreate(deployment) {
        return replicas;
    }
    let most = replicas + fenceposts(deployment).0;
    if all >= most { new } else { new + (most - all).min(replicas - new) }
}

/// The share of a set in a change of the whole Deployment's size.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// The set's size.
    pub size: i32,
    /// Replicas and surge when the set was last scaled, from its annotation; or the Deployment's pods.
    pub max_before: i32,
    /// Replicas and surge now; replicas alone decide whether everything goes.
    pub max_now: i32,
    /// Whether the Deployment is scaled to zero.
    pub to_zero: bool,
}

/// How much a set grows (or shrinks, below zero) of the `to_add` of which others have `added`.
pub fn proportion(share: Share, to_add: i32, added: i32) -> i32 {
    if share.size == 0 || to_add == 0 || to_add == added {
        return 0;
    }
    let fraction = fraction(share);
    let allowed = to_add - added;
    if to_add > 0 { fraction.min(allowed) } else { fraction.max(allowed) }
}

fn fraction(share: Share) -> i32 {
    if share.to_zero {
        return -share.size;
    }
    if share.max_before == 0 {
        return 0;
    }
    let size = f64::from(share.size) * f64::from(share.max_now) / f64::from(share.max_before);
    // Half away from zero, as Go's rounding of floats has it.
    size.round() as i32 - share.size
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    fn deployment(replicas: i32, surge: &str, unavailable: &str) -> Deployment {
        let value =
            |s: &str| Some(s.parse().map_or_else(|_| IntOrString::String(s.to_owned()), IntOrString::Int));
        let mut deployment = Deployment::default();
        let spec = deployment.spec.get_or_insert_default();
        spec.replicas = Some(replicas);
        let rolling = spec.strategy.get_or_insert_default().rolling_update.get_or_insert_default();
        rolling.max_surge = value(surge);
        rolling.max_unavailable = value(unavailable);
        deployment
    }

    #[test]
    fn surge_rounds_up_and_unavailable_down() {
        for (replicas, surge, unavailable, expected) in [
            (10, "25%", "25%", (3, 2)),
            (4, "25%", "25%", (1, 1)),
            (3, "25%", "25%", (1, 0)),
            (1, "25%", "25%", (1, 0)),
            (10, "3", "2", (3, 2)),
            (5, "0", "10%", (0, 1)),
            (7, "50%", "50%", (4, 3)),
        ] {
            assert_eq!(fenceposts(&deployment(replicas, surge, unavailable)), expected, "{replicas} {surge}");
        }
    }

    #[test]
    fn the_new_set_fills_the_room() {
        let d = deployment(10, "3", "2");
        assert_eq!(new_set_size(&d, 10, 0), 3);
        assert_eq!(new_set_size(&d, 11, 3), 5);
        assert_eq!(new_set_size(&d, 13, 5), 5);
        assert_eq!(new_set_size(&d, 10, 9), 10);
    }

    #[test]
    fn proportions_follow_sizes() {
        // The documentation's example: 10 replicas and surge 3 (8 old, 5 new), then 15 replicas and surge 3.
        let share = |size| Share { size, max_before: 13, max_now: 18, to_zero: false };
        assert_eq!(proportion(share(8), 5, 0), 3);
        assert_eq!(proportion(share(5), 5, 3), 2);
        let down = |size| Share { size, max_before: 13, max_now: 8, to_zero: false };
        assert_eq!(proportion(down(8), -5, 0), -3);
        assert_eq!(proportion(down(5), -5, -3), -2);
    }
}
