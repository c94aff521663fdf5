//! From the number that the metrics ask for to the one that is set: stabilisation, policies, bounds.
//!
//! From `pkg/controller/podautoscaler/horizontal.go`.

use crate::object::{SECOND, SimTime};
use k8s_openapi::api::autoscaling::v2::{HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior};

/// How long a lower number waits, where the autoscaler says nothing of it
/// (`--horizontal-pod-autoscaler-downscale-stabilization`).
const DOWNSCALE_STABILIZATION: i32 = 300;

/// What a controller keeps of the past of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The numbers that the metrics asked for.
    recommendations: Vec<(i32, SimTime)>,
    /// By how many it has scaled up.
    ups: Vec<(i32, SimTime)>,
    /// By how many it has scaled down.
    downs: Vec<(i32, SimTime)>,
}

/// What is, what is asked for, and what is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Replicas now.
    pub current: i32,
    /// Replicas that the metrics ask for.
    pub desired: i32,
    /// The bounds.
    pub least: i32,
    /// The bounds.
    pub most: i32,
}

/// A condition: whether it is so, reason and message.
pub type Told = (bool, &'static str, &'static str);

/// The number to set, with the conditions `AbleToScale` and `ScalingLimited`.
pub struct Verdict {
    /// Replicas.
    pub replicas: i32,
    /// `AbleToScale`: reason and message.
    pub able: (&'static str, &'static str),
    /// `ScalingLimited`.
    pub limited: Told,
}

const READY: (&str, &str) = ("ReadyForNewScale", "recommended size matches current size");
const DOWN_STABILIZED: (&str, &str) = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);
const UP_STABILIZED: (&str, &str) = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);
const WITHIN: Told = (false, "DesiredWithinRange", "the desired count is within the acceptable range");
const TOO_MANY: Told =
    (true, "TooManyReplicas", "the desired replica count is more than the maximum replica count");
const TOO_FEW: Told =
    (true, "TooFewReplicas", "the desired replica count is less than the minimum replica count");
const UP_LIMIT: Told =
    (true, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
const DOWN_LIMIT: Told =
    (true, "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate");

fn nanos(seconds: i32) -> u64 {
    u64::try_from(seconds).unwrap_or(0) * SECOND
}

impl History {
    /// Notes the size at which the autoscaler first saw its target.
    pub fn begin(&mut self, current: i32, now: SimTime) {
        if self.recommendations.is_empty() {
            self.recommendations.push((current, now));
        }
    }

    /// What to make of a wish, with rules or without.
    pub fn judge(
        &mut self,
        wish: Wish,
        behavior: Option<&HorizontalPodAutoscalerBehavior>,
        now: SimTime,
    ) -> Verdict {
        match behavior {
            None => self.judge_plainly(wish, now),
            Some(behavior) => self.judge_by_rules(wish, behavior, now),
        }
    }

    /// Remembers a change of size, for the policies.
    pub fn scaled(&mut self, from: i32, to: i32, behavior: &HorizontalPodAutoscalerBehavior, now: SimTime) {
        let (rules, events) = if to > from {
            (behavior.scale_up.as_ref(), &mut self.ups)
        } else {
            (behavior.scale_down.as_ref(), &mut self.downs)
        };
        let longest = policies(rules).iter().map(|p| p.period_seconds).max().unwrap_or(0);
        events.retain(|(_, at)| now.since(*at) <= nanos(longest));
        events.push(((to - from).abs(), now));
    }

    fn recommend(&mut self, desired: i32, window: i32, now: SimTime) {
        self.recommendations.retain(|(_, at)| now.since(*at) <= nanos(window));
        self.recommendations.push((desired, now));
    }

    fn judge_plainly(&mut self, wish: Wish, now: SimTime) -> Verdict {
        let recent =
            self.recommendations.iter().filter(|(_, at)| now.since(*at) <= nanos(DOWNSCALE_STABILIZATION));
        let stabilized = recent.map(|(n, _)| *n).fold(wish.desired, i32::max);
        self.recommend(wish.desired, DOWNSCALE_STABILIZATION, now);
        let able = if stabilized == wish.desired { READY } else { DOWN_STABILIZED };
        // Doubling, or to four: nothing grows faster.
        let fastest = wish.current.saturating_mul(2).max(4);
        let (most, over) = if wish.most > fastest { (fastest, UP_LIMIT) } else { (wish.most, TOO_MANY) };
        let (replicas, limited) = match stabilized {
            n if n < wish.least => (wish.least, TOO_FEW),
            n if n > most => (most, over),
            n => (n, WITHIN),
        };
        Verdict { replicas, able, limited }
    }

    fn judge_by_rules(
        &mut self,
        wish: Wish,
        behavior: &HorizontalPodAutoscalerBehavior,
        now: SimTime,
    ) -> Verdict {
        let (up, down) = (behavior.scale_up.as_ref(), behavior.scale_down.as_ref());
        let window = |rules: Option<&HPAScalingRules>, default: i32| {
            rules.and_then(|r| r.stabilization_window_seconds).unwrap_or(default)
        };
        let (up_window, down_window) = (window(up, 0), window(down, DOWNSCALE_STABILIZATION));
        let rises = wish.desired >= wish.current;
        let (seconds, better, told): (i32, fn(i32, i32) -> i32, _) = if rises {
            (up_window, i32::min, UP_STABILIZED)
        } else {
            (down_window, i32::max, DOWN_STABILIZED)
        };
        let recent = self.recommendations.iter().filter(|(_, at)| now.since(*at) < nanos(seconds));
        let stabilized = recent.map(|(n, _)| *n).fold(wish.desired, better);
        self.recommend(wish.desired, up_window.max(down_window), now);
        let able = if stabilized == wish.desired { READY } else { told };
        let (replicas, limited) = self.within_rate(Wish { desired: stabilized, ..wish }, behavior, now);
        Verdict { replicas, able, limited }
    }

    fn within_rate(
        &self,
        wish: Wish,
        behavior: &HorizontalPodAutoscalerBehavior,
        now: SimTime,
    ) -> (i32, Told) {
        if wish.desired > wish.current {
            let rate = up_limit(wish.current, &self.ups, behavior.scale_up.as_ref(), now).max(wish.current);
            let (most, told) = if wish.most > rate { (rate, UP_LIMIT) } else { (wish.most, TOO_MANY) };
            if wish.desired > most {
                return (most, told);
            }
        } else if wish.desired < wish.current {
            let rate =
                down_limit(wish.current, &self.downs, behavior.scale_down.as_ref(), now).min(wish.current);
            let (least, told) = if wish.least < rate { (rate, DOWN_LIMIT) } else { (wish.least, TOO_FEW) };
            if wish.desired < least {
                return (least, told);
            }
        }
        (wish.desired, WITHIN)
    }
}

fn policies(rules: Option<&HPAScalingRules>) -> &[HPAScalingPolicy] {
    rules.and_then(|r| r.policies.as_deref()).unwrap_or_default()
}

fn select(rules: Option<&HPAScalingRules>) -> &str {
    rules.and_then(|r| r.select_policy.as_deref()).unwrap_or("Max")
}

/// By how many replicas it has changed within a policy's period.
fn changed(policy: &HPAScalingPolicy, events: &[(i32, SimTime)], now: SimTime) -> i32 {
    events.iter().filter(|(_, at)| now.since(*at) < nanos(policy.period_seconds)).map(|(n, _)| n).sum()
}

fn up_limit(current: i32, events: &[(i32, SimTime)], rules: Option<&HPAScalingRules>, now: SimTime) -> i32 {
    let choose: fn(i32, i32) -> i32 = match select(rules) {
        "Disabled" => return current,
        "Min" => i32::min,
        _ => i32::max,
    };
    let limit = |policy: &HPAScalingPolicy| {
        let start = current - changed(policy, events, now);
        match policy.type_.as_str() {
            "Pods" => start.saturating_add(policy.value),
            // A part of a pod is a pod: otherwise a small percentage would never add one.
            _ => (f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)).ceil() as i32,
        }
    };
    policies(rules).iter().map(limit).reduce(choose).unwrap_or(0)
}

