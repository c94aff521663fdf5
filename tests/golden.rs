//! Transcripts recorded from a real cluster: what is answered in the same way stays so.

#![allow(clippy::unwrap_used)] // a test may stop where it stands

use kubedojo::cluster::Config;
use kubedojo::headless::{self, Form};
use kubedojo::session::Session;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// What differs from run to run, and what it is folded to.
const RULES: &[(&str, &str)] = &[
    (r"\x1b\[[0-9;]*m", ""),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uid>"),
    (r"\bpod-template-hash[=:] ?[a-z0-9]+", "pod-template-hash=<gen>"),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-<gen>"),
    (
        r"-(?:[bcdfghjklmnpqrstvwxz2456789]*\d[bcdfghjklmnpqrstvwxz2456789]*|[bcdfghjklmnpqrstvwxz]{8,10})\b",
        "-<gen>",
    ),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-<gen>"),
    (r"\b10\.\d+\.\d+\.\d+\b|\b192\.168\.\d+\.\d+\b", "<ip>"),
    (r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "<time>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
    (r"\b(?:\d+d)?(?:\d+h)?(?:\d+m)?\d+[smhd](?: ago)?\b", "<age>"),
    (r#"resourceVersion: "\d+""#, "resourceVersion: <n>"),
    (r":3[0-2]\d{3}(/TCP|\b)", ":<nodeport>$1"),
    (r"(NodePort:.*?)3[0-2]\d{3}/", "$1<nodeport>/"),
    (r"[ \t]+", " "),
    (r" $", ""),
];

fn fold(text: &str, rules: &[(Regex, &str)]) -> Vec<String> {
    let fold_line = |line: &str| {
        rules.iter().fold(line.to_owned(), |line, (rule, to)| rule.replace_all(&line, *to).into_owned())
    };
    let kept = |line: &String| !line.trim().is_empty() && !line.starts_with("Waiting for ");
    text.lines().map(fold_line).filter(kept).collect()
}

/// The commands of a transcript, each with its folded answer.
fn commands(transcript: &str, rules: &[(Regex, &str)]) -> Vec<(String, Vec<String>)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for line in transcript.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            pairs.push((command.to_owned(), String::new()));
        } else if let Some((_, body)) = pairs.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    pairs.into_iter().map(|(command, body)| (command, fold(&body, rules))).collect()
}

fn answers_like_the_real_cluster(name: &str, rules: &[(Regex, &str)]) -> (BTreeSet<usize>, usize) {
    let read = |ending: &str| fs::read_to_string(Path::new(DIR).join(format!("{name}.{ending}"))).unwrap();
    let want = commands(&read("golden"), rules);
    let mut session = Session::new(Config { lenient_images: true, ..Config::default() });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    headless::run(&mut session, &read("sh"), Form::Transcript, &mut out, &mut err).unwrap();
    let got = commands(&String::from_utf8_lossy(&out), rules);
    let same = |i: &usize| got.get(*i).is_some_and(|(_, answer)| *answer == want[*i].1);
    ((0..want.len()).filter(same).collect(), want.len())
}

#[test]
fn what_holds_stays() {
    let rules: Vec<(Regex, &str)> = RULES.iter().map(|(rule, to)| (Regex::new(rule).unwrap(), *to)).collect();
    let holds_file = Path::new(DIR).join("holds.txt");
    let pinned: BTreeMap<String, BTreeSet<usize>> = fs::read_to_string(&holds_file)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, list)| (name.to_owned(), list.split(' ').filter_map(|n| n.parse().ok()).collect()))
        .collect();
    let mut names: Vec<String> = fs::read_dir(DIR)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".golden").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "the transcripts are missing");
    let (mut lost, mut text, mut same, mut all) = (Vec::new(), String::new(), 0, 0);
    for name in &names {
        let (holds, total) = answers_like_the_real_cluster(name, &rules);
        let before = pinned.get(name).cloned().unwrap_or_default();
        for index in before.difference(&holds) {
            lost.push(format!("{name}: command {} no longer answers as the real cluster does", index + 1));
        }
        same += holds.len();
        all += total;
        let list: Vec<String> = before.union(&holds).map(ToString::to_string).collect();
        text.push_str(&format!("{name}: {}\n", list.join(" ")));
    }
    println!("{same} of {all} commands answer as the real cluster does");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&holds_file, text).unwrap();
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}
