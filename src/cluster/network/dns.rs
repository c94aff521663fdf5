//! DNS: what CoreDNS answers in the cluster, and what is known outside it.
//!
//! From the Kubernetes DNS specification: A records of Services (the cluster address, or the ready endpoints of a
//! headless one), CNAMEs of `ExternalName`, SRV records of named ports, names of single endpoints, pod names.
//! A pod asks with its search domains (`ndots:5`), and gets an answer only while the DNS pods are reachable.

use super::{DnsAnswer, Outcome, Point, QueryType, Record, Target, outer, services};
use crate::cluster::Cluster;
use crate::object::{Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::{Namespace, Node, Service};
use k8s_openapi::api::discovery::v1::Endpoint;
use std::sync::Arc;

/// The cluster's domain.
pub const DOMAIN: &str = "cluster.local";
/// Names with fewer dots are tried with the search domains first.
const NDOTS: usize = 5;
/// How many `ExternalName`s may point at one another.
const CNAME_LIMIT: usize = 8;

/// Asks for a name from a point of the network.
pub fn resolve(cluster: &mut Cluster, from: &Point, name: &str, query: QueryType) -> DnsAnswer {
    let Some(search) = search_domains(cluster, from) else { return outside(cluster, name, query) };
    if !cluster_dns_answers(cluster) {
        return DnsAnswer::TimedOut;
    }
    let mut answer = DnsAnswer::NoSuchName;
    for candidate in candidates(name, &search) {
        answer = in_cluster(cluster, &candidate, query, 0);
        if matches!(answer, DnsAnswer::Records(_)) {
            return answer;
        }
        if answer == DnsAnswer::Empty {
            break;
        }
    }
    answer
}

/// The first address of a host name, or what a connection to it comes to.
pub(super) fn address(cluster: &mut Cluster, from: &Point, host: &str) -> Result<String, Outcome<Target>> {
    match resolve(cluster, from, host, QueryType::A) {
        DnsAnswer::Records(records) => {
            let addresses: Vec<&String> =
                records.iter().filter_map(|r| if let Record::A(_, a) = r { Some(a) } else { None }).collect();
            if addresses.is_empty() {
                return Err(Outcome::UnknownHost);
            }
            // CoreDNS turns the list with every answer, and clients take the first.
            let index = cluster.network.random.below(addresses.len() as u64) as usize;
            Ok(addresses[index].clone())
        }
        DnsAnswer::Empty | DnsAnswer::NoSuchName | DnsAnswer::TimedOut => Err(Outcome::UnknownHost),
    }
}

/// The search domains, where the cluster's DNS is asked at all.
fn search_domains(cluster: &Cluster, from: &Point) -> Option<Vec<String>> {
    let Point::Pod(name) = from else { return None };
    let pod = cluster.api.store.fetch::<Pod>(name)?;
    let policy = pod.spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let host_network = pod.spec.host_network == Some(true);
    match policy {
        "Default" | "None" => None,
        "ClusterFirst" if host_network => None,
        _ => {
            let namespace = &name.namespace();
            Some(vec![format!("{namespace}.svc.{DOMAIN}"), format!("svc.{DOMAIN}"), DOMAIN.to_owned()])
        }
    }
}

fn candidates(name: &str, search: &[String]) -> Vec<String> {
    if let Some(absolute) = name.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let searched = search.iter().map(|domain| format!("{name}.{domain}"));
    if name.matches('.').count() >= NDOTS {
        std::iter::once(name.to_owned()).chain(searched).collect()
    } else {
        searched.chain(std::iter::once(name.to_owned())).collect()
    }
}

/// Whether a query to the DNS Service would end at a running pod.
fn cluster_dns_answers(cluster: &Cluster) -> bool {
    let Some(service) = cluster.api.store.find::<Service>("kube-system", "kube-dns") else { return false };
    let ready = |e: &Endpoint| {
        services::is_ready(e) && e.node_name.as_deref().is_some_and(|node| services::node_up(cluster, node))
    };
    services::slices(cluster, service).any(|slice| slice.endpoints.iter().flatten().any(ready))
}

/// The learner's machine and the nodes: the nodes' names, and the outer world.
fn outside(cluster: &Cluster, name: &str, query: QueryType) -> DnsAnswer {
    let plain = name.trim_end_matches('.');
    let node =
        cluster.api.store.find::<Node>("", plain).and_then(|n| services::node_address(n).map(str::to_owned));
    let local = (plain == "localhost").then(|| "127.0.0.1".to_owned());
    match (query, local.or(node).or_else(|| outer::address(plain))) {
        (QueryType::A, Some(address)) => DnsAnswer::Records(vec![Record::A(plain.to_owned(), address)]),
        (_, Some(_)) => DnsAnswer::Empty,
        (_, None) => DnsAnswer::NoSuchName,
    }
}

/// What CoreDNS answers for a full name.
fn in_cluster(cluster: &Cluster, name: &str, query: QueryType, depth: usize) -> DnsAnswer {
    let name = name.to_ascii_lowercase();
    let Some(inner) =
        name.strip_suffix(DOMAIN).and_then(|n| n.strip_suffix('.').or(n.is_empty().then_some(n)))
    else {
        return outside(cluster, &name, query);
    };
    let labels: Vec<&str> = inner.split('.').filter(|l| !l.is_empty()).collect();
    match labels.as_slice() {
        [] | ["svc" | "pod"] => DnsAnswer::Empty,
        [namespace, "svc" | "pod"] => {
            let there = cluster.api.store.find::<Namespace>("", namespace).is_some();
            if there { DnsAnswer::Empty } else { DnsAnswer::NoSuchName }
        }
        [address, _, "pod"] => match (dashed_address(address), query) {
            (Some(a), QueryType::A) => DnsAnswer::Records(vec![Record::A(name.clone(), a)]),
            (Some(_), _) => DnsAnswer::Empty,
            (None, _) => DnsAnswer::NoSuchName,
        },
        [service, namespace, "svc"] => match cluster.api.store.find::<Service>(namespace, service) {
            Some(s) => of_service(cluster, s, &name, query, depth),
            None => DnsAnswer::NoSuchName,
        },
        [endpoint, service, namespace, "svc"] => {
            match cluster.api.store.find::<Service>(namespace, service) {
                Some(s) => of_endpoint(cluster, s, endpoint, &name, query),
                None => DnsAnswer::NoSuchName,
            }
        }
        [port, protocol, service, namespace, "svc"] if port.starts_with('_') && protocol.starts_with('_') => {
            match cluster.api.store.find::<Service>(namespace, service) {
                Some(s) => srv(cluster, s, Some((&port[1..], &protocol[1..])), &name, query),
                None => DnsAnswer::NoSuchName,
            }
        }
        _ => DnsAnswer::NoSuchName,
    }
}

fn of_service(
    cluster: &Cluster,
    service: &Arc<Service>,
    name: &str,
    query: QueryType,
    depth: usize,
) -> DnsAnswer {
    let Some(spec) = &service.spec else { return DnsAnswer::Empty };
    if spec.type_.as_deref() == Some("ExternalName") {
        let target = spec.external_name.clone().unwrap_or_default();
        return alias(cluster, name, &target, query, depth);
    }
    match (query, spec.cluster_ip.as_deref()) {
        (QueryType::Srv, _) => srv(cluster, service, None, name, query),
        (QueryType::Cname, _) => DnsAnswer::Empty,
        (QueryType::A, Some("None")) => {
            let records = ready(cluster, service).into_iter();
            some_records(records.map(|(_, address)| Record::A(name.to_owned(), address)).collect())
        }
        (QueryType::A, Some(ip)) if !ip.is_empty() => {
            DnsAnswer::Records(vec![Record::A(name.to_owned(), ip.to_owned())])
        }
        (QueryType::A, _) => DnsAnswer::Empty,
    }
}

fn alias(cluster: &Cluster, name: &str, target: &str, query: QueryType, depth: usize) -> DnsAnswer {
    let mut records = vec![Record::Cname(name.to_owned(), target.to_owned())];
    if query == QueryType::A
        && depth < CNAME_LIMIT
        && let DnsAnswer::Records(more) = in_cluster(cluster, target, query, depth + 1)
    {
        records.extend(more);
    }
    DnsAnswer::Records(records)
}

fn of_endpoint(
    cluster: &Cluster,
    service: &Arc<Service>,
    endpoint: &str,
    name: &str,
    query: QueryType,
) -> DnsAnswer {
    let found: Vec<Record> = ready(cluster, service)
        .into_iter()
        .filter(|(label, _)| label == endpoint)
        .map(|(_, address)| Record::A(name.to_owned(), address))
        .collect();
    match (found.is_empty(), query) {
        (true, _) => DnsAnswer::NoSuchName,
        (false, QueryType::A) => some_records(found),
        (false, _) => DnsAnswer::Empty,
    }
}

/// SRV records of a Service's ports, or of one named port.
fn srv(
    cluster: &Cluster,
    service: &Arc<Service>,
    port: Option<(&str, &str)>,
    name: &str,
    query: QueryType,
) -> DnsAnswer {
    let Some(spec) = &service.spec else { return DnsAnswer::NoSuchName };
    let wanted = |p: &&k8s_openapi::api::core::v1::ServicePort| {
        let protocol = p.protocol.as_deref().unwrap_or("TCP").to_ascii_lowercase();
        port.is_none_or(|(n, proto)| p.name.as_deref() == Some(n) && protocol == proto)
    };
    let ports: Vec<_> = spec.ports.iter().flatten().filter(wanted).collect();
    if ports.is_empty() {
        return DnsAnswer::NoSuchName;
    }
    if query != QueryType::Srv {
        return DnsAnswer::Empty;
    }
    let base = format!("{}.{}.svc.{DOMAIN}", service.name_str(), service.namespace_str());
    let headless = spec.cluster_ip.as_deref() == Some("None");
    let mut records = Vec::new();
    for p in ports {
        if headless {
            let number = endpoint_port(cluster, service, p.name.as_deref()).unwrap_or(p.port);
            for (label, _) in ready(cluster, service) {
                records.push(Record::Srv(name.to_owned(), port_number(number), format!("{label}.{base}")));
            }
        } else {
            records.push(Record::Srv(name.to_owned(), port_number(p.port), base.clone()));
        }
    }
    some_records(records)
}

fn port_number(number: i32) -> u16 {
    u16::try_from(number).unwrap_or(0)
}

/// The port that the endpoints of a headless Service listen on.
fn endpoint_port(cluster: &Cluster, service: &Service, name: Option<&str>) -> Option<i32> {
    let named = |p: &&k8s_openapi::api::discovery::v1::EndpointPort| {
        p.name.as_deref().unwrap_or("") == name.unwrap_or("")
    };
    services::slices(cluster, service).find_map(|s| s.ports.iter().flatten().find(named).and_then(|p| p.port))
}

/// The first label (host name, or address with dashes) and address of each ready endpoint.
fn ready(cluster: &Cluster, service: &Service) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for slice in services::slices(cluster, service) {
        for endpoint in slice.endpoints.iter().flatten().filter(|e| services::is_ready(e)) {
            for address in &endpoint.addresses {
                let label = endpoint.hostname.clone().unwrap_or_else(|| address.replace('.', "-"));
                found.push((label, address.clone()));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn some_records(records: Vec<Record>) -> DnsAnswer {
    if records.is_empty() { DnsAnswer::Empty } else { DnsAnswer::Records(records) }
}

fn dashed_address(label: &str) -> Option<String> {
    let address = label.replace('-', ".");
    address.parse::<std::net::Ipv4Addr>().ok().map(|a| a.to_string())
}
