//! Addresses of nodes and pods: nodes from 192.168.0.10 on, pods from their node's range 10.244.<node>.0/24.

use super::Kubelet;
use crate::object::ObjectName;

/// The node's address on the machines' network. Addresses above .200 of the first range belong to load balancers.
pub fn node_ip(index: u32) -> String {
    const FIRST: u32 = 180;
    if index < FIRST {
        return format!("192.168.0.{}", 10 + index);
    }
    let rest = index - FIRST;
    format!("192.168.{}.{}", 1 + rest / 250, 1 + rest % 250)
}

fn prefix(index: u32) -> String {
    format!("10.{}.{}", 244 + index / 256, index % 256)
}

/// The range that the node's pods have their addresses from.
pub fn pod_cidr(index: u32) -> String {
    format!("{}.0/24", prefix(index))
}

/// The address of the pod with this last part on the node with this index.
pub(super) fn pod_ip(index: u32, last: u16) -> String {
    format!("{}.{last}", prefix(index))
}

impl Kubelet {
    /// Gives a pod the next free address, as the `host-local` plugin does: after the last one given, so that an
    /// address does not come back at once. 0 when all are taken.
    pub(super) fn take_address(&mut self, pod: &ObjectName) -> u16 {
        // .1 is the bridge, .255 the broadcast address.
        let next = |last: u16| if (2..254).contains(&last) { last + 1 } else { 2 };
        let mut candidate = next(self.last_address);
        for _ in 0..253 {
            if !self.addresses.contains_key(&candidate) {
                self.addresses.insert(candidate, pod.clone());
                self.last_address = candidate;
                return candidate;
            }
            candidate = next(candidate);
        }
        0
    }
}
