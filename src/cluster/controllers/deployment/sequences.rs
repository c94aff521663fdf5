//! The sizes that `ReplicaSet`s go through in a rolling update, for a table of replicas, surge, unavailability, ways
//! to become ready and the wait to be available, against a model that is worked out from the documented rules alone: never more than replicas and
//! surge, never fewer available than replicas without the unavailable ones, room is used at once, the new set first,
//! pods that are not available anyway before those that are.

use super::super::lab::{Lab, lab};
use super::super::support;
use super::*;
use serde_json::{Value, json};

/// How pods of the new template become ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ready {
    AllAtOnce,
    OneByOne,
    Never,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
struct Row {
    replicas: i32,
    surge: &'static str,
    unavailable: &'static str,
    ready: Ready,
    /// How many old pods are not ready when the update begins.
    broken: i32,
    /// `minReadySeconds`.
    min_ready: i32,
}

const REPLICAS: [i32; 7] = [1, 2, 3, 4, 5, 8, 10];
const LIMITS: [(&str, &str); 9] = [
    ("1", "0"),
    ("0", "1"),
    ("25%", "25%"),
    ("2", "1"),
    ("50%", "0"),
    ("100%", "0"),
    ("0", "100%"),
    ("30%", "20%"),
    ("0", "10%"),
];

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for replicas in REPLICAS {
        for (surge, unavailable) in LIMITS {
            for (ready, broken) in
                [(Ready::AllAtOnce, 0), (Ready::OneByOne, 0), (Ready::Never, 0), (Ready::OneByOne, 2)]
            {
                let broken = broken.min(replicas);
                rows.push(Row { replicas, surge, unavailable, ready, broken, min_ready: 0 });
            }
            for ready in [Ready::AllAtOnce, Ready::OneByOne] {
                rows.push(Row { replicas, surge, unavailable, ready, broken: 0, min_ready: 3 });
            }
        }
    }
    rows
}

/// The model: the sizes asked for, and how many pods of each set are ready.
struct Paper {
    replicas: i32,
    most: i32,
    least: i32,
    new: (i32, i32),
    old: (i32, i32),
    steps: Vec<String>,
}

impl Paper {
    fn new(row: Row) -> Self {
        let part = |text: &str, up: bool| match text.strip_suffix('%') {
            Some(percent) => {
                let hundredths = percent.parse::<i32>().expect("a number") * row.replicas;
                if up { (hundredths + 99) / 100 } else { hundredths / 100 }
            }
            None => text.parse().expect("a number"),
        };
        let surge = part(row.surge, true);
        let missing = match part(row.unavailable, false) {
            0 if surge == 0 => 1,
            n => n.min(row.replicas),
        };
        Self {
            replicas: row.replicas,
            most: row.replicas + surge,
            least: row.replicas - missing,
            new: (0, 0),
            old: (row.replicas, row.replicas - row.broken),
            steps: Vec::new(),
        }
    }

    /// All that can be done before another pod is ready.
    fn move_on(&mut self) {
        loop {
            let room = (self.most - self.new.0 - self.old.0).min(self.replicas - self.new.0);
            if room > 0 {
                self.steps.push(format!("up {} {}", self.new.0, self.new.0 + room));
                self.new.0 += room;
            } else if !self.shrink() {
                return;
            }
        }
    }

    fn shrink(&mut self) -> bool {
        // What may go if all that is new were available; unready old pods may always go within it.
        let surplus = self.new.1 + self.old.0 - self.least;
        let unready = (self.old.0 - self.old.1).min(surplus).max(0);
        self.take(unready);
        let ready = (self.new.1 + self.old.1 - self.least).min(self.old.0);
        let ready = if surplus > 0 { ready.max(0) } else { 0 };
        self.take(ready);
        self.old.1 = self.old.1.min(self.old.0);
        unready + ready > 0
    }

    fn take(&mut self, n: i32) {
        if n > 0 {
            self.steps.push(format!("down {} {}", self.old.0, self.old.0 - n));
            self.old.0 -= n;
        }
    }

    fn run(mut self, ready: Ready) -> Vec<String> {
        for _ in 0..60 {
            self.move_on();
            match ready {
                Ready::AllAtOnce => self.new.1 = self.new.0,
                Ready::OneByOne => self.new.1 = (self.new.1 + 1).min(self.new.0),
                Ready::Never => {}
            }
        }
        self.steps
    }
}

fn limit(text: &str) -> Value {
    text.parse::<i32>().map_or_else(|_| json!(text), |n| json!(n))
}

fn is_new(pod: &Pod) -> bool {
    pod.spec.containers[0].image.as_deref() == Some("nginx:2")
}

/// The same in a cluster.
fn told(empty: &Lab, row: Row) -> Vec<String> {
    let mut lab = Lab { cluster: empty.cluster.clone() };
    let strategy = json!({"type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": limit(row.surge), "maxUnavailable": limit(row.unavailable)}});
    let mut web = super::tests::web(row.replicas, strategy);
    web["spec"]["minReadySeconds"] = json!(row.min_ready);
    let patience = u64::from(row.min_ready.unsigned_abs()) * 1000;
    lab.create(web);
    lab.advance(200).pods_ready().advance(200 + patience);
    let pods: Vec<String> = lab.all::<Pod>().iter().map(|p| p.name_str().to_owned()).collect();
    for name in pods.iter().take(usize::try_from(row.broken).unwrap_or(0)) {
        lab.pod_ready(name, false);
    }
    lab.advance(200);
    let before = super::tests::steps(&lab).len();
    super::tests::set_image(&mut lab, "nginx:2");
    let rounds = if row.ready == Ready::Never { 3 } else { row.replicas + 4 };
    for _ in 0..rounds {
        lab.advance(100);
        holds(&lab, row);
        make_ready(&mut lab, row.ready);
        if row.min_ready > 0 {
            // Pods that are ready, but not for long enough, change nothing.
            let so_far = super::tests::steps(&lab).len();
            lab.advance(1000);
            assert_eq!(super::tests::steps(&lab).len(), so_far, "{row:?}");
            lab.advance(patience - 1000);
        }
    }
    lab.advance(300);
    super::tests::steps(&lab)[before..].to_vec()
}

fn make_ready(lab: &mut Lab, ready: Ready) {
    let waiting: Vec<String> = lab
        .all::<Pod>()
        .iter()
        .filter(|p| is_new(p) && support::is_active(p) && !support::is_ready(p))
        .map(|p| p.name_str().to_owned())
        .collect();
    let n = match ready {
        Ready::AllAtOnce => waiting.len(),
        Ready::OneByOne => 1,
        Ready::Never => 0,
    };
    for name in waiting.iter().take(n) {
        lab.pod_ready(name, true);
    }
}

/// Never more than surge allows, and never fewer available than there may be, or were.
fn holds(lab: &Lab, row: Row) {
    let (pods, now) = (lab.all::<Pod>(), lab.cluster.now());
    let active = pods.iter().filter(|p| support::is_active(p));
    let available = active.clone().filter(|p| support::is_available(p, row.min_ready, now)).count() as i32;
    let (paper, active) = (Paper::new(row), active.count() as i32);
    assert!(active <= paper.most, "{row:?}: {active} pods");
    assert!(available >= paper.least.min(row.replicas - row.broken), "{row:?}: {available} available");
}

#[test]
fn sizes_follow_the_rules_on_paper() {
    let rows = rows();
    assert!(rows.len() >= 60);
    let empty = lab();
    for row in rows {
        assert_eq!(told(&empty, row), Paper::new(row).run(row.ready), "{row:?}");
    }
}