fn down_limit(current: i32, events: &[(i32, SimTime)], rules: Option<&HPAScalingRules>, now: SimTime) -> i32 {
    let choose: fn(i32, i32) -> i32 = match select(rules) {
        "Disabled" => return current,
        "Min" => i32::max,
        _ => i32::min,
    };
    let limit = |policy: &HPAScalingPolicy| {
        let start = current + changed(policy, events, now);
        match policy.type_.as_str() {
            "Pods" => start.saturating_sub(policy.value),
            _ => (f64::from(start) * (1.0 - f64::from(policy.value) / 100.0)) as i32,
        }
    };
    policies(rules).iter().map(limit).reduce(choose).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(seconds: u64) -> SimTime {
        SimTime(1000 * SECOND + seconds * SECOND)
    }

    fn wish(current: i32, desired: i32) -> Wish {
        Wish { current, desired, least: 1, most: 10 }
    }

    #[test]
    fn a_lower_number_waits_five_minutes() {
        let mut history = History::default();
        history.begin(1, at(0));
        let first = history.judge(wish(1, 7), None, at(0));
        assert_eq!((first.replicas, first.limited.1), (4, "ScaleUpLimit"));
        let second = history.judge(wish(4, 7), None, at(15));
        assert_eq!((second.replicas, second.limited.1), (7, "DesiredWithinRange"));
        for seconds in (30..=315).step_by(15) {
            let verdict = history.judge(wish(7, 1), None, at(seconds));
            assert_eq!((verdict.replicas, verdict.able.0), (7, "ScaleDownStabilized"), "{seconds}");
        }
        let last = history.judge(wish(7, 1), None, at(330));
        assert_eq!((last.replicas, last.able.0), (1, "ReadyForNewScale"));
    }

    #[test]
    fn policies_count_what_was_changed_in_their_period() {
        let behavior: HorizontalPodAutoscalerBehavior = serde_json::from_value(json!({
            "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Min", "policies": [
                {"type": "Pods", "value": 2, "periodSeconds": 60},
                {"type": "Percent", "value": 100, "periodSeconds": 60},
            ]},
            "scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
                {"type": "Percent", "value": 10, "periodSeconds": 60},
            ]},
        }))
        .unwrap();
        let mut history = History::default();
        history.begin(3, at(0));
        let first = history.judge(wish(3, 9), Some(&behavior), at(0));
        assert_eq!((first.replicas, first.limited.1), (5, "ScaleUpLimit"));
        history.scaled(3, 5, &behavior, at(0));
        assert_eq!(history.judge(wish(5, 9), Some(&behavior), at(30)).replicas, 5, "two pods a minute");
        assert_eq!(history.judge(wish(5, 9), Some(&behavior), at(61)).replicas, 7);
        let down = history.judge(wish(7, 1), Some(&behavior), at(75));
        assert_eq!((down.replicas, down.limited.1), (6, "ScaleDownLimit"));
    }
}
