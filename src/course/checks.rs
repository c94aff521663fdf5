//! How the checks of a step stand: met, unmet with what is missing, or holding for a while yet.
//!
//! Always holds: only states count, however the learner brought them about; what else is in the cluster is no matter.

use super::format::nanoseconds;
use super::judge::Judge;
use super::model::Check;
use super::text::{Language, Text};
use super::view::{CheckState, CheckView};
use crate::client::Client;
use crate::object::{SECOND, SimTime};

/// Checks, with how they stood when they were last looked at.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    standing: Vec<Standing>,
    looked_at: SimTime,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Standing {
    /// Since when it holds without a break.
    since: Option<SimTime>,
    /// For how long it must, in nanoseconds.
    holds: u64,
    met: bool,
    missing: Text,
}

impl Checks {
    /// Checks that were not looked at yet.
    pub fn new(checks: &[Check]) -> Self {
        let standing = |check: &Check| Standing {
            holds: check.holds.as_deref().and_then(nanoseconds).unwrap_or(0),
            ..Standing::default()
        };
        Self { standing: checks.iter().map(standing).collect(), looked_at: SimTime::default() }
    }

    /// Looks at the cluster. Answers whether anything stands otherwise than before.
    pub fn look(&mut self, checks: &[Check], client: &Client) -> bool {
        let now = client.now();
        let mut judge = Judge::new(client);
        let before = self.standing.clone();
        for (standing, check) in self.standing.iter_mut().zip(checks) {
            if judge.holds(&check.cel) {
                let since = *standing.since.get_or_insert(now);
                standing.met = now.since(since) >= standing.holds;
                standing.missing = Text::default();
            } else {
                standing.since = None;
                standing.met = false;
                let unmet = check.unmet.clone().unwrap_or_default();
                standing.missing = Text { en: judge.fill(&unmet.en), ko: judge.fill(&unmet.ko) };
            }
        }
        self.looked_at = now;
        before != self.standing || self.standing.iter().any(|s| s.since.is_some() && !s.met)
    }

    /// Whether all are met.
    pub fn all_met(&self) -> bool {
        self.standing.iter().all(|s| s.met)
    }

    /// When one that holds will have held long enough.
    pub fn due(&self) -> Option<SimTime> {
        let holding = self.standing.iter().filter(|s| !s.met);
        holding.filter_map(|s| s.since.map(|since| since + s.holds)).min()
    }

    /// What is missing.
    pub fn missing(&self, language: Language) -> Vec<String> {
        let unmet = self.standing.iter().filter(|s| !s.met);
        unmet.map(|s| s.missing.get(language).trim().to_owned()).filter(|m| !m.is_empty()).collect()
    }

    /// How they stand, to be shown.
    pub fn views(&self, checks: &[Check], language: Language) -> Vec<CheckView> {
        let view = |(check, standing): (&Check, &Standing)| {
            let state = match standing.since {
                _ if standing.met => CheckState::Met,
                Some(since) => {
                    CheckState::Holding(self.looked_at.since(since) / SECOND, standing.holds / SECOND)
                }
                None => CheckState::Unmet,
            };
            let missing = standing.missing.get(language).trim();
            let missing = (state == CheckState::Unmet && !missing.is_empty()).then(|| missing.to_owned());
            CheckView { text: check.text.get(language).trim().to_owned(), state, missing }
        };
        checks.iter().zip(&self.standing).map(view).collect()
    }
}
