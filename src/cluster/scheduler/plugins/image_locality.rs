//! `ImageLocality`: a node that has the pod's images already is the better one, the more so the larger they are.

use super::{Cycle, MAX_SCORE, NodeInfo};
use crate::object::hash::fnv64a;

const SMALL: i64 = 23 << 20;
const LARGE: i64 = 1000 << 20;

/// Whether any of the pod's images is on any node.
pub fn applies(cycle: &Cycle) -> bool {
    cycle.facts.images.iter().any(|image| cycle.nodes.image(*image).is_some())
}

/// The sizes of the images that are there, each the less the fewer nodes have it, between two thresholds.
pub fn score(cycle: &Cycle, node: &NodeInfo) -> i64 {
    let all = cycle.nodes.list().len() as f64;
    let there = cycle.facts.images.iter().filter(|image| node.images.binary_search(image).is_ok());
    let sum: i64 = there
        .filter_map(|image| cycle.nodes.image(*image))
        .map(|(nodes, size)| (size as f64 * (f64::from(nodes) / all)) as i64)
        .sum();
    let most = LARGE * cycle.facts.images.len() as i64;
    MAX_SCORE * (sum.clamp(SMALL, most) - SMALL) / (most - SMALL)
}

/// What an image is told by here: a hash of its name, with `:latest` when it has no tag.
pub fn image_id(image: &str) -> u64 {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains(':') || last.contains('@') {
        fnv64a(image.as_bytes())
    } else {
        fnv64a(format!("{image}:latest").as_bytes())
    }
}
